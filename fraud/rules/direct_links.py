"""This friend shares keys with other friends of the same referrer. In a small circle that is a family, and says nothing."""

from ..assessment import GRAPH, Reason
from ..facts import Facts
from . import LATER, Signal

SMALLEST_RING = 6


def judge(facts: Facts, points: int) -> Reason | None:
    linked = facts.extra.get("linked_friends", 0)
    if linked < 2 or facts.extra.get("ring_size", 0) < SMALLEST_RING:
        return None
    message = (
        f"{linked} other friends of this referrer share a device, an e-mail address, a phone or a card with this one."
    )
    evidence = {"linked": linked, "users": facts.extra.get("linked_users")}
    return DIRECT_LINKS.reason(points if linked >= 3 else points * 20 // 35, message, evidence)


DIRECT_LINKS = Signal(
    code="DIRECT_LINKS",
    type="DUPLICATE_ACCOUNT",
    family=GRAPH,
    points=35,
    needs=("graph",),
    judge=judge,
    describe="The friend is linked with other friends of the same referrer, in a ring of six or more.",
    stage=LATER,
)
