"""Four or five who share what a family shares, and who were never seen where a family is: at home. Cheats who grow a ring over days look
like that long before they are six. Two or three of a family may have been out whenever they were seen; so of three it speaks only where
the friend was brought by somebody with whom he shares nothing, and of two never."""

from ..assessment import GRAPH, Reason
from ..facts import Facts
from . import LATER, Signal


def judge(facts: Facts, points: int) -> Reason | None:
    size = facts.extra.get("ring_size", 0)
    if not facts.extra.get("ring_apart"):
        return None
    kinds = ", ".join(kind.lower() for kind in facts.extra.get("ring_kinds", ()))
    message = f"{size} accounts share what a family shares ({kinds}), but no two of them were ever seen at one address."
    evidence = {"members": size, "kinds": facts.extra.get("ring_kinds"), "users": facts.extra.get("ring_users")}
    return RING_APART.reason(points, message, evidence)


RING_APART = Signal(
    code="RING_APART",
    type="REFERRAL_RING",
    family=GRAPH,
    points=35,
    needs=("graph", "ip"),
    judge=judge,
    describe="Four who share what a family shares, or three with a stranger's code, and no two of them were ever seen at one address.",
    stage=LATER,
)
