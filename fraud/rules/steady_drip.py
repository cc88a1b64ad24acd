"""One to three friends a day, every day. Honest people come in fits and starts; alone this is never enough to hold."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import LATER, Signal

LEAST_DAYS, MOST_A_DAY = 7, 3


def judge(facts: Facts, points: int) -> Reason | None:
    days, most = facts.extra.get("drip_days", 0), facts.extra.get("drip_most", 0)
    if days < LEAST_DAYS or most > MOST_A_DAY:
        return None
    message = f"For {days} days this referrer brought at most {most} friends a day, without a day's pause."
    return STEADY_DRIP.reason(points, message, {"days": days, "friends": facts.extra.get("drip_of"), "mostADay": most})


STEADY_DRIP = Signal(
    code="STEADY_DRIP",
    type="SUSPICIOUS_PATTERN",
    family=TIMING,
    points=25,
    needs=("history",),
    judge=judge,
    describe="A referrer's friends come one to three a day for a week or more, without a day's pause.",
    stage=LATER,
)
