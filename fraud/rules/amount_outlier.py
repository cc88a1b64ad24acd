"""An amount far beyond this campaign's, with a reward that grows with it. Businesses make such deals, so a person should look."""

from ..assessment import VALUE, Reason
from ..facts import Facts
from . import Signal

TIMES = 20


def judge(facts: Facts, points: int) -> Reason | None:
    usual = facts.usual
    if not facts.rewards_share or usual is None or not usual.is_settled or not usual.p99_minor:
        return None
    if facts.amount_minor is None or facts.amount_minor <= TIMES * usual.p99_minor:
        return None
    times = facts.amount_minor // usual.p99_minor
    message = f"The amount is {times} times the highest that is usual here."
    return AMOUNT_OUTLIER.reason(points, message, {"times": times, "usualMinor": usual.p99_minor})


AMOUNT_OUTLIER = Signal(
    code="AMOUNT_OUTLIER",
    type="SUSPICIOUS_PATTERN",
    family=VALUE,
    points=15,
    needs=("amount",),
    judge=judge,
    describe="The amount is over 20 times what is usual, and the reward is a share of it.",
)
