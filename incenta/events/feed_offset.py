"""The offset that keeps the feed going forward when the database moves to another cluster.

An event's place is the id of its transaction plus the offset. A dump that is restored into a fresh cluster, whose transaction
ids start low, would put new events before old ones, and who follows the feed would never see them. Raising the offset past
the last place there is mends that; it must be done before anything writes.
"""

from dataclasses import dataclass

from incenta.database import sql
from incenta.database.sql import transaction_joined

_NEXT = """
SELECT greatest(pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
  coalesce(pg_current_xact_id_if_assigned()::text::bigint + 1, 0)), (SELECT last_value FROM incenta_feed_offset)
"""
_LAST = "SELECT coalesce(max(position), -1) FROM events_event"
# the newest by its id, which begins with its time: the highest place but for what was written at the same moment
_NEWEST = "SELECT position FROM events_event ORDER BY id DESC LIMIT 1"


@dataclass(frozen=True)
class Raised:
    last: int
    """The place of the last event there is; -1 where there is none."""
    before: int
    after: int
    """The offset, before and now."""


def is_behind() -> bool:
    """Whether the newest event stands where no transaction of this cluster has been yet."""
    newest = sql.row(_NEWEST)
    if newest is None:
        return False
    next_id, offset = sql.row(_NEXT)
    return newest[0] >= next_id + offset


def raise_past_the_last() -> Raised:
    """Raises the offset, where it must be, so that whatever is written from now on stands after every event there is. It never
    lowers it. Reads all events; nothing else may write meanwhile."""
    with transaction_joined():
        last = sql.row(_LAST)[0]
        next_id, before = sql.row(_NEXT)
        after = max(before, last + 1 - next_id)
        if after != before:
            sql.row("SELECT setval('incenta_feed_offset', %(after)s::bigint)", {"after": after})
    return Raised(last, before, after)
