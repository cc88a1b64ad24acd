"""Boards: who leads, and who stands where, live and exact, in every window.

A score is what is folded plus what is pending. Ranks come from a histogram (blocks of sixty-four buckets, buckets of one score
each up to 4,096 and of a four-thousandth of an octave above), corrected by the few scores of the same bucket and by what is
pending: the same answer as counting everybody, without counting anybody.

Ties share a rank (1, 2, 2, 4). Among equals the earliest to reach the score is named first: the moment of a score is the latest
moment at which something happened that changed it, whatever the order in which it was told.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql

from .models.board import METRICS, Period

BEGINNING = date(1, 1, 1)
"""The first day of the window of all time."""
END = date(9999, 12, 31)
FOLDED_AT_ONCE = 20_000
USERS_A_BLOCK = 5_000
NEVER = "timestamptz '1970-01-01 00:00:00+00'"
"""When those reached a score who never had it change: before everybody."""


@dataclass(frozen=True, slots=True)
class Window:
    """A period and the days it covers, ``end`` excluded."""

    period: str
    start: date
    end: date

    @classmethod
    def of(cls, period: str, day: date) -> "Window":
        """The window of this period that holds ``day``. Weeks begin on Monday."""
        if period == Period.DAILY:
            return cls(period, day, day + timedelta(days=1))
        if period == Period.WEEKLY:
            start = day - timedelta(days=day.weekday())
            return cls(period, start, start + timedelta(days=7))
        if period == Period.MONTHLY:
            start = day.replace(day=1)
            return cls(period, start, (start + timedelta(days=32)).replace(day=1))
        return cls(Period.ALL, BEGINNING, END)

    @classmethod
    def present(cls, app: App, period: str) -> "Window":
        return cls.of(period, clock.now(app).astimezone(ZoneInfo(app.timezone)).date())

    def parameters(self, app: App) -> dict:
        return {"app_id": app.pk, "period": self.period, "start": self.start, "from": self.start, "to": self.end}


# --- reading --------------------------------------------------------------------------------------------------------
# Each answer is one statement: one snapshot, so that no fold and no event can come between its parts.
def _window(table: str) -> str:
    return f"{table}.app_id = %(app_id)s AND {table}.period = %(period)s AND {table}.start = %(start)s"


def _live(metric: str) -> str:
    """What is pending in the window, and where its users stand with it. Between two folds that is a second's worth of events.

    The laterals with their limit are look-ups by key whatever the planner believes of the number of deltas: it has seen the
    table full and empty, and must never think of reading all scores.
    """
    return f"""
pending AS MATERIALIZED (
  SELECT user_id, sum(xp)::bigint AS xp, sum(coins)::bigint AS coins, sum({metric})::bigint AS gain,
    coalesce(max(at) FILTER (WHERE {metric} <> 0), {NEVER}) AS at
  FROM incentives_boarddelta WHERE app_id = %(app_id)s AND day >= %(from)s AND day < %(to)s GROUP BY user_id
),
live AS MATERIALIZED (
  SELECT p.user_id, b.{metric} AS base, coalesce(b.{metric}, 0) + p.gain AS score, greatest(b.{metric}_at, p.at) AS at,
    coalesce(b.xp, 0) + p.xp AS xp, coalesce(b.coins, 0) + p.coins AS coins, coalesce(b.visible, s.visible, true) AS visible
  FROM pending p
  LEFT JOIN LATERAL (SELECT * FROM incentives_boardscore b WHERE {_window("b")} AND b.user_id = p.user_id LIMIT 1) b ON true
  LEFT JOIN LATERAL (SELECT s.visible FROM incentives_standing s
    WHERE s.app_id = %(app_id)s AND s.user_id = p.user_id AND b.user_id IS NULL LIMIT 1) s ON true
)"""


# Not an anti-join, for which the planner might sort the whole board: a look into a small hash while the index is walked.
_SETTLED = "b.visible AND b.user_id NOT IN (SELECT user_id FROM pending)"


def _listed(metric: str, score: str) -> str:
    """A board of referrals lists those who have any."""
    return f"{score} > 0" if metric == "referrals" else "true"


@cache
def _top(metric: str, reach: int) -> str:
    """``reach``: how many of the settled scores may be shown. Said in figures, as every limit here: of a limit that is a parameter
    PostgreSQL believes that it takes a tenth of the board, and then plans the statement anew each time, which takes longer
    than the answer."""
    return f"""
WITH {_live(metric)}
SELECT rank, user_id, xp, coins, score FROM (
  SELECT rank() OVER (ORDER BY score DESC) AS rank, user_id, xp, coins, score, at FROM (
    (SELECT b.user_id, b.xp, b.coins, b.{metric} AS score, b.{metric}_at AS at FROM incentives_boardscore b
      WHERE {_window("b")} AND {_listed(metric, f"b.{metric}")} AND {_SETTLED}
      ORDER BY b.{metric} DESC, b.{metric}_at, b.user_id LIMIT {reach})
    UNION ALL SELECT user_id, xp, coins, score, at FROM live WHERE visible AND {_listed(metric, "score")}
  ) everyone
) ranked ORDER BY score DESC, at, user_id OFFSET %(offset)s LIMIT %(limit)s
"""


@cache
def _place(metric: str, count: int) -> str:
    """The user's own line, then those above from far to near, then those below from near to far."""

    def settled(condition: str, order: str) -> str:
        return f"""(SELECT b.user_id, b.xp, b.coins, b.{metric} AS score, b.{metric}_at AS at FROM incentives_boardscore b
      WHERE {_window("b")} AND {_listed(metric, f"b.{metric}")} AND {_SETTLED} AND b.user_id <> me.user_id AND {condition}
      ORDER BY {order} LIMIT {count})"""

    # four walks, each along the index from the user's own place
    higher = f"b.{metric} > me.score", f"b.{metric}, b.{metric}_at DESC, b.user_id DESC"
    equal_before = (
        f"b.{metric} = me.score AND (b.{metric}_at, b.user_id) < (me.at, me.user_id)",
        f"b.{metric}_at DESC, b.user_id DESC",
    )
    equal_after = (
        f"b.{metric} = me.score AND (b.{metric}_at, b.user_id) > (me.at, me.user_id)",
        f"b.{metric}_at, b.user_id",
    )
    lower = f"b.{metric} < me.score", f"b.{metric} DESC, b.{metric}_at, b.user_id"
    others = f"""SELECT l.user_id, l.xp, l.coins, l.score, l.at FROM live l
      WHERE l.visible AND l.user_id <> me.user_id AND {_listed(metric, "l.score")}"""
    above = "(l.score > me.score OR l.score = me.score AND (l.at, l.user_id) < (me.at, me.user_id))"
    histogram = f"{_window('h')} AND h.metric = '{metric}'"
    if metric == "referrals":
        on_board = f"""
    (SELECT coalesce(sum(h.users), 0) FROM incentives_boardblock h WHERE {histogram} AND h.block >= 0)
    - (SELECT coalesce(sum(h.users), 0) FROM incentives_boardbucket h WHERE {histogram} AND h.bucket = 0)
    + (SELECT count(*) FILTER (WHERE l.score > 0) - count(*) FILTER (WHERE l.base > 0) FROM live l WHERE l.visible)"""
    else:
        on_board = f"""
    (SELECT coalesce(sum(h.users), 0) FROM incentives_boardblock h WHERE {histogram})
    + (SELECT count(*) FROM live l WHERE l.visible AND l.base IS NULL)"""
    return f"""
WITH {_live(metric)},
me AS MATERIALIZED (
  SELECT * FROM (
    SELECT user_id, xp, coins, score, at, visible FROM live WHERE user_id = %(user_id)s
    UNION ALL SELECT b.user_id, b.xp, b.coins, b.{metric}, b.{metric}_at, b.visible FROM incentives_boardscore b
      WHERE {_window("b")} AND b.user_id = %(user_id)s AND b.user_id NOT IN (SELECT user_id FROM pending)
  ) found WHERE visible AND {_listed(metric, "score")}
),
lines AS MATERIALIZED (
  SELECT 0 AS side, user_id, xp, coins, score, at FROM me
  UNION ALL SELECT -1, o.* FROM me CROSS JOIN LATERAL (
    SELECT * FROM ({settled(*higher)} UNION ALL {settled(*equal_before)} UNION ALL {others} AND {above}) o
    ORDER BY score, at DESC, user_id DESC LIMIT {count}) o
  UNION ALL SELECT 1, u.* FROM me CROSS JOIN LATERAL (
    SELECT * FROM ({settled(*equal_after)} UNION ALL {settled(*lower)} UNION ALL {others} AND NOT {above}) u
    ORDER BY score DESC, at, user_id LIMIT {count}) u
),
asked AS MATERIALIZED (SELECT DISTINCT score, incenta_board_bucket(score) AS bucket FROM lines),
blocks AS MATERIALIZED (
  SELECT a.block, (SELECT coalesce(sum(h.users), 0) FROM incentives_boardblock h WHERE {histogram} AND h.block > a.block) AS users
  FROM (SELECT DISTINCT bucket >> 6 AS block FROM asked) a
),
ranks AS MATERIALIZED (
  SELECT a.score, 1 + k.users
    + (SELECT coalesce(sum(h.users), 0) FROM incentives_boardbucket h
       WHERE {histogram} AND h.bucket > a.bucket AND h.bucket < (k.block + 1) << 6)
    + (SELECT count(*) FROM incentives_boardscore b
       WHERE {_window("b")} AND b.visible AND {_listed(metric, f"b.{metric}")}
         AND b.{metric} > a.score AND b.{metric} <= incenta_board_bucket_end(a.bucket)
         AND incenta_board_bucket(b.{metric}) = a.bucket)
    + (SELECT count(*) FILTER (WHERE l.score > a.score) - count(*) FILTER (WHERE l.base > a.score) FROM live l WHERE l.visible)
    AS rank
  FROM asked a JOIN blocks k ON k.block = a.bucket >> 6
)
SELECT side, rank, user_id, xp, coins, score, CASE WHEN side = 0 THEN ({on_board}) END
FROM lines JOIN ranks USING (score) ORDER BY side, score DESC, at, user_id
"""


def top(app: App, window: Window, metric: str = "xp", *, limit: int = 10, offset: int = 0) -> list[dict]:
    """The board from place ``offset``: ``[{rank, userId, xp, coins}]``, with ``referrals`` where the board is of them.

    ``xp`` and ``coins`` are what was earned in the window, less what was taken back; spending lowers neither.
    """
    asked = window.parameters(app) | {"limit": limit, "offset": offset}
    reach = 1 << (offset + limit).bit_length()  # few statements for all pages
    return [_line(metric, *row) for row in sql.rows(_top(metric, reach), asked)]


def _line(metric: str, rank: int, user_id: str, xp: int, coins: int, score: int) -> dict:
    return {"rank": int(rank), "userId": user_id, "xp": xp, "coins": coins} | (
        {"referrals": score} if metric == "referrals" else {}
    )


def place(app: App, window: Window, user_id: str, metric: str = "xp", *, neighbours: int = 2) -> dict | None:
    """``{rank, userId, xp, coins, of, above, below}``; ``None`` for a user who is on no board of this window, or hidden.

    ``above`` and ``below`` are the nearest lines of the board on either side, in its order.
    """
    asked = window.parameters(app) | {"user_id": user_id}
    answer: dict | None = None
    sides: dict[int, list[dict]] = {-1: [], 1: []}
    for side, *line, of in sql.rows(_place(metric, neighbours), asked):
        if side:
            sides[side].append(_line(metric, *line))
        else:
            answer = _line(metric, *line) | {"of": int(of)}
    return None if answer is None else answer | {"above": sides[-1], "below": sides[1]}


# --- folding --------------------------------------------------------------------------------------------------------
# Whoever changes folded scores reads them first: there is one at a time.
_ONE_FOLDER = "SELECT {}(hashtext('incentives.boards'))"


def _count(table: str, column: str) -> str:
    """Adds what ``moved`` says to a histogram."""
    bucket = "bucket >> 6" if column == "block" else "bucket"
    return f"""
  INSERT INTO {table} (app_id, period, start, metric, {column}, users)
  SELECT app_id, period, start, metric, {bucket}, sum(n) FROM moved GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0
  ON CONFLICT (app_id, period, start, metric, {column}) DO UPDATE SET users = {table}.users + excluded.users"""


_HISTOGRAMS = f"""
buckets AS ({_count("incentives_boardbucket", "bucket")}),
blocks AS ({_count("incentives_boardblock", "block")})"""

_TAKE = ", ".join(f"{m} = excluded.{m}, {m}_at = excluded.{m}_at" for m in METRICS)

_FOLD = f"""
WITH gone AS (
  DELETE FROM incentives_boarddelta WHERE id IN (SELECT id FROM incentives_boarddelta ORDER BY id LIMIT %(most)s) RETURNING *
),
gains AS (
  SELECT g.app_id, w.period, w.start, g.user_id,
    {", ".join(f"sum(g.{m})::bigint AS {m}, coalesce(max(g.at) FILTER (WHERE g.{m} <> 0), {NEVER}) AS {m}_at" for m in METRICS)}
  FROM gone g CROSS JOIN LATERAL (
    SELECT period, incenta_window_start(period, g.day) AS start FROM unnest(ARRAY['A', 'D', 'W', 'M']) AS period) w
  GROUP BY g.app_id, w.period, w.start, g.user_id
),
changed AS MATERIALIZED (
  SELECT n.app_id, n.period, n.start, n.user_id, coalesce(b.visible, s.visible, true) AS visible,
    {", ".join(f"b.{m} AS old_{m}, coalesce(b.{m}, 0) + n.{m} AS new_{m}, greatest(b.{m}_at, n.{m}_at) AS {m}_at" for m in METRICS)}
  FROM gains n
  LEFT JOIN LATERAL (SELECT * FROM incentives_boardscore b
    WHERE b.app_id = n.app_id AND b.period = n.period AND b.start = n.start AND b.user_id = n.user_id LIMIT 1) b ON true
  LEFT JOIN LATERAL (SELECT s.visible FROM incentives_standing s
    WHERE s.app_id = n.app_id AND s.user_id = n.user_id AND b.user_id IS NULL LIMIT 1) s ON true
),
scores AS (
  INSERT INTO incentives_boardscore (app_id, period, start, user_id, visible, {", ".join(f"{m}, {m}_at" for m in METRICS)})
  SELECT app_id, period, start, user_id, visible, {", ".join(f"new_{m}, {m}_at" for m in METRICS)} FROM changed
  ON CONFLICT (app_id, period, start, user_id) DO UPDATE SET {_TAKE}
),
moved AS MATERIALIZED (
  SELECT app_id, period, start, metric, incenta_board_bucket(score) AS bucket, n
  FROM changed CROSS JOIN LATERAL (VALUES {", ".join(f"('{m}', new_{m}, 1), ('{m}', old_{m}, -1)" for m in METRICS)}) v(metric, score, n)
  WHERE visible AND score IS NOT NULL
),{_HISTOGRAMS}
SELECT count(*) FROM gone
"""


def fold(most: int = FOLDED_AT_ONCE) -> int:
    """Folds pending deltas into scores and histograms in one statement, so that a reader sees each exactly once. Answers how many."""
    with sql.transaction_joined():
        if not sql.row(_ONE_FOLDER.format("pg_try_advisory_xact_lock"))[0]:
            return 0
        return sql.row(_FOLD, {"most": most})[0]


# The windows of an app are found by leaping along the key; all rows of a user are in them, one each.
_SHOW = f"""
WITH RECURSIVE windows AS (
  (SELECT period, start FROM incentives_boardscore WHERE app_id = %(app_id)s ORDER BY period, start LIMIT 1)
  UNION ALL SELECT n.period, n.start FROM windows w CROSS JOIN LATERAL (
    SELECT b.period, b.start FROM incentives_boardscore b WHERE b.app_id = %(app_id)s AND (b.period, b.start) > (w.period, w.start)
    ORDER BY b.period, b.start LIMIT 1) n
),
turned AS (
  UPDATE incentives_boardscore b SET visible = %(visible)s
  FROM windows w WHERE b.app_id = %(app_id)s AND b.period = w.period AND b.start = w.start AND b.user_id = %(user_id)s
    AND b.visible <> %(visible)s
  RETURNING b.app_id, b.period, b.start, {", ".join(f"b.{m}" for m in METRICS)}
),
moved AS MATERIALIZED (
  SELECT app_id, period, start, metric, incenta_board_bucket(score) AS bucket, CASE WHEN %(visible)s THEN 1 ELSE -1 END AS n
  FROM turned CROSS JOIN LATERAL (VALUES {", ".join(f"('{m}', {m})" for m in METRICS)}) v(metric, score)
),{_HISTOGRAMS}
SELECT count(*) FROM turned
"""


def show(app: App, user_id: str, visible: bool) -> None:
    """Puts a user on the boards, or takes him off all of them, past windows too. Runs in the caller's transaction, wallet locked.

    The caller writes ``Standing.visible``, which says it of windows that are yet to come.
    """
    sql.row(_ONE_FOLDER.format("pg_advisory_xact_lock"))
    sql.row(_SHOW, {"app_id": app.pk, "user_id": user_id, "visible": visible})


# --- the recount ----------------------------------------------------------------------------------------------------
_USERS = """
SELECT max(user_id), count(*) FROM (
  SELECT user_id FROM incentives_wallet WHERE app_id = %(app_id)s AND user_id > %(after)s ORDER BY user_id LIMIT %(block)s) u
"""

# Of the users after one and up to another, in one snapshot: what transfers and referrals say, against scores with their deltas.
# What a referral paid in coins was earned too. What takes back other things (a settlement) never counted and does not count now.
_RECOUNT = f"""
WITH RECURSIVE windows AS (
  (SELECT period, start FROM incentives_boardscore WHERE app_id = %(app_id)s ORDER BY period, start LIMIT 1)
  UNION ALL SELECT n.period, n.start FROM windows w CROSS JOIN LATERAL (
    SELECT b.period, b.start FROM incentives_boardscore b WHERE b.app_id = %(app_id)s AND (b.period, b.start) > (w.period, w.start)
    ORDER BY b.period, b.start LIMIT 1) n
),
moves AS (
  SELECT w.user_id, (t.occurred_at AT TIME ZONE %(zone)s)::date AS day, t.occurred_at AS at, 0 AS referrals,
    CASE WHEN t.asset <> 'XP' THEN 0 WHEN t.kind = 'REVERSE' THEN -t.amount ELSE t.amount END AS xp,
    CASE WHEN t.asset <> 'COIN' THEN 0 WHEN t.kind = 'REVERSE' THEN -t.amount ELSE t.amount END AS coins
  FROM incentives_wallet w JOIN incentives_transfer t ON t.wallet_id = w.id
  WHERE w.app_id = %(app_id)s AND w.user_id > %(after)s AND w.user_id <= %(last)s
    AND t.asset IN ('XP', 'COIN') AND t.kind IN ('EARN', 'POST', 'REVERSE')
    AND (t.reverses_id IS NULL OR EXISTS (SELECT FROM incentives_transfer o WHERE o.id = t.reverses_id AND o.kind IN ('EARN', 'POST')))
  UNION ALL SELECT c.user_id, c.day, c.at, n, 0, 0 FROM incentives_referralcount c
    CROSS JOIN LATERAL (SELECT 1 AS n UNION ALL SELECT -1 WHERE c.reversed_at IS NOT NULL) counted
    WHERE c.app_id = %(app_id)s AND c.user_id > %(after)s AND c.user_id <= %(last)s
),
truth AS (
  SELECT p.period, incenta_window_start(p.period, m.day) AS start, m.user_id,
    {", ".join(f"sum(m.{m})::bigint AS {m}, coalesce(max(m.at) FILTER (WHERE m.{m} <> 0), {NEVER}) AS {m}_at" for m in METRICS)}
  FROM moves m CROSS JOIN (SELECT unnest(ARRAY['A', 'D', 'W', 'M']) AS period) p GROUP BY 1, 2, 3
),
pending AS (
  SELECT p.period, incenta_window_start(p.period, d.day) AS start, d.user_id,
    {", ".join(f"sum(d.{m})::bigint AS {m}, coalesce(max(d.at) FILTER (WHERE d.{m} <> 0), {NEVER}) AS {m}_at" for m in METRICS)}
  FROM incentives_boarddelta d CROSS JOIN (SELECT unnest(ARRAY['A', 'D', 'W', 'M']) AS period) p
  WHERE d.app_id = %(app_id)s AND d.user_id > %(after)s AND d.user_id <= %(last)s GROUP BY 1, 2, 3
),
folded AS (
  SELECT b.* FROM windows w JOIN incentives_boardscore b ON b.app_id = %(app_id)s AND b.period = w.period AND b.start = w.start
    AND b.user_id > %(after)s AND b.user_id <= %(last)s
),
compared AS (
  SELECT period, start, user_id, f.visible AS was_visible,
    {", ".join(f"coalesce(t.{m}, 0) - coalesce(p.{m}, 0) AS {m}, coalesce(t.{m}_at, {NEVER}) AS {m}_at" for m in METRICS)},
    {", ".join(f"coalesce(t.{m}, 0) - coalesce(p.{m}, 0) <> coalesce(f.{m}, 0) AS {m}_drifts" for m in METRICS)},
    {", ".join(f"t.{m}_at <> greatest(f.{m}_at, p.{m}_at) AS {m}_at_drifts" for m in METRICS)}
  FROM truth t FULL JOIN pending p USING (period, start, user_id) FULL JOIN folded f USING (period, start, user_id)
),
differing AS MATERIALIZED (
  SELECT c.*, coalesce(s.visible, true) AS visible,
    ({" OR ".join(f"{m}_drifts" for m in METRICS)} OR was_visible <> coalesce(s.visible, true)) AS drifts
  FROM compared c LEFT JOIN incentives_standing s ON s.app_id = %(app_id)s AND s.user_id = c.user_id
  WHERE {" OR ".join(f"{m}_drifts OR {m}_at_drifts" for m in METRICS)} OR was_visible <> coalesce(s.visible, true)
),
mended AS (
  INSERT INTO incentives_boardscore (app_id, period, start, user_id, visible, {", ".join(f"{m}, {m}_at" for m in METRICS)})
  SELECT %(app_id)s, period, start, user_id, visible, {", ".join(f"{m}, {m}_at" for m in METRICS)} FROM differing
  ON CONFLICT (app_id, period, start, user_id) DO UPDATE SET visible = excluded.visible, {_TAKE}
)
SELECT count(*) FROM differing WHERE drifts
"""


def _counted(bucket: str) -> str:
    return " UNION ALL ".join(
        f"""SELECT period, start, '{m}' AS metric, {bucket.format(f"incenta_board_bucket({m})")} AS bucket, count(*) AS users
    FROM incentives_boardscore WHERE app_id = %(app_id)s AND visible GROUP BY 1, 2, 3, 4"""
        for m in METRICS
    )


def _recount_histogram(table: str, column: str, bucket: str) -> str:
    """Puts right a histogram's rows that differ from the scores; counts them."""
    return f"""
WITH compared AS (
  SELECT period, start, metric, bucket, coalesce(c.users, 0) AS users
  FROM ({_counted(bucket)}) c
  FULL JOIN (SELECT period, start, metric, {column} AS bucket, users FROM {table} WHERE app_id = %(app_id)s) h
    USING (period, start, metric, bucket)
  WHERE coalesce(c.users, 0) <> coalesce(h.users, 0)
),
mended AS (
  INSERT INTO {table} (app_id, period, start, metric, {column}, users)
  SELECT %(app_id)s, period, start, metric, bucket, users FROM compared
  ON CONFLICT (app_id, period, start, metric, {column}) DO UPDATE SET users = excluded.users
)
SELECT count(*) FROM compared
"""


_RECOUNT_BUCKETS = _recount_histogram("incentives_boardbucket", "bucket", "{}")
_RECOUNT_BLOCKS = _recount_histogram("incentives_boardblock", "block", "{} >> 6")
_SCORED = """
SELECT (SELECT count(*) FROM incentives_boardscore WHERE app_id = %(app_id)s AND period = 'A')
  + (SELECT count(DISTINCT d.user_id) FROM incentives_boarddelta d WHERE d.app_id = %(app_id)s AND NOT EXISTS (
    SELECT FROM incentives_boardscore b WHERE b.app_id = d.app_id AND b.period = 'A' AND b.user_id = d.user_id))
"""
LAST_USER = "\U0010ffff"
"""Sorts after every user id."""


def refresh(app: App) -> dict:
    """Recomputes every score from the ledger and the histograms from the scores, in one transaction, and mends what differed.

    Answers ``{"drift": rows that differed, "users": users with a score of all time, hidden ones too}``. Drift is 0 unless
    something is wrong.
    Goes by blocks of users, so that it takes as little memory for five million as for five.
    """
    asked = {"app_id": app.pk, "zone": app.timezone, "block": USERS_A_BLOCK}
    drift, after = 0, ""
    with sql.transaction_joined():
        sql.row(_ONE_FOLDER.format("pg_advisory_xact_lock"))
        while after != LAST_USER:
            last, found = sql.row(_USERS, asked | {"after": after})
            if found < USERS_A_BLOCK:
                last = LAST_USER
            drift += sql.row(_RECOUNT, asked | {"after": after, "last": last})[0]
            after = last
        crooked = sql.row(_RECOUNT_BUCKETS, asked)[0] + sql.row(_RECOUNT_BLOCKS, asked)[0]
        (users,) = sql.row(_SCORED, asked)
    # where scores were mended, the histograms follow: that is no drift of their own
    return {"drift": drift or crooked, "users": users}
