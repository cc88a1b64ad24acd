"""The figures: append-only deltas in the transaction of what they count, folded into totals by a job.

What is read is folded plus pending, so it is exact at commit, and no hot row is ever updated by a request.
"""

from django.db import models

from incenta.accounts.models import App

COUNTED = ("referrals", "clicks", "conversions", "flagged", "reward_minor")


class Counts(models.Model):
    referrals = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    conversions = models.BigIntegerField(default=0, help_text="Level 1, neither flagged nor wholly reversed.")
    flagged = models.BigIntegerField(default=0, help_text="Conversions that wait for review.")
    reward_minor = models.BigIntegerField(
        default=0, help_text="What the rewards of the counted conversions are worth now."
    )

    class Meta:
        abstract = True


class StatDelta(Counts):
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    campaign_id = models.CharField(max_length=40, db_collation="C")
    referral_id = models.CharField(max_length=40, db_collation="C")
    asset = models.CharField(max_length=5)
    day = models.DateField(help_text="Of the app's zone.")

    class Meta:
        indexes = [
            models.Index(fields=["app", "campaign_id"], name="stat_delta_campaign"),
            models.Index(fields=["app", "referral_id"], name="stat_delta_referral"),
        ]


class StatDay(Counts):
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    campaign_id = models.CharField(max_length=40, db_collation="C")
    asset = models.CharField(max_length=5)
    day = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "campaign_id", "asset", "day"], name="stat_day_unique")]
        indexes = [models.Index(fields=["app", "day"], name="stat_day_of_app")]


class CampaignTotal(Counts):
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    campaign_id = models.CharField(max_length=40, db_collation="C")
    asset = models.CharField(max_length=5)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "campaign_id", "asset"], name="campaign_total_unique")]


class ReferralTotal(Counts):
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    referral_id = models.CharField(max_length=40, db_collation="C")
    asset = models.CharField(max_length=5)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "referral_id", "asset"], name="referral_total_unique")]
