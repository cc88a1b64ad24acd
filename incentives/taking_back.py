"""Taking back what a cause gave, in full or in part: only compensating entries, nothing deleted, and nothing taken twice.

Points go in proportion, from the totals, so that ten small reversals and one large one end at the same coin. Only a whole
reversal undoes the rest: the conversion no longer counts, its events no longer count as done, and levels, badges and
milestones that are no longer met are taken back with what they gave, wherever they were reached since. What a user has
spent cannot be fetched: the answer says how much that is.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from incenta.accounts.models import App
from incenta.database import sql
from incenta.money import COIN, TOKEN, XP

from . import ledger
from .balances import NAMES
from .book import Book
from .models import Activity, Grant, ReferralCount
from .models.activity import Withheld
from .plan import Asked, Plan, read
from .progress import MEASURE_OF_METRIC, State

Worth = Callable[[int], int]
"""From what was given to what of it the giver is entitled to now: all of it, a part, or 0."""

NEVER = datetime(1970, 1, 1, tzinfo=UTC)

# what an event, or something it reached, gave: the next credits of its wallet under its cause
_GIVEN = """
SELECT q.place, t.id FROM unnest(%(users)s::text[], %(seqs)s::bigint[], %(causes)s::text[], %(types)s::text[], %(most)s::int[])
  WITH ORDINALITY AS q(user_id, seq, cause, cause_type, most, place)
JOIN incentives_wallet w ON w.app_id = %(app_id)s AND w.user_id = q.user_id
CROSS JOIN LATERAL (SELECT t.id, t.seq FROM incentives_transfer t
  WHERE t.wallet_id = w.id AND t.seq > q.seq AND t.seq <= q.seq + 2 * q.most AND t.kind = 'EARN'
    AND t.cause = q.cause AND t.cause_type = q.cause_type ORDER BY t.seq LIMIT q.most) t
ORDER BY q.place, t.seq
"""
_LAST_AT = """
SELECT max(occurred_at) FROM incentives_activity
WHERE app_id = %(app_id)s AND user_id = %(user_id)s AND action_key = %(key)s AND (not_awarded IS NULL OR withheld = 'PENDING')
  AND reversed_at IS NULL AND id <> ALL(%(gone)s)
"""


def worth_nothing(given: int) -> int:
    return 0


@dataclass(slots=True)
class Taken:
    """What was taken of one amount: ``short`` could not be fetched, ``owed`` of what was taken is a debt."""

    minor: int = 0
    short: int = 0
    owed: int = 0


def plan(
    app: App,
    wallets: ledger.Wallets,
    cause: str,
    *,
    worth: Worth,
    wholly: bool = False,
    taken: Sequence[tuple[ledger.TransferState, int]] = (),
) -> "TakingBack":
    """Plans taking back what ``cause`` gave, into wallets that are locked already; ``.effects`` tells, ``.write()`` does it.

    ``worth`` is what each amount is worth now; ``wholly``: the cause is void. ``taken``: credits of coins of which the caller
    has planned taking back so much. Repeating it takes nothing more.
    """
    fired = list(app.activities.filter(cause=cause, reversed_at=None).order_by("id"))
    return TakingBack(app, wallets, cause, worth_nothing if wholly else worth, wholly, taken, fired)


def plan_events(app: App, wallets: ledger.Wallets, activities: Sequence[Activity], *, cause: str) -> "TakingBack":
    """Plans that these events were not done: as ``plan`` wholly, of events that stand, for the reason that ``cause`` names."""
    return TakingBack(app, wallets, cause, worth_nothing, True, (), activities)


class TakingBack:
    def __init__(
        self,
        app: App,
        wallets: ledger.Wallets,
        cause: str,
        worth: Worth,
        wholly: bool,
        taken: Sequence[tuple[ledger.TransferState, int]],
        activities: Sequence[Activity],
    ):
        self.app, self.wallets, self.cause, self.worth, self.wholly = app, wallets, cause, worth, wholly
        self.taken = [(credit, amount) for credit, amount in taken if credit.asset == COIN and amount]
        self.effects: list[dict] = []
        self.revoked: list[Grant] = []
        self._lots_read: set[tuple[str, str]] = set()
        self.plan: Plan | None = None
        self.activities = activities
        self.count = ReferralCount.objects.filter(app=app, conversion_id=cause, reversed_at=None).first()
        users = {activity.user_id for activity in self.activities} | {credit.user_id for credit, _ in self.taken}
        if self.count:
            users.add(self.count.user_id)
        if users:
            self._decide(sorted(users))

    def write(self) -> None:
        """Writes the plan of the wallets, whoever made it, and what else is taken back."""
        if self.plan is None:
            self.wallets.save()
            return
        self.plan.write()
        waiting = [activity for activity in self.activities if activity.withheld == Withheld.PENDING]
        if self.wholly:
            app, now = self.app, self.wallets.now
            app.activities.filter(pk__in=[activity.pk for activity in self.activities]).update(reversed_at=now)
            if waiting:
                app.activities.filter(pk__in=[each.pk for each in waiting]).update(withheld=Withheld.FORFEIT)
            app.grants.filter(pk__in=[grant.pk for grant in self.revoked]).update(revoked_at=now)
            if self.count:
                ReferralCount.objects.filter(app=app, pk=self.count.pk).update(reversed_at=now)
        else:
            for activity in waiting:
                activity.leave(self.worth)

    # --- deciding ---------------------------------------------------------------------------------------------------
    def _decide(self, users: list[str]) -> None:
        held = self._held(users) if self.wholly else []
        counted = _counted(self.app, held) | {each.action_key for each in self.activities}
        book, found = read(self.app, self.wallets, users, Asked(actions=counted))
        self.plan = Plan(self.app, book, self.wallets, found.states, self.wallets.now)
        self.tallies = found.tallies
        levels = {user_id: book.level_of(found.states[user_id].xp) for user_id in users}
        frontier = dict.fromkeys(users, 2**63)
        given = self._given([(each.user_id, each.wallet_seq, each.pk, "event", 3) for each in self.activities])
        for place, activity in enumerate(self.activities):
            frontier[activity.user_id] = min(frontier[activity.user_id], activity.wallet_seq)
            self._take_points(activity, given.get(place, []))
        for credit, amount in self.taken:
            frontier[credit.user_id] = min(frontier[credit.user_id], credit.seq)
            found.states[credit.user_id].coins_earned -= amount
            self.plan.score(credit.user_id, credit.occurred_at, coins=-amount)
        if self.wholly:
            self._uncount()
            self._revoke(book, held, frontier)
        for user_id in users:
            state = found.states[user_id]
            state.level = book.level_of(state.xp)
            self.plan.touch(user_id)
            if state.level != levels[user_id]:
                self.effects.append(
                    {"type": "level", "userId": user_id, "before": levels[user_id], "after": state.level}
                )

    def _take_points(self, activity: Activity, transfers: list[ledger.TransferState]) -> None:
        for transfer in transfers:
            before = transfer.amount - transfer.taken_back
            taken = self._take(activity.user_id, transfer, before - self.worth(transfer.amount))
            if taken.minor or taken.short:
                self.effects.append(
                    {
                        "type": "points",
                        "userId": activity.user_id,
                        "eventId": activity.pk,
                        "actionKey": activity.action_key,
                        "asset": NAMES[transfer.asset],
                        "before": before,
                        "after": before - taken.minor,
                        "takenBack": taken.minor,
                        "owed": taken.owed,
                        "uncollected": taken.short,
                    }
                )

    def _take(self, user_id: str, transfer: ledger.TransferState, due: int) -> Taken:
        """Plans taking back of one credit, as far as the balance goes; its own lot first, at the day on which it was earned."""
        if due <= 0:
            return Taken()
        wallets, asset = self.wallets, transfer.asset
        if (user_id, asset) not in self._lots_read:
            wallets.load_lots([user_id], asset)
            wallets.expire_due(user_id, asset)
            self._lots_read.add((user_id, asset))
        missing = due - min(max(wallets[user_id].available(asset), 0), due)
        taken = Taken(due, owed=missing) if self.app.allows_negative_points else Taken(due - missing, short=missing)
        if taken.minor:
            wallets.move(
                user_id,
                ledger.REVERSE,
                asset,
                taken.minor,
                reverses=transfer,
                cause=self.cause,
                cause_type="reversal",
                occurred_at=transfer.occurred_at,
                rule_version=transfer.rule_version,
            )
            state = self.plan.states[user_id]
            if asset == XP:
                state.xp -= taken.minor
                self.plan.score(user_id, transfer.occurred_at, xp=-taken.minor)
            elif asset == COIN:
                state.coins_earned -= taken.minor
                self.plan.score(user_id, transfer.occurred_at, coins=-taken.minor)
        return taken

    def _uncount(self) -> None:
        """The events were not done, and the conversion did not happen."""
        gone = [activity.pk for activity in self.activities]
        counted: Counter[tuple[str, str]] = Counter()
        for activity in self.activities:
            self.plan.states[activity.user_id].events -= 1
            if activity.not_awarded is None or activity.withheld == Withheld.PENDING:
                counted[activity.user_id, activity.action_key] += 1
        for (user_id, key), fewer in counted.items():
            count = self.tallies[user_id, key][0] - fewer
            (last_at,) = sql.row(_LAST_AT, {"app_id": self.app.pk, "user_id": user_id, "key": key, "gone": gone})
            self.tallies[user_id, key] = (count, last_at or NEVER)
            self.plan.tallies[user_id, key] = {
                "user_id": user_id,
                "action_key": key,
                "rewarded": count,
                "last_at": last_at or NEVER,
            }
        if self.count:
            state = self.plan.states[self.count.user_id]
            state.conversions -= 1
            self.plan.score(self.count.user_id, self.count.at, referrals=-1)
            self.effects.append(
                {
                    "type": "referralCount",
                    "userId": self.count.user_id,
                    "before": state.conversions + 1,
                    "after": state.conversions,
                }
            )

    # --- levels, badges, milestones ---------------------------------------------------------------------------------
    def _held(self, users: list[str]) -> list[Grant]:
        """What these users hold, the latest first."""
        return list(self.app.grants.filter(user_id__in=users, revoked_at=None).order_by("-wallet_seq", "-id"))

    def _revoke(self, book: Book, held: list[Grant], frontier: dict[str, int]) -> None:
        """Takes back what is no longer met, until what is left stands: what one gave may have been what met another."""
        own = {self.cause, *(activity.pk for activity in self.activities)}
        for (user_id, key), (count, _) in self.tallies.items():
            self.plan.states[user_id].counts[key] = count
        again = True
        while again:
            again = False
            for grant in held:
                state = self.plan.states[grant.user_id]
                if grant in self.revoked or _stands(
                    book, state, grant, frontier[grant.user_id], is_own=grant.cause in own
                ):
                    continue
                frontier[grant.user_id] = min(frontier[grant.user_id], grant.wallet_seq)
                self._take_grant(grant, state)
                again = True

    def _take_grant(self, grant: Grant, state: State) -> None:
        self.revoked.append(grant)
        if grant.kind == Grant.Kind.LEVEL:
            state.paid_levels.discard(int(grant.key))
        else:
            (state.badges if grant.kind == Grant.Kind.BADGE else state.milestones).discard(grant.key)
        amounts = {XP: grant.xp, COIN: grant.coins, TOKEN: grant.tokens}
        most = sum(bool(amount) for amount in amounts.values())
        given = (
            self._given([(grant.user_id, grant.wallet_seq, grant.cause, grant.kind, most)]).get(0, []) if most else []
        )
        taken = {NAMES[each.asset]: self._take(grant.user_id, each, each.amount - each.taken_back) for each in given}
        nothing = Taken()
        effect = {
            "type": grant.kind,
            "userId": grant.user_id,
            "key": int(grant.key) if grant.kind == Grant.Kind.LEVEL else grant.key,
        }
        for name, of in (("takenBack", "minor"), ("owed", "owed"), ("uncollected", "short")):
            effect[name] = {points: getattr(taken.get(points, nothing), of) for points in NAMES.values()}
        self.effects.append(effect)

    def _given(self, asked: list[tuple[str, int, str, str, int]]) -> dict[int, list[ledger.TransferState]]:
        """Place of (user, wallet_seq, cause, cause type, most credits) → the credits, with what was taken back of them."""
        if not asked:
            return {}
        names = ("users", "seqs", "causes", "types", "most")
        columns = {name: list(column) for name, column in zip(names, zip(*asked, strict=True), strict=True)}
        rows = sql.rows(_GIVEN, {"app_id": self.app.pk} | columns)
        known = ledger.transfers(self.app, [id for _, id in rows])
        found: dict[int, list[ledger.TransferState]] = {}
        for place, id in rows:
            found.setdefault(place - 1, []).append(known[id])
        return found


def _counted(app: App, held: list[Grant]) -> set[str]:
    """The actions that the held badges count."""
    keys = {grant.key for grant in held if grant.kind == Grant.Kind.BADGE}
    return {
        badge.criteria["actionKey"]
        for badge in app.badges.filter(key__in=keys)
        if badge.criteria and "actionKey" in badge.criteria
    }


def _stands(book: Book, state: State, grant: Grant, frontier: int, *, is_own: bool) -> bool:
    """Whether what was reached is still met, or was never met by what is now taken back.

    XP and coins were perhaps lowered before by hand, which takes nothing back: of what goes by them, only what was reached
    since the cause can hang on it. Whose rule is gone stands, unless the cause itself gave it.
    """
    since = grant.wallet_seq >= frontier
    if grant.kind == Grant.Kind.LEVEL:
        rule = next((rule for rule in book.levels if str(rule.level) == grant.key), None)
        return not is_own if rule is None else not since or state.xp >= rule.threshold
    if grant.kind == Grant.Kind.MILESTONE:
        rule = next((rule for rule in book.milestones if rule.key == grant.key), None)
        if rule is None:
            return not is_own
        lasts = rule.metric in ("xp", "coinsEarned") and not since
        return lasts or getattr(state, MEASURE_OF_METRIC[rule.metric]) >= rule.at
    badge = book.given.get(grant.key)
    if grant.cause_type == "award" or (badge is None and not is_own):
        return True
    if badge is None:
        return False
    if any(rule.badge_key == badge.key and rule.level in state.paid_levels for rule in book.levels):
        return True
    measure = {
        "action": lambda: state.counts.get(badge.action_key, 0),
        "xp": lambda: state.xp,
        "level": lambda: book.level_of(state.xp),
        "streakDays": lambda: badge.at,  # a day that was a day stays one
        "referrals": lambda: state.conversions,
    }.get(badge.measure)
    if measure is None:
        return not since  # came with a level that is gone
    return measure() >= badge.at or (badge.measure in ("xp", "level") and not since)
