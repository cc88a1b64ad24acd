"""A referral: one code in one person's hands, for one friend or for whoever comes."""

from django.db import models

from incenta.accounts.models import App
from incenta.ids import IdField

from .campaign import Campaign


class ReferralStatus(models.TextChoices):
    PENDING = "PENDING", "Pending"
    CLICKED = "CLICKED", "Clicked"
    CONVERTED = "CONVERTED", "Converted"
    EXPIRED = "EXPIRED", "Expired"
    FLAGGED = "FLAGGED", "Flagged"


class Referral(models.Model):
    id = IdField(prefix="ref")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="referrals", db_constraint=False, db_index=False
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="referrals", db_constraint=False, db_index=False
    )
    code = models.CharField(max_length=40, db_collation="C", help_text="As it is shown.")
    code_key = models.CharField(max_length=40, db_collation="C", help_text="As it is compared: without regard to case.")
    slug = models.CharField(
        max_length=48,
        unique=True,
        db_collation="C",
        help_text="The short link: the code, or where another app has it, the code and more.",
    )
    referrer_id = models.CharField(max_length=255, db_collation="C")
    referee_id = models.CharField(max_length=255, null=True, db_collation="C")
    status = models.CharField(max_length=10, choices=ReferralStatus.choices, default=ReferralStatus.PENDING)
    is_flagged = models.BooleanField(default=False)
    risk_score = models.PositiveSmallIntegerField(null=True)
    warning = models.CharField(max_length=200, null=True)
    reasons = models.JSONField(null=True)
    rule_version = models.PositiveIntegerField()
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "code_key"], name="referral_code_unique"),
            models.UniqueConstraint(
                fields=["app", "campaign", "referrer_id", "referee_id"], nulls_distinct=False, name="referral_one_each"
            ),
        ]
        indexes = [
            models.Index(fields=["app", "-created_at", "-id"], name="referral_newest"),
            models.Index(fields=["app", "campaign", "-created_at", "-id"], name="referral_newest_of_campaign"),
            models.Index(
                fields=["app", "-created_at", "-id"], name="referral_flagged", condition=models.Q(is_flagged=True)
            ),
            models.Index(fields=["app", "referrer_id", "-created_at"], name="referral_by_referrer"),
            models.Index(
                fields=["app", "referee_id"], name="referral_by_referee", condition=models.Q(referee_id__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.code
