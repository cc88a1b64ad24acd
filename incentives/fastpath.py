"""The single event in one statement, where nothing special happens to its user; else by the engine, in the same transaction.

Nothing special: the wallet and the standing are there, the user is not on hold, the key is unused, the event is rewarded, no
level, badge or milestone is reached, no freeze is used or given, nothing expires, and the rules are those that this process has
kept. Whatever the statement cannot see for certain is special. It then writes nothing, and the engine, which knows everything,
decides.

What it writes is, row by row, what the engine would have written (``tests/incentives/test_fastpath.py`` compares them).

**Why it may lock and write in one statement.** A statement sees the rows of its beginning, though it may have to wait for the
wallet while others change them. A row that it locks itself is read again as it then is; every other row is as old as the
statement. So the wallet comes first, each of the rows that only the wallet's holder may change is locked on its own, never by a
join, and nothing is decided by a row that is merely read: not by the old tally, the old standing or the old key. What was not
yet there at the beginning cannot be locked: a new tally shows itself as a conflict that changes nothing, and a key that was taken
meanwhile as an activity that is not made, after which everything is undone and tried again (``Overtaken``).
"""

import json
from dataclasses import dataclass
from datetime import timedelta

from incenta import clock, events
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import Overtaken
from incenta.ids import new_id
from incenta.money import COIN, TOKEN, XP

from . import boards, engine
from . import book as rulebook
from .book import ActionRule, Book
from .engine import Doing

WITHOUT_END = str(2**31 - 1)
"""What nobody's repeats or streak come to."""
WITHOUT_COOLDOWN = timedelta(days=-36_500)
"""Added and not taken away: whatever the order in which two events come through the door."""

_RECORD = """
WITH wallet AS (
  SELECT id, user_id, seq, xp, coins, tokens, xp_held, coins_held, tokens_held FROM incentives_wallet
  WHERE app_id = %(app_id)s AND user_id = %(user_id)s
    -- whoever repeats himself is answered by the engine, and need not wait for the lock here
    AND NOT EXISTS (SELECT FROM incentives_activity WHERE app_id = %(app_id)s AND idempotency_key = %(key)s)
    AND coalesce((SELECT version FROM incentives_rulebook WHERE app_id = %(app_id)s), 0) = %(version)s::int
  FOR UPDATE
),
-- the sub-selects make these two wait until the wallet is locked: the engine takes the rows in this order too
standing AS (
  SELECT level, events, coins_earned, streak, longest_streak, streak_day, freezes FROM incentives_standing
  WHERE app_id = %(app_id)s AND user_id = (SELECT user_id FROM wallet) AND timezone = '' AND NOT on_hold
  FOR UPDATE
),
tally AS (
  SELECT rewarded, last_at FROM incentives_actiontally
  WHERE app_id = %(app_id)s AND user_id = (SELECT user_id FROM wallet) AND action_key = %(action)s
  FOR UPDATE
),
plain AS MATERIALIZED (
  SELECT w.id AS wallet_id, w.user_id, w.seq, w.xp_held, w.coins_held, w.tokens_held,
    w.xp + %(xp)s::bigint AS xp, w.coins + %(coins)s::bigint AS coins, w.tokens + %(tokens)s::bigint AS tokens,
    s.level, s.events + 1 AS events, s.coins_earned + %(coins)s::bigint AS coins_earned, d.streak,
    CASE WHEN %(counts_day)s THEN greatest(s.longest_streak, d.streak) ELSE s.longest_streak END AS longest_streak,
    CASE WHEN %(counts_day)s THEN %(day)s ELSE s.streak_day END AS streak_day,
    coalesce(t.rewarded, 0) + 1 AS rewarded, greatest(t.last_at, %(at)s) AS last_at
  FROM wallet w CROSS JOIN standing s LEFT JOIN tally t ON true
  CROSS JOIN LATERAL (SELECT CASE
    WHEN NOT %(counts_day)s OR s.streak_day = %(day)s THEN s.streak
    WHEN s.streak_day = %(day)s - 1 THEN s.streak + 1
    WHEN s.streak_day IS NULL OR s.streak_day < %(day)s AND s.freezes = 0 THEN 1
  END AS streak) d
  WHERE least(w.xp, w.coins, w.tokens) >= 0 AND greatest(w.xp, w.coins, w.tokens, s.coins_earned) < 2::numeric ^ 62
    -- it is rewarded
    AND coalesce(t.rewarded < %(most)s::bigint AND t.last_at <= %(at)s - %(cooldown)s::interval, t.rewarded IS NULL)
    -- and reaches nothing
    AND s.level = (%(levels)s::int[])[1 + width_bucket(w.xp + %(xp)s::bigint, %(level_marks)s::bigint[])]
    AND NOT EXISTS (SELECT FROM unnest(%(xp_marks)s::bigint[]) mark WHERE mark > w.xp AND mark <= w.xp + %(xp)s::bigint)
    AND NOT EXISTS (SELECT FROM unnest(%(coin_marks)s::bigint[]) mark
      WHERE mark > s.coins_earned AND mark <= s.coins_earned + %(coins)s::bigint)
    AND s.events + 1 <> ALL(%(event_marks)s::bigint[])
    AND coalesce(t.rewarded, 0) + 1 <> ALL(%(count_marks)s::bigint[])
    AND (d.streak = s.streak AND (s.streak_day = %(day)s OR NOT %(counts_day)s)
      OR d.streak <> ALL(%(streak_marks)s::bigint[]) AND d.streak %% %(freeze_every)s::int <> 0)
),
counted AS (
  INSERT INTO incentives_actiontally AS t (app_id, user_id, action_key, rewarded, last_at)
  SELECT %(app_id)s, user_id, %(action)s, rewarded, last_at FROM plain
  ON CONFLICT (app_id, user_id, action_key) DO UPDATE SET rewarded = excluded.rewarded, last_at = excluded.last_at
  WHERE t.rewarded = excluded.rewarded - 1
  RETURNING rewarded
),
-- from here on nothing can be left out any more
decided AS MATERIALIZED (
  SELECT p.*, '{"xp":' || xp || ',"coins":' || coins || ',"tokens":' || tokens || '}' AS balances
  FROM plain p CROSS JOIN counted
),
activity AS (
  INSERT INTO incentives_activity (id, app_id, user_id, action_key, idempotency_key, request_hash, cause, xp, coins, tokens,
    not_awarded, retry_at, outcome, metadata, rule_version, wallet_seq, occurred_at, day)
  SELECT %(activity_id)s, %(app_id)s, user_id, %(action)s, %(key)s, %(hash)s, NULL,
    %(xp)s::bigint, %(coins)s::bigint, %(tokens)s::bigint, NULL, NULL,
    ('{"balances":' || balances || ',"bonus":{"xp":0,"coins":0,"tokens":0},"level":' || level
      || ',"leveledUp":false,"levelsReached":[],"badgesEarned":[],"milestonesReached":[],"streak":' || streak || '}')::json,
    %(metadata)s::jsonb, %(version)s::int, seq, %(at)s, %(day)s
  FROM decided
  ON CONFLICT DO NOTHING RETURNING id
),
transfers AS (
  INSERT INTO incentives_transfer (id, app_id, wallet_id, seq, asset, kind, source, target, amount, available_after, held_after,
    cause, cause_type, rule_version, occurred_at, recorded_at)
  SELECT m.id, %(app_id)s, wallet_id, seq + m.place, m.asset, 'EARN', 'ISSUER', 'AVAILABLE', m.amount,
    CASE m.asset WHEN 'XP' THEN xp WHEN 'COIN' THEN coins ELSE tokens END,
    CASE m.asset WHEN 'XP' THEN xp_held WHEN 'COIN' THEN coins_held ELSE tokens_held END,
    %(activity_id)s, 'event', %(version)s::int, %(at)s,
    -- after the lock, so that the moments of a wallet's transfers rise with their numbers however long this one has waited
    CASE WHEN %(is_frozen)s THEN %(now)s ELSE greatest(%(now)s, clock_timestamp()) END
  FROM decided
  CROSS JOIN unnest(%(transfer_ids)s::text[], %(assets)s::text[], %(amounts)s::bigint[]) WITH ORDINALITY AS m (id, asset, amount, place)
),
balance AS (
  UPDATE incentives_wallet AS w SET seq = d.seq + cardinality(%(assets)s::text[]), may_owe = %(may_owe)s,
    xp = d.xp, coins = d.coins, tokens = d.tokens
  FROM decided d WHERE w.id = d.wallet_id
),
stands AS (
  UPDATE incentives_standing AS s SET events = d.events, coins_earned = d.coins_earned, streak = d.streak,
    longest_streak = d.longest_streak, streak_day = d.streak_day
  FROM decided d WHERE s.app_id = %(app_id)s AND s.user_id = d.user_id
),
board AS (
  INSERT INTO incentives_boarddelta (app_id, user_id, day, at, xp, coins, referrals)
  SELECT %(app_id)s, user_id, %(day)s, %(at)s, %(xp)s::bigint, %(coins)s::bigint, 0 FROM decided
  WHERE %(xp)s::bigint + %(coins)s::bigint > 0
),
event AS (
  INSERT INTO events_event (id, app_id, type, subject_type, subject_id, actor, data, occurred_at)
  SELECT %(event_id)s, %(app_id)s, 'INCENTIVE_EVENT_RECORDED', 'event', %(activity_id)s, %(actor)s,
    (%(told)s::text || ',"balances":' || balances || ',"level":' || level || ',"notAwarded":null,"streak":' || streak
      || %(told_at)s::text)::json, %(now)s
  FROM decided
)
SELECT xp, coins, tokens, level, streak, (SELECT count(*) FROM activity) FROM decided
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an action's rule gives the statement, as its text: numbers of one width make one prepared statement of all of them."""

    rule: ActionRule
    counts_day: bool
    parameters: dict[str, object]
    awarded: str
    assets: int


def _array(values) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _prepare(book: Book, rule: ActionRule) -> Prepared | None:
    """``None`` where events of this action are always the engine's."""
    gains = [(asset, amount) for asset, amount in ((XP, rule.xp), (COIN, rule.coins), (TOKEN, rule.tokens)) if amount]
    if (
        not rule.active
        or rule.fires_itself
        or rule.max_per_day
        or rule.max_repeats == 0
        or any(asset in book.expiries for asset, _ in gains)
    ):
        return None
    badges, milestones = book.badges, book.milestones
    of_metric = {
        name: [each.at for each in milestones if each.metric == name] for name in ("xp", "coinsEarned", "events")
    }
    of_measure = {name: [each.at for each in badges if each.measure == name] for name in ("xp", "streakDays")}
    parameters = {
        "action": rule.key,
        "version": str(book.version),
        "xp": str(rule.xp),
        "coins": str(rule.coins),
        "tokens": str(rule.tokens),
        "most": str(rule.max_repeats or WITHOUT_END),
        "cooldown": rule.cooldown or WITHOUT_COOLDOWN,
        "levels": _array([0, *(level.level for level in book.levels)]),
        "level_marks": _array(level.threshold for level in book.levels),
        "xp_marks": _array([*(level.threshold for level in book.levels), *of_metric["xp"], *of_measure["xp"]]),
        "coin_marks": _array(of_metric["coinsEarned"]),
        "event_marks": _array(of_metric["events"]),
        "count_marks": _array(
            badge.at for badge in badges if badge.measure == "action" and badge.action_key == rule.key
        ),
        "streak_marks": _array(of_measure["streakDays"]),
        "freeze_every": str(book.freeze_every or WITHOUT_END),
        "counts_day": rule.key not in book.passive,
        "assets": _array(asset for asset, _ in gains),
        "amounts": _array(amount for _, amount in gains),
    }
    return Prepared(
        rule,
        rule.key not in book.passive,
        parameters,
        f'{{"xp":{rule.xp},"coins":{rule.coins},"tokens":{rule.tokens}}}',
        len(gains),
    )


_prepared: dict[str, tuple[Book, dict[str, Prepared | None]]] = {}
"""App → the book as it was kept, and its actions."""


def _of(app: App, action_key: str) -> tuple[Book, Prepared | None]:
    book = rulebook.kept(app)
    known = _prepared.get(app.pk)
    if known is None or known[0] is not book:
        if len(_prepared) >= 1_000:
            _prepared.clear()
        known = _prepared[app.pk] = book, {}
    actions = known[1]
    if action_key not in actions:
        rule = book.actions.get(action_key)
        if rule is None:
            return book, None  # anybody may name an action that there is not
        actions[action_key] = _prepare(book, rule)
    return book, actions[action_key]


def record(app: App, doing: Doing, *, actor: str = "") -> dict:
    """Records one event: ``engine.record`` of it alone, mostly in one statement. Raises what the engine raises, and ``Overtaken``."""
    with sql.transaction_joined():
        answer = _at_once(app, doing, actor)
        if answer is None:
            (answer,) = engine.record(app, [doing], actor=actor, alone=True)
        return answer


def _at_once(app: App, doing: Doing, actor: str) -> dict | None:
    if doing.cause is not None:
        return None
    book, prepared = _of(app, doing.action_key)
    if prepared is None:
        return None
    now = clock.now(app)
    at = doing.occurred_at or now
    if doing.occurred_at is not None and engine.refuse_moment(at, now):
        return None
    rule = prepared.rule
    activity_id = new_id("evt")
    common = f'{{"eventId":"{activity_id}","userId":{_text(doing.user_id)},"actionKey":{_text(rule.key)},"awarded":{prepared.awarded}'
    row = sql.row(
        _RECORD,
        prepared.parameters
        | {
            "app_id": app.pk,
            "user_id": doing.user_id,
            "key": doing.idempotency_key,
            "hash": doing.hash() if doing.idempotency_key else "",
            "metadata": _text(doing.metadata) if doing.metadata else "{}",
            "activity_id": activity_id,
            "event_id": new_id("msg"),
            "transfer_ids": _array(new_id("trf") for _ in range(prepared.assets)),
            "may_owe": app.allows_negative_points,
            "now": now,
            "is_frozen": app.clock_frozen_at is not None,
            "at": at,
            "day": at.astimezone(book.zone).date(),
            "actor": actor or "system",
            "told": common + ',"bonus":{"xp":0,"coins":0,"tokens":0}',
            "told_at": f',"occurredAt":"{clock.iso(at)}"}}',
        },
    )
    if row is None:
        return None
    xp, coins, tokens, level, streak, made = row
    if not made:
        raise Overtaken
    events.nudge()
    if rule.xp or rule.coins:
        boards.left(1)
    outcome = {
        "balances": {"xp": xp, "coins": coins, "tokens": tokens},
        "bonus": {"xp": 0, "coins": 0, "tokens": 0},
        **engine.reached([], level, level),
        "streak": streak,
    }
    return engine.face(activity_id, doing.user_id, rule.key, rule.xp, rule.coins, rule.tokens, None, None, outcome)


_text = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
