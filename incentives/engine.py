"""The engine: records one to a thousand events of an app. Lock the wallets, read once, decide in plain Python, write once.

Single events, bulk, imports and the events that the referral programme fires all come through here.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from incenta import clock, events
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import BadRequest, DomainError, InvalidInput, NotFound, Overtaken
from incenta.ids import new_id
from incenta.money import COIN, TOKEN, XP

from . import book as rulebook
from . import ledger, progress
from .book import ActionRule, Book
from .progress import Given, State

FUTURE_TOLERANCE = timedelta(minutes=5)

_READ = """
SELECT
  (SELECT version FROM incentives_rulebook WHERE app_id = %(app_id)s),
  (SELECT json_agg(json_build_array(user_id, level, paid_levels, badges, milestones, events, conversions, coins_earned, streak,
      longest_streak, streak_day, freezes, timezone))
    FROM incentives_standing WHERE app_id = %(app_id)s AND user_id = ANY(%(users)s)),
  (SELECT json_agg(json_build_array(user_id, action_key, rewarded, last_at))
    FROM incentives_actiontally WHERE app_id = %(app_id)s AND user_id = ANY(%(users)s) AND action_key = ANY(%(actions)s)),
  (SELECT json_agg(json_build_array(id, user_id, action_key, idempotency_key, request_hash, xp, coins, tokens, not_awarded, retry_at, outcome))
    FROM incentives_activity WHERE app_id = %(app_id)s AND idempotency_key = ANY(%(keys)s)),
  (SELECT json_agg(json_build_array(user_id, action_key, day, n)) FROM (
    SELECT user_id, action_key, day, count(*) AS n FROM incentives_activity
    WHERE app_id = %(app_id)s AND user_id = ANY(%(users)s) AND action_key = ANY(%(daily)s) AND not_awarded IS NULL AND reversed_at IS NULL
      AND occurred_at BETWEEN %(from)s AND %(to)s
    GROUP BY user_id, action_key, day) d)
"""

WRITE = f"""
activity AS (
  INSERT INTO incentives_activity (id, app_id, user_id, action_key, idempotency_key, request_hash, cause, xp, coins, tokens,
    not_awarded, retry_at, outcome, metadata, rule_version, occurred_at, day)
  SELECT id, %(app_id)s, user_id, action_key, idempotency_key, request_hash, cause, xp, coins, tokens,
    not_awarded, retry_at, outcome, metadata, rule_version, occurred_at, day
  FROM json_to_recordset(%(activities)s::json) AS a(id text, user_id text, action_key text, idempotency_key text, request_hash text,
    cause text, xp bigint, coins bigint, tokens bigint, not_awarded text, retry_at timestamptz, outcome json, metadata jsonb,
    rule_version int, occurred_at timestamptz, day date)
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
  INSERT INTO incentives_grant (app_id, user_id, kind, key, xp, coins, tokens, cause, cause_type, reason, rule_version, granted_at)
  SELECT %(app_id)s, user_id, kind, key, xp, coins, tokens, cause, cause_type, reason, rule_version, granted_at
  FROM json_to_recordset(%(grants)s::json) AS g(user_id text, kind text, key text, xp bigint, coins bigint, tokens bigint,
    cause text, cause_type text, reason text, rule_version int, granted_at timestamptz)
),
board AS (
  INSERT INTO incentives_boarddelta (app_id, user_id, day, at, xp, coins, referrals)
  SELECT %(app_id)s, user_id, day, at, xp, coins, referrals
  FROM json_to_recordset(%(boards)s::json) AS b(user_id text, day date, at timestamptz, xp bigint, coins bigint, referrals bigint)
),
{ledger.WRITE},
{events.INSERT}"""


@dataclass(slots=True)
class Doing:
    """One event that is to be recorded. ``cause`` names the referral, click or conversion that fired it by itself."""

    user_id: str
    action_key: str
    idempotency_key: str | None = None
    occurred_at: datetime | None = None
    metadata: dict = field(default_factory=dict)
    cause: str | None = None

    def hash(self) -> str:
        """Of what makes two requests with one key the same request."""
        told = [self.user_id, self.action_key, clock.iso(self.occurred_at), self.metadata]
        return hashlib.blake2b(json.dumps(told, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()


class KeyReused(DomainError):
    """422: the business key was used for another event."""

    status = 422
    code = "idempotency_key_reused"


class Plan:
    """What is decided and not yet written, for some users of one app whose wallets are locked."""

    def __init__(self, app: App, book: Book, wallets: ledger.Wallets, states: dict[str, State], now: datetime):
        self.app, self.book, self.wallets, self.states, self.now = app, book, wallets, states, now
        self.activities: list[dict] = []
        self.tallies: dict[tuple[str, str], dict] = {}
        self.touched: dict[str, State] = {}
        self.grants: list[dict] = []
        self.boards: dict[tuple[str, str], dict] = {}
        self.told: list[dict] = []

    def earn(self, user_id: str, *, cause: str, cause_type: str, at: datetime, xp: int = 0, coins: int = 0, tokens: int = 0) -> None:
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

    def give(self, user_id: str, given: list[Given], *, cause: str, cause_type: str, at: datetime, reason: str = "") -> None:
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
                    "granted_at": at,
                }
            )
            self.earn(user_id, cause=cause, cause_type=what.kind, at=at, xp=what.xp, coins=what.coins, tokens=what.tokens)

    def score(self, user_id: str, at: datetime, *, xp: int = 0, coins: int = 0, referrals: int = 0) -> None:
        """Plans a change of the user's scores on the boards."""
        if not (xp or coins or referrals):
            return
        day = at.astimezone(self.book.zone).date().isoformat()
        kept = self.boards.get((user_id, day))
        if kept is None:
            self.boards[user_id, day] = {"user_id": user_id, "day": day, "at": at, "xp": xp, "coins": coins, "referrals": referrals}
        else:
            kept["at"] = max(kept["at"], at)
            kept["xp"] += xp
            kept["coins"] += coins
            kept["referrals"] += referrals

    def tell(self, type: str, user_id: str, data: dict, *, subject: tuple[str, str], actor: str) -> None:
        self.told.append(events.event(self.app, type, data, subject=subject, actor=actor, occurred_at=self.now))

    def balances(self, user_id: str) -> dict:
        wallet = self.wallets[user_id]
        return {"xp": wallet.available(XP), "coins": wallet.available(COIN), "tokens": wallet.available(TOKEN)}

    def parameters(self) -> dict:
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
        if self.told:
            events.nudge()


@dataclass(slots=True)
class Read:
    """What one read after the locks found."""

    states: dict[str, State]
    tallies: dict[tuple[str, str], tuple[int, datetime]]
    replays: dict[str, list]
    daily: dict[tuple[str, str, str], int]


def read(app: App, wallets: ledger.Wallets, users: list[str], *, actions: Sequence[str] = (), keys: Sequence[str] = (), moments: Sequence[datetime] = ()) -> tuple[Book, Read]:
    """The rulebook as it stands, and where these users stand, in one statement (the rules are read anew where they have changed)."""
    book = rulebook.kept(app)
    daily = [key for key in actions if (rule := book.actions.get(key)) and rule.max_per_day]
    now = wallets.now
    asked = {
        "app_id": app.pk,
        "users": users,
        "actions": list(actions),
        "keys": list(keys),
        "daily": daily,
        # a day of the user's zone begins and ends at most 14 hours from the same day of any other
        "from": min(moments, default=now) - timedelta(days=2),
        "to": max(moments, default=now) + timedelta(days=2),
    }
    found = sql.row(_READ, asked)
    if (found[0] or 0) != book.version:
        book = rulebook.fresh(app)
        if {key for key in actions if (rule := book.actions.get(key)) and rule.max_per_day} - set(daily):
            return read(app, wallets, users, actions=actions, keys=keys, moments=moments)
    states = {}
    for user_id, level, paid, badges, milestones, count, conversions, coins, streak, longest, day, freezes, zone in found[1] or ():
        states[user_id] = State(
            wallets[user_id].available(XP) + wallets[user_id].held(XP),
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
        )
    for user_id in users:
        if user_id not in states:
            states[user_id] = State(xp=wallets[user_id].available(XP), freezes=book.freezes, is_new=True)
            states[user_id].level = book.level_of(states[user_id].xp)
    tallies = {(user_id, key): (count, datetime.fromisoformat(last)) for user_id, key, count, last in found[2] or ()}
    replays = {row[3]: row for row in found[3] or ()}
    per_day = {(user_id, key, day): count for user_id, key, day, count in found[4] or ()}
    return book, Read(states, tallies, replays, per_day)


def record(app: App, doings: Sequence[Doing], *, actor: str = "", alone: bool = False) -> list[dict | DomainError]:
    """Records events in the order given; answers, for each, the public face or the refusal that it alone met.

    ``alone``: the refusal of a single event is raised. Five statements for any number of events, with BEGIN and COMMIT, where all
    wallets exist. Raises ``Overtaken``.
    """
    with sql.transaction_joined():
        users = list(dict.fromkeys(doing.user_id for doing in doings))
        wallets = ledger.lock(app, users)
        now = wallets.now
        keys = [doing.idempotency_key for doing in doings if doing.idempotency_key]
        book, found = read(
            app,
            wallets,
            users,
            actions=list({doing.action_key for doing in doings}),
            keys=keys,
            moments=[doing.occurred_at or now for doing in doings],
        )
        plan = Plan(app, book, wallets, found.states, now)
        answers: list[dict | DomainError] = []
        for doing in doings:
            try:
                answers.append(_decide(plan, found, doing, actor))
            except DomainError as refusal:
                if alone:
                    raise
                answers.append(refusal)
        if plan.activities:
            plan.write()
        return answers


def _decide(plan: Plan, found: Read, doing: Doing, actor: str) -> dict:
    book, now = plan.book, plan.now
    digest = doing.hash()
    if doing.idempotency_key and (first := found.replays.get(doing.idempotency_key)):
        return replay(first, digest)
    rule = book.actions.get(doing.action_key)
    if rule is None:
        raise NotFound("action_not_found", f"There is no action {doing.action_key}.")
    if not rule.active:
        raise BadRequest("action_inactive", f"The action {doing.action_key} is switched off.")
    at = doing.occurred_at or now
    if at > now + FUTURE_TOLERANCE:
        raise InvalidInput({"occurredAt": ["Must not lie more than five minutes in the future."]})

    user_id, state = doing.user_id, found.states[doing.user_id]
    day = at.astimezone(ZoneInfo(state.timezone) if state.timezone else book.zone).date()
    before = state.measures()
    count, last_at = found.tallies.get((user_id, rule.key), (0, None))
    state.counts[rule.key] = count
    refused, retry_at = _refusal(plan, found, rule, user_id, count, last_at, at, day)

    state.events += 1
    if progress.extend_streak(book, state, day):
        _late_day(plan, state, user_id, day)
    activity_id = new_id("evt")
    xp, coins, tokens = (0, 0, 0) if refused else (rule.xp, rule.coins, rule.tokens)
    if not refused:
        last = max(at, last_at) if last_at else at
        found.tallies[user_id, rule.key] = (count + 1, last)
        plan.tallies[user_id, rule.key] = {"user_id": user_id, "action_key": rule.key, "rewarded": count + 1, "last_at": last}
        found.daily[user_id, rule.key, day.isoformat()] = found.daily.get((user_id, rule.key, day.isoformat()), 0) + 1
        state.counts[rule.key] = count + 1
        state.xp += xp
        state.coins_earned += coins
        plan.earn(user_id, cause=activity_id, cause_type="event", at=at, xp=xp, coins=coins, tokens=tokens)
    given = progress.advance(book, before, state, action_key=rule.key, count_before=count)
    plan.give(user_id, given, cause=activity_id, cause_type="event", at=at)
    plan.touched[user_id] = state
    plan.score(user_id, at, xp=state.xp - before[0], coins=state.coins_earned - before[1])

    outcome = {
        "balances": plan.balances(user_id),
        "bonus": {name: sum(getattr(what, name) for what in given) for name in ("xp", "coins", "tokens")},
        "level": state.level,
        "leveledUp": state.level > before[4],
        "levelsReached": [int(what.key) for what in given if what.kind == "level"],
        "badgesEarned": [what.key for what in given if what.kind == "badge"],
        "milestonesReached": [what.key for what in given if what.kind == "milestone"],
        "streak": state.streak,
    }
    row = {
        "id": activity_id,
        "user_id": user_id,
        "action_key": rule.key,
        "idempotency_key": doing.idempotency_key,
        "request_hash": digest,
        "cause": doing.cause,
        "xp": xp,
        "coins": coins,
        "tokens": tokens,
        "not_awarded": refused,
        "retry_at": retry_at,
        "outcome": outcome,
        "metadata": doing.metadata,
        "rule_version": book.version,
        "occurred_at": at,
        "day": day.isoformat(),
    }
    plan.activities.append(row)
    if doing.idempotency_key:
        found.replays[doing.idempotency_key] = [
            activity_id, user_id, rule.key, doing.idempotency_key, digest, xp, coins, tokens, refused, clock.iso(retry_at), outcome,
        ]  # fmt: skip
    answer = face(activity_id, user_id, rule.key, xp, coins, tokens, refused, retry_at, outcome)
    tell_recorded(plan, answer, at, actor)
    return answer


def _refusal(plan: Plan, found: Read, rule: ActionRule, user_id: str, count: int, last_at, at: datetime, day: date) -> tuple[str | None, datetime | None]:
    """Why the event is not rewarded and when the next one may be; (None, None) where it is."""
    if rule.max_repeats is not None and count >= rule.max_repeats:
        return "max_repeats", None
    if rule.cooldown and last_at is not None:
        if at >= last_at:
            if at - last_at < rule.cooldown:
                return "cooldown", last_at + rule.cooldown
        elif near := _awarded_near(plan, rule, user_id, at):
            return "cooldown", near + rule.cooldown
    if rule.max_per_day is not None and found.daily.get((user_id, rule.key, day.isoformat()), 0) >= rule.max_per_day:
        zone = ZoneInfo(found.states[user_id].timezone) if found.states[user_id].timezone else plan.book.zone
        return "max_per_day", rulebook._start_of(day + timedelta(days=1), zone)
    return None, None


def _awarded_near(plan: Plan, rule: ActionRule, user_id: str, at: datetime) -> datetime | None:
    """For an event that comes late: the latest rewarded one within a cooldown of it, written or planned."""
    planned = [
        row["occurred_at"]
        for row in plan.activities
        if row["user_id"] == user_id and row["action_key"] == rule.key and row["not_awarded"] is None and abs(row["occurred_at"] - at) < rule.cooldown
    ]
    (written,) = sql.row(
        """SELECT max(occurred_at) FROM incentives_activity WHERE app_id = %(app_id)s AND user_id = %(user_id)s AND action_key = %(key)s
        AND not_awarded IS NULL AND reversed_at IS NULL AND occurred_at > %(from)s AND occurred_at < %(to)s""",
        {"app_id": plan.app.pk, "user_id": user_id, "key": rule.key, "from": at - rule.cooldown, "to": at + rule.cooldown},
    )
    return max([*planned, *([written] if written else [])], default=None)


def _late_day(plan: Plan, state: State, user_id: str, day: date) -> None:
    """A day before the streak's last one: it may join what was broken, so the days themselves are read."""
    days = {
        row[0]
        for row in sql.rows(
            """SELECT DISTINCT day FROM incentives_activity WHERE app_id = %(app_id)s AND user_id = %(user_id)s AND day <= %(last)s
            AND day >= %(last)s - 400""",
            {"app_id": plan.app.pk, "user_id": user_id, "last": state.streak_day},
        )
    }
    days |= {day, state.streak_day} | {date.fromisoformat(row["day"]) for row in plan.activities if row["user_id"] == user_id}
    state.streak = max(state.streak, progress.streak_ending(sorted(days)))
    state.longest_streak = max(state.longest_streak, state.streak)


def face(id: str, user_id: str, action_key: str, xp: int, coins: int, tokens: int, refused: str | None, retry_at, outcome: dict, *, replayed: bool = False) -> dict:
    """The answer of ``POST /v1/incentives/events``."""
    return {
        "eventId": id,
        "userId": user_id,
        "actionKey": action_key,
        "awarded": {"xp": xp, "coins": coins, "tokens": tokens},
        **outcome,
        "notAwarded": {"code": refused, "retryAt": retry_at if isinstance(retry_at, str) else clock.iso(retry_at)} if refused else None,
        "idempotentReplay": replayed,
    }


def replay(first: list, digest: str) -> dict:
    """The first answer again. Raises ``KeyReused`` naming the first event where the request is another."""
    id, user_id, action_key, key, first_digest, xp, coins, tokens, refused, retry_at, outcome = first
    if digest != first_digest:
        raise KeyReused(message="This idempotencyKey was used for another event.", details={"eventId": id})
    if isinstance(retry_at, str):
        retry_at = datetime.fromisoformat(retry_at)
    return face(id, user_id, action_key, xp, coins, tokens, refused, retry_at, outcome, replayed=True)


def tell_recorded(plan: Plan, answer: dict, at: datetime, actor: str) -> None:
    """The events that webhooks carry: the event itself, and each thing it reached."""
    user_id, event_id = answer["userId"], answer["eventId"]
    subject = ("event", event_id)
    common = {"eventId": event_id, "userId": user_id, "actionKey": answer["actionKey"]}
    data = common | {name: answer[name] for name in ("awarded", "bonus", "balances", "level", "notAwarded", "streak")} | {"occurredAt": clock.iso(at)}
    plan.tell("INCENTIVE_EVENT_RECORDED", user_id, data, subject=subject, actor=actor)
    tell_reached(plan, user_id, answer, common, subject, actor)


def tell_reached(plan: Plan, user_id: str, reached: dict, common: dict, subject: tuple[str, str], actor: str) -> None:
    for level in reached["levelsReached"]:
        plan.tell("INCENTIVE_LEVEL_UP", user_id, common | {"level": level, "balances": reached["balances"]}, subject=subject, actor=actor)
    for key in reached["badgesEarned"]:
        plan.tell("INCENTIVE_BADGE_EARNED", user_id, common | {"badgeKey": key, "balances": reached["balances"]}, subject=subject, actor=actor)
    for key in reached["milestonesReached"]:
        plan.tell("INCENTIVE_MILESTONE_REACHED", user_id, common | {"milestoneKey": key, "balances": reached["balances"]}, subject=subject, actor=actor)
