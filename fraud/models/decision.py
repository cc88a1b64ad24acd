"""A decision: what a person (or a deadline) said of some flags, and what followed."""

from django.db import models

from incenta.accounts.models import App, User
from incenta.ids import IdField

from .case import Case


class Verdict(models.TextChoices):
    APPROVE = "APPROVE", "Approve"
    REJECT = "REJECT", "Reject"
    KEEP = "KEEP", "Keep on hold"


class Decision(models.Model):
    """Append-only but for its undoing. ``seen`` is what was on the screen: score, reasons, rule version."""

    id = IdField(prefix="dcs")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="fraud_decisions", db_constraint=False, db_index=False
    )
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="decisions", db_constraint=False)
    verdict = models.CharField(max_length=7, choices=Verdict.choices)
    actor = models.CharField(max_length=120)
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    note = models.CharField(max_length=1000, blank=True)
    until = models.DateTimeField(null=True, help_text="Of KEEP: when it comes back.")
    flags = models.JSONField(default=list, help_text="The ids of the flags it closed.")
    seen = models.JSONField(default=dict)
    effects = models.JSONField(default=list)
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=120, blank=True)

    class Meta:
        indexes = [models.Index(fields=["app", "-at", "-id"], name="decision_newest")]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.actor}"
