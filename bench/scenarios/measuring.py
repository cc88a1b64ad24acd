"""What the outcomes of a play come to: recall, false holds, precision, time and money, with Wilson's 95 % bounds."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from fraud import wilson

from .playing import Outcome, Played

WITHIN = timedelta(hours=24)
"""A label counts as caught that soon after the conversion."""
LONGER = {"F5": timedelta(days=14), "F7": timedelta(days=10)}
"""Slow drips and farmers of points show only in days: of these, what is held so soon after it (the farmer: after he began)."""


@dataclass(frozen=True, slots=True)
class Share:
    hits: int
    of: int

    @property
    def value(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def low(self) -> float:
        return wilson.bounds(self.hits, self.of)[0]

    @property
    def high(self) -> float:
        return wilson.bounds(self.hits, self.of)[1]


@dataclass(frozen=True)
class Bar:
    """What is to be reached. ``most``: of an honest cohort, on the upper bound. ``least``: of cheats, the recall itself."""

    scenario: str
    level: str = ""
    least: float | None = None
    most: float | None = None
    cohort: str = ""


LEGIT_BARS = (
    Bar("L1", most=0.005),
    Bar("L2", most=0.005),
    Bar("L3", most=0.02),
    Bar("L4", most=0.002),
    Bar("L5", most=0.005),
    Bar("L6", most=0.001, cohort="server-only partners"),
    Bar("L7", most=0.01),
    Bar("L8", most=0.01),
    Bar("L9", most=0.005),
    Bar("F6", most=0.01, cohort="buyers by a leaked code"),
    Bar("F11", most=0.005, cohort="colleagues of a farm"),
)
FRAUD_BARS = (
    *(Bar(scenario, "L0", least=0.95) for scenario in ("F1", "F2", "F3", "F4")),
    *(Bar(scenario, "L1", least=0.85) for scenario in ("F1", "F2", "F3", "F4")),
    Bar("F5", "L1", least=0.6),
    Bar("F7", "L1", least=0.6),
)
"""Issue 5, "Quality to reach", with all that a merchant can pass (C3)."""
AIMS = {
    "F1": (0.99, 0.95, 0.90, 0.50),
    "F2": (0.97, 0.95, 0.90, 0.40),
    "F3": (0.95, 0.90, 0.80, 0.40),
    "F4": (0.99, 0.80, 0.60, 0.30),
    "F5": (0.8, 0.6, 0.5, 0.3),
    "F7": (0.95, 0.8, 0.6, 0.5),
    "F9": (0.95, 0.95, 0.95, 0.95),
    "F10": (0.7, 0.7, 0.7, 0.7),
    "F11": (0.6, 0.6, 0.6, 0.6),
}
"""What ``fraud.md`` section 5 hopes for at L0 to L3."""


def is_caught(outcome: Outcome) -> bool:
    within = LONGER.get(outcome.label.scenario, WITHIN)
    return outcome.held_at is not None and outcome.held_at <= outcome.at + within


def counted(outcome: Outcome) -> bool:
    """Of who refunds, his first attempt is everybody's right."""
    return not (outcome.label.scenario == "F9" and outcome.label.attempt == 1)


@dataclass
class Row:
    """Of one scenario and level."""

    scenario: str
    level: str
    cohort: str
    held: Share
    """Cheats: caught in time. Honest people: held at any time."""
    ever: Share
    minutes: float | None = None
    """From the conversion to its hold, the median."""
    minor_before: int = 0
    """What could be claimed before it was held, in minor units of whatever currency."""
    minor: int = 0
    flags_of_ring: float | None = None
    """Cases for each gang of which anything was held, the mean."""
    first_hours: float | None = None
    """From a gang's first conversion to its first hold, the median."""


def frauds(played: Played) -> list[Row]:
    groups: dict[tuple, list[Outcome]] = defaultdict(list)
    for outcome in [*played.conversions, *played.users]:
        if outcome.label.is_fraud and counted(outcome):
            groups[outcome.label.scenario, outcome.label.level].append(outcome)
    rows = []
    for (scenario, level), outcomes in sorted(groups.items(), key=lambda each: (_place(each[0][0]), each[0][1])):
        held = [each for each in outcomes if each.held_at]
        rings: dict[str, list[Outcome]] = defaultdict(list)
        for each in outcomes:
            rings[each.label.ring].append(each)
        cases = [len({each.case_id for each in ring if each.held_at}) for ring in rings.values()]
        firsts = [
            (min(each.held_at for each in ring if each.held_at) - min(each.at for each in ring)) / timedelta(hours=1)
            for ring in rings.values()
            if any(each.held_at for each in ring)
        ]
        before = [
            each for each in outcomes if each.held_at is None or (each.matures_at and each.matures_at < each.held_at)
        ]
        rows.append(
            Row(
                scenario,
                level,
                outcomes[0].label.cohort,
                Share(sum(map(is_caught, outcomes)), len(outcomes)),
                Share(len(held), len(outcomes)),
                statistics.median((each.held_at - each.at) / timedelta(minutes=1) for each in held) if held else None,
                sum(each.minor for each in before),
                sum(each.minor for each in outcomes),
                statistics.mean(each for each in cases if each) if any(cases) else None,
                statistics.median(firsts) if firsts else None,
            )
        )
    return rows


def honest(played: Played) -> list[Row]:
    groups: dict[tuple, list[Outcome]] = defaultdict(list)
    for outcome in [*played.conversions, *played.users]:
        if not outcome.label.is_fraud:
            groups[outcome.label.scenario, outcome.label.cohort].append(outcome)
    return [
        Row(
            scenario,
            "",
            cohort,
            share := Share(sum(each.held_at is not None for each in outcomes), len(outcomes)),
            share,
        )
        for (scenario, cohort), outcomes in sorted(groups.items(), key=lambda each: (_place(each[0][0]), each[0][1]))
    ]


def precision(played: Played) -> Share:
    """Of the conversions that were held, those that are fraud. It hangs on how many cheats a world has."""
    held = [each for each in played.conversions if each.held_at]
    return Share(sum(each.label.is_fraud for each in held), len(held))


def recall_at(outcomes: Iterable[Outcome], most: float = 0.01) -> float:
    """The recall at the score from which at most this share of the honest would be held."""
    honest_, cheats = [], []
    for each in outcomes:
        (cheats if each.label.is_fraud else honest_).append(each.score)
    if not honest_ or not cheats:
        return 0.0
    honest_.sort(reverse=True)
    limit = honest_[min(int(len(honest_) * most), len(honest_) - 1)]
    return sum(score > limit for score in cheats) / len(cheats)


def average_precision(outcomes: Iterable[Outcome]) -> float:
    """The area under the curve of precision by recall; equal scores are one step."""
    by_score: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for each in outcomes:
        by_score[each.score][each.label.is_fraud] += 1
    cheats, found, seen, area = sum(each[1] for each in by_score.values()), 0, 0, 0.0
    for score in sorted(by_score, reverse=True):
        honest_, new = by_score[score]
        found, seen = found + new, seen + new + honest_
        area += new / cheats * found / seen if cheats else 0
    return area


def missed(played: Played) -> list[str]:
    """The bars that this play does not reach, in words."""
    told = []
    rows = {(row.scenario, row.cohort): row for row in honest(played)}
    for bar in LEGIT_BARS:
        for (scenario, cohort), row in rows.items():
            if scenario == bar.scenario and (not bar.cohort or cohort == bar.cohort) and row.held.high > bar.most:
                told.append(
                    f"{played.coverage}: {scenario} {cohort}: {row.held.hits} of {row.held.of} held, upper bound "
                    f"{row.held.high:.2%} over {bar.most:.1%}"
                )
    if played.coverage == "C3":
        found = {(row.scenario, row.level): row for row in frauds(played)}
        for bar in FRAUD_BARS:
            row = found.get((bar.scenario, bar.level))
            if row is not None and row.held.value < bar.least:
                told.append(
                    f"{played.coverage}: {bar.scenario} {bar.level}: recall {row.held.value:.3f} under {bar.least}"
                )
    return told


def judged_again(played: Played, judge: Callable[[str], "bool | None"]) -> dict[tuple[str, str], Share]:
    """Recall by scenario and level when another judge says of each conversion whether it is held; ``None`` where he cannot say."""
    groups: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for each in played.conversions:
        if each.label.is_fraud and counted(each) and (is_held := judge(each.subject_id)) is not None:
            groups[each.label.scenario, each.label.level].append(is_held)
    return {key: Share(sum(held), len(held)) for key, held in sorted(groups.items())}


def _place(scenario: str) -> tuple[str, int]:
    return scenario[0], int(scenario[1:])
