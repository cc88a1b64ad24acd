"""Others at the friend's network address lately. Says nothing at an office's or a carrier's."""

from ..assessment import NETWORK, Reason
from ..facts import Facts
from ..models import KeyKind
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    ip = facts.of(KeyKind.IP)
    if ip is None or ip.in_7_days < 2:
        return None
    share = 20 if ip.in_7_days >= 5 else 10
    message = f"{ip.in_7_days} other accounts were seen at this network address within 7 days."
    evidence = ip.evidence(accounts=ip.in_7_days, windowDays=7)
    return IP_SHARED.reason(points * share // 20, message, evidence, silenced=ip.silence)


IP_SHARED = Signal(
    code="IP_SHARED",
    type="DUPLICATE_IP",
    family=NETWORK,
    points=20,
    needs=("ip",),
    judge=judge,
    describe="Other accounts were seen at the friend's network address within 7 days.",
)
