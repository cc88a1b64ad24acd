"""What the incentive programme holds of a person, and what somebody who comes back cannot earn again."""

from incenta import clock
from incenta.accounts import people
from incenta.accounts.models import App
from incenta.accounts.people import Holding, Person

from . import boards, ledger
from .ledger.models import Wallet
from .models.activity import ActionTally, Activity, Grant, Standing
from .models.adjustment import Adjustment
from .models.board import BoardDelta, BoardScore, ReferralCount
from .models.catalog import ItemRedemption

OF_USER = ("user_id",)


def tell() -> None:
    """Once, when the room is ready."""
    people.hold(
        Holding("wallets", Wallet, OF_USER),
        Holding("events", Activity, OF_USER, blanked={"metadata": {}}),
        Holding("tallies", ActionTally, OF_USER),
        Holding("standings", Standing, OF_USER, blanked={"timezone": ""}),
        Holding("grants", Grant, OF_USER),
        Holding("adjustments", Adjustment, OF_USER),
        # a code that waits for the review, or was refused by it, is told to nobody
        Holding(
            "itemRedemptions",
            ItemRedemption,
            OF_USER,
            withheld=frozenset(("code", "code_key")),
            is_withheld=lambda redemption: redemption.told_code is None,
        ),
        Holding("referralCounts", ReferralCount, OF_USER),
        Holding("boardDeltas", BoardDelta, OF_USER),
        Holding("boardScores", BoardScore, OF_USER),
        first=_lock,
    )
    ledger.welcome_with(_welcome)


def _lock(person: Person) -> None:
    """Nothing is recorded for him meanwhile, no score is folded, and what he has had is noted for his tombstone."""
    ledger.lock(person.app, [person.user_id], create=False)
    boards.keep_folds_out()
    tallies = ActionTally.objects.filter(app=person.app, user_id=person.user_id)
    standing = Standing.objects.filter(app=person.app, user_id=person.user_id).first()
    person.used_up["actions"] = {tally.action_key: tally.rewarded for tally in tallies}
    if standing:
        person.used_up["levels"] = list(standing.paid_levels)


def _welcome(app: App, user_id: str, used_up: dict) -> None:
    """What an action or a level gave once is not given again; balances, XP and streaks begin anew."""
    now = clock.now(app)
    ActionTally.objects.bulk_create(
        ActionTally(app=app, user_id=user_id, action_key=key, rewarded=count, last_at=now)
        for key, count in sorted((used_up.get("actions") or {}).items())
    )
    Standing.objects.create(app=app, user_id=user_id, paid_levels=used_up.get("levels") or [])
