"""Several accounts are paid or paid out by one means. A couple's card makes two."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from ..models import KeyKind
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    payment = facts.of(KeyKind.PAYMENT)
    if payment is None or not payment.accounts:
        return None
    count = payment.accounts + 1
    message = f"{count} accounts use this means of payment."
    share = 60 if count >= 3 else 25
    return PAYMENT_SHARED.reason(points * share // 60, message, payment.evidence(), silenced=payment.silence)


PAYMENT_SHARED = Signal(
    code="PAYMENT_SHARED",
    type="DUPLICATE_ACCOUNT",
    family=IDENTITY,
    points=60,
    needs=("payment",),
    judge=judge,
    describe="Other accounts use the friend's means of payment.",
)
