"""Many accounts hang together by devices, e-mail addresses, phones or means of payment. Two to five are a family; six are none."""

from ..assessment import GRAPH, Reason
from ..facts import Facts
from . import LATER, Signal

STEPS = ((21, 60), (11, 45), (6, 30))
"""(members, share of the points in sixtieths)."""
LEAST_KEYS = 2
"""Many on a single key are said of that key already, and perhaps it is a shop's."""


def judge(facts: Facts, points: int) -> Reason | None:
    size = facts.extra.get("ring_size", 0)
    share = next((share for least, share in STEPS if size >= least), 0)
    if not share or facts.extra.get("ring_keys", 0) < LEAST_KEYS:
        return None
    kinds = ", ".join(kind.lower() for kind in facts.extra.get("ring_kinds", ()))
    message = f"{size} accounts hang together by what they share ({kinds})."
    evidence = {"members": size, "kinds": facts.extra.get("ring_kinds"), "users": facts.extra.get("ring_users")}
    return RING_SIZE.reason(points * share // 60, message, evidence)


RING_SIZE = Signal(
    code="RING_SIZE",
    type="REFERRAL_RING",
    family=GRAPH,
    points=60,
    needs=("graph",),
    judge=judge,
    describe="Six or more accounts are connected by two or more keys that few others have.",
    stage=LATER,
)
