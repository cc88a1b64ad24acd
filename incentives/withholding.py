"""Users in review: what they do is recorded, gives nothing and can buy nothing until somebody has decided.

Whether an event would have been rewarded is settled when it is recorded, by the rules and limits of that moment; the review only
says whether its user gets it. So releasing cannot be refused, and gives each event once: under the wallet's lock, from PENDING to
AWARDED. Levels, badges and milestones wait too: what was crossed since the hold began is given when it ends.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from incenta.accounts.models import App
from incenta.database import sql
from incenta.money import COIN, TOKEN, XP

from . import engine, ledger, progress, taking_back
from .models import Activity
from .models.activity import Withheld
from .plan import Asked, Plan, Read, read
from .progress import Measures

ASSETS = {"xp": XP, "coins": COIN, "tokens": TOKEN}

_HOLD = """
INSERT INTO incentives_standing (app_id, user_id, level, paid_levels, badges, milestones, events, conversions, coins_earned, streak,
  longest_streak, freezes, timezone, visible, on_hold, at_hold)
SELECT %(app_id)s, user_id, 0, '{}', '{}', '{}', 0, 0, 0, 0, 0, %(freezes)s, '', true, true, at_hold
FROM json_to_recordset(%(held)s::json) AS h(user_id text, at_hold jsonb)
ON CONFLICT (app_id, user_id) DO UPDATE SET on_hold = true, at_hold = excluded.at_hold
"""
_AWARDED = """
UPDATE incentives_activity AS a SET withheld = 'AWARDED', not_awarded = NULL, xp = r.xp, coins = r.coins, tokens = r.tokens,
  wallet_seq = r.wallet_seq
FROM json_to_recordset(%(awarded)s::json) AS r(id text, xp bigint, coins bigint, tokens bigint, wallet_seq bigint)
WHERE a.id = r.id
"""
_TAKEN = """
UPDATE incentives_activity AS a SET withheld = 'TAKEN', waits = r.waits
FROM json_to_recordset(%(taken)s::json) AS r(id text, waits jsonb) WHERE a.id = r.id
"""


@dataclass(slots=True)
class Moved:
    """What a verb gave to or took from one user, by the name of the points."""

    user_id: str
    points: Counter = field(default_factory=Counter)
    events: int = 0
    short: Counter = field(default_factory=Counter)
    """What could not be taken, for it is spent."""
    withheld: Counter = field(default_factory=Counter)
    """What was withheld and stays so, or waits again."""


def hold(app: App, user_ids: Iterable[str]) -> list[str]:
    """Puts users on hold; answers who was not before. Repeating it changes nothing."""
    users = sorted(set(user_ids))
    with sql.transaction_joined():
        wallets = ledger.lock(app, users)
        book, found = read(app, wallets, users)
        fresh = [user_id for user_id in users if not found.states[user_id].on_hold]
        held = [{"user_id": user_id, "at_hold": found.states[user_id].measures()} for user_id in fresh]
        if held:
            sql.execute(_HOLD, {"app_id": app.pk, "freezes": book.freezes, "held": sql.as_rows(held)})
        return fresh


def release(app: App, user_ids: Iterable[str], *, cause: str, actor: str = "", preview: bool = False) -> list[Moved]:
    """Ends the hold of those who are on hold and awards what was withheld, each event once; answers what each of them gets.

    Levels, boards, lots and webhooks follow as from any event. Points that expire have their time from now on. ``cause`` is the
    id of what ends the hold.
    """
    with sql.transaction_joined():
        wallets, began = _lock(app, user_ids)
        if not began:
            return []
        users = sorted(began)
        pending = list(_pending(app, users).order_by("occurred_at", "id"))
        book, found = read(app, wallets, users, Asked(actions={each.action_key for each in pending}))
        plan = Plan(app, book, wallets, found.states, wallets.now)
        moved, awarded = {user_id: Moved(user_id) for user_id in users}, []
        for user_id in users:
            his = [activity for activity in pending if activity.user_id == user_id]
            before = found.states[user_id].measures()
            awarded += [_award(plan, activity, moved[user_id], actor) for activity in his]
            _reach(plan, found, user_id, his, before, began[user_id], cause, actor)
        if not preview:
            plan.write()
            if awarded:
                sql.execute(_AWARDED, {"awarded": sql.as_rows(awarded)})
            app.standings.filter(user_id__in=users).update(on_hold=False)
        return list(moved.values())


@dataclass(frozen=True, slots=True)
class Suspected:
    """What a user is to lose beside what was withheld: what these actions gave since then."""

    actions: frozenset[str]
    since: datetime


def forfeit(
    app: App,
    user_ids: Iterable[str],
    *,
    suspected: Mapping[str, Suspected],
    held_since: Mapping[str, datetime],
    cause: str,
    preview: bool = False,
) -> list[Moved]:
    """They cheated: what was withheld stays so, what the suspected actions gave is taken back, and the hold ends.

    As a reversal takes back: only what the balance still holds, unless the app lets it go below zero; with the levels, badges and
    milestones that are no longer met. ``held_since``: also what was awarded by a release that was undone since.
    """
    with sql.transaction_joined():
        users = sorted(set(user_ids))
        wallets = ledger.lock(app, users, create=False)
        users = [user_id for user_id in users if user_id in wallets]
        doubted = Q(withheld=Withheld.PENDING)
        for user_id, of in suspected.items():
            doubted |= Q(user_id=user_id, action_key__in=of.actions, occurred_at__gte=of.since, not_awarded=None)
        for user_id, since in held_since.items():
            doubted |= Q(user_id=user_id, withheld=Withheld.AWARDED, recorded_at__gte=since)
        activities = list(app.activities.filter(doubted, user_id__in=users, reversed_at=None).order_by("id"))
        taking = taking_back.plan_events(app, wallets, activities, cause=cause)
        moved = {user_id: Moved(user_id) for user_id in users}
        taken: dict[str, Counter] = {each.pk: Counter() for each in activities if each.withheld != Withheld.PENDING}
        for activity in activities:
            moved[activity.user_id].events += 1
            moved[activity.user_id].withheld += Counter(activity.waiting)
        for effect in taking.effects:
            if effect["type"] == "points":
                taken[effect["eventId"]][effect["asset"]] = effect["takenBack"]
                moved[effect["userId"]].points[effect["asset"]] += effect["takenBack"]
                moved[effect["userId"]].short[effect["asset"]] += effect["uncollected"]
            elif effect["type"] in ("level", "badge", "milestone") and "takenBack" in effect:
                moved[effect["userId"]].points += Counter(effect["takenBack"])
                moved[effect["userId"]].short += Counter(effect["uncollected"])
        if not preview:
            taking.write()
            awarded = {each.pk: {name: getattr(each, name) for name in ASSETS} for each in activities}
            rows = [
                {
                    "id": id,
                    "waits": {name: of[name] for name in ASSETS}
                    | {"kept": {name: max(awarded[id][name] - of[name], 0) for name in ASSETS}},
                }
                for id, of in taken.items()
            ]
            if rows:
                sql.execute(_TAKEN, {"taken": sql.as_rows(rows)})
            app.standings.filter(user_id__in=users, on_hold=True).update(on_hold=False)
        return list(moved.values())


def restore(app: App, user_ids: Iterable[str]) -> list[Moved]:
    """Undoes the latest ``forfeit``: on hold again, and what it took waits for the review as what it withheld does."""
    with sql.transaction_joined():
        users = sorted(set(user_ids))
        wallets = ledger.lock(app, users, create=False)
        users = [user_id for user_id in users if user_id in wallets]
        gone: dict[str, list[Activity]] = {user_id: [] for user_id in users}
        lost = app.activities.filter(
            user_id__in=users, withheld__in=(Withheld.FORFEIT, Withheld.TAKEN), reversed_at__isnull=False
        )
        for activity in lost.order_by("-reversed_at", "id"):
            his = gone[activity.user_id]
            if not his or his[0].reversed_at == activity.reversed_at:
                his.append(activity)
        again = [activity for his in gone.values() for activity in his]
        book, found = read(app, wallets, users, Asked(actions={each.action_key for each in again}))
        plan = Plan(app, book, wallets, found.states, wallets.now)
        held = []
        began = dict(app.standings.filter(user_id__in=users).values_list("user_id", "at_hold"))
        for user_id in users:
            state = found.states[user_id]
            measures = list(state.measures())
            # what was taken may be crossed again, and so may what was crossed in the hold that was rejected
            held.append({"user_id": user_id, "at_hold": [*map(min, measures, began.get(user_id) or measures)]})
            for activity in gone[user_id]:
                state.events += 1
                count, last_at = found.tallies.get((user_id, activity.action_key), (0, activity.occurred_at))
                found.tallies[user_id, activity.action_key] = count + 1, max(last_at, activity.occurred_at)
                plan.tallies[user_id, activity.action_key] = {
                    "user_id": user_id,
                    "action_key": activity.action_key,
                    "rewarded": count + 1,
                    "last_at": max(last_at, activity.occurred_at),
                }
            plan.touch(user_id)
        plan.write()
        if held:
            sql.execute(_HOLD, {"app_id": app.pk, "freezes": book.freezes, "held": sql.as_rows(held)})
        app.activities.filter(pk__in=[each.pk for each in again]).update(withheld=Withheld.PENDING, reversed_at=None)
        for activity in again:
            activity.withheld = Withheld.PENDING
        return [
            Moved(user_id, withheld=sum((Counter(each.waiting) for each in his), Counter()), events=len(his))
            for user_id, his in gone.items()
        ]


def withheld_of(app: App, user_ids: Iterable[str]) -> dict[str, Counter]:
    """What of each of the points waits for the review of these users."""
    found: dict[str, Counter] = {}
    for activity in _pending(app, list(user_ids)):
        found.setdefault(activity.user_id, Counter()).update(activity.waiting)
    return found


def _pending(app: App, users: Sequence[str]):
    return app.activities.filter(user_id__in=users, withheld=Withheld.PENDING, reversed_at=None)


def _lock(app: App, user_ids: Iterable[str]) -> tuple[ledger.Wallets, dict[str, list | None]]:
    """The wallets, and of those who are on hold, where they stood when it began."""
    wallets = ledger.lock(app, user_ids, create=False)
    users = [wallet.user_id for wallet in wallets]
    return wallets, dict(app.standings.filter(user_id__in=users, on_hold=True).values_list("user_id", "at_hold"))


def _award(plan: Plan, activity: Activity, moved: Moved, actor: str) -> dict:
    """Plans what one event gives; answers its row as it is from then on."""
    user_id, amounts = activity.user_id, activity.waiting
    state, seq = plan.states[user_id], plan.wallets[user_id].seq
    for name, asset in ASSETS.items():
        if amounts.get(name):
            plan.wallets.move(
                user_id,
                ledger.EARN,
                asset,
                amounts[name],
                cause=activity.pk,
                cause_type="event",
                occurred_at=activity.occurred_at,
                rule_version=activity.rule_version,
                expires_at=plan.book.expires_at(asset, plan.now) if plan.book.expiries else None,
            )
            moved.points[name] += amounts[name]
    xp, coins, tokens = (amounts.get(name, 0) for name in ASSETS)
    state.xp += xp
    state.coins_earned += coins
    moved.events += 1
    plan.score(user_id, activity.occurred_at, xp=xp, coins=coins)
    # what is reached is told of the whole release, not of one event
    outcome = activity.outcome | {
        "balances": plan.balances(user_id),
        **engine.reached([], plan.book.level_of(state.xp), plan.book.level_of(state.xp)),
    }
    answer = engine.face(activity.pk, user_id, activity.action_key, xp, coins, tokens, None, None, outcome)
    engine.tell_recorded(plan, answer, activity.occurred_at, actor)
    # with what a rejection that was undone since had left with him
    whole = {name: amounts.get(name, 0) + activity.kept.get(name, 0) for name in ASSETS}
    return {"id": activity.pk, "wallet_seq": seq} | whole


def _reach(
    plan: Plan,
    found: Read,
    user_id: str,
    awarded: Sequence[Activity],
    before: Measures,
    at_hold: list | None,
    cause: str,
    actor: str,
) -> None:
    """Plans the levels, badges and milestones that were crossed since the hold began."""
    state = plan.states[user_id]
    xp, coins = state.xp, state.coins_earned
    level = plan.book.level_of(before.xp)
    began = Measures(*at_hold) if at_hold else before
    waited = Counter(activity.action_key for activity in awarded)
    given = []
    for key in [*waited, ""]:
        count = found.tallies[user_id, key][0] if key else 0
        state.counts[key] = count
        given += progress.advance(plan.book, began, state, action_key=key, count_before=count - waited[key])
    plan.touch(user_id)
    if given:
        plan.give(user_id, given, cause=cause, cause_type="review", at=plan.now)
        plan.score(user_id, plan.now, xp=state.xp - xp, coins=state.coins_earned - coins)
    reached = {"balances": plan.balances(user_id), **engine.reached(given, state.level, level)}
    common = {"eventId": None, "userId": user_id, "actionKey": None, "caseId": cause}
    engine.tell_reached(plan, user_id, reached, common, ("case", cause), actor)
