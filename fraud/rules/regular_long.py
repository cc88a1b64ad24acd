"""A referrer whose friends come like clockwork over a long time; a partner's nightly import does it for everybody, and is left out."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import LATER, Signal

LEAST_GAPS, MOST_VARIATION, MOST_EQUAL = 20, 0.15, 0.3


def judge(facts: Facts, points: int) -> Reason | None:
    gaps, variation = facts.extra.get("long_gaps", 0), facts.extra.get("long_gap_variation")
    if gaps < LEAST_GAPS or variation is None or variation >= MOST_VARIATION:
        return None
    if facts.usual is not None and facts.usual.equal_gaps > MOST_EQUAL:
        return None
    message = f"The last {gaps + 1} conversions of this referrer came at almost equal intervals."
    return REGULAR_LONG.reason(points, message, {"gaps": gaps, "variation": round(variation, 3)})


REGULAR_LONG = Signal(
    code="REGULAR_LONG",
    type="SUSPICIOUS_PATTERN",
    family=TIMING,
    points=20,
    needs=("history",),
    judge=judge,
    describe="The gaps between the last 20 to 200 conversions of a referrer hardly differ.",
    stage=LATER,
)
