"""What is usual in a campaign: read beside a conversion now and then, kept in the process. Signals that would speak of every honest
order here (one price, an import, ids that count up) are known by it."""

import time
from threading import Lock
from typing import Final

from fraud import history
from fraud.facts import Usual

KEPT_FOR: Final = 60.0
"""Seconds. A campaign that has just begun is read with every conversion."""
YOUNG: Final = 50
MOST_OF_ONE: Final = 10
"""Rows of one referrer's, so that a cheat does not make himself what is usual."""
MOST_KEPT: Final = 5_000

READ: Final = """
  CASE WHEN %(usual_wanted)s THEN (
    SELECT json_agg(json_build_array(u.referrer_id, u.referee_id, u.time, u.amount_minor, u.time - c.time)) FROM (
      SELECT referral_id, referrer_id, referee_id, extract(epoch FROM converted_at)::float8 AS time, converted_at, amount_minor
      FROM (SELECT * FROM referrals_conversion WHERE app_id = %(app_id)s ORDER BY converted_at DESC, id DESC LIMIT 200) newest
      WHERE campaign_id = %(campaign_id)s) u
    LEFT JOIN LATERAL (
      SELECT extract(epoch FROM max(clicked_at))::float8 AS time FROM referrals_click k
      WHERE k.app_id = %(app_id)s AND k.referral_id = u.referral_id AND k.referee_id = u.referee_id AND k.clicked_at <= u.converted_at
    ) c ON true) END"""
"""A scalar for a statement that binds ``app_id``, ``campaign_id`` and ``usual_wanted``."""

_kept: dict[str, tuple[Usual, float]] = {}
_lock = Lock()


def is_wanted(campaign_id: str) -> bool:
    """Whether what this process keeps is missing, old, or of a young campaign."""
    kept = _kept.get(campaign_id)
    return kept is None or kept[0].seen < YOUNG or kept[1] < time.monotonic()


def of(campaign_id: str, rows: list | None) -> Usual:
    """By the rows that ``READ`` has just answered, else as kept."""
    if rows is None and campaign_id in _kept:
        return _kept[campaign_id][0]
    counts: dict[str, int] = {}
    sample = []
    for row in rows or ():
        counts[row[0]] = counts.get(row[0], 0) + 1
        if counts[row[0]] <= MOST_OF_ONE:
            sample.append(row)
    usual = history.usual_of(sample, rows)
    with _lock:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[campaign_id] = usual, time.monotonic() + KEPT_FOR
    return usual
