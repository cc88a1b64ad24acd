"""A case: what an analyst decides at once. It groups the open flags of one subject, one referrer or one ring."""

from django.db import models
from django.db.models import Q

from incenta.accounts.models import App, User
from incenta.ids import IdField


class CaseStatus(models.TextChoices):
    OPEN = "OPEN", "Open"
    KEPT = "KEPT", "Kept on hold"
    CLOSED = "CLOSED", "Closed"


class Deadline(models.TextChoices):
    """What becomes of a case that nobody decided in time. The merchant chooses; without a choice nothing happens by itself."""

    RELEASE = "RELEASE", "Released"
    REJECT = "REJECT", "Rejected"


class Case(models.Model):
    """Its state goes with a number, so that the second of two analysts is told and overwrites nothing."""

    id = IdField(prefix="case")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="fraud_cases", db_constraint=False, db_index=False
    )
    key = models.CharField(
        max_length=300, db_collation="C", help_text="What it groups: subject:…, user:… or ring:…; one open case each."
    )
    status = models.CharField(max_length=6, choices=CaseStatus.choices, default=CaseStatus.OPEN)
    version = models.PositiveIntegerField(default=1)
    score = models.PositiveSmallIntegerField(default=0, help_text="The highest of its subjects.")
    held = models.JSONField(default=dict, help_text='What waits, by asset in minor units: {"USD": 1500}.')
    expected_loss = models.DecimalField(
        max_digits=20,
        decimal_places=2,
        default=0,
        help_text="What waits × score, smallest units of all currencies taken for alike: the queue's order.",
    )
    members = models.PositiveIntegerField(default=1, help_text="Users in its ring.")
    is_sample = models.BooleanField(default=False, help_text="Taken at random from what nothing spoke against.")
    assignee = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    kept_until = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    due_outcome = models.CharField(max_length=7, choices=Deadline.choices, null=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=8, blank=True, help_text="APPROVED, REJECTED or MOOT, once closed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "key"], condition=~Q(status="CLOSED"), name="case_open_once"),
            models.CheckConstraint(
                condition=Q(due_at=None) | Q(due_outcome__isnull=False), name="case_deadline_has_outcome"
            ),
        ]
        indexes = [
            models.Index(fields=["app", "status", "-expected_loss", "-id"], name="case_queue"),
            models.Index(fields=["app", "-expected_loss", "-id"], name="case_waiting", condition=~Q(status="CLOSED")),
            models.Index(fields=["app", "-opened_at", "-id"], name="case_newest"),
            models.Index(fields=["due_at"], name="case_due", condition=Q(due_at__isnull=False) & ~Q(status="CLOSED")),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.status})"


class CaseEvent(models.Model):
    """What happened to a case, and who did it. Append-only."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="history", db_constraint=False)
    kind = models.CharField(max_length=20)
    actor = models.CharField(max_length=120)
    data = models.JSONField(default=dict)
    note = models.CharField(max_length=1000, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.case_id}: {self.kind}"
