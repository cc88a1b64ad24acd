"""One to three friends a day, every day. Honest people come in fits and starts; alone this is never enough to hold."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import LATER, Signal

LEAST_DAYS, LEAST_SHARE, MOST_A_DAY = 7, 0.9, 3


def judge(facts: Facts, points: int) -> Reason | None:
    days, span = facts.extra.get("drip_days", 0), facts.extra.get("drip_span", 0)
    if days < LEAST_DAYS or days < LEAST_SHARE * span or facts.extra.get("drip_most", 0) > MOST_A_DAY:
        return None
    if facts.extra.get("deeds", 0) > MOST_A_DAY * 60:
        return None
    message = (
        f"On {days} of the last {span} days this referrer brought at most {facts.extra['drip_most']} friends a day."
    )
    return STEADY_DRIP.reason(points, message, {"days": days, "span": span, "mostADay": facts.extra["drip_most"]})


STEADY_DRIP = Signal(
    code="STEADY_DRIP",
    type="SUSPICIOUS_PATTERN",
    family=TIMING,
    points=25,
    needs=("history",),
    judge=judge,
    describe="A referrer's friends come one to three a day, on every day for a week or more.",
    stage=LATER,
)
