"""What all pages of one endpoint share: whose it is, how it stands, its tabs."""

from math import floor

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from incenta.dashboard.pages import Action, AppPage
from incenta.errors import NotFound

from .. import receiver_address
from ..models import WebhookEndpoint
from ..pace import health_of
from .endpoints import find
from .health import bar
from .words import events_told, standing


class OfEndpoint(AppPage):
    """A page below ``webhooks/{webhook_id}/``. Sets ``self.endpoint``; an absent one is a 404."""

    permission = "webhooks.manage"
    section = "webhooks"
    tab = ""
    endpoint: WebhookEndpoint

    def open(self, webhook_id: str) -> None:
        self.endpoint = find(self.request.app, webhook_id)

    def get(self, request: HttpRequest, webhook_id: str) -> HttpResponseBase:
        self.open(webhook_id)
        return self.show()

    def show(self, context: dict | None = None, *, status: int = 200) -> HttpResponse:
        return self.page(head(self.endpoint, self.tab) | (context or {}), status=status)


class EndpointAction(Action):
    """A verb on one endpoint, behind a button; leads back to its first tab."""

    permission = "webhooks.manage"
    section = "webhooks"
    to = "webhook"

    def find(self, webhook_id: str) -> WebhookEndpoint:
        return find(self.request.app, webhook_id)

    def back(self, webhook_id: str) -> str:
        return self.url(self.to, webhook_id)


def head(endpoint: WebhookEndpoint, tab: str) -> dict:
    """What ``webhooks/head.html`` shows."""
    pace = health_of(endpoint)
    return {
        "endpoint": endpoint,
        "pace": pace,
        "bar": bar(pace),
        "standing": standing(endpoint, pace),
        "events_told": events_told(endpoint),
        "requests": pace.good + pace.bad,
        # never rounded up: 100 % would say that nothing failed
        "success_told": f"{floor(1000 * pace.success_rate) / 10:g} %" if pace.success_rate is not None else "",
        "is_receiver": receiver_address.app_id_at(endpoint.url) == endpoint.app_id,
        "tab": tab,
    }


def is_fragment(request: HttpRequest) -> bool:
    """Whether the page asks for a part of itself only."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def unchanged(request: HttpRequest, mark: str) -> HttpResponse | None:
    """204 where the page already shows this: a poll then swaps nothing, and what is unfolded or selected stays so."""
    return HttpResponse(status=204) if is_fragment(request) and request.GET.get("seen") == mark else None


def not_found() -> NotFound:
    return NotFound("delivery_not_found", "Delivery not found.")
