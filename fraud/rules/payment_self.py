"""One means of payment or payout on both sides. Couples share a card: two accounts count less than half."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from ..models import KeyKind
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    payment = facts.of(KeyKind.PAYMENT)
    if payment is None or not payment.with_referrer:
        return None
    share = 60 if payment.accounts else 25
    message = "The referrer and the friend use the same means of payment."
    return PAYMENT_SELF.reason(points * share // 60, message, payment.evidence(), silenced=payment.silence)


PAYMENT_SELF = Signal(
    code="PAYMENT_SELF",
    type="DUPLICATE_ACCOUNT",
    family=IDENTITY,
    points=60,
    needs=("payment",),
    judge=judge,
    describe="Referrer and friend use one means of payment.",
)
