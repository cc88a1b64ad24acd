"""Within a day several conversions of one referrer at almost one amount, where amounts differ widely otherwise."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import LATER, Signal

MOST_TOP, LEAST_SEEN, LEAST_SHARE = 0.2, 20, 0.5


def judge(facts: Facts, points: int) -> Reason | None:
    alike, others = facts.extra.get("lookalikes_day", 0), facts.extra.get("deeds_day", 0)
    usual = facts.usual
    if alike < 5 or usual is None or usual.seen < LEAST_SEEN or usual.top_amount >= MOST_TOP:
        return None  # where there are a few prices, equal amounts are what is to be expected
    if alike < LEAST_SHARE * others:
        return None  # somebody with many friends has many of every kind
    message = f"{alike} others of the {others} conversions of this referrer within a day are within 2 % of this amount."
    return LOOKALIKE_DAY.reason(points if alike >= 8 else points * 15 // 25, message, {"alike": alike, "of": others})


LOOKALIKE_DAY = Signal(
    code="LOOKALIKE_DAY",
    type="SUSPICIOUS_PATTERN",
    family=TIMING,
    points=25,
    needs=("amount",),
    judge=judge,
    describe="Five or more conversions of a referrer within 24 hours and 2 % of this amount.",
    stage=LATER,
)
