"""The figures above the queue: the loop by which thresholds are tuned."""

import json
from datetime import timedelta

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql

_FIGURES = """
SELECT
  (SELECT count(*) FROM fraud_case WHERE app_id = %(app)s AND status <> 'CLOSED'),
  (SELECT jsonb_object_agg(asset, minor)::text FROM (
    SELECT h.key AS asset, sum(h.value::bigint) AS minor FROM fraud_case c, jsonb_each_text(c.held) h
    WHERE c.app_id = %(app)s AND c.status <> 'CLOSED' GROUP BY h.key ORDER BY h.key) s),
  (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY d.at - c.opened_at) FROM fraud_decision d JOIN fraud_case c ON c.id = d.case_id
    WHERE d.app_id = %(app)s AND d.at > %(since)s AND d.user_id IS NOT NULL),
  (SELECT count(*) FROM fraud_decision WHERE app_id = %(app)s AND at > %(since)s AND verdict <> 'KEEP'),
  (SELECT count(*) FROM fraud_decision WHERE app_id = %(app)s AND at > %(since)s AND verdict <> 'KEEP' AND undone_at IS NOT NULL),
  (SELECT max(at) FROM fraud_decision WHERE app_id = %(app)s)
"""
LOOKING_BACK = timedelta(days=30)


def figures(app: App) -> dict:
    """Open cases, what they hold, and of the last thirty days the median time to a decision and how many were overturned."""
    count, held, median, decided, undone, last = sql.row(
        _FIGURES, {"app": app.pk, "since": clock.now(app) - LOOKING_BACK}
    )
    return {
        "open": count,
        "held": sorted(json.loads(held).items()) if held else [],
        "median": duration(median) if median is not None else None,
        "decided": decided,
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
