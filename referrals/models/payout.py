"""A payout: rewards that one person proposes to mark as paid and another confirms; and whether an app asks for that."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from incenta.accounts.models import App
from incenta.ids import IdField


class PayoutSettings(models.Model):
    """An app that has set nothing has no row."""

    app = models.OneToOneField(App, primary_key=True, on_delete=models.PROTECT, related_name="payout_settings")
    two_person = models.BooleanField(
        default=False, help_text="In the dashboard, rewards are marked paid by somebody else than who proposes it."
    )
    updated_at = models.DateTimeField(null=True)
    updated_by = models.CharField(max_length=120, blank=True)

    def __str__(self) -> str:
        return f"payouts of {self.app_id}"


class PayoutState(models.TextChoices):
    OPEN = "OPEN", "Waiting"
    CONFIRMED = "CONFIRMED", "Confirmed"
    DECLINED = "DECLINED", "Declined"
    WITHDRAWN = "WITHDRAWN", "Withdrawn"


class Payout(models.Model):
    """Its times are real ones, whatever a sandbox's clock says: they are of people. It names rewards and nobody's users, so an
    erasure has nothing to take from it."""

    id = IdField(prefix="pout")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="payouts", db_index=False)
    state = models.CharField(max_length=10, choices=PayoutState.choices, default=PayoutState.OPEN)
    reference = models.CharField(max_length=255, blank=True)
    seen = models.JSONField(help_text="Id of a reward → its seal as it was proposed.")
    rewards = models.PositiveIntegerField(help_text="How many they are.")
    sums = models.JSONField(help_text="Asset → minor units that they were worth as they were proposed.")
    proposer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    proposed_by = models.CharField(max_length=120, db_collation="C")
    proposed_at = models.DateTimeField()
    closed_by = models.CharField(max_length=120, blank=True, db_collation="C")
    closed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True, help_text="When a confirmed one had been carried out to its end.")
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was declined or withdrawn.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="OPEN", closed_at=None) | (~Q(state="OPEN") & Q(closed_at__isnull=False)),
                name="payout_closed_once",
            ),
        ]
        indexes = [
            models.Index(fields=["app", "-proposed_at", "-id"], name="payout_newest"),
            models.Index(fields=["app"], name="payout_open", condition=Q(state="OPEN")),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def tone(self) -> str:
        """The word by which a badge takes its colour."""
        return {"OPEN": "pending", "CONFIRMED": "paid", "DECLINED": "rejected"}.get(self.state, "off")

    @property
    def is_open(self) -> bool:
        return self.state == PayoutState.OPEN
