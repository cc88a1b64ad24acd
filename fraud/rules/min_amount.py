"""The amount is hardly over the lowest that counts here. Silent where that is what most people buy."""

from ..assessment import VALUE, Reason
from ..facts import Facts
from ..history import is_near_lowest
from . import Signal

USUAL = 0.3


def judge(facts: Facts, points: int) -> Reason | None:
    history, usual = facts.history, facts.usual
    if history is None or usual is None or not usual.is_settled or facts.amount_minor is None:
        return None
    if not is_near_lowest(facts.amount_minor, usual.lowest_minor):
        return None
    share = 15 if history.near_lowest >= 3 else 6
    message = "The amount is within 5 % of the lowest in this campaign"
    message += f", as {history.near_lowest} of this referrer's last five." if share == 15 else "."
    silenced = "usual" if usual.near_lowest >= USUAL else ""
    return MIN_AMOUNT.reason(points * share // 15, message, {"ofLastFive": history.near_lowest}, silenced=silenced)


MIN_AMOUNT = Signal(
    code="MIN_AMOUNT",
    type="SUSPICIOUS_PATTERN",
    family=VALUE,
    points=15,
    needs=("amount", "history"),
    judge=judge,
    describe="The amount is hardly over the lowest of the campaign; more where the referrer's last ones were, too.",
)
