"""What this room finds: endpoints by their address, and what its ids open."""

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from incenta.dashboard.search import MOST, Found, Kind, page_of, search_with
from webhooks.models import WebhookDelivery, WebhookReplay, WebhookSecret

MANAGE = {"permission": "webhooks.manage"}


def endpoints(request: HttpRequest, text: str) -> list[Found]:
    """By address or description; an app has few."""
    some = request.app.webhook_endpoints.filter(Q(url__icontains=text) | Q(description__icontains=text))
    return [
        Found(each.url, reverse("dashboard:webhook", args=[request.app.pk, each.pk]), each.description)
        for each in some.order_by("-pk")[:MOST]
    ]


def register() -> None:
    """Names this room as one that the command box asks; once, when it is ready."""
    search_with(
        "webhooks",
        Kind("Webhook endpoints", "webhook", "webhooks.manage", endpoints, 70),
        opens={
            "whk": page_of(lambda app: app.webhook_endpoints, "webhook", "pk", **MANAGE),
            "dlv": page_of(lambda app: WebhookDelivery.objects.filter(app=app), "webhook_delivery", "pk", **MANAGE),
            "rpl": page_of(
                lambda app: WebhookReplay.objects.filter(app=app), "webhook_replays", "endpoint_id", **MANAGE
            ),
            "whs": page_of(
                lambda app: WebhookSecret.objects.filter(app=app), "webhook_settings", "endpoint_id", **MANAGE
            ),
        },
    )
