"""Nearly always just above the lowest amount, where others spend more; and what was bought comes back two to five weeks later."""

from ..assessment import VALUE, Reason
from ..facts import Facts
from . import LATER, Signal

LEAST, MOST_USUAL, LEAST_SHARE = 7, 0.3, 0.7


def judge(facts: Facts, points: int) -> Reason | None:
    near, of = facts.extra.get("near_lowest_long", 0), facts.extra.get("near_lowest_of", 0)
    usual = facts.usual
    is_low = of >= LEAST and near >= LEAST_SHARE * of and usual is not None and usual.near_lowest <= MOST_USUAL
    back, share = facts.extra.get("late_refunds", 0), facts.extra.get("late_refund_share", 0)
    comes_back = back >= 3 and share > max(LEAST_SHARE / 2, 3 * facts.extra.get("base_refunded", 0))
    if not is_low and not comes_back:
        return None
    told = [f"{near} of the last {of} conversions are within 5 % of the lowest amount"] if is_low else []
    told += [f"{back} came back two to five weeks later"] if comes_back else []
    evidence = {"nearLowest": near, "of": of, "cameBack": back}
    return SLOW_DRIP.reason(points if is_low and comes_back else points * 25 // 30, " and ".join(told) + ".", evidence)


SLOW_DRIP = Signal(
    code="SLOW_DRIP",
    type="SUSPICIOUS_PATTERN",
    family=VALUE,
    points=30,
    needs=("amount",),
    judge=judge,
    describe="A referrer's conversions are nearly all at the lowest amount, or come back late, far more than others'.",
    stage=LATER,
)
