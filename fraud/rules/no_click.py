"""A conversion without a click where nearly all have one. Codes are also told by mouth."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import Signal

MOSTLY = 0.8
LEAST_SEEN = 50


def judge(facts: Facts, points: int) -> Reason | None:
    usual = facts.usual
    if not facts.clicks_known or facts.clicked_at is not None or usual is None:
        return None
    if usual.seen < LEAST_SEEN or usual.with_click < MOSTLY:
        return None
    message = f"The friend did not click, as {usual.with_click:.0%} of this campaign's do."
    return NO_CLICK.reason(points, message, {"withClick": round(usual.with_click, 2), "of": usual.seen})


NO_CLICK = Signal(
    code="NO_CLICK",
    type="SUSPICIOUS_PATTERN",
    family=TIMING,
    points=8,
    needs=("clicks",),
    judge=judge,
    describe="A conversion without a click in a campaign where at least 80 % have one.",
)
