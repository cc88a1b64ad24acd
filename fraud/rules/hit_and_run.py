"""Friends of whom nothing is ever heard again, in a campaign whose friends are usually heard of."""

from ..assessment import VALUE, Reason
from ..facts import Facts
from . import LATER, Signal

LEAST, LEAST_SHARE, LEAST_BASE, MOST_USUAL = 5, 0.6, 20, 0.3


def judge(facts: Facts, points: int) -> Reason | None:
    grown, silent = facts.extra.get("grown_friends", 0), facts.extra.get("silent_friends", 0)
    if grown < LEAST or silent < LEAST_SHARE * grown:
        return None
    if facts.extra.get("base_grown", 0) < LEAST_BASE or facts.extra.get("base_silent", 0) > MOST_USUAL:
        return None  # where one buys once, silence is no sign
    message = f"{silent} of {grown} friends of this referrer were never seen again after their first day."
    return HIT_AND_RUN.reason(points, message, {"silent": silent, "of": grown})


HIT_AND_RUN = Signal(
    code="HIT_AND_RUN",
    type="SUSPICIOUS_PATTERN",
    family=VALUE,
    points=20,
    needs=("history",),
    judge=judge,
    describe="Three of five or more friends are silent for two weeks, where others' are not.",
    stage=LATER,
)
