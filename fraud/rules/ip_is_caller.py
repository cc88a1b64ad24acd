"""An address that cannot be the end user's: the caller's own, or a private one. It adds no points; it says what is missing."""

from ..assessment import NETWORK, Reason
from ..facts import Facts
from . import Signal

WHY = {
    "caller": "The network address is that of the calling server, so nothing is known of the friend's.",
    "private": "The network address is of a private network, so nothing is known of the friend's.",
    "reserved": "The network address is a reserved one, so nothing is known of the friend's.",
}


def judge(facts: Facts, points: int) -> Reason | None:
    if facts.ip_gap not in WHY:
        return None
    return IP_IS_CALLER.reason(0, WHY[facts.ip_gap], {"gap": facts.ip_gap}, silenced="missing")


IP_IS_CALLER = Signal(
    code="IP_IS_CALLER",
    type="DUPLICATE_IP",
    family=NETWORK,
    points=0,
    needs=("ip",),
    judge=judge,
    describe="The network address that was sent cannot be the end user's. Adds no points.",
)
