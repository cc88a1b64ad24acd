"""What the pages of other rooms show beside an event: to which endpoints it went, and what they answered."""

from django.http import HttpRequest
from django.urls import reverse

from incenta.dashboard.access import may
from incenta.dashboard.telling import Told, tell_with
from webhooks.models import WebhookDelivery
from webhooks.models.delivery import State

STATUS = {
    State.DELIVERED: ("fulfilled", "delivered"),
    State.FAILED: ("rejected", "given up"),
    State.QUARANTINED: ("rejected", "set aside"),
    State.HELD: ("held", "kept, the endpoint is paused"),
    State.LEASED: ("pending", "being sent"),
    State.PENDING: ("pending", "on its way"),
}


def deliveries(request: HttpRequest, event_ids: list[str]) -> dict[str, list[Told]]:
    """Event → its deliveries, oldest first. One statement."""
    found: dict[str, list[Told]] = {}
    may_open = may(request, "webhooks.manage")
    rows = WebhookDelivery.objects.filter(app=request.app, message__in=event_ids).select_related("endpoint")
    for delivery in rows.order_by("created_at", "id"):
        status, text = STATUS[State(delivery.state)]
        if delivery.last_status:
            text += f", answered {delivery.last_status}"
        elif delivery.last_error:
            text += f", {delivery.last_error}"
        if delivery.state == State.PENDING and delivery.failures:
            text += f", failed {delivery.failures} time{'s' if delivery.failures > 1 else ''}"
        url = reverse("dashboard:webhook_delivery", args=[request.app.pk, delivery.pk]) if may_open else ""
        told = Told(delivery.endpoint.url, status, text, delivery.done_at, delivery.pk, url)
        found.setdefault(delivery.message_id, []).append(told)
    return found


def register() -> None:
    """Names this room as the one that delivers; once, when it is ready."""
    tell_with(deliveries)
