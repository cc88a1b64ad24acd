"""Who leads, and who stands where: folded scores with what is pending laid over them."""

from functools import cache

from incenta.accounts.models import App
from incenta.database import sql

from .windows import NEVER, Window


# Each answer is one statement: one snapshot, so that no fold and no event can come between its parts.
def _window(table: str) -> str:
    return f"{table}.app_id = %(app_id)s AND {table}.period = %(period)s AND {table}.start = %(start)s"


def _live(metric: str) -> str:
    """What is pending in the window, and where its users stand with it. Between two folds that is a second's worth of events.

    The lateral with its limit is a look-up by key whatever the planner believes of the number of deltas: it has seen the
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
    coalesce(b.xp, 0) + p.xp AS xp, coalesce(b.coins, 0) + p.coins AS coins,
    coalesce(b.visible, (SELECT s.visible FROM incentives_standing s
      WHERE s.app_id = %(app_id)s AND s.user_id = p.user_id), true) AS visible
  FROM pending p
  LEFT JOIN LATERAL (SELECT * FROM incentives_boardscore b WHERE {_window("b")} AND b.user_id = p.user_id LIMIT 1) b ON true
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
  (SELECT coalesce(sum(users), 0) FROM histogram WHERE block >= 0)
  - (SELECT coalesce(sum(h.users), 0) FROM incentives_boardbucket h WHERE {histogram} AND h.bucket = 0)
  + (SELECT count(*) FILTER (WHERE l.score > 0) - count(*) FILTER (WHERE l.base > 0) FROM live l WHERE l.visible)"""
    else:
        on_board = """
  (SELECT coalesce(sum(users), 0) FROM histogram) + (SELECT count(*) FROM live l WHERE l.visible AND l.base IS NULL)"""
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
-- The lines stand side by side on the board: from the ranks of the highest and of the lowest all others follow.
edges AS MATERIALIZED (
  SELECT score, incenta_board_bucket(score) AS bucket FROM (SELECT max(score) AS score FROM lines UNION SELECT min(score) FROM lines) e
  WHERE score IS NOT NULL
),
histogram AS MATERIALIZED (SELECT h.block, h.users FROM incentives_boardblock h WHERE {histogram})
SELECT side, user_id, xp, coins, score, at, CASE WHEN side = 0 THEN ({on_board}) END FROM lines
UNION ALL SELECT NULL, NULL, NULL, NULL, e.score, NULL, 1
  + (SELECT coalesce(sum(users), 0) FROM histogram WHERE block > e.bucket >> 6)
  + (SELECT coalesce(sum(h.users), 0) FROM incentives_boardbucket h
     WHERE {histogram} AND h.bucket > e.bucket AND h.bucket < ((e.bucket >> 6) + 1) << 6)
  + (SELECT count(*) FROM incentives_boardscore b
     WHERE {_window("b")} AND b.visible AND {_listed(metric, f"b.{metric}")}
       AND b.{metric} > e.score AND b.{metric} <= incenta_board_bucket_end(e.bucket) AND incenta_board_bucket(b.{metric}) = e.bucket)
  + (SELECT count(*) FILTER (WHERE l.score > e.score) - count(*) FILTER (WHERE l.base > e.score) FROM live l WHERE l.visible)
FROM edges e
ORDER BY side, score DESC, at, user_id
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
    found = sql.rows(_place(metric, neighbours), window.parameters(app) | {"user_id": user_id})
    rank_of = {score: int(rank) for side, *_, score, _, rank in found if side is None}
    if not rank_of:
        return None
    highest, lowest = max(rank_of), min(rank_of)
    scores = [score for side, *_, score, _, _ in found if side is not None]
    sides: dict[int, list[dict]] = {-1: [], 0: [], 1: []}
    of = 0
    for side, user, xp, coins, score, _, number in found:
        if side is not None:
            # the highest may have equals above these lines; whoever else is higher than one of them is one of them
            nearer = sum(lowest < other <= score for other in scores)
            rank = rank_of[highest] if score == highest else rank_of[lowest] - nearer
            sides[side].append(_line(metric, rank, user, xp, coins, score))
            of = number if side == 0 else of
    return sides[0][0] | {"of": int(of), "above": sides[-1], "below": sides[1]}
