"""Both addresses are of one domain that is no public provider. Colleagues who refer colleagues look the same, so it is a hint only."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    if not facts.email_domain_is_same or facts.email_is_referrers:
        return None
    return EMAIL_DOMAIN_SAME.reason(points, "The referrer and the friend have addresses of one private domain.")


EMAIL_DOMAIN_SAME = Signal(
    code="EMAIL_DOMAIN_SAME",
    type="DUPLICATE_ACCOUNT",
    family=IDENTITY,
    points=10,
    needs=("emails",),
    judge=judge,
    describe="Both e-mail addresses are of one domain that is no public provider.",
)
