"""Scores once more from the ledger, and histograms from the scores: what differs is told and mended."""

from incenta.accounts.models import App
from incenta.database import sql
from incentives.models.board import METRICS

from .folding import ONE_FOLDER, TAKE
from .windows import NEVER

USERS_A_BLOCK = 5_000

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
  ON CONFLICT (app_id, period, start, user_id) DO UPDATE SET visible = excluded.visible, {TAKE}
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
  SELECT %(app_id)s, period, start, metric, bucket, users FROM compared ORDER BY period, start, metric, bucket
  ON CONFLICT (app_id, period, start, metric, {column}) DO UPDATE SET users = excluded.users
)
SELECT count(*) FROM compared
"""


RECOUNT_BUCKETS = _recount_histogram("incentives_boardbucket", "bucket", "{}")
RECOUNT_BLOCKS = _recount_histogram("incentives_boardblock", "block", "{} >> 6")
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
        sql.row(ONE_FOLDER.format("pg_advisory_xact_lock"))
        while after != LAST_USER:
            last, found = sql.row(_USERS, asked | {"after": after})
            if found < USERS_A_BLOCK:
                last = LAST_USER
            drift += sql.row(_RECOUNT, asked | {"after": after, "last": last})[0]
            after = last
        crooked = sql.row(RECOUNT_BUCKETS, asked)[0] + sql.row(RECOUNT_BLOCKS, asked)[0]
        (users,) = sql.row(_SCORED, asked)
    # where scores were mended, the histograms follow: that is no drift of their own
    return {"drift": drift or crooked, "users": users}
