"""Referrer and friend at one network address: the core of honest referral too, for people refer whom they live with."""

from ..assessment import NETWORK, Reason
from ..facts import Facts
from ..models import KeyKind
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    ip = facts.of(KeyKind.IP)
    if ip is None or not ip.with_referrer:
        return None
    share, also = (25, " with the same device or browser") if ip.same_agent else (15, "")
    message = f"The referrer was seen at the friend's network address{also}."
    return IP_SELF.reason(points * share // 25, message, ip.evidence(sameAgent=ip.same_agent), silenced=ip.silence)


IP_SELF = Signal(
    code="IP_SELF",
    type="DUPLICATE_IP",
    family=NETWORK,
    points=25,
    needs=("ip",),
    judge=judge,
    describe="Referrer and friend were seen at one network address; more with one device or browser there.",
)
