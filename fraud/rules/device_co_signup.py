"""Others appeared on the device within an hour of this friend. Of all links the best; one other may be a family's evening."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from ..models import KeyKind
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    device = facts.of(KeyKind.DEVICE)
    if device is None or not device.co_signed_up:
        return None
    share = 45 if device.co_signed_up >= 2 else 25
    others = "Another account" if device.co_signed_up == 1 else f"{device.co_signed_up} other accounts"
    evidence = device.evidence(coSignedUp=device.co_signed_up, windowMinutes=60)
    message = f"{others} appeared on this device within an hour of this one."
    return DEVICE_CO_SIGNUP.reason(points * share // 45, message, evidence, silenced=device.silence)


DEVICE_CO_SIGNUP = Signal(
    code="DEVICE_CO_SIGNUP",
    type="DEVICE_FINGERPRINT",
    family=IDENTITY,
    points=45,
    needs=("device",),
    judge=judge,
    describe="Other accounts appeared on the friend's device within an hour of him.",
)
