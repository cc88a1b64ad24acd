"""Somebody refers himself under one id: certain by definition, whatever his device and address say."""

from fraud.assessment import Reason


def judge(referrer_id: str, referee_id: str | None) -> Reason | None:
    """100 points when both ids are one after trimming and case folding: ``User_1 `` and ``user_1`` are one person's typing."""
    if referee_id is None or referrer_id.strip().casefold() != referee_id.strip().casefold():
        return None
    return Reason(
        "SELF_REFERRAL",
        100,
        "The referrer and the referred friend are the same user.",
        {"userId": referrer_id},
        code="SELF_REFERRAL_ID",
    )
