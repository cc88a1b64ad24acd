"""What outcomes come to: bounds, who counts as caught, which bars are missed, and what other judges would have held."""

from datetime import UTC, datetime, timedelta

import pytest

from bench.scenarios import baselines, measuring
from bench.scenarios.calls import Click, Context, Convert, Refer
from bench.scenarios.measuring import Share
from bench.scenarios.playing import Outcome, Played
from bench.scenarios.truth import Label, Truth
from bench.scenarios.world import Config, Sealed

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
FARM = Label("F2", True, "L0", "ring 1", "device farms")
OFFICE = Label("L1", False, cohort="offices and campuses")


def outcome(label, hours=None, score=0, **more):
    held = None if hours is None else NOON + timedelta(hours=hours)
    return Outcome(label=label, app=0, at=NOON, held_at=held, score=score, **more)


def played(*outcomes, coverage="C3"):
    return Played(coverage, "dev", 1, 1.0, [], conversions=list(outcomes))


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 764, 0.0, 0.00500), (5, 100, 0.0215, 0.1118), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson_bounds(hits, of, low, high):
    assert (Share(hits, of).low, Share(hits, of).high) == pytest.approx((low, high), abs=1e-4)


def test_a_cheat_counts_who_is_held_within_a_day():
    found = measuring.frauds(played(outcome(FARM, 0), outcome(FARM, 23), outcome(FARM, 25), outcome(FARM)))

    (row,) = found
    assert row.held == Share(2, 4)
    assert row.ever == Share(3, 4)


def test_slow_drips_have_two_weeks():
    drip = Label("F5", True, "L0", "ring 2", "slow drips")

    (row,) = measuring.frauds(played(outcome(drip, 24 * 13), outcome(drip, 24 * 15)))

    assert row.held == Share(1, 2)


def test_the_first_refund_is_nobodys_fault():
    first, second = (Label("F9", True, "L0", "ring 3", "refunds", attempt) for attempt in (1, 2))

    (row,) = measuring.frauds(played(outcome(first), outcome(second, 1)))

    assert row.held == Share(1, 1)


def test_a_cohort_passes_on_its_upper_bound():
    few = played(*[outcome(OFFICE)] * 500)
    many = played(*[outcome(OFFICE)] * 800)

    assert "offices" in measuring.missed(few)[0]
    assert measuring.missed(many) == []


def test_recall_counts_only_with_all_that_can_be_passed():
    weak = [outcome(FARM, 0)] * 9 + [outcome(FARM)]

    assert "recall 0.900 under 0.95" in measuring.missed(played(*weak))[0]
    assert measuring.missed(played(*weak, coverage="C1")) == []


def test_money_that_was_out_before_the_hold():
    early = outcome(FARM, 2, minor=500, matures_at=NOON + timedelta(hours=1))
    late = outcome(FARM, 2, minor=300, matures_at=NOON + timedelta(hours=3))
    never = outcome(FARM, None, minor=200, matures_at=NOON + timedelta(days=3))

    (row,) = measuring.frauds(played(early, late, never))

    assert (row.minor_before, row.minor) == (700, 1000)


def test_ranking_by_score():
    good = [outcome(OFFICE, score=10)] * 99 + [outcome(OFFICE, score=60)]
    bad = [outcome(FARM, score=70)] * 3 + [outcome(FARM, score=5)]

    assert measuring.average_precision(good + bad) == pytest.approx((3 + 4 / 104) / 4)
    assert measuring.recall_at(good + bad, 0.02) == pytest.approx(0.75)


def test_other_judges_look_at_addresses():
    """Three on one address, and one at the referrer's; another one converts four seconds after his click."""
    here, there = Context(ip="203.0.113.7", user_agent="Firefox"), Context(ip="198.51.100.9", user_agent="Safari")
    calls = [Refer(0, NOON, 0, "asha", None, there)]
    for place, context in enumerate((here, here, here, there), 1):
        calls.append(
            Convert(place, NOON + timedelta(hours=place), 0, 0, f"friend {place}", 10, None, context),
        )
    calls += [
        Click(5, NOON + timedelta(days=20), 0, 0, "bikram", None),
        Convert(6, NOON + timedelta(days=20, seconds=4), 0, 0, "bikram", 10, None, None),
    ]
    sealed = Sealed(Config(), [], calls, Truth())

    assert baselines.by_address(sealed, "C1") == {3, 4}
    assert baselines.by_address(sealed, "C0") == set()
    assert baselines.before(sealed, "C1") == {6}
