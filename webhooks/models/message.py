"""A message: the exact bytes that every subscribed endpoint is sent, frozen once when the event is fanned out."""

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
    is_test = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="webhook_message_age")]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
