"""Linked accounts each earn enough for one thing and take it at once. A popular offer has strangers do that, not people who are linked."""

from ..assessment import COINS, Reason
from ..facts import Facts
from . import LATER, Signal

LEAST = 5


def judge(facts: Facts, points: int) -> Reason | None:
    users = facts.extra.get("coin_funnel", 0)
    if users < LEAST:
        return None
    message = f"{users} linked users redeemed the same item within a day of having enough for it."
    evidence = {
        "users": facts.extra.get("coin_funnel_users"),
        "itemId": facts.extra.get("coin_funnel_item"),
        "linked": users,
    }
    return COIN_FUNNEL.reason(points, message, evidence)


COIN_FUNNEL = Signal(
    code="COIN_FUNNEL",
    type="REFERRAL_RING",
    family=COINS,
    points=30,
    needs=("coins",),
    judge=judge,
    describe="Five or more linked users redeem the same item within a day of having enough for it.",
    stage=LATER,
)
