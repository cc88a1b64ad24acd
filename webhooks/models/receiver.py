"""The test receiver of a sandbox app: how it answers, and the latest requests that it was sent."""

from django.db import models
from django.db.models.functions import Now

from incenta.accounts.models import App

from .endpoint import WebhookEndpoint


class HookReceiver(models.Model):
    """Made when it is first needed; without a row it answers 200. The row is also the lock under which requests are trimmed."""

    app = models.OneToOneField(App, on_delete=models.CASCADE, primary_key=True, related_name="hook_receiver")
    answers = models.PositiveSmallIntegerField(default=200, help_text="The status that it answers with.")

    def __str__(self) -> str:
        return self.app_id


class ReceivedHook(models.Model):
    class Verdict(models.TextChoices):
        VERIFIED = "verified", "Verified"
        WRONG = "wrong", "Does not verify"
        UNSIGNED = "unsigned", "Not signed"

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="received_hooks", db_index=False)
    received_at = models.DateTimeField(db_default=Now())
    headers = models.JSONField(default=dict)
    body = models.BinaryField(help_text="At most RECEIVED_BYTES of it.")
    size = models.PositiveIntegerField(help_text="Bytes of the whole body.")
    event = models.CharField(max_length=60, blank=True)
    message_id = models.CharField(max_length=60, blank=True)
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        help_text="Whose secret made the signature.",
    )
    answered = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["app", "-id"], name="webhook_received_latest")]

    def __str__(self) -> str:
        return f"{self.event} {self.message_id}"
