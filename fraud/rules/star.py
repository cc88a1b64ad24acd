"""One key behind many friends of one referrer, once popular keys are left out."""

from ..assessment import GRAPH, Reason
from ..facts import Facts
from . import LATER, Signal


def judge(facts: Facts, points: int) -> Reason | None:
    friends = facts.extra.get("star_friends", 0)
    if friends < 5:
        return None
    kind = str(facts.extra.get("star_kind", "")).lower()
    message = f"{friends} friends of this referrer have one {kind} in common."
    return STAR.reason(points, message, {"friends": friends, "kind": facts.extra.get("star_kind")})


STAR = Signal(
    code="STAR",
    type="REFERRAL_RING",
    family=GRAPH,
    points=25,
    needs=("graph",),
    judge=judge,
    describe="Five or more friends of one referrer have one key in common.",
    stage=LATER,
)
