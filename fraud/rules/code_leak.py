"""A code that strangers use by the hundred: it was put somewhere. That is said of the code; who buys by it is honest."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import LATER, Signal

TIMES, LEAST = 50, 200


def judge(facts: Facts, points: int) -> Reason | None:
    clickers, usual = facts.extra.get("clickers", 0), facts.extra.get("usual_clickers", 0)
    if clickers < LEAST or clickers < TIMES * usual:
        return None
    message = f"{clickers} people clicked on this code, where {usual:g} are usual: it was probably published."
    evidence = {"clickers": clickers, "usual": usual}
    return CODE_LEAK.reason(points, message, evidence, silenced="broadcast")


CODE_LEAK = Signal(
    code="CODE_LEAK",
    type="SUSPICIOUS_PATTERN",
    family=TIMING,
    points=20,
    needs=("click",),
    judge=judge,
    describe="A code has fifty times the usual number of clickers: the code is told of, buyers are never held for it.",
    stage=LATER,
)
