"""``/v1/webhooks/{id}/deliveries`` and ``/v1/webhooks/deliveries/{id}``: the log, and sending one again."""

import re

import django_filters
from django import forms
from django.db.models import Prefetch
from django.db.models.functions import Left
from rest_framework.response import Response

from incenta import clock
from incenta.api.lists import FilterSet, ListView, MomentFilter, TextFilter
from incenta.api.views import ApiRequest, ApiView
from incenta.errors import NotFound
from incenta.events.catalogue import EVENT_TYPES

from ..models import State, Trigger, WebhookAttempt, WebhookDelivery

STATUSES = {
    State.PENDING: "PENDING",
    State.LEASED: "SENDING",
    State.DELIVERED: "DELIVERED",
    State.FAILED: "FAILED",
    State.HELD: "HELD",
    State.QUARANTINED: "QUARANTINED",
}
REPLAYABLE = {STATUSES[state]: state for state in (State.FAILED, State.DELIVERED, State.QUARANTINED)}
SHOWN_IN_LISTS = 1000
"""Characters of a receiver's answer in a list; the delivery itself shows all that is kept."""


def face(delivery: WebhookDelivery) -> dict:
    """A delivery as a line of the log."""
    return {
        "id": delivery.id,
        "webhookId": delivery.endpoint_id,
        "messageId": delivery.message_id,
        "event": delivery.type,
        "trigger": delivery.trigger.upper(),
        "status": STATUSES[State(delivery.state)],
        "attemptCount": delivery.sends,
        "apiVersion": delivery.version,
        "lastStatus": delivery.last_status,
        "lastError": delivery.last_error,
        "nextAttemptAt": clock.iso(delivery.next_at) if delivery.state == State.PENDING else None,
        "createdAt": clock.iso(delivery.created_at),
        "finishedAt": clock.iso(delivery.done_at),
        "replayId": delivery.of_replay_id,
    }


def attempt_face(attempt: WebhookAttempt, body: str) -> dict:
    return {
        "attempt": attempt.n,
        "startedAt": clock.iso(attempt.started_at),
        "endedAt": clock.iso(attempt.ended_at),
        "url": attempt.url,
        "ip": attempt.ip,
        "status": attempt.status,
        "error": attempt.error,
        "durationMs": attempt.ms,
        "responseBody": body,
    }


class HttpStatusField(forms.Field):
    """``2xx`` and the like, ``none``, or a code; gives (least, most), or ``()`` for none."""

    def to_python(self, value):
        if value in self.empty_values:
            return None
        if value == "none":
            return ()
        if found := re.fullmatch(r"([1-5])xx", value):
            return int(found[1]) * 100, int(found[1]) * 100 + 99
        if re.fullmatch(r"[1-5][0-9][0-9]", value):
            return int(value), int(value)
        raise forms.ValidationError("Must be 2xx, 3xx, 4xx, 5xx, none, or a status such as 404.")


class HttpStatusFilter(django_filters.Filter):
    """What the receiver answered last."""

    field_class = HttpStatusField

    def filter(self, queryset, value):
        if value is None:
            return queryset
        if not value:
            return queryset.filter(**{f"{self.field_name}__isnull": True})
        return queryset.filter(**{f"{self.field_name}__range": value})


class DeliveryFilters(FilterSet):
    status = django_filters.ChoiceFilter(choices=[(name, name) for name in STATUSES.values()], method="narrow_status")
    trigger = django_filters.ChoiceFilter(
        choices=[(kind.upper(), kind.upper()) for kind in Trigger.values], method="narrow_trigger"
    )
    event = django_filters.ChoiceFilter(choices=[(name, name) for name in EVENT_TYPES], field_name="type")
    httpStatus = HttpStatusFilter("last_status")
    messageId = TextFilter("message_id")
    replayId = TextFilter("of_replay_id")
    since = MomentFilter("created_at", "gte")
    until = MomentFilter("created_at", "lt")

    class Meta:
        model = WebhookDelivery
        fields: list[str] = []

    def narrow_status(self, queryset, name, value):
        return queryset.filter(state=next(state for state, shown in STATUSES.items() if shown == value))

    def narrow_trigger(self, queryset, name, value):
        return queryset.filter(trigger=value.lower())


class AppDeliveryFilters(DeliveryFilters):
    webhookId = TextFilter("endpoint_id")


class AppDeliveries(ListView):
    """``GET``: those of all endpoints of the app, newest first, each with every attempt."""

    plural = "deliveries"
    filterset_class: type[FilterSet] = AppDeliveryFilters
    order = ("-created_at", "-id")

    def get_queryset(self):
        attempts = WebhookAttempt.objects.order_by("n").annotate(head=Left("response_body", SHOWN_IN_LISTS))
        attempts = attempts.defer("response_body", "request_headers", "response_headers")
        deliveries = WebhookDelivery.objects.filter(app=self.request.app, endpoint__deleted_at=None)
        return deliveries.prefetch_related(Prefetch("attempts", attempts))

    def face(self, item):
        return face(item) | {"attempts": [attempt_face(attempt, attempt.head) for attempt in item.attempts.all()]}


class Deliveries(AppDeliveries):
    """``GET``: an endpoint's, newest first, each with every attempt."""

    filterset_class = DeliveryFilters

    def get(self, request, webhook_id):
        from .endpoints import find

        self.endpoint = find(request, webhook_id)
        return super().get(request)

    def get_queryset(self):
        return super().get_queryset().filter(endpoint=self.endpoint)


def find_delivery(request: ApiRequest, delivery_id: str) -> WebhookDelivery:
    deliveries = WebhookDelivery.objects.filter(app=request.app, endpoint__deleted_at=None)
    delivery = deliveries.filter(pk=delivery_id).first()
    if delivery is None:
        raise NotFound("delivery_not_found", "Delivery not found.")
    return delivery


class Delivery(ApiView):
    """``GET``: one delivery with the body that was sent and, of each attempt, the headers both ways, the text that was signed
    and a command that repeats it."""

    def get(self, request, delivery_id):
        delivery = find_delivery(request, delivery_id)
        body = delivery.body()
        attempts = [
            attempt_face(attempt, attempt.response_body)
            | {
                "requestHeaders": attempt.request_headers,
                "responseHeaders": attempt.response_headers,
                "signedContent": attempt.signed_content(body),
                "curl": attempt.curl(body),
            }
            for attempt in delivery.attempts.order_by("n")
        ]
        return Response(face(delivery) | {"body": body.decode(), "attempts": attempts})


class ReplayDelivery(ApiView):
    """``POST``: sends it again with the same message id. 201 a new delivery, or 200 the same one if it had been waiting."""

    def post(self, request, delivery_id):
        delivery = find_delivery(request, delivery_id)
        again = delivery.replay()
        return Response(face(again), status=200 if again.pk == delivery_id else 201)
