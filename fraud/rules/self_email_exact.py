"""One mailbox on both sides: tags behind a plus and a provider's dots are decoration. A family's one mailbox is rare, so it is held
and, in mode block, refused only at its threshold."""

from ..assessment import CERTAIN, Reason
from ..facts import Facts
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    if not facts.email_is_referrers:
        return None
    return SELF_EMAIL_EXACT.reason(points, "The referrer and the friend have the same e-mail address.")


SELF_EMAIL_EXACT = Signal(
    code="SELF_EMAIL_EXACT",
    type="SELF_REFERRAL",
    family=CERTAIN,
    points=90,
    needs=("emails",),
    judge=judge,
    describe="Both e-mail addresses are one mailbox.",
)
