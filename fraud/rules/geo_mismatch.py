"""The end user is outside the countries of the campaign. People travel."""

from ..assessment import NETWORK, Reason
from ..facts import Facts
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    if facts.country_is_allowed is not False:
        return None
    message = f"The campaign is not for {facts.country}, where the end user is."
    return GEO_MISMATCH.reason(points, message, {"country": facts.country})


GEO_MISMATCH = Signal(
    code="GEO_MISMATCH",
    type="SUSPICIOUS_PATTERN",
    family=NETWORK,
    points=15,
    needs=("country",),
    judge=judge,
    describe="The end user is outside the campaign's countries.",
)
