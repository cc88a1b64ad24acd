"""A tree that grows faster than people meet, in a campaign where others do not."""

from ..assessment import TIMING, Reason
from ..facts import Facts
from . import LATER, Signal

LEAST_BASE, MOST_USUAL = 20, 0.15


def judge(facts: Facts, points: int) -> Reason | None:
    levels, quick = facts.extra.get("tree_levels", 0), facts.extra.get("quick_friends", 0)
    if levels < 3 and quick < 10:
        return None
    if facts.extra.get("base_seen", 0) < LEAST_BASE or facts.extra.get("base_quick_paths", 0) > MOST_USUAL:
        return None
    if quick >= 10:
        message = f"{quick} friends of this referrer referred somebody within an hour of joining."
    else:
        message = f"{levels} levels of referrals within six hours."
    return REFERRAL_TREE_SPEED.reason(points, message, {"levels": levels, "quick": quick})


REFERRAL_TREE_SPEED = Signal(
    code="REFERRAL_TREE_SPEED",
    type="VELOCITY_CHECK",
    family=TIMING,
    points=25,
    needs=("graph",),
    judge=judge,
    describe="Three levels within six hours, or ten friends who each refer within an hour of joining.",
    stage=LATER,
)
