"""Endpoints in trouble: who is told of them, and when they are disabled.

Nothing but failures: a mail after a day and after two; after three, with ten deliveries given up, the endpoint is disabled and
what waits for it is held. A mail is also sent when a receiver has answered 410, which disables at once. Mails go out between
transactions; each level is noted after its mails are sent, so a worker that is killed in between sends them again, never not.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.urls import reverse

from incenta.accounts.models import App, Membership
from incenta.accounts.permissions import PERMISSIONS
from incenta.database import places, sql

from . import queue
from .models import WebhookEndpoint

logger = logging.getLogger("webhooks.trouble")

FIRST_NOTICE_H, SECOND_NOTICE_H, DISABLED_AFTER_H = 24, 48, 72
EXHAUSTED_TO_DISABLE = 10
FIRST, SECOND, DISABLED = 1, 2, 3
"""Levels of notice, as ``EndpointHealth.notified_level`` keeps them."""
MAIL_TIMEOUT_S = 10
MOST_AT_ONCE = 200
_LOCK = 0x77686D  # "whm"

_HOPELESS = f"""
SELECT e.id FROM webhooks_webhookendpoint AS e JOIN webhooks_endpointhealth AS h ON h.endpoint_id = e.id
WHERE e.is_active AND h.first_failure_at <= statement_timestamp() - interval '{DISABLED_AFTER_H} hours'
  AND (SELECT count(*) FROM (SELECT FROM webhooks_webhookdelivery AS d WHERE d.endpoint_id = e.id AND d.state = 'failed'
    AND d.trigger <> 'test' AND d.done_at >= h.first_failure_at LIMIT {EXHAUSTED_TO_DISABLE}) AS x) >= {EXHAUSTED_TO_DISABLE}
ORDER BY e.id FOR NO KEY UPDATE OF e SKIP LOCKED
"""
# Once more under the lock of the health row: a success may have been recorded meanwhile.
_DISABLE = f"""
WITH hopeless AS (
  SELECT endpoint_id FROM webhooks_endpointhealth
  WHERE endpoint_id = ANY(%(ids)s) AND first_failure_at <= statement_timestamp() - interval '{DISABLED_AFTER_H} hours'
  ORDER BY endpoint_id FOR NO KEY UPDATE
)
UPDATE webhooks_webhookendpoint SET is_active = FALSE, disabled_reason = 'failing', disabled_at = clock_timestamp(),
  updated_at = clock_timestamp()
WHERE is_active AND id IN (SELECT endpoint_id FROM hopeless)
"""
_UNTOLD = f"""
SELECT endpoint_id, level, first_failure_at FROM (
  SELECT h.endpoint_id, h.notified_level, h.first_failure_at,
    CASE WHEN NOT e.is_active THEN {DISABLED}
      WHEN h.first_failure_at <= statement_timestamp() - interval '{SECOND_NOTICE_H} hours' THEN {SECOND}
      WHEN h.first_failure_at <= statement_timestamp() - interval '{FIRST_NOTICE_H} hours' THEN {FIRST} END AS level
  FROM webhooks_endpointhealth AS h JOIN webhooks_webhookendpoint AS e ON e.id = h.endpoint_id
  WHERE e.deleted_at IS NULL AND (e.is_active OR e.disabled_reason IN ('failing', 'gone'))) AS x
WHERE level > notified_level ORDER BY endpoint_id LIMIT {MOST_AT_ONCE}
"""
# Where it has recovered since, or was enabled again, the next run of failures has its own notices.
_NOTE = """
UPDATE webhooks_endpointhealth SET notified_level = greatest(notified_level, %(level)s::int)
WHERE endpoint_id = %(endpoint)s AND first_failure_at IS NOT DISTINCT FROM %(since)s::timestamptz
"""


def look() -> None:
    """One look at all endpoints: disables the hopeless, tells whom it concerns. Safe to repeat, and to run twice at once."""
    disable_hopeless()
    with _alone() as is_alone:
        if is_alone:
            tell()


def disable_hopeless() -> int:
    """Disables what has failed for three days and given up ten deliveries. Answers how many endpoints."""
    with transaction.atomic():
        # first the endpoint, then its health: the order in which a merchant's change locks them
        ids = [row[0] for row in sql.rows(_HOPELESS)]
        disabled = sql.execute(_DISABLE, {"ids": ids}) if ids else 0
    if disabled:
        queue.hold()
    return disabled


def tell() -> int:
    """Sends the mails that are due. Answers to how many endpoints' people; where one fails, the next look tries again."""
    told = 0
    for endpoint_id, level, since in sql.rows(_UNTOLD):
        endpoint = WebhookEndpoint.objects.select_related("app__merchant", "health").filter(pk=endpoint_id).first()
        if endpoint is None:
            continue
        try:
            _mail(endpoint, level)
        except Exception:
            logger.exception("the mails about endpoint %s could not be sent", endpoint_id)
            continue
        sql.execute(_NOTE, {"endpoint": endpoint_id, "level": level, "since": since})
        told += 1
    return told


def _mail(endpoint: WebhookEndpoint, level: int) -> None:
    people = Membership.objects.filter(
        merchant=endpoint.app.merchant_id, role__in=PERMISSIONS["webhooks.manage"], user__is_active=True
    )
    addresses = list(people.order_by("id").values_list("user__email", flat=True))
    if not addresses:
        return
    name = "disabled" if level == DISABLED else "failing"
    facts = {
        "endpoint": endpoint,
        "app": endpoint.app,
        "days": level,
        "was_gone": endpoint.disabled_reason == WebhookEndpoint.Disabled.GONE,
        "url": settings.BASE_URL.rstrip("/") + reverse("dashboard:webhook", args=[endpoint.app_id, endpoint.pk]),
    }
    subject, _, text = render_to_string(f"webhooks/mail/{name}.txt", facts).strip().partition("\n")
    mailbox = get_connection(timeout=MAIL_TIMEOUT_S)
    mailbox.send_messages(
        [EmailMessage(subject, text.strip() + "\n", to=[address], connection=mailbox) for address in addresses]
    )


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether no other worker is telling. One that dies makes room for the next."""
    with places.held(_LOCK, [0]) as is_alone:
        yield is_alone


# -- for the dashboard -----------------------------------------------------------------------------------------------------
RECENT_H = 24


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a merchant should be told of one endpoint."""

    endpoint_id: str
    url: str
    kind: str
    """``disabled``: we sent nothing more, see ``reason``; ``failing``: nothing arrives at present; ``gave_up``: it works, but
    deliveries were given up within the last day."""
    reason: str
    """Of a disabled one ``failing`` or ``gone``, else empty."""
    since: datetime | None
    """When it was disabled, began to fail, or last gave a delivery up."""
    given_up: int
    """Deliveries whose last attempt failed within the last day, counted up to 1,000; tests are not among them."""


IN_TROUBLE = f"""
SELECT e.id, e.url, e.is_active, e.disabled_reason, e.disabled_at, h.breaker, h.first_failure_at, lost.n, lost.last
FROM webhooks_webhookendpoint AS e JOIN webhooks_endpointhealth AS h ON h.endpoint_id = e.id
CROSS JOIN LATERAL (SELECT count(*) AS n, max(done_at) AS last FROM (
  SELECT d.done_at FROM webhooks_webhookdelivery AS d WHERE d.endpoint_id = e.id AND d.state = 'failed' AND d.trigger <> 'test'
    AND d.done_at > statement_timestamp() - interval '{RECENT_H} hours' ORDER BY d.done_at DESC LIMIT 1000) AS x) AS lost
WHERE e.app_id = %(app)s AND e.deleted_at IS NULL
  AND (e.disabled_reason IN ('failing', 'gone') OR (e.is_active AND (h.breaker <> 'closed' OR lost.n > 0)))
ORDER BY e.created_at, e.id
"""


def endpoints_in_trouble(app: App) -> list[Trouble]:
    """What the overview says of the app's webhooks; empty where all is well. One statement, served by indexes."""
    with connection.cursor() as cursor:
        cursor.execute(IN_TROUBLE, {"app": app.pk})
        names = [column.name for column in cursor.description]
        return [trouble_of(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def trouble_of(row: dict) -> Trouble:
    """What a row of ``IN_TROUBLE`` says."""
    if not row["is_active"]:
        kind, since = "disabled", row["disabled_at"]
    elif row["breaker"] != "closed" or row["first_failure_at"] is not None:
        kind, since = "failing", row["first_failure_at"]
    else:
        kind, since = "gave_up", row["last"]
    reason = "" if row["is_active"] else row["disabled_reason"]
    return Trouble(row["id"], row["url"], kind, reason, since, row["n"])
