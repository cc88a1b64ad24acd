"""A change of a user's points by hand, and why. The points themselves move in the ledger; its id is their cause."""

from django.db import models

from incenta.accounts.models import App
from incenta.ids import IdField


class Adjustment(models.Model):
    id = IdField(prefix="adj")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="adjustments", db_index=False)
    user_id = models.CharField(max_length=255, db_collation="C")
    xp = models.BigIntegerField(default=0, help_text="Signed: below zero it was taken.")
    coins = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=500)
    actor = models.CharField(max_length=60, blank=True)
    rule_version = models.PositiveIntegerField()
    outcome = models.JSONField(help_text="Balances, level, and what was reached.")
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["app", "-id"], name="adjustment_newest"),
            models.Index(fields=["app", "user_id", "-id"], name="adjustment_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.reason}"
