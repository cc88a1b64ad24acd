"""From facts to an assessment, and from that to what is done. Pure: whoever asks has fetched the facts."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from prometheus_client import Counter

from . import allowing, household, rules
from .assessment import CERTAIN, HIGHEST, Assessment, Reason
from .facts import Facts
from .models import Action, Subject
from .muted import Muted
from .rules import Signal
from .weights import Weights

logger = logging.getLogger("incenta.fraud")
BROKE = Counter("incenta_fraud_signals_broken", "Judgements that a broken signal could not make.", ["signal"])

WATCH_AT: Final = 30
"""From here on clients are told. Below it a score is kept and shown to analysts only."""
NEVER_REFUSED: Final = frozenset({"SELF_REFERRAL_ID", "CODE_FLAGGED"})
"""Held at any mode and so seen; the contract refuses neither."""
BROKEN: Final = "SIGNAL_BROKEN"
NO_MUTES: Final = Muted({}, {})


def judge(
    facts: Facts,
    weights: Weights,
    *,
    said: Collection[Reason] = (),
    muted: Muted = NO_MUTES,
    now: datetime | None = None,
    stages: Collection[str] = (rules.REQUEST,),
    is_degraded: bool = False,
) -> Assessment:
    """What is to be thought of a subject. ``said``: what people said beforehand, as reasons of lists. ``stages``: of the second
    pass ``("REQUEST", "LATER")``.

    A signal that breaks is not "clean": it is named among the reasons and asks for a look.
    """
    spoken = list(said)
    for signal in rules.SIGNALS:
        points = weights.of(signal.code)
        if points is None or signal.stage not in stages:
            continue
        try:
            reason = signal.judge(facts, points)
        except Exception:
            logger.exception("The signal %s broke.", signal.code)
            BROKE.labels(signal.code).inc()
            reason = _broken(signal)
        if reason is not None:
            spoken.append(_quiet(reason, facts, muted, now or facts.at))
    spoken = allowing.heard(spoken, facts)
    spoken, caps = household.considered(facts, spoken, weights.caps)
    return Assessment(tuple(spoken), caps, coverage(facts, stages), is_degraded)


def _quiet(reason: Reason, facts: Facts, muted: Muted, now: datetime) -> Reason:
    if (
        reason.points
        and not _is_certain(reason)
        and muted.holds(reason.code, (facts.referrer_id, facts.referee_id), facts.keys, now)
    ):
        return replace(reason, points=0, silenced="muted")
    return reason


def _is_certain(reason: Reason) -> bool:
    return reason.family == CERTAIN and reason.points >= HIGHEST


def _broken(signal: Signal) -> Reason:
    message = f"The signal {signal.code} could not be judged."
    return Reason("SUSPICIOUS_PATTERN", 0, message, {"signal": signal.code}, code=BROKEN, family=signal.family)


def quieted(assessment: Assessment, cleared: Collection[str]) -> Assessment:
    """What an analyst has looked at and called honest is shown, and adds nothing."""
    if not cleared:
        return assessment
    return replace(assessment, reasons=tuple(_cleared(reason, cleared) for reason in assessment.reasons))


def _cleared(reason: Reason, cleared: Collection[str]) -> Reason:
    if reason.points <= 0 or reason.code not in cleared:
        return reason
    return replace(reason, points=0, silenced="approved")


def coverage(facts: Facts, stages: Collection[str] = (rules.REQUEST,)) -> tuple[str, ...]:
    """The families that what was sent lets speak at these looks, certain ones apart: "scored on 2 of 6"."""
    families = {
        signal.family
        for signal in rules.SIGNALS
        if signal.stage in stages and signal.family != CERTAIN and facts.sent.issuperset(signal.needs)
    }
    return tuple(sorted(families))


def is_broken(assessment: Assessment) -> bool:
    return any(reason.code == BROKEN for reason in assessment.reasons)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Of a campaign; of coins, of the app."""

    mode: str = "hold"
    hold_at: int = 50
    block_at: int = 80
    watch_at: int = WATCH_AT


def decide(assessment: Assessment, thresholds: Thresholds) -> Action:
    """What is done. Certain is held at any mode. Refusing takes two families that speak, or a certain reason. What could not be
    judged is for a person to look at."""
    score = assessment.score or 0
    held = assessment.is_certain or (
        thresholds.mode != "monitor" and (score >= thresholds.hold_at or is_broken(assessment))
    )
    if thresholds.mode == "block" and score >= thresholds.block_at and _may_refuse(assessment):
        return Action.BLOCK
    if held:
        return Action.HOLD
    if score >= thresholds.watch_at:
        return Action.WATCH
    return Action.NONE


def decide_later(assessment: Assessment, thresholds: Thresholds, subject_type: str) -> Action:
    """As ``decide``, of what is done already: nothing is refused any more. A code earns nothing by itself: what comes through it is
    judged then, so later looks hold a code only for what is certain."""
    action = decide(assessment, thresholds)
    if action == Action.BLOCK:
        action = Action.HOLD
    if action == Action.HOLD and subject_type == Subject.REFERRAL and not assessment.is_certain:
        return Action.WATCH
    return action


def _may_refuse(assessment: Assessment) -> bool:
    certain = [reason for reason in assessment.spoken if reason.family == CERTAIN]
    if any(reason.code in NEVER_REFUSED for reason in certain):
        return False
    return bool(certain) or len(assessment.families()) >= 2


def flip(assessment: Assessment, thresholds: Thresholds) -> dict | None:
    """The smallest change that would turn the decision: of what is held the fewest reasons without which it would not be, of what
    is not the points that it lacks. ``None`` where nothing spoke."""
    action = decide(assessment, thresholds)
    spoken = assessment.spoken
    if not spoken:
        return None
    if action in (Action.NONE, Action.WATCH):
        if thresholds.mode == "monitor":
            return None
        return {"to": Action.HOLD.value, "missing": thresholds.hold_at - (assessment.score or 0)}
    single = [
        (reason, after)
        for reason in spoken
        if decide(after := _without(assessment, {reason.code}), thresholds) in (Action.NONE, Action.WATCH)
    ]
    if single:
        reason, after = min(single, key=lambda found: found[0].points)
        return {"to": Action.NONE.value, "without": [reason.code], "score": after.score or 0}
    gone: set[str] = set()
    for reason in spoken:  # the strongest first
        gone.add(reason.code)
        after = _without(assessment, gone)
        if decide(after, thresholds) in (Action.NONE, Action.WATCH):
            return {"to": Action.NONE.value, "without": sorted(gone), "score": after.score or 0}
    return None


def _without(assessment: Assessment, codes: Collection[str]) -> Assessment:
    return replace(assessment, reasons=tuple(reason for reason in assessment.reasons if reason.code not in codes))
