"""Judges the looks of a play again, from the facts that were kept with their scores: by the rules as they are now, or without some."""

from collections import defaultdict
from collections.abc import Sequence

from . import measuring
from .measuring import Share
from .playing import Played


def _scores(played: Played, *, frauds_only: bool):
    """(subject → outcome), and its scores in the order of time as ``backtesting.Kept``."""
    from fraud.backtesting import Kept
    from incenta.database import sql

    outcomes = {each.subject_id: each for each in played.conversions if each.label.is_fraud or not frauds_only}
    looks = defaultdict(list)
    for row in sql.rows(
        """SELECT subject_type, subject_id, campaign_id, stage, score, action, reasons::json, features::json, is_degraded, at
        FROM fraud_score WHERE app_id = ANY(%(apps)s) AND subject_type = 'CONVERSION' ORDER BY at, id""",
        {"apps": played.app_ids},
    ):
        if row[1] in outcomes:
            looks[row[1]].append(Kept(*row))
    return outcomes, looks


def judge_again(played: Played) -> None:
    """Puts what the present rules say in the place of what was said, of conversions."""
    from fraud import weights
    from fraud.backtesting import retry

    outcomes, looks = _scores(played, frauds_only=False)
    built_in = weights.built_in()
    for id, outcome in outcomes.items():
        if not looks[id]:
            continue
        outcome.held_at, outcome.score, outcome.codes = None, 0, ()
        for kept in looks[id]:
            assessment, action = retry(kept, built_in)
            if (assessment.score or 0) >= outcome.score and outcome.held_at is None:
                outcome.score = assessment.score or 0
                outcome.codes = tuple(f"{each.code} {each.points}" for each in assessment.reasons)
            if action == "HOLD" and outcome.held_at is None:
                outcome.held_at = kept.at


def without_each(played: Played, families: Sequence[str]) -> dict[str, dict[tuple[str, str], Share]]:
    """Family → recall by scenario and level without it; under ``""`` with all of them."""
    from fraud import weights
    from fraud.backtesting import retry

    outcomes, looks = _scores(played, frauds_only=True)
    found = {}
    for family in ("", *families):
        off = {code: {"on": False} for code, signal in weights.signals().items() if signal.family == family}
        judge = weights.from_rules(0, {"signals": off})
        held = set()
        for id, outcome in outcomes.items():
            within = outcome.at + measuring.LONGER.get(outcome.label.scenario, measuring.WITHIN)
            if any(kept.at <= within and retry(kept, judge)[1] == "HOLD" for kept in looks[id]):
                held.add(id)
        found[family] = measuring.judged_again(played, held.__contains__)
    return found
