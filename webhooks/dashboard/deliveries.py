"""Deliveries of an endpoint: the log, and one delivery with its body and every attempt."""

import json
from datetime import datetime

import django_filters
from django import forms
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from incenta.dashboard.lists import beyond
from incenta.dashboard.pages import Action, AppPage
from incenta.dashboard.searched import SearchedListPage
from incenta.events.catalogue import EVENT_TYPES
from incenta.events.models import Event

from .. import retries
from ..models import State, WebhookAttempt, WebhookDelivery
from .endpoint_pages import OfEndpoint, head, is_fragment, not_found, unchanged
from .words import DELIVERY_STATES, TRIGGERS, outcome

STATES = {
    "delivered": ("Delivered", [State.DELIVERED]),
    "waiting": ("Waiting", [State.PENDING, State.LEASED]),
    "failed": ("Failed", [State.FAILED, State.QUARANTINED]),
    "kept": ("Kept", [State.HELD]),
}
CODES = [("2xx", "2xx"), ("3xx", "3xx"), ("4xx", "4xx"), ("5xx", "5xx"), ("none", "No answer")]
SHOWN_BODY = 4096
"""Characters of a receiver's answer that a page shows."""


class Moment(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class DeliveryFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(
        choices=[(name, label) for name, (label, _) in STATES.items()], method="in_state", widget=CheckboxSelectMultiple
    )
    type = django_filters.ChoiceFilter(choices=[(name, name) for name in EVENT_TYPES], empty_label="All events")
    code = django_filters.ChoiceFilter(choices=CODES, method="with_code", empty_label="Any answer")
    since = django_filters.DateTimeFilter("created_at", "gte", widget=Moment)
    until = django_filters.DateTimeFilter("created_at", "lt", widget=Moment)

    class Meta:
        model = WebhookDelivery
        fields: list[str] = []

    def in_state(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        return rows.filter(state__in=[state for value in values for state in STATES[value][1]])

    def with_code(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        if value == "none":
            return rows.filter(last_status=None).exclude(last_error=None)
        first = int(value[0]) * 100
        return rows.filter(last_status__gte=first, last_status__lt=first + 100)


class Deliveries(OfEndpoint, SearchedListPage):
    """The first tab of an endpoint's page: what was sent, newest first, to any depth."""

    tab = "deliveries"
    template_name = "webhooks/deliveries.html"
    filterset_class = DeliveryFilter
    export_name = "webhook-deliveries"
    columns = [
        ("id", lambda one: one.pk),
        ("messageId", lambda one: one.message_id),
        ("event", lambda one: one.type),
        ("objectId", lambda one: one.object_id),
        ("trigger", lambda one: one.trigger),
        ("status", lambda one: one.state_label),
        ("attempts", lambda one: one.sends),
        ("lastStatus", lambda one: one.last_status),
        ("lastError", lambda one: one.last_error),
        ("milliseconds", lambda one: one.ms),
        ("nextAttemptAtUtc", lambda one: one.next_at if one.state == State.PENDING else None),
        ("createdAtUtc", lambda one: one.created_at),
        ("finishedAtUtc", lambda one: one.done_at),
    ]

    def get(self, request: HttpRequest, webhook_id: str) -> HttpResponseBase:
        self.open(webhook_id)
        return SearchedListPage.get(self, request)

    def rows(self) -> QuerySet:
        return WebhookDelivery.objects.filter(app=self.request.app, endpoint=self.endpoint)

    def decorate(self, records: list) -> list:
        return told(self.request.app, records)

    def more_context(self, page, **kwargs) -> dict:
        return head(self.endpoint, self.tab) | {"most": retries.REQUESTS}


def told(app, records: list) -> list:
    """Adds to each delivery: state and outcome in words, whom it is about, how long the latest request took."""
    event = Event.objects.filter(app=app, pk=OuterRef("message_id")).values("subject_id")
    latest = WebhookAttempt.objects.filter(delivery=OuterRef("pk")).order_by("-n").values("ms")[:1]
    told = WebhookDelivery.objects.filter(app=app, pk__in=[one.pk for one in records])
    found = {pk: more for pk, *more in told.values_list("pk", Subquery(event), Subquery(latest))} if records else {}
    now = timezone.now()
    for one in records:
        one.state_value, one.state_label = DELIVERY_STATES[State(one.state)]
        object_id, one.ms = found.get(one.pk, (None, None))
        one.object_id = object_id or ""
        one.object_short = short(one.object_id)
        one.is_due = one.next_at <= now
        one.trigger_told = TRIGGERS[one.trigger]
        one.outcome = outcome(one.last_status, one.last_error)
        one.is_test = one.trigger == "test"
    return records


def short(id: str) -> str:
    """``rew_…k0d7qrzb``: ids of one minute begin alike, so it is the end that tells them apart."""
    prefix, _, rest = id.partition("_")
    return f"{prefix}_…{rest[-8:]}" if len(rest) > 12 else id


def find(app, delivery_id: str) -> WebhookDelivery:
    """One delivery of the app, of an endpoint that is still there. Raises ``NotFound``."""
    found = WebhookDelivery.objects.filter(app=app, pk=delivery_id, endpoint__deleted_at=None)
    delivery = found.select_related("endpoint__health", "message").first()
    if delivery is None:
        raise not_found()
    return delivery


class Delivery(AppPage):
    """One delivery. While it is on its way the page asks anew by itself."""

    permission = "webhooks.manage"
    section = "webhooks"
    template_name = "webhooks/delivery.html"

    def get(self, request: HttpRequest, delivery_id: str) -> HttpResponse:
        delivery = find(request.app, delivery_id)
        told(request.app, [delivery])
        body = delivery.body()
        attempts = list(delivery.attempts.order_by("-n")[:20])
        for attempt in attempts:
            dress(attempt, body)
        newer, older = neighbours(delivery)
        again = WebhookDelivery.objects.filter(message=delivery.message_id, endpoint=delivery.endpoint_id)
        context = {
            "delivery": delivery,
            "endpoint": delivery.endpoint,
            "body": body.decode(),
            "pretty": pretty(body.decode()),
            "attempts": attempts,
            "most": retries.REQUESTS,
            "newer": newer,
            "older": older,
            "others": again.exclude(pk=delivery.pk).order_by("-created_at")[:10],
            "waits_until": probe_at(delivery),
            "is_open": delivery.state in (State.PENDING, State.LEASED),
            "mark": f"{delivery.state}.{delivery.sends}",
        }
        template = f"{self.template_name}#story" if is_fragment(request) else ""
        return unchanged(request, context["mark"]) or self.page(context, template=template)


def pretty(text: str) -> str:
    """JSON on several lines, for reading only: a signature is over the bytes as they were sent. Other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def dress(attempt: WebhookAttempt, body: bytes) -> None:
    """Adds what came of it in words, what was signed and the request as a command."""
    attempt.outcome = outcome(attempt.status, attempt.error) or ("On its way" if not attempt.ended_at else "")
    attempt.is_good = attempt.error is None and attempt.status is not None
    attempt.answer = attempt.response_body[:SHOWN_BODY]
    attempt.is_cut = len(attempt.response_body) > SHOWN_BODY
    attempt.signed = attempt.signed_content(body)
    attempt.command = attempt.curl(body)


def probe_at(delivery: WebhookDelivery) -> datetime | None:
    """Until when nothing is sent to the endpoint, where that is what the delivery waits for."""
    health = delivery.endpoint.health
    until = health.open_until if health.breaker == health.Breaker.OPEN else None
    return until if until and until > timezone.now() and delivery.next_at <= until else None


def neighbours(delivery: WebhookDelivery) -> tuple[str | None, str | None]:
    """Ids of the next newer and the next older delivery of the same endpoint."""
    rows = WebhookDelivery.objects.filter(app=delivery.app_id, endpoint=delivery.endpoint_id)
    at = (delivery.created_at, delivery.pk)
    newer = (
        rows.filter(beyond("created_at", at, True)).order_by("created_at", "pk").values_list("pk", flat=True).first()
    )
    older = (
        rows.filter(beyond("created_at", at, False)).order_by("-created_at", "-pk").values_list("pk", flat=True).first()
    )
    return newer, older


class Resend(Action):
    """Sends it again with the same message id, and leads to what is sent."""

    permission = "webhooks.manage"
    section = "webhooks"

    def act(self, delivery_id: str) -> str:
        delivery = find(self.request.app, delivery_id)
        self.again = delivery.replay().pk
        if self.again == delivery_id:
            return "It goes out now, instead of waiting for its next try."
        return "It is sent again, with the same message id: a receiver that keeps ids sees that it is the same."

    def back(self, delivery_id: str) -> str:
        return self.url("webhook_delivery", getattr(self, "again", delivery_id))
