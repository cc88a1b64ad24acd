"""A refers B, B refers A, or a circle of up to four. Friends do that too: without a shared key it says nothing."""

from ..assessment import GRAPH, Reason
from ..facts import Facts
from . import LATER, Signal


def judge(facts: Facts, points: int) -> Reason | None:
    length = facts.extra.get("circle", 0)
    if not length or not facts.extra.get("circle_shares_key"):
        return None
    told = "They referred each other" if length == 2 else f"The referrals go round in a circle of {length}"
    return CIRCLE.reason(points, f"{told}, and some of them share a key.", {"length": length})


CIRCLE = Signal(
    code="CIRCLE",
    type="REFERRAL_RING",
    family=GRAPH,
    points=25,
    needs=("graph",),
    judge=judge,
    describe="The referrals go round in a circle of at most four who share a key.",
    stage=LATER,
)
