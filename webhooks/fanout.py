"""From events to deliveries: the body of each event is frozen once a payload version, and every endpoint that wants the event
gets a delivery.

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

from . import canonical, doorbell, versions
from .models import Trigger, WebhookEndpoint, WebhookMessage

LARGEST_BODY = 64 * 1024
LONGEST_THIN_VALUE = 500
THIN_ITEMS = (50, 10, 0)
"""How many items of a list a thin body keeps: the first of these with which it is not too large."""

_WRITE = """
WITH message AS (
  INSERT INTO webhooks_webhookmessage (id, app_id, type, body, version, is_test)
  SELECT id, app_id, type, convert_to(body, 'UTF8'), version, FALSE
  FROM json_to_recordset(%(messages)s::json) AS m(id text, app_id text, type text, body text, version text)
  ON CONFLICT DO NOTHING
), other AS (
  INSERT INTO webhooks_webhookbody (message_id, version, body)
  SELECT message_id, version, convert_to(body, 'UTF8')
  FROM json_to_recordset(%(bodies)s::json) AS b(message_id text, version text, body text)
  ON CONFLICT DO NOTHING
)
INSERT INTO webhooks_webhookdelivery (id, app_id, message_id, endpoint_id, type, version, trigger, of_replay_id)
SELECT id, app_id, message_id, endpoint_id, type, version, %(trigger)s, %(replay)s
FROM json_to_recordset(%(deliveries)s::json)
  AS d(id text, app_id text, message_id text, endpoint_id text, type text, version text)
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
    write(
        [
            (event, [endpoint for endpoint in endpoints.get(event.app_id, ()) if endpoint.takes(event)])
            for event in events
        ]
    )


def write(
    wanted: Iterable[tuple[Event, list[WebhookEndpoint]]], *, trigger: str = Trigger.AUTO, replay_id: str | None = None
) -> None:
    """Makes deliveries of events to endpoints, in the caller's transaction; and the messages, where there are none yet."""
    wanted = [(event, endpoints) for event, endpoints in wanted if endpoints]
    if not wanted:
        return
    frozen = {}
    if trigger != Trigger.AUTO:
        # what other endpoints were sent stands, in the version that was current then
        frozen = dict(
            WebhookMessage.objects.filter(pk__in=[event.pk for event, _ in wanted]).values_list("pk", "version")
        )
    messages, bodies, deliveries = [], [], []
    for event, endpoints in wanted:
        made = {"app_id": event.app_id, "type": event.type}
        main = frozen.get(event.pk, versions.CURRENT)
        if event.pk not in frozen:
            messages.append(made | {"id": event.pk, "version": main, "body": body_of(event, main).decode()})
        bodies += [
            {"message_id": event.pk, "version": version, "body": body_of(event, version).decode()}
            for version in sorted({endpoint.api_version for endpoint in endpoints} - {main})
        ]
        deliveries += [
            made
            | {
                "id": new_id("dlv"),
                "message_id": event.pk,
                "endpoint_id": endpoint.pk,
                "version": endpoint.api_version,
            }
            for endpoint in endpoints
        ]
    rows = {"messages": messages, "bodies": bodies, "deliveries": deliveries}
    told = {"trigger": str(trigger), "replay": replay_id}
    sql.execute(_WRITE, {name: sql.as_rows(each) for name, each in rows.items()} | told)
    doorbell.ring_on_commit()


def body_of(event: Event, version: str) -> bytes:
    """The bytes of an event in a payload version."""
    return body(event.pk, event.type, versions.render(version, event.type, event.data), event.occurred_at)


def body(message_id: str, event_type: str, data: dict, moment: datetime) -> bytes:
    """The exact bytes of a message; ``moment`` is when the event happened.

    One over 64 KiB is sent thin, its texts and lists cut, and ``"truncated": true`` among its ``data``; ``GET /v1/events``
    has it whole.
    """
    written = canonical.dumps({"event": event_type, "data": data, "timestamp": clock.iso(moment), "id": message_id})
    if len(written) <= LARGEST_BODY:
        return written
    for most in THIN_ITEMS:
        thin = _thin(data, most) | {"truncated": True}
        written = canonical.dumps({"event": event_type, "data": thin, "timestamp": clock.iso(moment), "id": message_id})
        if len(written) <= LARGEST_BODY:
            break
    return written


def _thin(value: object, most: int) -> object:
    """The same shape with long texts and lists cut: what reads the whole reads this too."""
    if isinstance(value, dict):
        return {name: _thin(inner, most) for name, inner in value.items()}
    if isinstance(value, list):
        return [_thin(inner, most) for inner in value[:most]]
    return value[:LONGEST_THIN_VALUE] if isinstance(value, str) else value


def example_body(message_id: str, event_type: str, app: App, version: str = versions.CURRENT) -> bytes:
    """The body of a test message: the catalogue's example, as if it had happened now."""
    example = versions.render(version, event_type, EVENT_TYPES[event_type].example)
    return body(message_id, event_type, example, clock.now(app))
