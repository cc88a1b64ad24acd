"""Deltas become scores and histograms, one folder at a time."""

from django.db import transaction

from incenta.accounts.models import App
from incenta.database import sql
from incenta.events.doorbell import Doorbell
from incentives.models.board import METRICS

from .windows import NEVER

FOLDED_AT_ONCE = 20_000
DELTAS_A_RING = 50

_bell = Doorbell("incentives.fold_boards")
_left = 0


def left(count: int) -> None:
    """Notes that the present transaction leaves so many deltas. What is pending is looked up with every answer, so after every few
    a fold is asked for once they are committed; beat asks too, in case nobody heard."""
    global _left
    _left += count
    if _left >= DELTAS_A_RING:
        _left = 0
        transaction.on_commit(_bell.ring, robust=True)


# Whoever changes folded scores reads them first: there is one at a time.
ONE_FOLDER = "SELECT {}(hashtext('incentives.boards'))"


def _count(table: str, column: str) -> str:
    """Adds what ``moved`` says to a histogram, in order: what is summed together then lies together."""
    bucket = "bucket >> 6" if column == "block" else "bucket"
    return f"""
  INSERT INTO {table} (app_id, period, start, metric, {column}, users)
  SELECT app_id, period, start, metric, {bucket}, sum(n) FROM moved GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0
  ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (app_id, period, start, metric, {column}) DO UPDATE SET users = {table}.users + excluded.users"""


_HISTOGRAMS = f"""
buckets AS ({_count("incentives_boardbucket", "bucket")}),
blocks AS ({_count("incentives_boardblock", "block")})"""

TAKE = ", ".join(f"{m} = excluded.{m}, {m}_at = excluded.{m}_at" for m in METRICS)

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
  ON CONFLICT (app_id, period, start, user_id) DO UPDATE SET {TAKE}
),
moved AS MATERIALIZED (
  SELECT app_id, period, start, metric, incenta_board_bucket(score) AS bucket, n
  FROM changed CROSS JOIN LATERAL (VALUES {", ".join(f"('{m}', new_{m}, 1), ('{m}', old_{m}, -1)" for m in METRICS)}) v(metric, score, n)
  WHERE visible AND score IS NOT NULL
),{_HISTOGRAMS}
SELECT count(*) FROM gone
"""


def keep_folds_out() -> None:
    """Until the caller's transaction ends. For whoever gives scores another name: a fold that waits for such a row has read the scores
    before, and would write them anew under a name that has some by then."""
    sql.row(ONE_FOLDER.format("pg_advisory_xact_lock"))


def fold(most: int = FOLDED_AT_ONCE) -> int:
    """Folds pending deltas into scores and histograms in one statement, so that a reader sees each exactly once. Answers how many."""
    with sql.transaction_joined():
        if not sql.row(ONE_FOLDER.format("pg_try_advisory_xact_lock"))[0]:
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
    keep_folds_out()
    sql.row(_SHOW, {"app_id": app.pk, "user_id": user_id, "visible": visible})
