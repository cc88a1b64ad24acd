"""``GET /v1/events``: what happened, to be pulled. The source of truth: webhooks are a push of the same stream.

An id or a time would not do to go on from: a transaction that took its place early may commit late, and a reader who has
passed the place would never see it. So events stand in the order in which their transactions began to write, and the feed
ends before the oldest that is still open.
"""

import json

from rest_framework.response import Response

from incenta import clock
from incenta.api.lists import LARGEST_LIMIT, LIMIT, check_parameters, whole_number
from incenta.api.views import ApiView
from incenta.database import sql
from incenta.errors import InvalidInput

from ..catalogue import EVENT_TYPES

_PLACE = "SELECT position FROM events_event WHERE id = %(after)s AND app_id = %(app)s"
# The horizon must come from the snapshot that reads the rows, or a commit between the two would be passed over.
_READ = """
SELECT id, type, data::text, occurred_at, recorded_at FROM events_event
WHERE app_id = %(app)s AND (position, id) > (%(position)s::bigint, %(after)s::text)
  AND position < pg_snapshot_xmin(pg_current_snapshot())::text::bigint + (SELECT last_value FROM incenta_feed_offset)
  {narrowed} ORDER BY position, id LIMIT %(limit)s
"""
_ALL = _READ.format(narrowed="")
_OF_TYPES = _READ.format(narrowed="AND type = ANY(%(types)s)")


class Feed(ApiView):
    """``?after=msg_…&type=A,B&limit=``: ``{"events": […], "pagination": {limit, after, hasMore}}``, oldest first.

    ``pagination.after`` is what to ask with next. Who follows it sees every event once.
    """

    def get(self, request):
        check_parameters(request, {"after", "type", "limit"})
        limit = whole_number(request, "limit", LIMIT, LARGEST_LIMIT)
        after = request.query_params.get("after", "")
        params = {"app": request.app.pk, "after": after, "position": self._place(after), "limit": limit + 1}
        if types := _types(request.query_params.get("type")):
            found = sql.rows(_OF_TYPES, params | {"types": types})
        else:
            found = sql.rows(_ALL, params)
        events = [
            {
                "id": id,
                "event": type,
                "data": json.loads(data),
                "timestamp": clock.iso(occurred_at),
                "recordedAt": clock.iso(recorded_at),
            }
            for id, type, data, occurred_at, recorded_at in found[:limit]
        ]
        pagination = {
            "limit": limit,
            "after": events[-1]["id"] if events else after or None,
            "hasMore": len(found) > limit,
        }
        return Response({"events": events, "pagination": pagination})

    def _place(self, after: str) -> int:
        if not after:
            return -1
        found = sql.row(_PLACE, {"after": after, "app": self.request.app.pk}) if "\0" not in after else None
        if found is None:
            raise InvalidInput({"after": ["Is not an event of this app."]})
        return found[0]


def _types(asked: str | None) -> list[str]:
    names = asked.split(",") if asked else []
    if unknown := [name for name in names if name not in EVENT_TYPES]:
        raise InvalidInput(
            {"type": [f"{name[:60]!r} is not an event. GET /v1/webhooks/event-types lists them." for name in unknown]}
        )
    return names
