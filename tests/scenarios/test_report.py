"""The report of fraud: its parts are the whole world, and writing it leaves alone what people wrote."""

from datetime import UTC, datetime

from bench import fraud_report
from bench.scenarios import attacks, cohorts, measuring
from bench.scenarios.playing import Outcome, Played
from bench.scenarios.truth import Label

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def part(scenario: str, *subjects: str) -> Played:
    label = Label(scenario, False, cohort=scenario)
    outcomes = [Outcome(label, 0, NOON, subject_id=subject) for subject in subjects]
    return Played("C3", "tune", 1, 0.5, ["app_1"], conversions=outcomes, part=scenario, scales=[0.5])


def test_the_parts_are_the_whole_world_each_scenario_once():
    played = [scenario for only, _ in fraud_report.PARTS.values() for scenario in only.split(",")]

    assert sorted(played) == sorted({module.SCENARIO for module in (*attacks.ALL, *cohorts.ALL)})


def test_parts_are_told_together_and_of_what_was_played_twice_the_newer():
    whole = fraud_report._together([part("L1", "a"), part("L2", "b", "c"), part("L1", "d")])

    assert sorted(each.subject_id for each in whole.conversions) == ["b", "c", "d"]
    assert [row.held.of for row in measuring.honest(whole)] == [1, 2]


def test_two_worlds_are_told_together_and_their_gangs_are_not():
    one, other = part("L1", "a"), part("L1", "a", "b")
    other.seed = 2

    both = fraud_report._worlds([one, other])

    assert [row.held.of for row in measuring.honest(both)] == [3]
    assert len({each.label.ring for each in both.conversions}) == 2


def test_what_people_wrote_around_the_tables_stays():
    new = fraud_report.put_into("", "old tables")
    written = f"Before.\n\n{new}\nWhy F3 is missed.\n"

    again = fraud_report.put_into(written, "new tables")

    assert again == written.replace("old tables", "new tables")
    assert fraud_report.put_into(again, "new tables") == again
