"""A replay: many deliveries sent again, or for the first time, in the background. The row is the job and its bookmark."""

from django.db import models
from django.db.models.functions import Now

from incenta.accounts.models import App
from incenta.ids import IdField

from .endpoint import WebhookEndpoint


class WebhookReplay(models.Model):
    """Goes through [since, until) oldest first, some hundreds a step; ``cursor`` is the last message that is done, so a killed
    worker's job is taken up where it was, and each message is sent once a job."""

    class Kind(models.TextChoices):
        RECOVER = "recover", "What failed"
        MISSING = "missing", "What the endpoint was never sent"
        STATE = "state", "What stands in a state"

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        CANCELLED = "cancelled"

    id = IdField(prefix="rpl")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="webhook_replays")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="replays")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    of_state = models.CharField(max_length=11, blank=True, help_text="For kind state: which deliveries.")
    of_types = models.JSONField(
        default=list, help_text="Event types to send; [] is all that the endpoint subscribes to."
    )
    since = models.DateTimeField()
    until = models.DateTimeField(help_text="The moment the job was made, where none was said: it must end.")
    cursor = models.CharField(max_length=60, blank=True, db_collation="C")
    queued = models.PositiveIntegerField(default=0, help_text="Deliveries made so far.")
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    created_by = models.CharField(max_length=60, blank=True, help_text="key_… or user:12")
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], condition=models.Q(state="running"), name="webhook_replay_running"),
            models.Index(fields=["endpoint", "-created_at"], name="webhook_replay_log"),
        ]

    def __str__(self) -> str:
        return self.id
