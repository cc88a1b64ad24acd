"""Most of those around this one are held or were found to be fraud. Alone it is never enough to hold: one has to have something in common
with them."""

from ..assessment import GRAPH, Reason
from ..facts import Facts
from . import LATER, Signal

LEAST, LEAST_SHARE = 3, 0.5


def judge(facts: Facts, points: int) -> Reason | None:
    held, others = facts.extra.get("company_held", 0), facts.extra.get("company", 0)
    if held < LEAST or held < LEAST_SHARE * others:
        return None
    message = f"{held} of {others} others whom this referrer brought, or by whom he came, are held or were fraud."
    return HELD_COMPANY.reason(points, message, {"held": held, "of": others})


HELD_COMPANY = Signal(
    code="HELD_COMPANY",
    type="REFERRAL_RING",
    family=GRAPH,
    points=20,
    needs=("history",),
    judge=judge,
    describe="Three or more, and at least half, of the referrer's other conversions are held or were found to be fraud.",
    stage=LATER,
)
