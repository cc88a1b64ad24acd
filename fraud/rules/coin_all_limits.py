"""All that several actions can give in a day is taken, on most days of a week."""

from ..assessment import COINS, Reason
from ..facts import Facts
from . import LATER, Signal


def judge(facts: Facts, points: int) -> Reason | None:
    actions, days = facts.extra.get("coin_full_actions", 0), facts.extra.get("coin_full_days", 0)
    if actions < 2:
        return None
    message = f"On {days} of the last 7 days {actions} actions were done as often as their limits allow."
    evidence = {
        "actions": facts.extra.get("coin_actions"),
        "since": facts.extra.get("coin_since"),
        "full": actions,
        "days": days,
    }
    return COIN_ALL_LIMITS.reason(points, message, evidence)


COIN_ALL_LIMITS = Signal(
    code="COIN_ALL_LIMITS",
    type="VELOCITY_CHECK",
    family=COINS,
    points=20,
    needs=("coins",),
    judge=judge,
    describe="A user reaches 90 to 100 % of the limits of two or more actions on five of seven days; what is done once a day is left out.",
    stage=LATER,
)
