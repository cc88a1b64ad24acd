"""The friend was known a day before the code was made. Silent until a merchant gives it points, for imports make everybody known."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from . import Signal

LEAST_HOURS = 24


def judge(facts: Facts, points: int) -> Reason | None:
    if not points or not facts.is_first_time_only or (facts.known_for_hours or 0) <= LEAST_HOURS:
        return None
    days = int(facts.known_for_hours // 24)
    return EXISTING_CUSTOMER.reason(
        points, f"The friend was known {days} days before the code was made.", {"days": days}
    )


EXISTING_CUSTOMER = Signal(
    code="EXISTING_CUSTOMER",
    type="SUSPICIOUS_PATTERN",
    family=IDENTITY,
    points=0,
    needs=("known",),
    judge=judge,
    describe="The friend was known a day before the code was made. Silent until it is given points.",
)
