"""A referrer who was silent for two months, and then five in a day. A newsletter may have reminded him."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import Signal

LEAST_DAYS = 60
BURST = 5


def judge(facts: Facts, points: int) -> Reason | None:
    history = facts.history
    if history is None or history.last_day < BURST or history.silent_days < LEAST_DAYS:
        return None
    message = f"{history.last_day} conversions in a day after {history.silent_days:.0f} days without one."
    return DORMANT_BURST.reason(
        points, message, {"lastDay": history.last_day, "silentDays": round(history.silent_days)}
    )


DORMANT_BURST = Signal(
    code="DORMANT_BURST",
    type="VELOCITY_CHECK",
    family=TIMING,
    points=12,
    needs=("history",),
    judge=judge,
    describe="A referrer brings five in a day after 60 days without one.",
)
