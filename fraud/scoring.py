"""From facts to an assessment. Pure: whoever asks has fetched the facts."""

from fraud.assessment import CLEAN, Assessment, Reason
from fraud.rules import self_referral

FLAGGED_CODE = Reason("SUSPICIOUS_PATTERN", 100, "The referral code itself is flagged.", code="CODE_FLAGGED")


def assess(*, referrer_id: str, referee_id: str | None, code_is_flagged: bool = False) -> Assessment:
    """What is to be thought of a referral or a conversion by these ids."""
    spoken = [
        reason
        for reason in (self_referral.judge(referrer_id, referee_id), FLAGGED_CODE if code_is_flagged else None)
        if reason
    ]
    return Assessment(tuple(spoken)) if spoken else CLEAN
