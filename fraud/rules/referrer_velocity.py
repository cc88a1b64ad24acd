"""The referrer's last hour is far off his own hours. Never by absolute numbers, which say nothing; nor beyond what others here reach."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import Signal

STEPS = ((12, 20), (6, 10))


def judge(facts: Facts, points: int) -> Reason | None:
    history = facts.history
    share = history and next((share for z, share in STEPS if history.rate_z > z), None)
    if not share:
        return None
    if facts.usual is not None and facts.usual.is_settled and history.last_hour <= facts.usual.busiest_hour:
        return None
    message = f"{history.last_hour} conversions in an hour, where this referrer usually has {history.usual_hour:g}."
    evidence = {"lastHour": history.last_hour, "usualHour": history.usual_hour, "deviations": round(history.rate_z, 1)}
    return REFERRER_VELOCITY.reason(points * share // 20, message, evidence)


REFERRER_VELOCITY = Signal(
    code="REFERRER_VELOCITY",
    type="VELOCITY_CHECK",
    family=TIMING,
    points=20,
    needs=("history",),
    judge=judge,
    describe="The referrer brings far more in an hour than in his own hours before.",
)
