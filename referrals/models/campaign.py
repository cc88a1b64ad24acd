"""A campaign: what is rewarded, how much, for whom and until when. Every change makes a new numbered version of its rules."""

from datetime import datetime

from django.db import models
from django.db.models import Case, Q, Value, When

from fraud.models import Deadline
from incenta.accounts.models import App
from incenta.events.models import OrderedJSONField
from incenta.ids import IdField


class CampaignStatus(models.TextChoices):
    DRAFT = "DRAFT", "Draft"
    ACTIVE = "ACTIVE", "Active"
    PAUSED = "PAUSED", "Paused"
    SCHEDULED = "SCHEDULED", "Scheduled"
    EXPIRED = "EXPIRED", "Ended"


class ReferralType(models.TextChoices):
    ONE_SIDED = "ONE_SIDED", "One-sided"
    TWO_SIDED = "TWO_SIDED", "Two-sided"
    MULTI_LEVEL = "MULTI_LEVEL", "Multi-level"


class RewardModel(models.TextChoices):
    FIXED = "FIXED", "Fixed amount"
    PERCENTAGE = "PERCENTAGE", "Percentage"
    TIERED = "TIERED", "Tiered"


class CodeFormat(models.TextChoices):
    RANDOM = "RANDOM", "Random"
    USERNAME = "USERNAME", "From the username"
    EMAIL_PREFIX = "EMAIL_PREFIX", "From the e-mail address"


class FulfillmentType(models.TextChoices):
    DISCOUNT_CODE = "DISCOUNT_CODE", "Discount code"
    COUPON_CODE = "COUPON_CODE", "Coupon code"
    MANUAL = "MANUAL", "Paid by hand"
    AUTOMATED = "AUTOMATED", "Approved by itself"
    GIFT_CARD = "GIFT_CARD", "Gift card"
    CUSTOM = "CUSTOM", "Custom"
    COINS = "COINS", "Coins"


class FraudMode(models.TextChoices):
    MONITOR = "monitor", "Monitor"
    HOLD = "hold", "Hold"
    BLOCK = "block", "Block"


class BudgetPolicy(models.TextChoices):
    STOP = "STOP", "Stop rewarding"
    HOLD = "HOLD", "Hold rewards until the budget is raised"


class CampaignQuerySet(models.QuerySet):
    def with_status(self, now: datetime):
        """Annotates ``current_status``: what the merchant declared, moved on by the dates."""
        live = Q(declared_status__in=[CampaignStatus.ACTIVE, CampaignStatus.SCHEDULED])
        return self.annotate(
            current_status=Case(
                When(declared_status=CampaignStatus.DRAFT, then=Value(CampaignStatus.DRAFT)),
                When(
                    Q(declared_status=CampaignStatus.EXPIRED) | Q(end_at__lte=now), then=Value(CampaignStatus.EXPIRED)
                ),
                When(live & Q(start_at__gt=now), then=Value(CampaignStatus.SCHEDULED)),
                When(live, then=Value(CampaignStatus.ACTIVE)),
                default=Value(CampaignStatus.PAUSED),
                output_field=models.CharField(),
            )
        )


class Campaign(models.Model):
    id = IdField(prefix="camp")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=120)
    declared_status = models.CharField(max_length=10, choices=CampaignStatus.choices, default=CampaignStatus.DRAFT)
    version = models.PositiveIntegerField(default=1)

    referral_type = models.CharField(max_length=12, choices=ReferralType.choices, default=ReferralType.ONE_SIDED)
    reward_model = models.CharField(max_length=12, choices=RewardModel.choices, default=RewardModel.FIXED)
    currency = models.CharField(max_length=3)
    reward_value = models.DecimalField(max_digits=20, decimal_places=6, default=0, help_text="Major units, or percent.")
    reward_cap = models.DecimalField(
        max_digits=20, decimal_places=6, null=True, blank=True, help_text="Most for one conversion."
    )
    referee_reward_value = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    level2_reward_value = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    level2_reward_cap = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    tier_reward_model = models.CharField(max_length=12, choices=RewardModel.choices[:2], default=RewardModel.FIXED)
    tiers = models.JSONField(default=list, blank=True)
    budget = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    budget_policy = models.CharField(max_length=4, choices=BudgetPolicy.choices, default=BudgetPolicy.STOP)
    max_rewards_per_referrer = models.PositiveIntegerField(null=True, blank=True)
    first_time_user_only = models.BooleanField(default=True)
    start_at = models.DateTimeField(null=True, blank=True)
    end_at = models.DateTimeField(null=True, blank=True)
    conversion_window_days = models.PositiveIntegerField(null=True, blank=True)
    hold_days = models.PositiveIntegerField(default=0)
    claim_within_days = models.PositiveIntegerField(null=True, blank=True)
    reward_expiration_days = models.PositiveIntegerField(null=True, blank=True)
    code_prefix = models.CharField(max_length=12, blank=True)
    code_format = models.CharField(max_length=12, choices=CodeFormat.choices, default=CodeFormat.RANDOM)
    landing_url = models.URLField(max_length=2000, blank=True)
    fulfillment_type = models.CharField(max_length=16, choices=FulfillmentType.choices, default=FulfillmentType.MANUAL)
    discount = OrderedJSONField(null=True, blank=True)
    fraud_mode = models.CharField(max_length=8, choices=FraudMode.choices, default=FraudMode.HOLD)
    hold_at = models.PositiveSmallIntegerField(default=50, help_text="Risk score from which what was earned is held.")
    block_at = models.PositiveSmallIntegerField(default=80, help_text="Risk score from which mode block refuses.")
    fraud_deadline_hours = models.PositiveIntegerField(
        null=True, blank=True, help_text="After so long nobody need decide what is held any more; none: it waits."
    )
    fraud_deadline_outcome = models.CharField(
        max_length=7, choices=Deadline.choices, null=True, blank=True, help_text="What becomes of it then."
    )

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = CampaignQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["app", "-created_at", "-id"], name="campaign_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(fraud_deadline_hours=None, fraud_deadline_outcome=None)
                | Q(fraud_deadline_hours__isnull=False, fraud_deadline_outcome__isnull=False),
                name="campaign_deadline_has_outcome",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def status_at(self, now: datetime) -> str:
        """The declared status, moved on by the dates; the same rule as ``with_status`` in SQL."""
        if self.declared_status == CampaignStatus.DRAFT:
            return CampaignStatus.DRAFT
        if self.declared_status == CampaignStatus.EXPIRED or (self.end_at and self.end_at <= now):
            return CampaignStatus.EXPIRED
        if self.declared_status == CampaignStatus.PAUSED:
            return CampaignStatus.PAUSED
        return CampaignStatus.SCHEDULED if self.start_at and self.start_at > now else CampaignStatus.ACTIVE


class CampaignVersion(models.Model):
    """The rules as they stood from ``created_at`` until the next version. Never changed; rewards name its number."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    rules = OrderedJSONField(help_text="Every field of the campaign, as the API writes it.")
    changed = OrderedJSONField(default=dict, help_text="Field → [before, after].")
    actor = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "campaign", "number"], name="campaign_version_unique")]

    def __str__(self) -> str:
        return f"{self.campaign_id} v{self.number}"


class CampaignSpend(models.Model):
    """How much of a campaign's budget its rewards have promised. The one row that rewards of a budgeted campaign queue for."""

    campaign = models.OneToOneField(Campaign, primary_key=True, on_delete=models.PROTECT, related_name="spend")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_index=False)
    promised_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(promised_minor__gte=0), name="campaign_spend_not_negative")]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.promised_minor}"
