"""What one transaction is going to do for some users whose wallets are locked: read at once, planned in memory, written at once.

Every verb that gives or takes points goes ``ledger.lock`` → ``read`` → ``Plan`` → ``plan.write()``: one read and one write,
whatever the number of users and of changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from incenta import events
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import Overtaken
from incenta.money import COIN, TOKEN, XP

from . import boards, ledger
from . import book as rulebook
from .book import Book
from .progress import Given, State

A_DAY_ANYWHERE = timedelta(hours=26)
"""How far from a moment its own day can begin or end, whatever the zone, daylight saving included."""

# Each list stands behind a sub-select, which hides its length from the planner: else it finds a plan for this very list cheaper
# than one for any, and plans anew each time, which takes as long as the reading.
_READ = """
SELECT
  (SELECT version FROM incentives_rulebook WHERE app_id = %(app_id)s),
  (SELECT json_agg(json_build_array(user_id, level, paid_levels, badges, milestones, events, conversions, coins_earned, streak,
      longest_streak, streak_day, freezes, timezone, on_hold,
      CASE WHEN on_hold THEN (SELECT f.score FROM fraud_score f
        WHERE f.app_id = %(app_id)s AND f.subject_id = user_id AND f.subject_type = 'USER' ORDER BY f.id DESC LIMIT 1) END))
    FROM incentives_standing WHERE app_id = %(app_id)s AND user_id = ANY((SELECT %(users)s::text[])::text[])),
  (SELECT json_agg(json_build_array(user_id, action_key, rewarded, last_at))
    FROM incentives_actiontally WHERE app_id = %(app_id)s AND user_id = ANY((SELECT %(users)s::text[])::text[])
      AND action_key = ANY((SELECT %(actions)s::text[])::text[])),
  (SELECT json_agg(json_build_array(id, user_id, action_key, idempotency_key, request_hash, xp, coins, tokens, not_awarded,
      retry_at, outcome))
    FROM incentives_activity WHERE app_id = %(app_id)s AND idempotency_key = ANY((SELECT %(keys)s::text[])::text[])),
  (SELECT json_agg(json_build_array(q.user_id, q.action_key, d.day, d.n))
    FROM unnest((SELECT %(day_users)s::text[]), (SELECT %(day_actions)s::text[]),
      (SELECT %(day_from)s::timestamptz[]), (SELECT %(day_to)s::timestamptz[]))
      AS q(user_id, action_key, since, until)
    CROSS JOIN LATERAL (SELECT a.day, count(*) AS n FROM incentives_activity a
      WHERE a.app_id = %(app_id)s AND a.user_id = q.user_id AND a.action_key = q.action_key
        AND a.occurred_at BETWEEN q.since AND q.until AND (a.not_awarded IS NULL OR a.withheld = 'PENDING')
        AND a.reversed_at IS NULL GROUP BY a.day) d),
  (SELECT json_agg(json_build_array(q.user_id, q.action_key, a.occurred_at))
    FROM unnest((SELECT %(near_users)s::text[]), (SELECT %(near_actions)s::text[]),
      (SELECT %(near_from)s::timestamptz[]), (SELECT %(near_to)s::timestamptz[]))
      AS q(user_id, action_key, since, until)
    JOIN incentives_activity a ON a.app_id = %(app_id)s AND a.user_id = q.user_id AND a.action_key = q.action_key
      AND a.occurred_at BETWEEN q.since AND q.until AND (a.not_awarded IS NULL OR a.withheld = 'PENDING') AND a.reversed_at IS NULL),
  (SELECT json_agg(json_build_array(q.user_id, d.days))
    FROM unnest((SELECT %(late_users)s::text[]), (SELECT %(late_at)s::timestamptz[]),
      (SELECT %(late_surely)s::bool[])) AS q(user_id, at, surely)
    JOIN incentives_standing s ON s.app_id = %(app_id)s AND s.user_id = q.user_id
      AND (q.surely OR s.streak_day > (q.at AT TIME ZONE coalesce(nullif(s.timezone, ''), %(zone)s))::date)
    CROSS JOIN LATERAL (SELECT json_agg(DISTINCT a.day) AS days FROM incentives_activity a
      WHERE a.app_id = %(app_id)s AND a.user_id = q.user_id AND a.action_key <> ALL((SELECT %(passive)s::text[])::text[])) d)
"""

WRITE = f"""
activity AS (
  INSERT INTO incentives_activity (id, app_id, user_id, action_key, idempotency_key, request_hash, cause, xp, coins, tokens,
    not_awarded, withheld, retry_at, outcome, metadata, rule_version, wallet_seq, occurred_at, day)
  SELECT id, %(app_id)s, user_id, action_key, idempotency_key, request_hash, cause, xp, coins, tokens,
    not_awarded, withheld, retry_at, outcome, metadata, rule_version, wallet_seq, occurred_at, day
  FROM json_to_recordset(%(activities)s::json) AS a(id text, user_id text, action_key text, idempotency_key text, request_hash text,
    cause text, xp bigint, coins bigint, tokens bigint, not_awarded text, withheld text, retry_at timestamptz, outcome json, metadata jsonb,
    rule_version int, wallet_seq bigint, occurred_at timestamptz, day date)
  ON CONFLICT DO NOTHING RETURNING id
),
tally AS (
  INSERT INTO incentives_actiontally (app_id, user_id, action_key, rewarded, last_at)
  SELECT %(app_id)s, user_id, action_key, rewarded, last_at
  FROM json_to_recordset(%(tallies)s::json) AS t(user_id text, action_key text, rewarded int, last_at timestamptz)
  ON CONFLICT (app_id, user_id, action_key) DO UPDATE SET rewarded = excluded.rewarded, last_at = excluded.last_at
),
standing AS (
  INSERT INTO incentives_standing (app_id, user_id, level, paid_levels, badges, milestones, events, conversions, coins_earned, streak,
    longest_streak, streak_day, freezes, timezone, visible)
  SELECT %(app_id)s, user_id, level, paid_levels, badges, milestones, events, conversions, coins_earned, streak,
    longest_streak, streak_day, freezes, timezone, true
  FROM json_to_recordset(%(standings)s::json) AS s(user_id text, level int, paid_levels int[], badges text[], milestones text[],
    events bigint, conversions bigint, coins_earned bigint, streak int, longest_streak int, streak_day date, freezes int, timezone text)
  ON CONFLICT (app_id, user_id) DO UPDATE SET level = excluded.level, paid_levels = excluded.paid_levels, badges = excluded.badges,
    milestones = excluded.milestones, events = excluded.events, conversions = excluded.conversions,
    coins_earned = excluded.coins_earned, streak = excluded.streak, longest_streak = excluded.longest_streak,
    streak_day = excluded.streak_day, freezes = excluded.freezes
),
grants AS (
  INSERT INTO incentives_grant (app_id, user_id, kind, key, xp, coins, tokens, cause, cause_type, reason, rule_version,
    wallet_seq, granted_at)
  SELECT %(app_id)s, user_id, kind, key, xp, coins, tokens, cause, cause_type, reason, rule_version, wallet_seq, granted_at
  FROM json_to_recordset(%(grants)s::json) AS g(user_id text, kind text, key text, xp bigint, coins bigint, tokens bigint,
    cause text, cause_type text, reason text, rule_version int, wallet_seq bigint, granted_at timestamptz)
),
board AS (
  INSERT INTO incentives_boarddelta (app_id, user_id, day, at, xp, coins, referrals)
  SELECT %(app_id)s, user_id, day, at, xp, coins, referrals
  FROM json_to_recordset(%(boards)s::json) AS b(user_id text, day date, at timestamptz, xp bigint, coins bigint, referrals bigint)
),
{ledger.WRITE},
{events.INSERT}"""


@dataclass(slots=True)
class Asked:
    """What is asked of the history before events can be decided. Most events ask nothing of it."""

    actions: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    moments: dict[tuple[str, str], tuple[datetime, datetime]] = field(default_factory=dict)
    """(user, action) → the first and the last moment of the events at hand."""
    dated: set[tuple[str, str]] = field(default_factory=set)
    """Those of them that may have happened before what is recorded already."""
    late: dict[str, tuple[datetime, bool]] = field(default_factory=dict)
    """User → the earliest of the moments that were told, and whether they stand out of order among themselves."""
    newest: dict[str, datetime] = field(default_factory=dict)

    def add(self, user_id: str, action_key: str, told_at: datetime | None, now: datetime) -> None:
        """Notes one event; events are added in the order in which they are decided."""
        at = told_at or now
        self.actions.add(action_key)
        first, last = self.moments.get((user_id, action_key), (at, at))
        self.moments[user_id, action_key] = min(first, at), max(last, at)
        newest = self.newest.get(user_id, at)
        self.newest[user_id] = max(newest, at)
        if told_at is not None:
            self.dated.add((user_id, action_key))
            earliest, surely = self.late.get(user_id, (at, False))
            self.late[user_id] = min(earliest, at), surely or at < newest

    def parameters(self, book: Book) -> dict:
        daily, near = [], []
        for (user_id, key), (first, last) in self.moments.items():
            rule = book.actions.get(key)
            if rule is None:
                continue
            if rule.max_per_day:
                daily.append((user_id, key, first - A_DAY_ANYWHERE, last + A_DAY_ANYWHERE))
            if rule.cooldown and (user_id, key) in self.dated:
                near.append((user_id, key, first - rule.cooldown, last + rule.cooldown))
        late = [(user_id, at, surely) for user_id, (at, surely) in self.late.items()]
        return {
            "actions": list(self.actions),
            "keys": self.keys,
            **{
                f"day_{name}": [row[place] for row in daily]
                for place, name in enumerate(("users", "actions", "from", "to"))
            },
            **{
                f"near_{name}": [row[place] for row in near]
                for place, name in enumerate(("users", "actions", "from", "to"))
            },
            **{f"late_{name}": [row[place] for row in late] for place, name in enumerate(("users", "at", "surely"))},
            "passive": list(book.passive),
            "zone": book.zone.key,
        }


@dataclass(slots=True)
class Read:
    """What one read after the locks found."""

    states: dict[str, State]
    tallies: dict[tuple[str, str], tuple[int, datetime]] = field(default_factory=dict)
    """(user, action) → how often it was rewarded, and the latest moment at which it was."""
    replays: dict[str, list] = field(default_factory=dict)
    """Key → the event that had it first."""
    daily: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """(user, action, day) → how often it was rewarded that day."""
    near: dict[tuple[str, str], list[datetime]] = field(default_factory=dict)
    """(user, action) → moments at which it was rewarded, around those of the events at hand."""
    days: dict[str, set[date]] = field(default_factory=dict)
    """User → all days with an event of his own, where an event may come late."""


NOTHING = Asked()


def read(app: App, wallets: ledger.Wallets, users: Sequence[str], asked: Asked = NOTHING) -> tuple[Book, Read]:
    """The rulebook as it stands, and where these users stand, in one statement (more only where the rules have changed)."""
    book = rulebook.kept(app)
    row = sql.row(_READ, {"app_id": app.pk, "users": list(users)} | asked.parameters(book))
    if (row[0] or 0) != book.version:
        book = rulebook.fresh(app)
        # other rules may ask other things of the history
        row = sql.row(_READ, {"app_id": app.pk, "users": list(users)} | asked.parameters(book))
    states = {}
    for (
        user_id,
        level,
        paid,
        badges,
        milestones,
        count,
        conversions,
        coins,
        streak,
        longest,
        day,
        freezes,
        zone,
        held,
        risk_score,
    ) in row[1] or ():
        states[user_id] = State(
            wallets[user_id].available(XP),
            coins,
            count,
            conversions,
            level,
            streak,
            longest,
            day and date.fromisoformat(day),
            freezes,
            zone,
            set(paid),
            set(badges),
            set(milestones),
            on_hold=held,
            risk_score=risk_score,
        )
        # a row may be there for the user's settings alone
        states[user_id].is_new = not (count or conversions or coins or badges or states[user_id].xp)
    for user_id in users:
        if user_id not in states:
            states[user_id] = State(xp=wallets[user_id].available(XP), freezes=book.freezes, is_new=True)
    found = Read(states)
    for user_id, key, count, last in row[2] or ():
        found.tallies[user_id, key] = count, datetime.fromisoformat(last)
    for first in row[3] or ():
        found.replays[first[3]] = first
    for user_id, key, day, count in row[4] or ():
        found.daily[user_id, key, day] = count
    for user_id, key, at in row[5] or ():
        found.near.setdefault((user_id, key), []).append(datetime.fromisoformat(at))
    for user_id, days in row[6] or ():
        found.days[user_id] = {date.fromisoformat(day) for day in days or ()}
    return book, found


class Plan:
    """What is decided and not yet written, for some users of one app whose wallets are locked."""

    def __init__(self, app: App, book: Book, wallets: ledger.Wallets, states: dict[str, State], now: datetime):
        self.app, self.book, self.wallets, self.states, self.now = app, book, wallets, states, now
        self.activities: list[dict] = []
        self.tallies: dict[tuple[str, str], dict] = {}
        self.touched: dict[str, State] = {}
        self.grants: list[dict] = []
        self.boards: dict[tuple, dict] = {}
        self.told: list[dict] = []

    def touch(self, user_id: str) -> None:
        """Notes that the user stands elsewhere now."""
        self.touched[user_id] = state = self.states[user_id]
        state.is_new = False

    def zone_of(self, user_id: str) -> ZoneInfo:
        """The zone of the user's days: the user's own, or the app's."""
        own = self.states[user_id].timezone
        return ZoneInfo(own) if own else self.book.zone

    def earn(
        self, user_id: str, *, cause: str, cause_type: str, at: datetime, xp: int = 0, coins: int = 0, tokens: int = 0
    ) -> None:
        """Plans the credits of one gain."""
        for asset, amount in ((XP, xp), (COIN, coins), (TOKEN, tokens)):
            if amount:
                self.wallets.move(
                    user_id,
                    ledger.EARN,
                    asset,
                    amount,
                    cause=cause,
                    cause_type=cause_type,
                    occurred_at=at,
                    rule_version=self.book.version,
                    expires_at=self.book.expires_at(asset, at) if self.book.expiries else None,
                )

    def give(
        self, user_id: str, given: list[Given], *, cause: str, cause_type: str, at: datetime, reason: str = ""
    ) -> None:
        """Plans levels, badges and milestones, with what each gives."""
        for what in given:
            self.grants.append(
                {
                    "user_id": user_id,
                    "kind": what.kind,
                    "key": what.key,
                    "xp": what.xp,
                    "coins": what.coins,
                    "tokens": what.tokens,
                    "cause": cause,
                    "cause_type": cause_type,
                    "reason": reason,
                    "rule_version": self.book.version,
                    "wallet_seq": self.wallets[user_id].seq,
                    "granted_at": at,
                }
            )
            self.earn(
                user_id, cause=cause, cause_type=what.kind, at=at, xp=what.xp, coins=what.coins, tokens=what.tokens
            )

    def score(self, user_id: str, at: datetime, *, xp: int = 0, coins: int = 0, referrals: int = 0) -> None:
        """Plans a change of the user's scores on the boards."""
        if not (xp or coins or referrals):
            return
        day = at.astimezone(self.book.zone).date().isoformat()
        # merged only with what moves the same scores: each keeps the moment at which it was reached
        place = user_id, day, bool(xp), bool(coins), bool(referrals)
        kept = self.boards.get(place)
        if kept is None:
            self.boards[place] = {
                "user_id": user_id,
                "day": day,
                "at": at,
                "xp": xp,
                "coins": coins,
                "referrals": referrals,
            }
        else:
            kept["at"] = max(kept["at"], at)
            kept["xp"] += xp
            kept["coins"] += coins
            kept["referrals"] += referrals

    def tell(self, type: str, user_id: str, data: dict, *, subject: tuple[str, str], actor: str) -> None:
        """Plans an event for the feed and the webhooks."""
        self.told.append(events.event(self.app, type, data, subject=subject, actor=actor, occurred_at=self.now))

    def balances(self, user_id: str) -> dict:
        """What the user has, as planned so far."""
        wallet = self.wallets[user_id]
        return {"xp": wallet.available(XP), "coins": wallet.available(COIN), "tokens": wallet.available(TOKEN)}

    def parameters(self) -> dict:
        """Everything planned, as the parameters of ``WRITE``."""
        standings = [
            {
                "user_id": user_id,
                "level": state.level,
                "paid_levels": sorted(state.paid_levels),
                "badges": sorted(state.badges),
                "milestones": sorted(state.milestones),
                "events": state.events,
                "conversions": state.conversions,
                "coins_earned": state.coins_earned,
                "streak": state.streak,
                "longest_streak": state.longest_streak,
                "streak_day": state.streak_day and state.streak_day.isoformat(),
                "freezes": state.freezes,
                "timezone": state.timezone,
            }
            for user_id, state in self.touched.items()
        ]
        return {
            "app_id": self.app.pk,
            "activities": sql.as_rows(self.activities),
            "tallies": sql.as_rows(list(self.tallies.values())),
            "standings": sql.as_rows(standings),
            "grants": sql.as_rows(self.grants),
            "boards": sql.as_rows(list(self.boards.values())),
            **self.wallets.parameters(),
            **events.as_rows(self.told),
        }

    def write(self) -> None:
        """Writes everything in one statement. Raises ``Overtaken`` where a key was taken meanwhile through another wallet."""
        (made,) = sql.row(f"WITH {WRITE} SELECT count(*) FROM activity", self.parameters())
        if made != len(self.activities):
            raise Overtaken
        self.wallets.written()
        if self.told:
            events.nudge()
        if self.boards:
            boards.left(len(self.boards))
