"""A tombstone: that somebody was erased, without saying who."""

from django.db import models

from .app import App


class Tombstone(models.Model):
    """``key`` is a keyed hash of the client's id for the person: who asks for that id again can be known to have been here,
    and nobody can read the id out of it."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="tombstones", db_index=False)
    key = models.BinaryField(max_length=32)
    used_up = models.JSONField(
        default=dict, help_text="What the person cannot earn again: how often each action was rewarded."
    )
    records = models.JSONField(default=dict, help_text="How many rows of which noun lost their name.")
    erased_by = models.CharField(max_length=60, blank=True, help_text="key_… or user:12")
    erased_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "key"], name="tombstone_once")]

    def __str__(self) -> str:
        return f"erased {self.erased_at:%Y-%m-%d}"
