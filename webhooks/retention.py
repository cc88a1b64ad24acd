"""What is kept how long: attempts and bodies of what was delivered for 30 days, of what was not for 90; the hours for 90."""

import time

from django.db.models import Exists, OuterRef

from incenta.database import sql

from .models import WebhookDelivery, WebhookEndpoint

KEPT_DELIVERED_DAYS = 30
KEPT_DAYS = 90
BATCH = 5000
BUDGET_S = 600.0

_AGED = "created_at < statement_timestamp() - make_interval(days => {days})"
_DELIVERIES = [
    f"""
WITH old AS (
  SELECT id FROM webhooks_webhookdelivery WHERE state <> 'leased' AND {condition} LIMIT {BATCH} FOR UPDATE SKIP LOCKED
), gone AS (DELETE FROM webhooks_webhookattempt WHERE delivery_id IN (SELECT id FROM old))
DELETE FROM webhooks_webhookdelivery WHERE id IN (SELECT id FROM old)
"""
    # one statement a reason, for each has its own index
    for condition in (
        _AGED.format(days=KEPT_DAYS),
        "state = 'delivered' AND " + _AGED.format(days=KEPT_DELIVERED_DAYS),
        "endpoint_id IN (SELECT id FROM webhooks_webhookendpoint WHERE deleted_at IS NOT NULL)",
    )
]
_MESSAGES = f"""
WITH old AS (
  SELECT id FROM webhooks_webhookmessage AS m
  WHERE created_at < statement_timestamp() - make_interval(days => {KEPT_DELIVERED_DAYS})
    AND NOT EXISTS (SELECT 1 FROM webhooks_webhookdelivery AS d WHERE d.message_id = m.id)
  LIMIT {BATCH}
), gone AS (DELETE FROM webhooks_webhookbody WHERE message_id IN (SELECT id FROM old))
DELETE FROM webhooks_webhookmessage WHERE id IN (SELECT id FROM old)
"""
_HOURS = f"""
DELETE FROM webhooks_endpointhour WHERE id IN (
  SELECT id FROM webhooks_endpointhour WHERE hour < statement_timestamp() - make_interval(days => {KEPT_DAYS}) LIMIT {BATCH})
"""
# Their leases have ended long ago.
_PUMPS = "DELETE FROM webhooks_pump WHERE silent_since < statement_timestamp() - interval '1 hour'"


def purge(budget_s: float = BUDGET_S) -> int:
    """Deletes what is past its time, in batches, for at most ``budget_s``. Answers how many deliveries,
    messages and hours."""
    deadline = time.monotonic() + budget_s
    total = 0
    for statement in (*_DELIVERIES, _MESSAGES, _HOURS):
        while time.monotonic() < deadline:
            deleted = sql.execute(statement)
            total += deleted
            if deleted < BATCH:
                break
    sql.execute(_PUMPS)
    left = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"))
    WebhookEndpoint.with_deleted.exclude(deleted_at=None).filter(~Exists(left)).delete()
    return total
