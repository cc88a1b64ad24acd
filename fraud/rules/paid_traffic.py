"""The friend came by an advertisement where the campaign forbids them. Shared posts keep their fbclid, which alone says nothing."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import Signal

SHARED = frozenset({"fbclid"})


def judge(facts: Facts, points: int) -> Reason | None:
    paid = [name for name in facts.ad_clicks if name not in SHARED]
    if not facts.forbids_ads or not paid:
        return None
    return PAID_TRAFFIC.reason(
        points, "The friend came by an advertisement, which this campaign forbids.", {"parameters": paid}
    )


PAID_TRAFFIC = Signal(
    code="PAID_TRAFFIC",
    type="SUSPICIOUS_PATTERN",
    family=TIMING,
    points=15,
    needs=("landingUrl",),
    judge=judge,
    describe="The landing page was reached by an advertisement, which the campaign forbids.",
)
