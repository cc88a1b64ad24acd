"""Friends of one referrer whose ids count up one by one, or who came together in a minute. Silent where the whole app's do."""

from ..assessment import VALUE, Reason
from ..facts import Facts
from . import Signal

LEAST = 5
USUAL = 0.3
STREAM = 2
"""More others than this in the same hour make a busy hour of it and no batch."""


def judge(facts: Facts, points: int) -> Reason | None:
    history = facts.history
    if history is None:
        return None
    if history.consecutive >= LEAST:
        message = f"{history.consecutive} friends of this referrer have consecutive ids."
    elif history.at_once >= LEAST and history.last_hour <= history.at_once + STREAM:
        message = f"{history.at_once} friends of this referrer came within a minute."
    else:
        return None
    evidence = {"consecutive": history.consecutive, "withinMinute": history.at_once}
    silenced = (
        "usual" if facts.usual is not None and facts.usual.is_settled and facts.usual.consecutive >= USUAL else ""
    )
    silenced = silenced or ("" if facts.has_end_user else "no_context")
    return SEQUENTIAL_IDS.reason(points, message, evidence, silenced=silenced)


SEQUENTIAL_IDS = Signal(
    code="SEQUENTIAL_IDS",
    type="SUSPICIOUS_PATTERN",
    family=VALUE,
    points=20,
    needs=("history",),
    judge=judge,
    describe="Five or more friends of one referrer have consecutive ids or came within a minute.",
)
