"""Amounts like this one came through this referrer within the hour. Says nothing where there is one price."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import Signal

ONE_PRICE = 0.3
"""Share of the commonest amount from which the campaign has prices rather than baskets."""


def judge(facts: Facts, points: int) -> Reason | None:
    history, usual = facts.history, facts.usual
    if history is None or history.lookalikes < 2 or usual is None or not usual.is_settled:
        return None
    count = history.lookalikes + 1
    message = f"{count} conversions of this referrer within an hour have amounts within 5 % of each other."
    silenced = "usual" if usual.top_amount >= ONE_PRICE else ""
    share = 25 if history.lookalikes >= 4 else 15
    return LOOKALIKE_BURST.reason(points * share // 25, message, {"conversions": count}, silenced=silenced)


LOOKALIKE_BURST = Signal(
    code="LOOKALIKE_BURST",
    type="SUSPICIOUS_PATTERN",
    family=TIMING,
    points=25,
    needs=("history", "amount"),
    judge=judge,
    describe="Several conversions of one referrer within an hour have nearly one amount, where amounts vary.",
)
