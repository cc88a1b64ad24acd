"""A delivery: one message on its way to one endpoint. The row is the queue and the schedule; ``webhooks/queue.py`` moves it."""

from django.db import models
from django.db.models.functions import Now

from incenta.accounts.models import App
from incenta.database import sql
from incenta.database.sql import transaction_joined
from incenta.errors import Conflict, NotFound
from incenta.ids import IdField, new_id

from .endpoint import WebhookEndpoint
from .message import WebhookMessage


class State(models.TextChoices):
    PENDING = "pending", "Waiting for its time"
    LEASED = "leased", "Being sent"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Given up"
    HELD = "held", "Kept while the endpoint is disabled"
    QUARANTINED = "quarantined", "Set aside: the worker died under it repeatedly"


class Trigger(models.TextChoices):
    AUTO = "auto", "An event"
    MANUAL = "manual", "Sent again by hand"
    REPLAY = "replay", "Sent again by a replay"
    TEST = "test", "A test"


class DeliveryManager(models.Manager):
    def send_test(self, endpoint: WebhookEndpoint, event_type: str) -> "WebhookDelivery":
        """Sends the catalogue's example of an event type through the real pipeline, once, without retries."""
        from .. import doorbell
        from ..fanout import example_body

        endpoint_must_be_active(endpoint)
        message_id = new_id("msg")
        with transaction_joined():
            message = WebhookMessage.objects.create(
                id=message_id,
                app_id=endpoint.app_id,
                type=event_type,
                is_test=True,
                version=endpoint.api_version,
                body=example_body(message_id, event_type, endpoint.app, endpoint.api_version),
            )
            delivery = self.create(
                app_id=endpoint.app_id,
                message=message,
                endpoint=endpoint,
                type=event_type,
                trigger=Trigger.TEST,
                version=endpoint.api_version,
            )
            doorbell.ring_on_commit()
        delivery.refresh_from_db()
        return delivery

    def release(self, endpoint: WebhookEndpoint) -> int:
        """What was held while the endpoint was disabled goes on its way."""
        return self.filter(endpoint=endpoint, state=State.HELD).update(state=State.PENDING, next_at=Now())

    def send_again(
        self, endpoint: WebhookEndpoint, messages: list[tuple[str, str]], trigger: Trigger, replay_id: str | None = None
    ) -> list[str]:
        """New deliveries of messages that exist, given as (id, payload version). Answers their ids."""
        from .. import doorbell

        made = [{"id": new_id("dlv"), "message_id": id, "version": version} for id, version in messages]
        sql.execute(
            """
            INSERT INTO webhooks_webhookdelivery (id, app_id, message_id, endpoint_id, type, trigger, version, of_replay_id)
            SELECT r.id, m.app_id, m.id, %(endpoint)s, m.type, %(trigger)s, r.version, %(replay)s
            FROM json_to_recordset(%(rows)s::json) AS r(id text, message_id text, version text)
            JOIN webhooks_webhookmessage AS m ON m.id = r.message_id""",
            {"endpoint": endpoint.pk, "trigger": str(trigger), "replay": replay_id, "rows": sql.as_rows(made)},
        )
        doorbell.ring_on_commit()
        return [row["id"] for row in made]


class WebhookDelivery(models.Model):
    """A delivery sent again by hand or by a replay is a row of its own with the same message, so the first keeps its story
    and fanning an event out twice still finds it there."""

    id = IdField(prefix="dlv")
    app = models.ForeignKey(
        App, on_delete=models.CASCADE, related_name="webhook_deliveries", db_constraint=False, db_index=False
    )
    message = models.ForeignKey(
        WebhookMessage, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False
    )
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False, db_index=False
    )
    type = models.CharField(max_length=60, db_collation="C")
    trigger = models.CharField(max_length=6, choices=Trigger.choices, default=Trigger.AUTO, db_default=Trigger.AUTO)
    version = models.CharField(
        max_length=20,
        default="1",
        db_default="1",
        db_collation="C",
        help_text="The payload version that is sent. A replay keeps it: what carries one id is the same to the byte.",
    )
    state = models.CharField(
        max_length=11, choices=State.choices, default=State.PENDING, db_default=State.PENDING, db_collation="C"
    )
    failures = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Failed requests; the place in the schedule."
    )
    sends = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Requests begun; also the token that fences late results."
    )
    reclaims = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Times that a worker died or failed under it."
    )
    next_at = models.DateTimeField(db_default=Now())
    of_replay = models.ForeignKey(
        "WebhookReplay", on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False, db_index=False
    )
    lease = models.UUIDField(null=True, help_text="The pump that holds it.")
    lease_until = models.DateTimeField(null=True)
    last_status = models.IntegerField(null=True)
    last_error = models.CharField(max_length=20, null=True)
    created_at = models.DateTimeField(db_default=Now())
    done_at = models.DateTimeField(null=True)

    objects = DeliveryManager()

    class Meta:
        constraints = [
            # fanning out twice, or by two dispatchers at once, makes one
            models.UniqueConstraint(
                fields=["app", "message", "endpoint"],
                condition=models.Q(trigger="auto"),
                name="webhook_delivery_once_an_event",
            ),
            models.UniqueConstraint(
                fields=["app", "of_replay", "message"],
                condition=models.Q(of_replay__isnull=False),
                name="webhook_delivery_once_a_replay",
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_at"], condition=models.Q(state="pending"), name="webhook_delivery_due"
            ),
            models.Index(
                # first tries go before retries, and must be found though a hundred thousand of those are due
                fields=["endpoint", "next_at"],
                condition=models.Q(state="pending", failures=0),
                name="webhook_delivery_first",
            ),
            models.Index(fields=["endpoint"], condition=models.Q(state="leased"), name="webhook_delivery_leased"),
            models.Index(
                fields=["endpoint", "state", "done_at"],
                condition=models.Q(state__in=["failed", "held", "quarantined"]),
                name="webhook_delivery_aside",
            ),
            models.Index(fields=["lease_until"], condition=models.Q(state="leased"), name="webhook_delivery_expiry"),
            models.Index(fields=["endpoint", "created_at", "id"], name="webhook_delivery_log"),
            models.Index(fields=["app", "created_at", "id"], name="webhook_delivery_of_app"),
            models.Index(fields=["created_at"], name="webhook_delivery_age"),
        ]

    def __str__(self) -> str:
        return self.id

    def body(self) -> bytes:
        """What is sent, to the byte."""
        if self.version == self.message.version:
            return bytes(self.message.body)
        return bytes(self.message.bodies.get(version=self.version).body)

    def replay(self) -> "WebhookDelivery":
        """Sends it again with the same message id: at once if it waits for a retry, else as a delivery of its own.

        Raises ``Conflict`` while it is being sent and while its endpoint is disabled, ``NotFound`` where that is deleted.
        """
        from .. import doorbell

        with transaction_joined():
            endpoint = WebhookEndpoint.objects.filter(pk=self.endpoint_id).first()
            if endpoint is None:
                raise NotFound("webhook_not_found", "The endpoint of this delivery does not exist any more.")
            endpoint_must_be_active(endpoint)
            self.refresh_from_db(from_queryset=WebhookDelivery.objects.select_for_update(of=["self"]))
            if self.state == State.LEASED:
                raise Conflict("delivery_in_progress", "This delivery is being sent right now.")
            if self.state in (State.PENDING, State.HELD):
                WebhookDelivery.objects.filter(pk=self.pk).update(state=State.PENDING, next_at=Now())
                doorbell.ring_on_commit()
                self.refresh_from_db()
                return self
            [again] = WebhookDelivery.objects.send_again(endpoint, [(self.message_id, self.version)], Trigger.MANUAL)
            return WebhookDelivery.objects.get(pk=again)


def endpoint_must_be_active(endpoint: WebhookEndpoint) -> None:
    if not endpoint.is_active:
        raise Conflict("webhook_disabled", "This webhook endpoint is disabled. Enable it first.")
