"""An endpoint: where a merchant's app is told what happened, and what it may be told."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from incenta.accounts.models import App
from incenta.database.sql import transaction_joined
from incenta.encryption import decrypt
from incenta.errors import Conflict, InvalidInput, NotFound
from incenta.events.catalogue import EVENT_TYPES
from incenta.events.models import Event
from incenta.ids import IdField

from .. import checking, filtering, receiver_address, targets, versions

EVERYTHING = "*"
MOST_ENDPOINTS = 50
MOST_SECRETS_TRIED = 200
"""By the signature checker: every live one of an app, and some that are not."""


class EndpointManager(models.Manager):
    """Reached as ``app.webhook_endpoints``; deleted endpoints are gone from it."""

    def get_queryset(self):
        return super().get_queryset().filter(deleted_at=None)

    def register(
        self,
        app: App,
        *,
        url: str,
        events: list[str],
        description: str = "",
        payload_filter: dict | None = None,
        api_version: str = versions.CURRENT,
        created_by: str = "",
    ) -> tuple:
        """A new endpoint and the text of its secret, which nobody can read again. Raises ``InvalidInput``, ``Conflict``."""
        with transaction_joined():
            if self.filter(app=app).count() >= MOST_ENDPOINTS:
                raise Conflict("too_many_webhooks", f"An app can have at most {MOST_ENDPOINTS} webhook endpoints.")
            names = checked_events(events)
            endpoint = self.create(
                app=app,
                url=checked_url(url),
                events=names,
                description=description,
                payload_filter=checked_filter(payload_filter or {}, names),
                api_version=checked_version(api_version),
                created_by=created_by,
            )
            from .health import EndpointHealth
            from .secret import WebhookSecret

            EndpointHealth.objects.create(endpoint=endpoint, app=app)
            return endpoint, WebhookSecret.objects.issue(endpoint, is_primary=True)


class WebhookEndpoint(models.Model):
    class Disabled(models.TextChoices):
        BY_MERCHANT = "merchant", "Paused by the merchant"
        GONE = "gone", "The receiver answered 410 Gone"
        FAILING = "failing", "Nothing but failures for days"

    id = IdField(prefix="whk")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="webhook_endpoints")
    url = models.CharField(max_length=targets.LONGEST_URL)
    description = models.CharField(max_length=255, blank=True)
    events = ArrayField(models.CharField(max_length=60), help_text='Names of the catalogue, or ["*"] for all.')
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=20, choices=Disabled.choices, blank=True)
    disabled_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True, help_text="Gone for the merchant; its rows are purged later.")
    api_version = models.CharField(
        max_length=20, default=versions.CURRENT, help_text="The shape of data it was made for."
    )
    payload_filter = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="What data must be for the endpoint to be told; {} tells it everything. See webhooks/filtering.py.",
    )
    timeout_s = models.PositiveSmallIntegerField(default=15)
    max_concurrency = models.PositiveSmallIntegerField(default=8)
    created_by = models.CharField(max_length=60, blank=True, help_text="key_… or user:12")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects = EndpointManager()
    with_deleted = models.Manager()

    class Meta:
        default_manager_name = "objects"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(timeout_s__range=(5, 30)), name="webhook_endpoint_timeout_5_to_30"
            ),
            models.CheckConstraint(
                condition=models.Q(max_concurrency__range=(1, 64)), name="webhook_endpoint_concurrency_1_to_64"
            ),
        ]

    def __str__(self) -> str:
        return self.url

    def wants(self, event_type: str) -> bool:
        return EVERYTHING in self.events or event_type in self.events

    def takes(self, event: Event) -> bool:
        """Whether the endpoint is told of this event: it subscribes to the type, and its filter fits the data."""
        return self.wants(event.type) and filtering.matches(self.payload_filter, event.data)

    def public_keys(self) -> list[str]:
        """The Ed25519 keys that sign now, newest first, as ``whpk_…``."""
        found = [secret for secret in self.secrets.all() if secret.kind == "ed25519" and secret.is_live()]
        return [secret.public for secret in sorted(found, key=lambda each: (each.created_at, each.pk), reverse=True)]

    # -- verbs -------------------------------------------------------------------------------------------------------
    def change(
        self,
        *,
        url: str | None = None,
        events: list[str] | None = None,
        description: str | None = None,
        active: bool | None = None,
        payload_filter: dict | None = None,
        api_version: str | None = None,
    ) -> None:
        """Changes what is given. Pausing keeps what is pending; resuming sends it. Raises ``InvalidInput``."""
        with transaction_joined():
            self._lock()
            if url is not None and (moved_to := checked_url(url)) != self.url:
                self._move(moved_to)
            if events is not None:
                self.events = checked_events(events)
            if payload_filter is not None:
                self.payload_filter = payload_filter
            if events is not None or payload_filter is not None:
                self.payload_filter = checked_filter(self.payload_filter, self.events)
            if api_version is not None:
                self.api_version = checked_version(api_version)
            if description is not None:
                self.description = description
            if active is True and not self.is_active:
                self._enable()
            elif active is False and self.is_active:
                self.is_active = False
                self.disabled_reason, self.disabled_at = self.Disabled.BY_MERCHANT, timezone.now()
            self.save()

    def _move(self, url: str) -> None:
        from .health import EndpointHealth

        self.url = url
        EndpointHealth.objects.begin_anew(self)  # what the old server was like says nothing of the new one

    def _enable(self) -> None:
        from .. import doorbell
        from .delivery import WebhookDelivery
        from .health import EndpointHealth

        self.is_active, self.disabled_reason, self.disabled_at = True, "", None
        EndpointHealth.objects.begin_anew(self)
        WebhookDelivery.objects.release(self)
        doorbell.ring_on_commit()

    def remove(self) -> None:
        """Deletes it for the merchant, at once and whatever hangs on it; the purge takes the rows."""
        with transaction_joined():
            self.deleted_at, self.is_active = timezone.now(), False
            self.save(update_fields=["deleted_at", "is_active", "updated_at"])
            self.replays.filter(state="running").update(state="cancelled", ended_at=self.deleted_at)

    def rotate_secret(self, overlap: timedelta | None = None) -> str:
        """A new secret beside the present ones, which sign on for ``overlap`` (a day). Answers its text, shown once.

        The one-value header stays on the old secret until :meth:`promote_secret` or the end of the overlap. An overlap of
        nothing drops the old secrets at once: for one that has leaked. Raises ``Conflict`` while three are live.
        """
        from .secret import MOST_LIVE, OVERLAP, WebhookSecret

        overlap = OVERLAP if overlap is None else overlap
        with transaction_joined():
            self._lock()
            live = list(self.secrets.shared().live().order_by("created_at", "id"))
            if not overlap:
                self.secrets.shared().live().update(expires_at=Now())
                self._make_primary(None)
                return WebhookSecret.objects.issue(self, is_primary=True)
            if len(live) >= MOST_LIVE:
                raise Conflict(
                    "too_many_secrets",
                    f"{MOST_LIVE} secrets of this endpoint are live. Wait until one expires, or rotate with an overlap of 0 hours.",
                )
            if live and not any(secret.is_primary for secret in live):
                self._make_primary(live[0])  # an earlier rotation ended by itself; the header must not jump now
            ends = models.ExpressionWrapper(Now() + overlap, models.DateTimeField())
            self.secrets.shared().live().filter(models.Q(expires_at=None) | models.Q(expires_at__gt=ends)).update(
                expires_at=ends
            )
            return WebhookSecret.objects.issue(self, is_primary=not live)

    # -- Ed25519 ---------------------------------------------------------------------------------------------------------
    def new_key(self, overlap: timedelta | None = None) -> str:
        """An Ed25519 key, which signs ``v1a`` entries beside the secrets; one that is there signs on for ``overlap`` (a day).

        Answers the public key. Raises ``Conflict`` while three are live.
        """
        from .secret import MOST_LIVE, OVERLAP, WebhookSecret

        overlap = OVERLAP if overlap is None else overlap
        with transaction_joined():
            self._lock()
            live = self.secrets.keys().live()
            if overlap and live.count() >= MOST_LIVE:
                raise Conflict(
                    "too_many_keys",
                    f"{MOST_LIVE} keys of this endpoint are live. Wait until one expires, or rotate with an overlap of 0 hours.",
                )
            ends = models.ExpressionWrapper(Now() + overlap, models.DateTimeField())
            live.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=ends)).update(expires_at=ends)
            return WebhookSecret.objects.issue_key(self)

    def drop_keys(self) -> None:
        """Signs with no Ed25519 key any more. Repeating it is harmless."""
        with transaction_joined():
            self._lock()
            self.secrets.keys().live().update(expires_at=Now())

    def check_signature(self, body: str, headers: Mapping[str, str]) -> tuple[checking.Verdict, list[checking.Verdict]]:
        """Why a signature that somebody received, or made, is right or not: see :func:`checking.judge`."""
        from .message import WebhookMessage
        from .secret import WebhookSecret

        secrets = [
            checking.Secret(
                id=secret.pk,
                text=secret.public or decrypt(secret.sealed),
                is_own=secret.endpoint_id == self.pk,
                is_live=secret.is_live(),
            )
            for secret in WebhookSecret.objects.filter(app_id=self.app_id, endpoint__deleted_at=None)
            .filter(models.Q(endpoint=self) | models.Q(expires_at=None) | models.Q(expires_at__gt=Now()))
            .order_by("-created_at")[:MOST_SECRETS_TRIED]
        ]
        told = {name.strip().lower(): value.strip() for name, value in headers.items()}
        message_id = told.get("webhook-id") or told.get("x-webhook-id") or ""
        known = None
        if message_id.isascii() and message_id.isidentifier():
            known = WebhookMessage.objects.filter(app_id=self.app_id, pk=message_id[:60]).first()
        # as the merchant's machine tells the time, which a sandbox's clock says nothing of
        now = timezone.now().timestamp()
        return checking.judge(body, headers, secrets, now=now, sent=known and bytes(known.body))

    # -- sending again -------------------------------------------------------------------------------------------------
    def recover(self, since: datetime, until: datetime | None = None, *, by: str = ""):
        """Sends again what failed for good in [since, until). Answers the :class:`WebhookReplay`, whose ``start`` tells
        what can be refused."""
        from .replay import WebhookReplay

        return WebhookReplay.objects.start(self, kind=WebhookReplay.Kind.RECOVER, since=since, until=until, by=by)

    def replay_missing(self, since: datetime, until: datetime | None = None, *, by: str = ""):
        """Sends the events of [since, until) that the endpoint subscribes to and was never sent: those from before it
        was there, or while it was disabled or wanted less. As :meth:`recover`."""
        from .replay import WebhookReplay

        return WebhookReplay.objects.start(self, kind=WebhookReplay.Kind.MISSING, since=since, until=until, by=by)

    def replay(
        self,
        since: datetime,
        until: datetime | None = None,
        *,
        state: str = "failed",
        types: Sequence[str] = (),
        by: str = "",
    ):
        """Sends again what stands in a state; ``types`` narrows it to some events. As :meth:`recover`."""
        from .replay import WebhookReplay

        return WebhookReplay.objects.start(
            self,
            kind=WebhookReplay.Kind.STATE,
            since=since,
            until=until,
            of_state=str(state),
            of_types=types,
            by=by,
        )

    def _make_primary(self, secret) -> None:
        self.secrets.filter(is_primary=True).update(is_primary=False)
        if secret is not None:
            self.secrets.filter(pk=secret.pk).update(is_primary=True)

    def promote_secret(self) -> None:
        """Moves the one-value header to the newest secret. Repeating it is harmless."""
        with transaction_joined():
            self._lock()
            newest = self.secrets.shared().live().order_by("-created_at", "-id").first()
            if newest is not None and not newest.is_primary:
                self._make_primary(newest)

    def _lock(self) -> None:
        """Locks the row and reads it anew: the pump may have disabled the endpoint since. Raises ``NotFound``."""
        try:
            self.refresh_from_db(from_queryset=type(self).objects.select_for_update(no_key=True))
        except type(self).DoesNotExist:
            raise NotFound("webhook_not_found", "Webhook endpoint not found.") from None


def checked_url(url: str) -> str:
    if receiver_address.app_id_at(url):
        return url  # our own test receiver, which is reached without a request
    try:
        return targets.check(url, allows_private=settings.ALLOW_PRIVATE_WEBHOOKS)
    except targets.Refused as refusal:
        raise InvalidInput({"url": [str(refusal)]}) from None


def checked_events(events: list[str]) -> list[str]:
    """The names once each, in the order given. Raises ``InvalidInput`` naming the unknown ones."""
    if not events:
        raise InvalidInput({"events": ['Must name at least one event, or be ["*"] for all.']})
    unknown = [name for name in events if name != EVERYTHING and name not in EVENT_TYPES]
    if unknown:
        raise InvalidInput(
            {"events": [f"{name[:60]!r} is not an event. GET /v1/webhooks/event-types lists them." for name in unknown]}
        )
    return [EVERYTHING] if EVERYTHING in events else list(dict.fromkeys(events))


def checked_filter(payload_filter: dict, events: list[str]) -> dict:
    """The filter, where each of its fields is one of the events'. Raises ``InvalidInput`` naming those that are not."""
    names = EVENT_TYPES if EVERYTHING in events else events
    if wrong := filtering.problems(payload_filter, [EVENT_TYPES[name].schema for name in names]):
        raise InvalidInput(wrong)
    return payload_filter


def checked_version(version: str) -> str:
    if version not in versions.VERSIONS:
        raise InvalidInput({"apiVersion": [f"Must be one of {', '.join(versions.VERSIONS)}."]})
    return version
