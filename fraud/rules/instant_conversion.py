"""The friend converted faster than people can. Counted from his own click, never from the code's making or from others' clicks; and
silent where many do it, for then a server reports click and order together."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import Signal

USUAL = 0.3


def judge(facts: Facts, points: int) -> Reason | None:
    seconds = facts.seconds_from_click
    if seconds is None or seconds < 0:
        return None
    is_purchase = bool(facts.amount_minor) and facts.earns
    if seconds < 3:
        share = 40
    elif is_purchase and seconds < 60:
        share = 25
    elif seconds < 10:
        share = 20
    else:
        return None
    usual = facts.usual
    silenced = "usual" if usual is not None and usual.is_settled and usual.instant > USUAL else ""
    silenced = silenced or ("" if facts.has_end_user else "no_context")
    message = f"The friend converted {_spoken(seconds)} after the click."
    evidence = {"seconds": round(seconds, 1)}
    return INSTANT_CONVERSION.reason(points * share // 40, message, evidence, silenced=silenced)


def _spoken(seconds: float) -> str:
    return f"{seconds:.1f} seconds" if seconds < 10 else f"{seconds:.0f} seconds"


INSTANT_CONVERSION = Signal(
    code="INSTANT_CONVERSION",
    type="IMPOSSIBLE_CONVERSION_TIME",
    family=TIMING,
    points=40,
    needs=("click",),
    judge=judge,
    describe="The friend converted within seconds of his own click.",
)
