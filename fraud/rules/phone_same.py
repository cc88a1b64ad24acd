"""One phone number on both sides, or on several accounts."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from ..models import KeyKind
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    phone = facts.of(KeyKind.PHONE)
    if phone is None or not (phone.with_referrer or phone.accounts):
        return None
    if phone.with_referrer:
        message = "The referrer and the friend have the same phone number."
    else:
        others = "another account" if phone.accounts == 1 else f"{phone.accounts} other accounts"
        message = f"The phone number is of {others}, too."
    return PHONE_SAME.reason(points, message, phone.evidence(), silenced=phone.silence)


PHONE_SAME = Signal(
    code="PHONE_SAME",
    type="DUPLICATE_ACCOUNT",
    family=IDENTITY,
    points=60,
    needs=("phone",),
    judge=judge,
    describe="The friend's phone number is the referrer's or another account's.",
)
