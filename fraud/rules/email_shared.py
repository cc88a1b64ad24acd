"""Another account has the same mailbox."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from ..models import KeyKind
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    email = facts.of(KeyKind.EMAIL)
    if email is None or not email.accounts:
        return None
    others = "another account" if email.accounts == 1 else f"{email.accounts} other accounts"
    return EMAIL_SHARED.reason(
        points, f"The e-mail address is of {others}, too.", email.evidence(), silenced=email.silence
    )


EMAIL_SHARED = Signal(
    code="EMAIL_SHARED",
    type="DUPLICATE_ACCOUNT",
    family=IDENTITY,
    points=60,
    needs=("email",),
    judge=judge,
    describe="Other accounts have the friend's e-mail address, tags and dots apart.",
)
