"""What was changed of an app's rules, settings, lists and mutes, by whom. Append-only."""

from django.db import models

from incenta.accounts.models import App


class FraudChange(models.Model):
    """One change; ``version`` is the number that ``FraudSettings`` has had since."""

    class Noun(models.TextChoices):
        RULES = "RULES", "Rule set"
        SETTINGS = "SETTINGS", "Settings"
        LIST = "LIST", "List entry"
        MUTE = "MUTE", "Mute"

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="fraud_changes", db_index=False)
    version = models.PositiveBigIntegerField()
    noun = models.CharField(max_length=8, choices=Noun.choices)
    subject_id = models.CharField(max_length=40, blank=True, db_collation="C")
    kind = models.CharField(
        max_length=20, help_text="created, shadowed, activated, rolled_back, retired, changed, added, removed"
    )
    data = models.JSONField(default=dict, help_text="What it was before and is after, or which version it replaced.")
    actor = models.CharField(max_length=120)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "version"], name="fraud_change_version")]
        indexes = [models.Index(fields=["app", "noun", "-version"], name="fraud_change_newest")]

    def __str__(self) -> str:
        return f"{self.noun} {self.kind} by {self.actor}"
