"""The actions that fire by themselves: for the referrer, when a code is made, clicked or converted.

What fired stands in the activities under its cause, so that it may be told twice and fires once. A conversion counts for its
referrer once, on the boards and towards badges and milestones, whether or not there is an action for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from incenta.accounts.models import App
from incenta.database import sql

from . import book as rulebook
from . import engine, ledger, progress, taking_back
from .book import ActionRule, Book
from .models import Action
from .plan import Asked, Plan, Read, read

CONVERSION = Action.Type.REFERRAL_REFEREE_ACTION
ACTOR = "system"

_FIRED = """
SELECT cause, action_key FROM incentives_activity WHERE app_id = %(app_id)s AND cause = ANY(%(causes)s)
UNION ALL SELECT conversion_id, NULL FROM incentives_referralcount WHERE app_id = %(app_id)s AND conversion_id = ANY(%(causes)s)
"""
_COUNT = """
INSERT INTO incentives_referralcount (app_id, conversion_id, user_id, day, at)
SELECT %(app_id)s, conversion_id, user_id, day, at
FROM json_to_recordset(%(counts)s::json) AS c(conversion_id text, user_id text, day date, at timestamptz)
"""


@dataclass(frozen=True, slots=True)
class Firing:
    """Something that happened to a referrer: a referral, a click or a conversion, whose id is the ``cause``."""

    type: str
    cause: str
    user_id: str
    at: datetime
    metadata: dict = field(default_factory=dict)


Standing = Callable[[App, list[str]], dict[str, taking_back.Worth | None]]
"""Of these conversions, those that stand, and what is left of what one gives where a part of it is reversed; asked while the
wallets are locked."""


def fire(app: App, firings: Sequence[Firing], *, standing: Standing) -> int:
    """Fires the active actions of each firing's type, and counts conversions; answers how many events were recorded.

    Safe to repeat. Reversing a conversion locks the referrer's wallet too: either it finds what was fired, or ``standing`` tells.
    Raises ``Overtaken``.
    """
    book = rulebook.current(app)
    firings = [firing for firing in firings if firing.type == CONVERSION or _actions(book, firing)]
    if not firings:
        return 0
    with sql.transaction_joined():
        users = sorted({firing.user_id for firing in firings})
        wallets = ledger.lock(app, users)
        fired = set(sql.rows(_FIRED, {"app_id": app.pk, "causes": [firing.cause for firing in firings]}))
        stands = standing(app, [firing.cause for firing in firings if firing.type == CONVERSION])
        firings = [firing for firing in firings if firing.type != CONVERSION or firing.cause in stands]
        book, found = _read(app, wallets, users, firings, book)
        plan = Plan(app, book, wallets, found.states, wallets.now)
        counts: list[dict] = []
        for firing in firings:
            if firing.type == CONVERSION and (firing.cause, None) not in fired:
                fired.add((firing.cause, None))
                counts.append(_count(plan, firing))
            for action in _actions(book, firing):
                if (firing.cause, action.key) not in fired:
                    fired.add((firing.cause, action.key))
                    engine.decide(plan, found, _doing(firing, action, plan.now), ACTOR)
        if plan.touched:
            plan.write()
        if counts:
            sql.execute(_COUNT, {"app_id": app.pk, "counts": sql.as_rows(counts)})
        _catch_up(app, firings, stands)
        return len(plan.activities)


def _actions(book: Book, firing: Firing) -> list[ActionRule]:
    return [action for action in book.actions.values() if action.active and action.type == firing.type]


def _read(app: App, wallets: ledger.Wallets, users: list[str], firings: list[Firing], book: Book) -> tuple[Book, Read]:
    """The present rules with what they ask of the history; again where the rules changed since they were looked at."""
    while True:
        asked = Asked()
        for firing in firings:
            for action in _actions(book, firing):
                doing = _doing(firing, action, wallets.now)
                asked.add(doing.user_id, doing.action_key, doing.occurred_at, wallets.now)
        newer, found = read(app, wallets, users, asked)
        if newer.version == book.version:
            return newer, found
        book = newer


def _doing(firing: Firing, action: ActionRule, now: datetime) -> engine.Doing:
    at = now if engine.refuse_moment(firing.at, now) else firing.at
    return engine.Doing(firing.user_id, action.key, None, at, firing.metadata, firing.cause)


def _count(plan: Plan, firing: Firing) -> dict:
    """Plans that a conversion counts for its referrer, and what that reaches; answers its row."""
    user_id, state, at = firing.user_id, plan.states[firing.user_id], firing.at
    before, xp = state.measures(), state.xp
    state.conversions += 1
    given = [] if state.on_hold else progress.advance(plan.book, before, state)
    plan.give(user_id, given, cause=firing.cause, cause_type="conversion", at=at)
    plan.touch(user_id)
    plan.score(user_id, at, xp=state.xp - xp, coins=state.coins_earned - before.coins_earned, referrals=1)
    reached = {"balances": plan.balances(user_id), **engine.reached(given, state.level, plan.book.level_of(before.xp))}
    common = {"eventId": None, "userId": user_id, "actionKey": None, "conversionId": firing.cause}
    engine.tell_reached(plan, user_id, reached, common, ("conversion", firing.cause), ACTOR)
    zone: ZoneInfo = plan.book.zone
    return {"conversion_id": firing.cause, "user_id": user_id, "day": at.astimezone(zone).date().isoformat(), "at": at}


def _catch_up(app: App, firings: list[Firing], stands: dict[str, taking_back.Worth | None]) -> None:
    """A conversion that was reversed in part before its actions fired: they gave in full, and the part is taken back."""
    for firing in firings:
        if worth := stands.get(firing.cause):
            wallets = ledger.lock(app, [firing.user_id])
            taking_back.plan(app, wallets, firing.cause, worth=worth).write()
