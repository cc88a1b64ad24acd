"""Judges the looks of a play again, from the facts that were kept with their scores: by the rules as they are now, or without some."""

from collections import defaultdict
from collections.abc import Sequence

from . import measuring
from .measuring import Share
from .playing import Played


def _scores(played: Played, *, frauds_only: bool):
    """(subject → outcome), and its scores in the order of time as ``backtesting.Kept``."""
    from fraud.tally import Kept

    outcomes = {each.subject_id: each for each in played.conversions if each.label.is_fraud or not frauds_only}
    looks = defaultdict(list)
    for row in played.looked:
        if row[1] in outcomes:
            looks[row[1]].append(Kept(*row))
    return outcomes, looks


def _verdict(kept, facts, weights):
    """What these weights make of a look's facts: an assessment and the action."""
    from fraud import rules
    from fraud.scoring import Thresholds, decide, judge

    stages = (rules.REQUEST,) if kept.stage == "REQUEST" else (rules.REQUEST, rules.LATER)
    assessment = judge(facts, weights, said=kept.said, stages=stages, is_degraded=kept.is_degraded)
    return assessment, decide(assessment, Thresholds())


def judge_again(played: Played) -> None:
    """Puts what the present rules say in the place of what was said, of conversions."""
    from fraud import weights
    from fraud.facts import Facts

    outcomes, looks = _scores(played, frauds_only=False)
    built_in = weights.built_in()
    for id, outcome in outcomes.items():
        if not looks[id]:
            continue
        outcome.held_at, outcome.score, outcome.codes = None, 0, ()
        for kept in looks[id]:
            assessment, action = _verdict(kept, Facts.from_features(kept.features), built_in)
            if (assessment.score or 0) >= outcome.score and outcome.held_at is None:
                outcome.score = assessment.score or 0
                outcome.codes = tuple(f"{each.code} {each.points}" for each in assessment.reasons)
            if action == "HOLD" and outcome.held_at is None:
                outcome.held_at = kept.at


def without_each(played: Played, families: Sequence[str]) -> dict[str, dict[tuple[str, str], Share]]:
    """Family → recall by scenario and level without it; under ``""`` with all of them."""
    from fraud import weights
    from fraud.facts import Facts

    outcomes, looks = _scores(played, frauds_only=True)
    timely = {
        id: [
            (kept, Facts.from_features(kept.features))
            for kept in looks[id]
            if kept.at <= outcome.at + measuring.LONGER.get(outcome.label.scenario, measuring.WITHIN)
        ]
        for id, outcome in outcomes.items()
    }
    found = {}
    for family in ("", *families):
        off = {code: {"on": False} for code, signal in weights.signals().items() if signal.family == family}
        judge = weights.from_rules(0, {"signals": off})
        held = {
            id: any(_verdict(kept, facts, judge)[1] == "HOLD" for kept, facts in timely[id])
            for id in outcomes
            if looks[id]
        }
        found[family] = measuring.judged_again(played, held.get)
    return found
