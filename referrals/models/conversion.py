"""A conversion: a friend did what the campaign rewards. Exactly one for a code and a friend, for an order, for a first purchase."""

from django.db import models
from django.db.models import F, Q

from incenta.accounts.models import App
from incenta.events.models import OrderedJSONField
from incenta.ids import IdField

from .campaign import Campaign
from .referral import Referral


class ConversionStatus(models.TextChoices):
    CONVERTED = "CONVERTED", "Converted"
    FLAGGED = "FLAGGED", "Flagged"
    REVERSED = "REVERSED", "Reversed"


class Conversion(models.Model):
    id = IdField(prefix="conv")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="conversions", db_constraint=False, db_index=False
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="conversions", db_constraint=False, db_index=False
    )
    referral = models.ForeignKey(
        Referral, on_delete=models.PROTECT, related_name="conversion_set", db_constraint=False, db_index=False
    )
    referrer_id = models.CharField(max_length=255, db_collation="C")
    referee_id = models.CharField(max_length=255, db_collation="C")
    status = models.CharField(max_length=10, choices=ConversionStatus.choices)
    amount_minor = models.BigIntegerField(null=True)
    reversed_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    reward_minor = models.BigIntegerField(
        default=0, help_text="What the referrer's reward was at first, in minor units of its asset."
    )
    reward_asset = models.CharField(max_length=5)
    external_id = models.CharField(max_length=255, null=True, db_collation="C", help_text="The client's order.")
    request_hash = models.CharField(
        max_length=32, db_collation="C", help_text="Of the body: the same order sent again answers as at first."
    )
    first_time = models.BooleanField(help_text="Counted under the rule that a friend converts once in a campaign.")
    risk_score = models.PositiveSmallIntegerField(null=True)
    warning = models.CharField(max_length=200, null=True)
    reasons = models.JSONField(null=True)
    rule_version = models.PositiveIntegerField()
    metadata = models.JSONField(default=dict)
    trace = OrderedJSONField(
        default=dict, help_text="Why it was rewarded as it was: rules considered, values read, caps hit."
    )
    converted_at = models.DateTimeField(help_text="When it happened; all windows go by it.")
    recorded_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "referral", "referee_id"], name="conversion_once_a_code"),
            models.UniqueConstraint(
                fields=["app", "external_id"], condition=Q(external_id__isnull=False), name="conversion_once_an_order"
            ),
            models.UniqueConstraint(
                fields=["app", "campaign", "referee_id"], condition=Q(first_time=True), name="conversion_first_time"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor=None) | Q(amount_minor__gte=0), name="conversion_amount_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(reversed_minor=0) | Q(reversed_minor__gt=0, reversed_minor__lte=F("amount_minor")),
                name="conversion_reversed_within",
            ),
        ]
        indexes = [
            models.Index(fields=["app", "-converted_at", "-id"], name="conversion_newest"),
            # few, and looked for in lists of any length
            models.Index(
                fields=["app", "status", "-converted_at", "-id"],
                name="conversion_unusual",
                condition=Q(status__in=["FLAGGED", "REVERSED"]),
            ),
            models.Index(fields=["app", "campaign", "referrer_id", "status"], name="conversion_of_referrer"),
            models.Index(fields=["app", "referee_id", "campaign"], name="conversion_of_referee"),
            models.Index(
                fields=["app", "campaign", "referrer_id", "-converted_at"],
                include=["amount_minor", "referee_id"],
                name="conversion_last_of_referrer",
            ),
        ]

    def __str__(self) -> str:
        return self.id


class Reversal(models.Model):
    """One taking back, in full or in part. Append-only."""

    id = IdField(prefix="rev")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    conversion = models.ForeignKey(Conversion, on_delete=models.PROTECT, related_name="reversals", db_constraint=False)
    amount_minor = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=500)
    effects = OrderedJSONField()
    actor = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.conversion_id}: {self.reason}"
