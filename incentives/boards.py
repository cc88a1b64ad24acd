"""Boards: who leads, and who stands where, live and exact, in every window.

A score is what is folded plus what is pending. Ranks come from a histogram of logarithmic buckets, corrected by the few rows
of the score's own bucket and by what is pending: the same answer as counting everybody, without counting anybody.
Ties share a rank (1, 2, 2, 4), and among equals the earliest to reach the score is named first.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import psycopg.sql
from django.db import connection

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql

from .models.board import METRICS, Period

BEGINNING = date(1, 1, 1)
"""The first day of the window of all time."""
END = date(9999, 12, 31)
FOLDED_AT_ONCE = 20_000
FORMER = "former member"


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


# What is pending in a window, and where its users stand with it. Between two folds that is a second's worth of events.
def _live(metric: str) -> str:
    return f"""
pending AS MATERIALIZED (
  SELECT user_id, sum(xp)::bigint AS xp, sum(coins)::bigint AS coins, sum({metric})::bigint AS gain, max(at) FILTER (WHERE {metric} <> 0) AS at
  FROM incentives_boarddelta WHERE app_id = %(app_id)s AND day >= %(from)s AND day < %(to)s GROUP BY user_id
),
live AS MATERIALIZED (
  SELECT p.user_id, b.{metric} AS base, coalesce(b.{metric}, 0) + p.gain AS score, coalesce(p.at, b.{metric}_at) AS at,
    coalesce(b.xp, 0) + p.xp AS xp, coalesce(b.coins, 0) + p.coins AS coins, coalesce(b.visible, s.visible, true) AS visible
  FROM pending p
  LEFT JOIN incentives_boardscore b ON b.app_id = %(app_id)s AND b.period = %(period)s AND b.start = %(start)s AND b.user_id = p.user_id
  LEFT JOIN incentives_standing s ON s.app_id = %(app_id)s AND s.user_id = p.user_id AND b.user_id IS NULL
)"""


_WINDOW = "b.app_id = %(app_id)s AND b.period = %(period)s AND b.start = %(start)s AND b.visible"
_SETTLED = "NOT EXISTS (SELECT FROM pending p WHERE p.user_id = b.user_id)"


def _only(metric: str) -> str:
    """A board of referrals lists those who have any."""
    return f" AND b.{metric} > 0" if metric == "referrals" else ""


_TOP = {
    metric: f"""
WITH {_live(metric)}
SELECT rank, user_id, xp, coins, score FROM (
  SELECT rank() OVER (ORDER BY score DESC) AS rank, user_id, xp, coins, score, at FROM (
    (SELECT b.user_id, b.xp, b.coins, b.{metric} AS score, b.{metric}_at AS at FROM incentives_boardscore b
      WHERE {_WINDOW}{_only(metric)} AND {_SETTLED} ORDER BY b.{metric} DESC, b.{metric}_at, b.user_id LIMIT %(reach)s)
    UNION ALL SELECT user_id, xp, coins, score, at FROM live WHERE visible{" AND score > 0" if metric == "referrals" else ""}
  ) everyone
) ranked ORDER BY score DESC, at, user_id OFFSET %(offset)s LIMIT %(limit)s
"""
    for metric in METRICS
}

_RANKS = {
    metric: f"""
WITH {_live(metric)}
SELECT asked.score,
  1 + (SELECT coalesce(sum(h.users), 0) FROM incentives_boardbucket h
       WHERE h.app_id = %(app_id)s AND h.period = %(period)s AND h.start = %(start)s AND h.metric = '{metric}'
         AND h.bucket > incenta_rank_bucket(asked.score))
    + (SELECT count(*) FROM incentives_boardscore b
       WHERE {_WINDOW} AND b.{metric} > asked.score
         AND b.{metric} <= CASE WHEN asked.score < 256 THEN asked.score
           ELSE ceil(256 * 2 ^ ((incenta_rank_bucket(asked.score) - 255) / 256.0::float8))::bigint + 2 END
         AND incenta_rank_bucket(b.{metric}) = incenta_rank_bucket(asked.score))
    + (SELECT count(*) FILTER (WHERE l.score > asked.score) - count(*) FILTER (WHERE l.base > asked.score) FROM live l WHERE l.visible)
FROM unnest(%(scores)s::bigint[]) AS asked(score)
"""
    for metric in METRICS
}

_MINE = {
    metric: f"""
WITH {_live(metric)}
SELECT coalesce(l.score, b.{metric}), coalesce(l.at, b.{metric}_at), coalesce(l.xp, b.xp), coalesce(l.coins, b.coins),
  coalesce(l.visible, b.visible, s.visible),
  (SELECT coalesce(sum(h.users), 0) FROM incentives_boardbucket h
    WHERE h.app_id = %(app_id)s AND h.period = %(period)s AND h.start = %(start)s AND h.metric = '{metric}')
   + (SELECT count(*) FROM live n WHERE n.visible AND n.base IS NULL)
FROM (SELECT %(user_id)s::text COLLATE "C" AS user_id) me
LEFT JOIN live l ON l.user_id = me.user_id
LEFT JOIN incentives_boardscore b ON b.app_id = %(app_id)s AND b.period = %(period)s AND b.start = %(start)s AND b.user_id = me.user_id
LEFT JOIN incentives_standing s ON s.app_id = %(app_id)s AND s.user_id = me.user_id
"""
    for metric in METRICS
}


def _near(metric: str) -> str:
    """The neighbours of a place (score, at): the nearest above, from far to near, then the nearest below."""

    def settled(condition: str, order: str) -> str:
        return f"""(SELECT b.user_id, b.xp, b.coins, b.{metric} AS score, b.{metric}_at AS at FROM incentives_boardscore b
      WHERE {_WINDOW}{_only(metric)} AND {_SETTLED} AND b.user_id <> %(user_id)s AND {condition} ORDER BY {order} LIMIT %(count)s)"""

    higher = f"b.{metric} > %(score)s", f"b.{metric}, b.{metric}_at DESC, b.user_id DESC"
    earlier = f"b.{metric} = %(score)s AND (b.{metric}_at, b.user_id) < (%(at)s, %(user_id)s)", f"b.{metric}_at DESC, b.user_id DESC"
    later = f"b.{metric} = %(score)s AND (b.{metric}_at, b.user_id) > (%(at)s, %(user_id)s)", f"b.{metric}_at, b.user_id"
    lower = f"b.{metric} < %(score)s", f"b.{metric} DESC, b.{metric}_at, b.user_id"
    others = f"SELECT user_id, xp, coins, score, at FROM live WHERE visible AND user_id <> %(user_id)s{' AND score > 0' if metric == 'referrals' else ''}"
    above = "(score > %(score)s OR score = %(score)s AND (at, user_id) < (%(at)s, %(user_id)s))"
    return f"""
WITH {_live(metric)},
over AS (SELECT * FROM ({settled(*higher)} UNION ALL {settled(*earlier)} UNION ALL {others} AND {above}) o
  ORDER BY score, at DESC, user_id DESC LIMIT %(count)s),
under AS (SELECT * FROM ({settled(*later)} UNION ALL {settled(*lower)} UNION ALL {others} AND NOT {above}) u
  ORDER BY score DESC, at, user_id LIMIT %(count)s)
SELECT true, user_id, xp, coins, score, at FROM over UNION ALL SELECT false, user_id, xp, coins, score, at FROM under
ORDER BY 1 DESC, score DESC, at, user_id
"""


_NEAR = {metric: _near(metric) for metric in METRICS}


def top(app: App, window: Window, metric: str = "xp", *, limit: int = 10, offset: int = 0) -> list[dict]:
    """The board from place ``offset``: ``[{rank, userId, xp, coins}]``, with ``referrals`` where the board is of them."""
    asked = window.parameters(app) | {"limit": limit, "offset": offset, "reach": offset + limit}
    return [_line(metric, *row) for row in sql.rows(_TOP[metric], asked)]


def _line(metric: str, rank: int, user_id: str, xp: int, coins: int, score: int) -> dict:
    return {"rank": rank, "userId": user_id, "xp": xp, "coins": coins} | ({"referrals": score} if metric == "referrals" else {})


def ranks(app: App, window: Window, metric: str, scores: list[int]) -> dict[int, int]:
    """The rank that each score has or would have."""
    asked = window.parameters(app) | {"scores": sorted(set(scores))}
    return {score: int(rank) for score, rank in sql.rows(_RANKS[metric], asked)}


def place(app: App, window: Window, user_id: str, metric: str = "xp", *, neighbours: int = 2) -> dict | None:
    """``{rank, userId, xp, coins, of, above, below}``; ``None`` for a user who is on no board of this window, or hidden."""
    asked = window.parameters(app) | {"user_id": user_id}
    score, at, xp, coins, visible, of = sql.row(_MINE[metric], asked)
    if score is None or visible is False:
        return None
    near = sql.rows(_NEAR[metric], asked | {"score": score, "at": at, "count": neighbours})
    found = ranks(app, window, metric, [score, *(row[4] for row in near)])
    lines = [(is_above, _line(metric, found[row_score], user, row_xp, row_coins, row_score)) for is_above, user, row_xp, row_coins, row_score, _ in near]
    return _line(metric, found[score], user_id, xp, coins, score) | {
        "of": int(of),
        "above": [line for is_above, line in lines if is_above],
        "below": [line for is_above, line in lines if not is_above],
    }


# --- folding --------------------------------------------------------------------------------------------------------
_ONE_FOLDER = "SELECT {}(hashtext('incentives.boards'))"

_BUCKETS = " UNION ALL ".join(
    f"""
    SELECT app_id, period, start, '{metric}' AS metric, incenta_rank_bucket(new_{metric}) AS bucket, 1 AS n FROM changed
      WHERE visible AND (old_{metric} IS NULL OR incenta_rank_bucket(new_{metric}) <> incenta_rank_bucket(old_{metric}))
    UNION ALL SELECT app_id, period, start, '{metric}', incenta_rank_bucket(old_{metric}), -1 FROM changed
      WHERE visible AND old_{metric} IS NOT NULL AND incenta_rank_bucket(new_{metric}) <> incenta_rank_bucket(old_{metric})"""
    for metric in METRICS
)

_FOLD = f"""
WITH gone AS (
  DELETE FROM incentives_boarddelta WHERE id IN (SELECT id FROM incentives_boarddelta ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED) RETURNING *
),
gains AS (
  SELECT g.app_id, w.period, w.start, g.user_id, max(g.at) AS at,
    {", ".join(f"sum(g.{metric})::bigint AS {metric}, max(g.at) FILTER (WHERE g.{metric} <> 0) AS {metric}_at" for metric in METRICS)}
  FROM gone g CROSS JOIN LATERAL (SELECT period, incenta_window_start(period, g.day) AS start FROM unnest(ARRAY['A', 'D', 'W', 'M']) AS period) w
  GROUP BY g.app_id, w.period, w.start, g.user_id
),
changed AS MATERIALIZED (
  SELECT n.app_id, n.period, n.start, n.user_id, coalesce(b.visible, s.visible, true) AS visible,
    {", ".join(f"b.{m} AS old_{m}, coalesce(b.{m}, 0) + n.{m} AS new_{m}, greatest(b.{m}_at, coalesce(n.{m}_at, CASE WHEN b.{m}_at IS NULL THEN n.at END)) AS {m}_at" for m in METRICS)}
  FROM gains n
  LEFT JOIN incentives_boardscore b ON b.app_id = n.app_id AND b.period = n.period AND b.start = n.start AND b.user_id = n.user_id
  LEFT JOIN incentives_standing s ON s.app_id = n.app_id AND s.user_id = n.user_id AND b.user_id IS NULL
),
scores AS (
  INSERT INTO incentives_boardscore (app_id, period, start, user_id, visible, {", ".join(f"{m}, {m}_at" for m in METRICS)})
  SELECT app_id, period, start, user_id, visible, {", ".join(f"new_{m}, {m}_at" for m in METRICS)} FROM changed
  ON CONFLICT (app_id, period, start, user_id) DO UPDATE SET {", ".join(f"{m} = excluded.{m}, {m}_at = excluded.{m}_at" for m in METRICS)}
),
buckets AS (
  INSERT INTO incentives_boardbucket (app_id, period, start, metric, bucket, users)
  SELECT app_id, period, start, metric, bucket, sum(n) FROM ({_BUCKETS}) AS moved
  GROUP BY app_id, period, start, metric, bucket HAVING sum(n) <> 0
  ON CONFLICT (app_id, period, start, metric, bucket) DO UPDATE SET users = incentives_boardbucket.users + excluded.users
)
SELECT count(*) FROM gone
"""


def fold(most: int = FOLDED_AT_ONCE) -> int:
    """Folds pending deltas into scores and histogram in one statement, so that a reader sees each exactly once. Answers how many."""
    with sql.transaction_joined():
        # the folder reads scores and writes them back: there is one at a time
        if not sql.row(_ONE_FOLDER.format("pg_try_advisory_xact_lock"))[0]:
            return 0
        return sql.row(_FOLD, {"most": most})[0]


_SHOW = f"""
WITH turned AS (
  UPDATE incentives_boardscore SET visible = %(visible)s
  WHERE app_id = %(app_id)s AND user_id = %(user_id)s AND visible <> %(visible)s
  RETURNING app_id, period, start, {", ".join(METRICS)}
)
INSERT INTO incentives_boardbucket (app_id, period, start, metric, bucket, users)
SELECT app_id, period, start, metric, bucket, sum(n) FROM ({
    " UNION ALL ".join(
        f"SELECT app_id, period, start, '{m}' AS metric, incenta_rank_bucket({m}) AS bucket, CASE WHEN %(visible)s THEN 1 ELSE -1 END AS n FROM turned"
        for m in METRICS
    )
}) moved GROUP BY app_id, period, start, metric, bucket
ON CONFLICT (app_id, period, start, metric, bucket) DO UPDATE SET users = incentives_boardbucket.users + excluded.users
"""


def show(app: App, user_id: str, visible: bool) -> None:
    """Puts a user on the boards, or takes him off all of them, past windows too. Runs in the caller's transaction, wallet locked."""
    sql.row(_ONE_FOLDER.format("pg_advisory_xact_lock"))
    sql.execute(_SHOW, {"app_id": app.pk, "user_id": user_id, "visible": visible})


# --- rebuilding -----------------------------------------------------------------------------------------------------
_DRIFT = f"""
CREATE TEMP TABLE board_drift ON COMMIT DROP AS
WITH moves AS (
  SELECT w.user_id, (t.occurred_at AT TIME ZONE %(zone)s)::date AS day, t.occurred_at AS at,
    CASE WHEN t.asset = 'XP' THEN CASE t.kind WHEN 'EARN' THEN t.amount ELSE -t.amount END ELSE 0 END AS xp,
    CASE WHEN t.asset = 'COIN' THEN CASE t.kind WHEN 'EARN' THEN t.amount ELSE -t.amount END ELSE 0 END AS coins, 0 AS referrals
  FROM incentives_transfer t JOIN incentives_wallet w ON w.id = t.wallet_id
  WHERE t.app_id = %(app_id)s AND t.asset IN ('XP', 'COIN') AND t.kind IN ('EARN', 'REVERSE')
  UNION ALL SELECT user_id, day, at, 0, 0, 1 FROM incentives_referralcount WHERE app_id = %(app_id)s AND reversed_at IS NULL
),
windows AS (SELECT 'A' AS period UNION ALL SELECT 'D' UNION ALL SELECT 'W' UNION ALL SELECT 'M'),
truth AS (
  SELECT p.period, incenta_window_start(p.period, m.day) AS start, m.user_id, {", ".join(f"sum(m.{m})::bigint AS {m}" for m in METRICS)}, max(m.at) AS at
  FROM moves m CROSS JOIN windows p GROUP BY 1, 2, 3
),
pending AS (
  SELECT p.period, incenta_window_start(p.period, d.day) AS start, d.user_id, {", ".join(f"sum(d.{m})::bigint AS {m}" for m in METRICS)}
  FROM incentives_boarddelta d CROSS JOIN windows p WHERE d.app_id = %(app_id)s GROUP BY 1, 2, 3
),
due AS (
  SELECT period, start, user_id, {", ".join(f"sum({m})::bigint AS {m}" for m in METRICS)}, max(at) AS at FROM (
    SELECT period, start, user_id, {", ".join(METRICS)}, at FROM truth
    UNION ALL SELECT period, start, user_id, {", ".join(f"-{m}" for m in METRICS)}, NULL FROM pending
  ) both_sides GROUP BY period, start, user_id
)
SELECT coalesce(d.period, b.period) AS period, coalesce(d.start, b.start) AS start, coalesce(d.user_id, b.user_id) AS user_id,
  {", ".join(f"coalesce(d.{m}, 0) AS {m}" for m in METRICS)}, coalesce(d.at, b.xp_at, now()) AS at
FROM due d FULL JOIN (SELECT * FROM incentives_boardscore WHERE app_id = %(app_id)s) b
  ON b.period = d.period AND b.start = d.start AND b.user_id = d.user_id
WHERE {" OR ".join(f"coalesce(d.{m}, 0) <> coalesce(b.{m}, 0)" for m in METRICS)}
"""

_CORRECT = f"""
INSERT INTO incentives_boardscore (app_id, period, start, user_id, visible, {", ".join(f"{m}, {m}_at" for m in METRICS)})
SELECT %(app_id)s, d.period, d.start, d.user_id, coalesce(s.visible, true), {", ".join(f"d.{m}, d.at" for m in METRICS)}
FROM board_drift d LEFT JOIN incentives_standing s ON s.app_id = %(app_id)s AND s.user_id = d.user_id
ON CONFLICT (app_id, period, start, user_id) DO UPDATE SET {", ".join(f"{m} = excluded.{m}" for m in METRICS)}
"""

_COUNTED = " UNION ALL ".join(
    f"""SELECT period, start, '{m}' AS metric, incenta_rank_bucket({m}) AS bucket, count(*) AS users
    FROM incentives_boardscore WHERE app_id = %(app_id)s AND visible GROUP BY 1, 2, 3, 4"""
    for m in METRICS
)
_BUCKET_DRIFT = f"""
SELECT count(*) FROM ({_COUNTED}) c
FULL JOIN (SELECT * FROM incentives_boardbucket WHERE app_id = %(app_id)s AND users <> 0) h
  ON h.period = c.period AND h.start = c.start AND h.metric = c.metric AND h.bucket = c.bucket
WHERE coalesce(c.users, 0) <> coalesce(h.users, 0)
"""
_RECOUNT_BUCKETS = f"""
INSERT INTO incentives_boardbucket (app_id, period, start, metric, bucket, users)
SELECT %(app_id)s, period, start, metric, bucket, users FROM ({_COUNTED}) c
"""


def refresh(app: App) -> dict:
    """Recomputes every score from the ledger and the histogram from the scores, in one transaction, and mends what differed.

    Answers ``{"drift": rows that differed, "users": users on the board of all time}``; drift is 0 unless something is wrong.
    """
    asked = {"app_id": app.pk, "zone": app.timezone}
    with sql.transaction_joined():
        sql.row(_ONE_FOLDER.format("pg_advisory_xact_lock"))
        sql.execute("DROP TABLE IF EXISTS board_drift")
        with connection.cursor() as cursor:  # a table cannot be made from a statement with parameters bound on the server
            cursor.execute(psycopg.sql.SQL(_DRIFT.replace("%(app_id)s", "{app_id}").replace("%(zone)s", "{zone}")).format(
                app_id=psycopg.sql.Literal(app.pk), zone=psycopg.sql.Literal(app.timezone)
            ))  # fmt: skip
        (drift,) = sql.row("SELECT count(*) FROM board_drift")
        if drift:
            sql.execute(_CORRECT, asked)
        (crooked,) = sql.row(_BUCKET_DRIFT, asked)
        if crooked:
            sql.execute("DELETE FROM incentives_boardbucket WHERE app_id = %(app_id)s", asked)
            sql.execute(_RECOUNT_BUCKETS, asked)
        (users,) = sql.row("SELECT count(*) FROM incentives_boardscore WHERE app_id = %(app_id)s AND period = 'A'", asked)
    # where scores were mended, so was the histogram, and it is counted once
    return {"drift": drift + (0 if drift else crooked), "users": users}
