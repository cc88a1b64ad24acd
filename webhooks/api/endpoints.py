"""``/v1/webhooks``: endpoints, their secrets, tests and replays."""

from datetime import timedelta

from rest_framework import serializers
from rest_framework.response import Response

from incenta import clock
from incenta.api.fields import Moment, Text
from incenta.api.lists import ListView
from incenta.api.views import ApiRequest, ApiView
from incenta.errors import NotFound
from incenta.events.catalogue import EVENT_TYPES
from incenta.serializers import Serializer

from .. import checking, filtering, pace, versions
from ..models import WebhookDelivery, WebhookEndpoint, WebhookSecret
from ..models.secret import OVERLAP
from . import deliveries, replays


class PayloadFilter(serializers.Field):
    """``{field: condition}``, see ``webhooks/filtering.py``; ``{}`` tells the endpoint everything."""

    def to_internal_value(self, data: object) -> dict:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Must be an object.")
        return data

    def to_representation(self, value):
        return value

    def json_schema(self) -> dict:
        scalar = {"type": ["string", "number", "boolean", "null"]}
        comparisons = {name: {"type": ["string", "number"]} for name in filtering.COMPARISONS}
        compared = {
            "type": "object",
            "properties": comparisons | {filtering.EXISTS: {"type": "boolean"}},
            "additionalProperties": False,
            "minProperties": 1,
        }
        words = {"type": "array", "items": scalar, "minItems": 1, "maxItems": filtering.MOST_WORDS}
        return {
            "type": "object",
            "maxProperties": filtering.MOST_CONDITIONS,
            "additionalProperties": {"anyOf": [scalar, words, compared]},
        }


class Headers(serializers.Field):
    """``{name: value}`` of a request, at most a hundred."""

    def to_internal_value(self, data: object) -> dict[str, str]:
        if not isinstance(data, dict) or len(data) > 100:
            raise serializers.ValidationError("Must be an object of at most 100 headers.")
        if wrong := [
            str(name)[:100] for name, value in data.items() if not isinstance(value, str) or len(value) > 8000
        ]:
            raise serializers.ValidationError({wrong[0]: "Must be text of at most 8000 characters."})
        return data

    def to_representation(self, value):
        return value

    def json_schema(self) -> dict:
        return {
            "type": "object",
            "maxProperties": 100,
            "additionalProperties": {"type": "string", "maxLength": 8000},
        }


class EndpointInput(Serializer):
    """Contract, section 9."""

    url = Text(max_length=5000)
    events = serializers.ListField(child=Text(max_length=60), max_length=100)
    description = Text(min_length=0, max_length=255, required=False)
    active = serializers.BooleanField(required=False)
    filter = PayloadFilter(required=False)
    api_version = Text(max_length=20, required=False)


class RotationInput(Serializer):
    overlap_hours = serializers.IntegerField(min_value=0, max_value=168, required=False)


class TestInput(Serializer):
    event = serializers.ChoiceField(choices=sorted(EVENT_TYPES))


class WindowInput(Serializer):
    since = Moment()
    until = Moment(required=False, allow_null=True)


class ReplayInput(WindowInput):
    status = serializers.ChoiceField(choices=sorted(deliveries.REPLAYABLE), required=False)
    events = serializers.ListField(child=Text(max_length=60), max_length=100, required=False)


class SignatureInput(Serializer):
    body = Text(min_length=0, max_length=checking.LARGEST_BODY)
    headers = Headers()


def face(endpoint: WebhookEndpoint, fares: pace.EndpointPace | None = None) -> dict:
    """The public face of an endpoint. Its secret is not part of it."""
    fares = fares or pace.health_of(endpoint)
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": endpoint.events,
        "description": endpoint.description,
        "active": endpoint.is_active,
        "disabledReason": endpoint.disabled_reason or None,
        "disabledAt": clock.iso(endpoint.disabled_at),
        "apiVersion": endpoint.api_version,
        "filter": endpoint.payload_filter,
        "publicKeys": endpoint.public_keys(),
        "consecutiveFailures": fares.consecutive_failures,
        "lastSuccessAt": clock.iso(fares.last_success_at),
        "lastFailureAt": clock.iso(fares.last_failure_at),
        "stats": {
            "successRate24h": fares.success_rate,
            "p50Ms": fares.p50_ms,
            "p95Ms": fares.p95_ms,
            "pending": fares.pending,
            "held": fares.held,
            "oldestPendingAt": clock.iso(fares.waiting_since),
            "nextProbeAt": clock.iso(fares.next_probe_at),
            "lane": fares.lane,
            "breaker": fares.breaker,
        },
        "createdAt": clock.iso(endpoint.created_at),
        "updatedAt": clock.iso(endpoint.updated_at),
    }


def parsed(data: object, *, partial: bool = False) -> dict:
    sent = EndpointInput.parse(data, partial=partial)
    if "filter" in sent:
        sent["payload_filter"] = sent.pop("filter")
    return sent


def find(request: ApiRequest, webhook_id: str) -> WebhookEndpoint:
    endpoint = WebhookEndpoint.objects.filter(app=request.app, pk=webhook_id).first()
    if endpoint is None:
        raise NotFound("webhook_not_found", "Webhook endpoint not found.")
    return endpoint


class Endpoints(ListView):
    """``GET`` lists, ``POST`` creates: 201 the endpoint with its ``secret``, shown this once."""

    plural = "webhooks"
    serializer_class = EndpointInput
    answers_secret = True

    def get_queryset(self):
        return WebhookEndpoint.objects.filter(app=self.request.app).prefetch_related("secrets")

    def faces(self, items):
        fares = pace.paces(self.request.app, items)
        return [face(item, fares[item.pk]) for item in items]

    def post(self, request):
        sent = parsed(request.data)
        active = sent.pop("active", True)
        endpoint, secret = WebhookEndpoint.objects.register(request.app, **sent, created_by=request.api_key.pk)
        if not active:
            endpoint.change(active=False)
        return Response(face(endpoint) | {"secret": secret}, status=201)


class Endpoint(ApiView):
    """``GET``, ``PATCH`` (``active: false`` pauses: what is pending is held, and sent when it is resumed), ``DELETE``."""

    serializer_class = EndpointInput

    def get(self, request, webhook_id):
        return Response(face(find(request, webhook_id)))

    def patch(self, request, webhook_id):
        endpoint = find(request, webhook_id)
        endpoint.change(**parsed(request.data, partial=True))
        return Response(face(find(request, webhook_id)))

    def delete(self, request, webhook_id):
        find(request, webhook_id).remove()
        return Response(status=204)


class RotateSecret(ApiView):
    """``POST {overlapHours?}``: a new secret, shown this once; the present one signs on beside it, for a day if not said."""

    serializer_class = RotationInput
    answers_secret = True

    def post(self, request, webhook_id):
        endpoint = find(request, webhook_id)
        hours = RotationInput.parse(request.data).get("overlap_hours")
        secret = endpoint.rotate_secret(OVERLAP if hours is None else timedelta(hours=hours))
        ends = (
            WebhookSecret.objects.shared()
            .live()
            .filter(endpoint=endpoint)
            .exclude(expires_at=None)
            .order_by("expires_at")
            .last()
        )
        return Response(
            face(endpoint) | {"secret": secret, "previousSecretExpiresAt": clock.iso(ends and ends.expires_at)}
        )


class PromoteSecret(ApiView):
    """``POST``: the one-value ``X-Webhook-Signature`` moves to the newest secret."""

    def post(self, request, webhook_id):
        endpoint = find(request, webhook_id)
        endpoint.promote_secret()
        return Response(face(endpoint))


class Test(ApiView):
    """``POST {event}``: the catalogue's example of that event goes to this endpoint, once. Answers the delivery."""

    serializer_class = TestInput

    def post(self, request, webhook_id):
        endpoint = find(request, webhook_id)
        delivery = WebhookDelivery.objects.send_test(endpoint, TestInput.parse(request.data)["event"])
        return Response(deliveries.face(delivery), status=201)


class Replay(ApiView):
    """``POST {since, until?, status?, events?}``: sends again what stands in that status (FAILED if not said), in the
    background. Answers the job; the same request again, while it runs, answers the same job."""

    serializer_class = ReplayInput

    def post(self, request, webhook_id):
        endpoint = find(request, webhook_id)
        sent = ReplayInput.parse(request.data)
        job = endpoint.replay(
            sent["since"],
            sent.get("until"),
            state=deliveries.REPLAYABLE[sent.get("status") or "FAILED"],
            types=sent.get("events") or (),
            by=request.api_key.pk,
        )
        return Response(replays.face(job), status=202)


class Recover(ApiView):
    """``POST {since, until?}``: sends again what failed for good. Answers the job."""

    serializer_class = WindowInput

    def post(self, request, webhook_id):
        endpoint = find(request, webhook_id)
        sent = WindowInput.parse(request.data)
        job = endpoint.recover(sent["since"], sent.get("until"), by=request.api_key.pk)
        return Response(replays.face(job), status=202)


class ReplayMissing(ApiView):
    """``POST {since, until?}``: sends what the endpoint subscribes to and was never sent. Answers the job."""

    serializer_class = WindowInput

    def post(self, request, webhook_id):
        endpoint = find(request, webhook_id)
        sent = WindowInput.parse(request.data)
        job = endpoint.replay_missing(sent["since"], sent.get("until"), by=request.api_key.pk)
        return Response(replays.face(job), status=202)


class AsymmetricKey(ApiView):
    """``POST {overlapHours?}``: an Ed25519 key signs from now on, and the present one beside it for a day if not said.
    ``DELETE``: none does."""

    serializer_class = RotationInput

    def post(self, request, webhook_id):
        endpoint = find(request, webhook_id)
        hours = RotationInput.parse(request.data).get("overlap_hours")
        key = endpoint.new_key(OVERLAP if hours is None else timedelta(hours=hours))
        return Response(face(find(request, webhook_id)) | {"publicKey": key})

    def delete(self, request, webhook_id):
        find(request, webhook_id).drop_keys()
        return Response(status=204)


class CheckSignature(ApiView):
    """``POST {body, headers}``: whether the signature is right, or which of the usual mistakes made it so. Changes nothing."""

    serializer_class = SignatureInput

    def post(self, request, webhook_id):
        endpoint = find(request, webhook_id)
        sent = SignatureInput.parse(request.data)
        verdict, each = endpoint.check_signature(sent["body"], sent["headers"])
        checks = [
            {"header": one.header, "scheme": one.scheme, "ok": one.is_ok, "code": one.code, "message": one.message}
            | {"secretId": one.secret_id}
            for one in each
        ]
        return Response(
            {"ok": verdict.is_ok, "code": verdict.code, "message": verdict.message, "checks": checks},
        )


class EventTypes(ApiView):
    """``GET``: what an endpoint can be told, with an example of each."""

    def get(self, request):
        types = [
            {
                "name": kind.name,
                "description": kind.description,
                "example": kind.example,
                "schema": kind.body_schema,
                "version": versions.CURRENT,
            }
            for kind in EVENT_TYPES.values()
        ]
        return Response({"eventTypes": types})
