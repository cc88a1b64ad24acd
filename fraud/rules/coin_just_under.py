"""Points are earned the second that they may be: a program waits for the cooldown, a person does not look at the clock."""

from ..assessment import COINS, Reason
from ..facts import Facts
from . import LATER, Signal


def judge(facts: Facts, points: int) -> Reason | None:
    near, close = facts.extra.get("coin_near", 0), facts.extra.get("coin_close", 0)
    if not near and not close:
        return None
    action = facts.extra.get("coin_near_action")
    if near:
        share, gaps, after, worth = near, facts.extra.get("coin_near_gaps", 0), "within 5 seconds of", points
    else:
        share, gaps, after, worth = close, facts.extra.get("coin_close_gaps", 0), "just after", points * 4 // 5
    message = f"{share:.0%} of {gaps} rewards for {action} came {after} the end of the cooldown."
    evidence = {
        "actions": facts.extra.get("coin_actions", [action]),
        "since": facts.extra.get("coin_since"),
        "share": round(share, 3),
        "gaps": gaps,
    }
    return COIN_JUST_UNDER.reason(worth, message, evidence)


COIN_JUST_UNDER = Signal(
    code="COIN_JUST_UNDER",
    type="VELOCITY_CHECK",
    family=COINS,
    points=25,
    needs=("coins",),
    judge=judge,
    describe="Most gaps between a user's rewards are the cooldown and less than five seconds; what is done once a day is left out.",
    stage=LATER,
)
