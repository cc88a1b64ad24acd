"""A throw-away address. Relays that honest people hide behind are not on the list."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    if not facts.email_is_disposable:
        return None
    linked = [
        kind.name
        for kind, near in facts.neighbours.items()
        if near.is_telling and (near.accounts or near.with_referrer)
    ]
    share = 30 if linked else 20
    return EMAIL_DISPOSABLE.reason(
        points * share // 30, "The e-mail address is of a throw-away provider.", {"linkedBy": sorted(linked)}
    )


EMAIL_DISPOSABLE = Signal(
    code="EMAIL_DISPOSABLE",
    type="DISPOSABLE_EMAIL",
    family=IDENTITY,
    points=30,
    needs=("email",),
    judge=judge,
    describe="The e-mail address is of a throw-away provider; more where a key is shared, too.",
)
