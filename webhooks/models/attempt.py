"""One request of a delivery. The row is written when the delivery is claimed, so that no request leaves without one."""

import shlex

from django.db import models

from incenta.accounts.models import App

from .delivery import WebhookDelivery


class WebhookAttempt(models.Model):
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    delivery = models.ForeignKey(
        WebhookDelivery, on_delete=models.CASCADE, related_name="attempts", db_constraint=False, db_index=False
    )
    n = models.PositiveIntegerField(help_text="1 is the first request of the delivery.")
    started_at = models.DateTimeField(db_default=models.functions.Now())
    ended_at = models.DateTimeField(null=True)
    url = models.CharField(max_length=2048, help_text="Where it went: the endpoint may since have moved.")
    ip = models.CharField(max_length=45, null=True)
    status = models.IntegerField(null=True)
    error = models.CharField(max_length=20, null=True, help_text="Why it failed; abandoned: the worker died under it.")
    ms = models.PositiveIntegerField(null=True)
    request_headers = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    response_headers = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    response_body = models.TextField(default="", db_default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "n"], name="webhook_attempt_once")]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.n}"

    def signed_content(self, body: bytes) -> str | None:
        """What the Standard forms signed, ``id.timestamp.body``; None where the worker died before it told."""
        id, timestamp = (self.request_headers.get(name) for name in ("webhook-id", "webhook-timestamp"))
        return f"{id}.{timestamp}.{body.decode()}" if id and timestamp else None

    def curl(self, body: bytes) -> str | None:
        """A command for the shell that repeats the request to the byte, with the signatures that it had."""
        if not self.request_headers:
            return None
        parts = ["curl", "-i", "-X", "POST", shlex.quote(self.url)]
        for name, value in self.request_headers.items():
            parts += ["-H", shlex.quote(f"{name}: {value}")]
        return " ".join([*parts, "--data-binary", shlex.quote(body.decode())])
