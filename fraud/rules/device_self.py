"""The friend's device was used by the referrer, too. A family's tablet, or a sign-up on a friend's phone: held at most."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from ..models import KeyKind
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    device = facts.of(KeyKind.DEVICE)
    if device is None or not device.with_referrer:
        return None
    message = "The referrer has used the friend's device."
    return DEVICE_SELF.reason(points, message, device.evidence(), silenced=device.silence)


DEVICE_SELF = Signal(
    code="DEVICE_SELF",
    type="DEVICE_FINGERPRINT",
    family=IDENTITY,
    points=45,
    needs=("device",),
    judge=judge,
    describe="Referrer and friend were seen on one device.",
)
