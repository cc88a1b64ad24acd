"""How often each action was used lately, counted from the newest events back, so that it costs the same in an app of any size."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone
from ulid import ULID

from incenta.accounts.models import App
from incenta.database import sql

DAYS = 30
MOST_EVENTS = 10_000
"""Up to here the events are counted while the page waits; beyond, the page says since when it counted."""

_USED = """
SELECT action_key, count(*), min(id) FROM (
  SELECT action_key, id FROM incentives_activity WHERE app_id = %(app_id)s AND id >= %(first)s ORDER BY id DESC LIMIT %(most)s
) latest GROUP BY action_key
"""


@dataclass(slots=True)
class Usage:
    counts: dict[str, int] = field(default_factory=dict)
    since: datetime | None = None
    """Set where there are more events than are counted: the moment from which on they are."""


def used_lately(app: App) -> Usage:
    """Events recorded in the last ``DAYS`` days, by action key."""
    first = f"evt_{str(ULID.from_datetime(timezone.now() - timedelta(days=DAYS))).lower()}"
    rows = sql.rows(_USED, {"app_id": app.pk, "first": first[:14], "most": MOST_EVENTS})
    usage = Usage({key: count for key, count, _ in rows})
    if sum(usage.counts.values()) >= MOST_EVENTS:
        usage.since = ULID.from_str(min(oldest for _, _, oldest in rows)[4:].upper()).datetime
    return usage
