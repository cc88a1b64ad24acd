"""One action of one user under many keys in a few minutes. Where all of them tell the same, a client retries wrongly: that is no fraud."""

from ..assessment import COINS, Reason
from ..facts import Facts
from . import LATER, Signal

MOST, TIMES = 20, 4


def judge(facts: Facts, points: int) -> Reason | None:
    keys, usual = facts.extra.get("coin_spray", 0), facts.extra.get("coin_spray_usual", 0)
    if keys <= MOST or keys < TIMES * usual:
        return None
    action = facts.extra.get("coin_spray_action")
    same = facts.extra.get("coin_spray_same", False)
    message = f"{keys} idempotency keys for {action} within ten minutes."
    if same:
        message += " All tell the same: a client that sends one event again under new keys."
    evidence = {
        "actions": facts.extra.get("coin_actions", [action]),
        "since": facts.extra.get("coin_since"),
        "keys": keys,
        "usual": usual,
    }
    return COIN_IDEMPOTENCY_SPRAY.reason(points, message, evidence, silenced="retries" if same else "")


COIN_IDEMPOTENCY_SPRAY = Signal(
    code="COIN_IDEMPOTENCY_SPRAY",
    type="RATE_LIMIT_EXCEEDED",
    family=COINS,
    points=20,
    needs=("coins",),
    judge=judge,
    describe="More than 20 idempotency keys for one user and action within ten minutes, far more than others use.",
    stage=LATER,
)
