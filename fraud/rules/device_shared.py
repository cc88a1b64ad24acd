"""Others were seen on the friend's device lately. One other is a family as often as a cheat; six are no family."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from ..models import KeyKind
from . import Signal

STEPS = ((6, 60), (3, 45), (2, 30), (1, 15))
"""(others within 30 days, share of the points in sixtieths)."""


def judge(facts: Facts, points: int) -> Reason | None:
    device = facts.of(KeyKind.DEVICE)
    if device is None or not device.in_30_days:
        return None
    share = next(share for others, share in STEPS if device.in_30_days >= others)
    others = "one other account" if device.in_30_days == 1 else f"{device.in_30_days} other accounts"
    message = f"This device was used by {others} in the last 30 days."
    evidence = device.evidence(accounts=device.in_30_days, windowDays=30)
    return DEVICE_SHARED.reason(points * share // 60, message, evidence, silenced=device.silence)


DEVICE_SHARED = Signal(
    code="DEVICE_SHARED",
    type="DEVICE_FINGERPRINT",
    family=IDENTITY,
    points=60,
    needs=("device",),
    judge=judge,
    describe="Other accounts were seen on the friend's device within 30 days.",
)
