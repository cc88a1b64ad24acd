"""A message: the exact bytes that subscribed endpoints are sent, frozen once a payload version when the event is fanned out."""

from django.db import models

from incenta.accounts.models import App
from incenta.ids import IdField


class WebhookMessage(models.Model):
    """``id`` is the event's own id, which receivers see as ``webhook-id``; a test message has one of its own.

    The body is bytes and never ``jsonb``, which would reorder keys and rewrite numbers after they were signed.
    """

    id = IdField(prefix="msg")
    app = models.ForeignKey(
        App, on_delete=models.CASCADE, related_name="webhook_messages", db_constraint=False, db_index=False
    )
    type = models.CharField(max_length=60, db_collation="C")
    body = models.BinaryField()
    version = models.CharField(
        max_length=20, default="1", db_default="1", db_collation="C", help_text="The payload version that body is in."
    )
    is_test = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="webhook_message_age")]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class WebhookBody(models.Model):
    """The bytes of a message in another payload version than the message's own, for the endpoints that are pinned to it.
    The id is the message's whatever the version: it is one event."""

    message = models.ForeignKey(
        WebhookMessage, on_delete=models.CASCADE, related_name="bodies", db_constraint=False, db_index=False
    )
    version = models.CharField(max_length=20, db_collation="C")
    body = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "version"], name="webhook_body_once_a_version")]

    def __str__(self) -> str:
        return f"{self.message_id} in version {self.version}"
