"""The figures above the queue: the loop by which thresholds are tuned."""

import json
from datetime import timedelta

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql

MOST_OPEN, MOST_DECIDED = 1_000, 1_000
"""Open cases that are counted, those with most to lose first, and decisions, the newest first: a queue costs the same at any length."""

_FIGURES = f"""
WITH opened AS MATERIALIZED (
  (SELECT held FROM fraud_case WHERE app_id = %(app)s AND status = 'OPEN' ORDER BY expected_loss DESC, id DESC LIMIT {MOST_OPEN + 1})
  UNION ALL
  (SELECT held FROM fraud_case WHERE app_id = %(app)s AND status = 'KEPT' ORDER BY expected_loss DESC, id DESC LIMIT {MOST_OPEN + 1})
), decided AS MATERIALIZED (
  SELECT case_id, at, verdict, undone_at, user_id FROM fraud_decision WHERE app_id = %(app)s AND at > %(since)s
  ORDER BY at DESC, id DESC LIMIT {MOST_DECIDED}
)
SELECT
  (SELECT count(*) FROM opened),
  (SELECT jsonb_object_agg(asset, minor)::text FROM (
    SELECT h.key AS asset, sum(h.value::bigint) AS minor FROM opened o, jsonb_each_text(o.held) h GROUP BY h.key ORDER BY h.key) s),
  (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY d.at - c.opened_at) FROM decided d JOIN fraud_case c ON c.id = d.case_id
    WHERE d.user_id IS NOT NULL),
  (SELECT count(*) FROM decided WHERE verdict <> 'KEEP'),
  (SELECT count(*) FROM decided WHERE verdict <> 'KEEP' AND undone_at IS NOT NULL),
  (SELECT max(at) FROM fraud_decision WHERE app_id = %(app)s),
  (SELECT count(*) FROM decided)
"""
LOOKING_BACK = timedelta(days=30)


def figures(app: App) -> dict:
    """Open cases, what they hold, and of the last thirty days the median time to a decision and how many were overturned; each of
    the newest thousand at most. ``is_more``: there are more open ones, and their money is not in the sum."""
    count, held, median, decided, undone, last, looked_at = sql.row(
        _FIGURES, {"app": app.pk, "since": clock.now(app) - LOOKING_BACK}
    )
    return {
        "open": min(count, MOST_OPEN),
        "is_more": count > MOST_OPEN,
        "held": sorted(json.loads(held).items()) if held else [],
        "median": duration(median) if median is not None else None,
        "decided": decided,
        "is_cut": looked_at >= MOST_DECIDED,
        "undone": undone,
        "overturned": round(100 * undone / decided, 1) if decided else None,
        "last": last,
    }


def duration(time: timedelta) -> str:
    """``3 min``, ``5 h``, ``2 d``: the largest unit that it fills twice, else the next."""
    seconds = max(int(time.total_seconds()), 0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
