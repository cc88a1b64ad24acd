"""From events to deliveries: the body of each event is frozen once, and every endpoint that wants it gets a delivery.

Runs in the dispatcher's transaction, so an event is marked dispatched exactly when its deliveries exist. Safe to repeat.
"""

from collections.abc import Iterable
from datetime import datetime

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.events.catalogue import EVENT_TYPES
from incenta.events.models import Event
from incenta.ids import new_id

from . import canonical, doorbell
from .models import WebhookEndpoint

LARGEST_BODY = 64 * 1024
LONGEST_THIN_VALUE = 500

_WRITE = """
WITH message AS (
  INSERT INTO webhooks_webhookmessage (id, app_id, type, body, is_test)
  SELECT id, app_id, type, convert_to(body, 'UTF8'), FALSE
  FROM json_to_recordset(%(messages)s::json) AS m(id text, app_id text, type text, body text)
  ON CONFLICT DO NOTHING
)
INSERT INTO webhooks_webhookdelivery (id, app_id, message_id, endpoint_id, type)
SELECT id, app_id, message_id, endpoint_id, type
FROM json_to_recordset(%(deliveries)s::json) AS d(id text, app_id text, message_id text, endpoint_id text, type text)
ON CONFLICT DO NOTHING
"""


def fan_out(events: Iterable[Event]) -> None:
    """Makes the messages and deliveries of these events."""
    events = list(events)
    endpoints: dict[str, list[WebhookEndpoint]] = {}
    for endpoint in WebhookEndpoint.objects.filter(
        app_id__in={event.app_id for event in events}, is_active=True
    ).order_by("id"):
        endpoints.setdefault(endpoint.app_id, []).append(endpoint)
    messages, deliveries = [], []
    for event in events:
        wanting = [endpoint for endpoint in endpoints.get(event.app_id, ()) if endpoint.wants(event.type)]
        if not wanting:
            continue
        made = {"app_id": event.app_id, "type": event.type}
        written = body(event.id, event.type, event.data, event.occurred_at)
        messages.append(made | {"id": event.id, "body": written.decode()})
        deliveries += [
            made | {"id": new_id("dlv"), "message_id": event.id, "endpoint_id": endpoint.id} for endpoint in wanting
        ]
    if deliveries:
        sql.execute(_WRITE, {"messages": sql.as_rows(messages), "deliveries": sql.as_rows(deliveries)})
        doorbell.ring_on_commit()


def body(message_id: str, event_type: str, data: dict, moment: datetime) -> bytes:
    """The exact bytes of a message; ``moment`` is when the event happened.

    One over 64 KiB is sent thin: the short values of ``data`` and ``"truncated": true``; ``GET /v1/events`` has it whole.
    """
    written = canonical.dumps({"event": event_type, "data": data, "timestamp": clock.iso(moment), "id": message_id})
    if len(written) <= LARGEST_BODY:
        return written
    thin = {
        name: value
        for name, value in data.items()
        if value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str) and len(value) <= LONGEST_THIN_VALUE)
    }
    return canonical.dumps(
        {"event": event_type, "data": thin | {"truncated": True}, "timestamp": clock.iso(moment), "id": message_id}
    )


def example_body(message_id: str, event_type: str, app: App) -> bytes:
    """The body of a test message: the catalogue's example, as if it had happened now."""
    return body(message_id, event_type, EVENT_TYPES[event_type].example, clock.now(app))
