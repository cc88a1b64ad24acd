"""A reward: what one person earned by one conversion. It is promised in the ledger, then paid or taken back there."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from incenta.accounts.models import App
from incenta.events.models import OrderedJSONField
from incenta.ids import IdField

from .campaign import Campaign, FulfillmentType
from .conversion import Conversion
from .referral import Referral


class RewardStatus(models.TextChoices):
    PENDING = "PENDING", "Pending"
    APPROVED = "APPROVED", "Approved"
    PAID = "PAID", "Paid"
    CANCELLED = "CANCELLED", "Cancelled"


class HoldReason(models.TextChoices):
    FRAUD_REVIEW = "FRAUD_REVIEW", "In fraud review"
    HOLD_PERIOD = "HOLD_PERIOD", "Hold period"
    BUDGET = "BUDGET", "Over the campaign's budget"
    MANUAL = "MANUAL", "Held by hand"


class Side(models.TextChoices):
    REFERRER = "REFERRER", "Referrer"
    REFEREE = "REFEREE", "Referee"


class RewardQuerySet(models.QuerySet):
    def on_hold(self, now: datetime):
        return self.filter(~Q(holds=[]) | Q(matures_at__gt=now))

    def not_on_hold(self, now: datetime):
        return self.filter(Q(holds=[]) & (Q(matures_at=None) | Q(matures_at__lte=now)))


class Reward(models.Model):
    id = IdField(prefix="rew")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="rewards", db_constraint=False, db_index=False)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="rewards", db_constraint=False, db_index=False
    )
    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, related_name="rewards", db_constraint=False)
    conversion = models.ForeignKey(
        Conversion, on_delete=models.PROTECT, null=True, related_name="rewards", db_constraint=False
    )
    user_id = models.CharField(max_length=255, db_collation="C")
    side = models.CharField(max_length=8, choices=Side.choices)
    level = models.PositiveSmallIntegerField(default=1)
    asset = models.CharField(max_length=5, help_text="A currency, or COIN.")
    amount_minor = models.BigIntegerField(help_text="What it was worth at first.")
    reversed_minor = models.BigIntegerField(default=0, help_text="What has been taken back since.")
    netted_minor = models.BigIntegerField(default=0, help_text="What of the payout settled an earlier debt.")
    paid_minor = models.BigIntegerField(null=True, help_text="What was paid out, the debt settled; null before.")
    status = models.CharField(max_length=10, choices=RewardStatus.choices, default=RewardStatus.PENDING)
    holds = ArrayField(
        models.CharField(max_length=12), default=list, help_text="Reasons to hold, beside the hold period."
    )
    hold_note = models.CharField(
        max_length=500, blank=True, default="", db_default="", help_text="Why it was held by hand, the newest time."
    )
    matures_at = models.DateTimeField(null=True, help_text="End of the hold period.")
    in_budget = models.BooleanField(default=True, help_text="Whether the campaign's spend counts it.")
    ledger_hold_id = models.CharField(
        max_length=40, db_collation="C", help_text="The hold of the promise in the ledger."
    )
    fulfillment_type = models.CharField(max_length=16, choices=FulfillmentType.choices)
    fulfillment_reference = models.CharField(max_length=255, null=True)
    discount = OrderedJSONField(
        null=True, help_text="What the code is worth: {type, value}, as the campaign said at the time."
    )
    code = models.CharField(max_length=64, null=True, db_collation="C")
    code_key = models.CharField(max_length=64, null=True, db_collation="C")
    rule_version = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=models.functions.Now())
    claim_by = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    cancel_reason = models.CharField(max_length=500, null=True)
    payout_reference = models.CharField(max_length=255, null=True)

    objects = RewardQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app", "code_key"], condition=Q(code_key__isnull=False), name="reward_code_unique"
            ),
            # a rejection that is undone makes a new reward beside the cancelled one
            models.UniqueConstraint(
                fields=["app", "conversion", "side", "level"],
                condition=~Q(status="CANCELLED"),
                name="reward_stands_once",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="reward_amount_positive"),
            models.CheckConstraint(
                condition=Q(reversed_minor__gte=0, reversed_minor__lte=F("amount_minor")), name="reward_reversed_within"
            ),
        ]
        indexes = [
            models.Index(fields=["app", "-created_at", "-id"], name="reward_newest"),
            models.Index(fields=["app", "status", "-created_at", "-id"], name="reward_by_status"),
            models.Index(fields=["app", "user_id", "-created_at"], name="reward_of_user"),
            models.Index(fields=["app", "campaign", "user_id"], name="reward_of_campaign_user"),
            # what the sweeps look for, and what a payment has to know of its user
            models.Index(
                fields=["app", "matures_at"],
                name="reward_completes",
                condition=Q(status="PENDING", fulfillment_type__in=["AUTOMATED", "COINS"]),
            ),
            models.Index(
                fields=["app", "expires_at"],
                name="reward_expires",
                condition=Q(status="APPROVED", expires_at__isnull=False),
            ),
            models.Index(
                fields=["app", "claim_by"], name="reward_lapses", condition=Q(status="PENDING", claim_by__isnull=False)
            ),
            models.Index(
                fields=["app", "campaign", "created_at"],
                name="reward_over_budget",
                condition=Q(status="PENDING", holds__contains=["BUDGET"]),
            ),
            models.Index(fields=["app", "user_id", "asset"], name="reward_approved", condition=Q(status="APPROVED")),
            # what a campaign promised and holds back, by a reason and for a time: summed without reading the rewards
            models.Index(
                fields=["app", "campaign"],
                include=["asset", "amount_minor", "reversed_minor"],
                name="reward_held_sum",
                condition=Q(status__in=["PENDING", "APPROVED"]) & ~Q(holds=[]),
            ),
            models.Index(
                fields=["app", "campaign", "matures_at"],
                include=["asset", "amount_minor", "reversed_minor"],
                name="reward_maturing_sum",
                condition=Q(status__in=["PENDING", "APPROVED"], holds=[], matures_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def worth_minor(self) -> int:
        """What it is worth now."""
        return self.amount_minor - self.reversed_minor

    def hold_reasons(self, now: datetime) -> list[str]:
        """Every reason that holds it at ``now``, the hold period among them."""
        period = [HoldReason.HOLD_PERIOD.value] if self.matures_at and self.matures_at > now else []
        return sorted([*self.holds, *period])
