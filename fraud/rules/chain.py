"""Each refers exactly one, who refers exactly one, within days. A viral launch looks alike, so it counts only where that is rare."""

from ..assessment import GRAPH, Reason
from ..facts import Facts
from . import LATER, Signal

MOST_USUAL = 0.3


def judge(facts: Facts, points: int) -> Reason | None:
    length = facts.extra.get("chain", 0)
    if length < 4 or facts.extra.get("base_quick_paths", 0) > MOST_USUAL:
        return None
    return CHAIN.reason(
        points, f"A chain of {length} referrals of one friend each, each within a day.", {"length": length}
    )


CHAIN = Signal(
    code="CHAIN",
    type="REFERRAL_RING",
    family=GRAPH,
    points=20,
    needs=("graph",),
    judge=judge,
    describe="Four or more referrals in a row, each of a single friend within a day.",
    stage=LATER,
)
