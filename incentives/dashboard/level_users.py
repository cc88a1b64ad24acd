"""How many users stand at each level now."""

from incenta.accounts.models import App
from incenta.database import sql
from incentives import boards
from incentives.models import Period

MOST_USERS = 10_000
"""Up to here everybody is counted while the page waits; beyond, the leaderboard's histogram is asked."""

_HOW_MANY = "SELECT count(*) FROM (SELECT FROM incentives_standing WHERE app_id = %(app_id)s LIMIT %(most)s) everybody"
_EXACT = """
SELECT width_bucket(w.xp, %(thresholds)s::bigint[]), count(*)
FROM incentives_standing s JOIN incentives_wallet w ON w.app_id = s.app_id AND w.user_id = s.user_id
WHERE s.app_id = %(app_id)s GROUP BY 1
"""
_FROM_HISTOGRAM = """
SELECT width_bucket(bucket, ARRAY(SELECT incenta_board_bucket(t) FROM unnest(%(thresholds)s::bigint[]) AS t ORDER BY t)),
  sum(users)::bigint
FROM incentives_boardbucket
WHERE app_id = %(app_id)s AND period = %(period)s AND start = %(start)s AND metric = 'xp' GROUP BY 1
"""


def users_by_threshold(app: App) -> tuple[dict[int, int], bool]:
    """``{threshold of a level: users between it and the next}``, by their XP now, and whether everybody is counted.

    Beyond ``MOST_USERS`` those whom the leaderboard shows are counted: hidden ones are left out, the last seconds may be missing,
    and a threshold over 4,096 XP may be met by what is a four-thousandth below it.
    """
    thresholds = sorted(app.levels.values_list("xp_threshold", flat=True))
    if not thresholds:
        return {}, True
    asked = {"app_id": app.pk, "thresholds": thresholds, "most": MOST_USERS + 1}
    is_exact = sql.row(_HOW_MANY, asked)[0] <= MOST_USERS
    if is_exact:
        counted = dict(sql.rows(_EXACT, asked))
    else:
        counted = dict(sql.rows(_FROM_HISTOGRAM, asked | {"period": Period.ALL.value, "start": boards.BEGINNING}))
    return {threshold: counted.get(place, 0) for place, threshold in enumerate(thresholds, 1)}, is_exact
