"""Boards: scores by window, kept as deltas in the transaction of the event and folded into rows that ranks are read from.

What is read is folded plus pending, so an event that is answered is an event that is ranked.
"""

from django.db import models
from django.db.models import Q

from incenta.accounts.models import App

METRICS = ("xp", "coins", "referrals")


class Period(models.TextChoices):
    ALL = "A", "all"
    DAILY = "D", "daily"
    WEEKLY = "W", "weekly"
    MONTHLY = "M", "monthly"


class BoardDelta(models.Model):
    """A change of a user's scores, not yet folded."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    user_id = models.CharField(max_length=255, db_collation="C")
    day = models.DateField(help_text="Of the app's zone, by when it happened.")
    at = models.DateTimeField(help_text="When it happened: among equals, the earliest to reach a score is first.")
    xp = models.BigIntegerField(default=0)
    coins = models.BigIntegerField(default=0)
    referrals = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["app", "day"], name="board_delta_day")]


class BoardScore(models.Model):
    """A user's score in one window. ``start`` is the window's first day; for all time, 0001-01-01."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    period = models.CharField(max_length=1, choices=Period.choices)
    start = models.DateField()
    user_id = models.CharField(max_length=255, db_collation="C")
    xp = models.BigIntegerField(default=0)
    xp_at = models.DateTimeField()
    coins = models.BigIntegerField(default=0)
    coins_at = models.DateTimeField()
    referrals = models.BigIntegerField(default=0)
    referrals_at = models.DateTimeField()
    visible = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "period", "start", "user_id"], name="board_score_once")]
        indexes = [
            models.Index(
                fields=["app", "period", "start", "-xp", "xp_at", "user_id"],
                name="board_by_xp",
                condition=Q(visible=True),
            ),
            models.Index(
                fields=["app", "period", "start", "-coins", "coins_at", "user_id"],
                name="board_by_coins",
                condition=Q(visible=True),
            ),
            models.Index(
                fields=["app", "period", "start", "-referrals", "referrals_at", "user_id"],
                name="board_by_referrals",
                condition=Q(visible=True, referrals__gt=0),
            ),
        ]


class BoardBucket(models.Model):
    """How many visible users of a window have a score in this bucket: exact below 4,096, then 4,096 buckets an octave.

    Ranks are read from here without counting users. ``incenta_board_bucket`` cuts.
    """

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    period = models.CharField(max_length=1, choices=Period.choices)
    start = models.DateField()
    metric = models.CharField(max_length=9)
    bucket = models.IntegerField()
    users = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "period", "start", "metric", "bucket"], name="board_bucket_once"),
        ]


class BoardBlock(models.Model):
    """The sum of sixty-four buckets side by side, so that a rank sums hundreds of rows and not ten thousands."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    period = models.CharField(max_length=1, choices=Period.choices)
    start = models.DateField()
    metric = models.CharField(max_length=9)
    block = models.IntegerField()
    users = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "period", "start", "metric", "block"], name="board_block_once"),
        ]


class ReferralCount(models.Model):
    """A conversion that counts for its referrer on the boards and towards milestones: once, until it is taken back."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    conversion_id = models.CharField(max_length=40, db_collation="C")
    user_id = models.CharField(max_length=255, db_collation="C")
    day = models.DateField(help_text="Of the app's zone.")
    at = models.DateTimeField()
    reversed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "conversion_id"], name="referral_count_once")]
