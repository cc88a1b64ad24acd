"""A key of somebody who was confirmed as a cheat. Never an address, never a hub; it is forgotten after 180 days."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    bad = [
        near
        for kind, near in sorted(facts.neighbours.items())
        if near.is_confirmed and kind.is_strong and not near.is_hub
    ]
    if not bad:
        return None
    message = f"The {bad[0].kind.label} belongs to somebody who was confirmed as a cheat."
    return KNOWN_BAD_LINK.reason(points, message, bad[0].evidence(decision=bad[0].confirmed_by))


KNOWN_BAD_LINK = Signal(
    code="KNOWN_BAD_LINK",
    type="DUPLICATE_ACCOUNT",
    family=IDENTITY,
    points=60,
    needs=("key",),
    judge=judge,
    describe="A device, address or means of payment of somebody who was confirmed as a cheat.",
)
