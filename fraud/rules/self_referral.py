"""Somebody refers himself under one id: certain by definition, whatever his device and address say."""

from ..assessment import CERTAIN, Reason
from ..facts import Facts
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    """Both ids are one after trimming and case folding: ``User_1 `` and ``user_1`` are one person's typing."""
    if facts.referee_id is None or _folded(facts.referrer_id) != _folded(facts.referee_id):
        return None
    message = "The referrer and the referred friend are the same user."
    return SELF_REFERRAL_ID.reason(points, message, {"userId": facts.referrer_id})


def _folded(user_id: str) -> str:
    return user_id.strip().casefold()


SELF_REFERRAL_ID = Signal(
    code="SELF_REFERRAL_ID",
    type="SELF_REFERRAL",
    family=CERTAIN,
    points=100,
    needs=("ids",),
    judge=judge,
    describe="The referrer and the referred friend have the same id.",
)
