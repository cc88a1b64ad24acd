"""A network address that so many share says nothing of two of them. It adds no points; it says why the address counts for nothing."""

from ..assessment import NETWORK, Reason
from ..facts import Facts
from ..models import KeyKind
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    ip = facts.of(KeyKind.IP)
    if ip is None or not ip.is_hub:
        return None
    message = f"The network address is an office's, a carrier's or the like ({ip.hub_reason}), and counts for nothing."
    return IP_HUB.reason(0, message, ip.evidence(reason=ip.hub_reason), silenced="hub")


IP_HUB = Signal(
    code="IP_HUB",
    type="DUPLICATE_IP",
    family=NETWORK,
    points=0,
    needs=("ip",),
    judge=judge,
    describe="Many share the network address: its signals are silenced. Adds no points.",
)
