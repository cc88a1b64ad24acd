"""Listings that run out: noted once when so few are left as the merchant named, and again only after they were restocked."""

from datetime import datetime

from django.utils import timezone

from incenta.database import sql

# what is left is counted no further than the number that matters
_WATCH = """
WITH watched AS (
  SELECT l.id, l.low_stock_told_at, least(
    CASE WHEN l.limited THEN coalesce((SELECT s."left" FROM marketplace_listingstock s WHERE s.listing_id = l.id), 0) END,
    CASE WHEN l.code_source = 'POOL' THEN (SELECT count(*) FROM (SELECT FROM marketplace_listingcode c
      WHERE c.listing_id = l.id AND c.redemption_id IS NULL LIMIT l.low_stock_at + 1) free) END
  ) <= l.low_stock_at AS is_low
  FROM marketplace_listing l WHERE l.low_stock_at IS NOT NULL AND l.deleted_at IS NULL
)
UPDATE marketplace_listing l SET low_stock_told_at = CASE WHEN w.is_low THEN %(now)s::timestamptz END
FROM watched w WHERE w.id = l.id AND coalesce(w.is_low, false) <> (w.low_stock_told_at IS NOT NULL)
"""


def watch(now: datetime | None = None) -> int:
    """Notes listings that have crossed their level, either way, since the last look. Answers how many. One statement."""
    return sql.execute(_WATCH, {"now": now or timezone.now()})
