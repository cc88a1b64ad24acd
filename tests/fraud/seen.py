"""Facts for signals that are judged by themselves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fraud import rules, scoring, weights
from fraud.assessment import Assessment, Reason
from fraud.facts import Facts, History, Neighbours, Usual
from fraud.models import KeyKind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
IP, DEVICE, EMAIL, PHONE, PAYMENT, PATTERN = KeyKind
BUSY = Usual(
    seen=100, referrers=30, with_click=0.5, top_amount=0.05, lowest_minor=1000, near_lowest=0.05, p99_minor=20_000
)
"""A campaign where amounts vary and nobody is in a hurry."""


def facts(*near: Neighbours, **more) -> Facts:
    """Of a conversion of bikram's at noon by asha's code."""
    given = {
        "subject_type": "CONVERSION",
        "at": NOON,
        "referrer_id": "asha",
        "referee_id": "bikram",
        "user_id": "bikram",
        "amount_minor": 5000,
        "currency": "USD",
        "neighbours": {each.kind: each for each in near},
        "shared_with_referrer": frozenset(each.kind for each in near if each.with_referrer),
        "agent": "browser",
        "usual": BUSY,
    }
    return Facts(**given | more)


def near(kind: KeyKind, **more) -> Neighbours:
    """Others with a key of bikram's, all of them lately."""
    others = more.pop("others", 0)
    return Neighbours(kind, 7, **{"accounts": others, "in_30_days": others, "in_7_days": others} | more)


def clicked(seconds: float, **more) -> Facts:
    return facts(clicked_at=NOON - timedelta(seconds=seconds), clicks_known=True, **more)


def history(**more) -> Facts:
    return facts(history=History(**{"seen": 20} | more))


def usual(facts: Facts, **more) -> Facts:
    return replace(facts, usual=replace(facts.usual, **more))


def said(code: str, facts: Facts) -> Reason | None:
    """What one signal says at its built-in points."""
    signal = rules.signal_of(code)
    return signal.judge(facts, signal.points)


def points(code: str, facts: Facts) -> int | None:
    reason = said(code, facts)
    return None if reason is None else reason.points


def silenced(code: str, facts: Facts) -> str | None:
    """Why a signal that speaks adds nothing."""
    reason = said(code, facts)
    assert reason is None or reason.points == 0 or not reason.silenced
    return None if reason is None else reason.silenced


def judged(facts: Facts, **more) -> Assessment:
    return scoring.judge(facts, weights.built_in(), **more)
