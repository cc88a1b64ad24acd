"""The code itself waits for a decision, so nothing that comes through it is settled before."""

from ..assessment import CERTAIN, Reason
from ..facts import Facts
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    if not facts.code_is_flagged:
        return None
    return CODE_FLAGGED.reason(points, "The referral code itself is flagged.")


CODE_FLAGGED = Signal(
    code="CODE_FLAGGED",
    type="SUSPICIOUS_PATTERN",
    family=CERTAIN,
    points=100,
    needs=("ids",),
    judge=judge,
    describe="The referral code was flagged before and nobody has decided yet.",
)
