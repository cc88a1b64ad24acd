"""This referrer's conversions come like a clock's. A partner who imports by one is known by it in the whole campaign."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import Signal

LEAST_GAPS = 8
STEADY = 0.10
"""Coefficient of variation of the gaps."""
EQUAL = 0.6
USUAL = 0.3


def judge(facts: Facts, points: int) -> Reason | None:
    history = facts.history
    if history is None or history.gaps < LEAST_GAPS:
        return None
    is_steady = history.gap_variation is not None and history.gap_variation < STEADY
    if not is_steady and history.equal_gaps < EQUAL:
        return None
    message = f"The last {history.gaps + 1} conversions of this referrer came at even intervals."
    variation = None if history.gap_variation is None else round(history.gap_variation, 3)
    evidence = {"gaps": history.gaps, "variation": variation, "equal": round(history.equal_gaps, 2)}
    silenced = "usual" if facts.usual is not None and facts.usual.is_settled and facts.usual.equal_gaps >= USUAL else ""
    silenced = silenced or ("" if facts.has_end_user else "no_context")
    return REGULAR_INTERVALS.reason(points, message, evidence, silenced=silenced)


REGULAR_INTERVALS = Signal(
    code="REGULAR_INTERVALS",
    type="SUSPICIOUS_PATTERN",
    family=TIMING,
    points=20,
    needs=("history",),
    judge=judge,
    describe="The referrer's conversions come at even intervals.",
)
