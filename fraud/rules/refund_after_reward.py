"""What this referrer's friends bought was given back after he had his reward, far more than others' is. Once is an ordinary return, unless
it came within days of the reward, as of somebody who waited for it."""

from ..assessment import VALUE, Reason
from ..facts import Facts
from . import LATER, Signal

LEAST_SHARE, TIMES = 0.2, 3


def judge(facts: Facts, points: int) -> Reason | None:
    after, refunds = facts.extra.get("refunds_after_reward", 0), facts.extra.get("refunds", 0)
    share, base = facts.extra.get("refund_share", 0), facts.extra.get("base_refunded", 0)
    if after < 2 and not facts.extra.get("refunds_at_once", 0):
        return None
    if share <= max(LEAST_SHARE, TIMES * base):
        return None
    message = f"{refunds} of the earlier conversions of this referrer were taken back, {after} of them within 30 days of the reward."
    evidence = {"refunds": refunds, "afterReward": after, "share": round(share, 3), "usual": round(base, 3)}
    return REFUND_AFTER_REWARD.reason(points if refunds >= 2 else points // 2, message, evidence)


REFUND_AFTER_REWARD = Signal(
    code="REFUND_AFTER_REWARD",
    type="SUSPICIOUS_PATTERN",
    family=VALUE,
    points=40,
    needs=("history",),
    judge=judge,
    describe="The referrer's earlier conversions were taken back within 30 days of the reward (one alone: 7), far more than others'.",
    stage=LATER,
)
