"""A grant of one rule to those who qualify already: asked for, worked off in batches, and where it stands."""

from django.db import models

from incenta.accounts.models import App
from incenta.ids import IdField


class BackfillState(models.TextChoices):
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    DONE = "DONE", "Done"
    CANCELLED = "CANCELLED", "Cancelled: the rule is gone"


class Backfill(models.Model):
    id = IdField(prefix="bkf")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="backfills", db_index=False)
    noun = models.CharField(max_length=12, help_text="level, badge or milestone")
    key = models.CharField(max_length=80)
    state = models.CharField(max_length=9, choices=BackfillState.choices, default=BackfillState.QUEUED)
    total = models.PositiveIntegerField(help_text="Who qualified when it was asked for.")
    done = models.PositiveIntegerField(default=0, help_text="Users looked at.")
    granted = models.PositiveIntegerField(default=0)
    after = models.CharField(
        max_length=255, blank=True, db_collation="C", help_text="The last user done: where it goes on."
    )
    actor = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["app", "-id"], name="backfill_newest")]

    def __str__(self) -> str:
        return f"{self.noun} {self.key}: {self.done} of {self.total}"
