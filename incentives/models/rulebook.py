"""An app's rulebook: one number that every change of its rules raises, and what the rules say of time."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from incenta.accounts.models import App
from incenta.events.models import OrderedJSONField


class ExpiryUnit(models.TextChoices):
    DAY = "day", "days"
    MONTH = "month", "months"


class ExpiryRound(models.TextChoices):
    NONE = "none", "to the moment"
    DAY = "day", "to the end of the day"
    MONTH = "month", "to the end of the month"


class Rulebook(models.Model):
    """One row an app. ``version`` is read with every event: who has kept the rules of an older one reads them again."""

    app = models.OneToOneField(App, primary_key=True, on_delete=models.PROTECT, related_name="rulebook")
    version = models.PositiveIntegerField(default=1)
    coins_expire_after = models.PositiveIntegerField(null=True, blank=True)
    coins_expire_unit = models.CharField(max_length=5, choices=ExpiryUnit.choices, default=ExpiryUnit.DAY)
    coins_expire_round = models.CharField(max_length=5, choices=ExpiryRound.choices, default=ExpiryRound.NONE)
    tokens_expire_after = models.PositiveIntegerField(null=True, blank=True)
    tokens_expire_unit = models.CharField(max_length=5, choices=ExpiryUnit.choices, default=ExpiryUnit.DAY)
    tokens_expire_round = models.CharField(max_length=5, choices=ExpiryRound.choices, default=ExpiryRound.NONE)
    streak_freezes = models.PositiveSmallIntegerField(default=0, help_text="Freezes a user starts with.")
    streak_freeze_every = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="One more freeze after so many days in a row."
    )
    streak_freezes_most = models.PositiveSmallIntegerField(default=5)

    def __str__(self) -> str:
        return f"rules {self.version} of {self.app_id}"


class RuleChange(models.Model):
    """One change of the rulebook, so that a version named by an award can be looked up. Append-only."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="rule_changes")
    version = models.PositiveIntegerField()
    noun = models.CharField(max_length=12, help_text="action, level, badge, milestone or settings")
    key = models.CharField(max_length=80)
    before = OrderedJSONField(null=True)
    after = OrderedJSONField(null=True)
    actor = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "version"], name="rule_change_version")]

    def __str__(self) -> str:
        return f"{self.noun} {self.key}, version {self.version}"


class Action(models.Model):
    """Something users do that is rewarded."""

    class Type(models.TextChoices):
        STANDARD = "STANDARD", "Sent by the client"
        REFERRAL_CODE_GENERATE = "REFERRAL_CODE_GENERATE", "A referral code is made"
        REFERRAL_CLICK = "REFERRAL_CLICK", "A referral link is clicked"
        REFERRAL_REFEREE_ACTION = "REFERRAL_REFEREE_ACTION", "A referred friend converts"

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="actions")
    key = models.CharField(max_length=80, db_collation="C")
    name = models.CharField(max_length=120)
    type = models.CharField(max_length=24, choices=Type.choices)
    xp = models.BigIntegerField(default=0)
    coins = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    cooldown_s = models.PositiveIntegerField(default=0)
    max_repeats = models.PositiveIntegerField(null=True, blank=True)
    max_per_day = models.PositiveIntegerField(null=True, blank=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "key"], name="action_key"),
            models.CheckConstraint(condition=models.Q(xp__gte=0, coins__gte=0, tokens__gte=0), name="action_gives"),
        ]

    def __str__(self) -> str:
        return self.key


class Level(models.Model):
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="levels")
    level = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    xp_threshold = models.BigIntegerField()
    coins = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    badge_key = models.CharField(max_length=80, blank=True)
    perks = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "level"], name="level_number"),
            models.UniqueConstraint(
                fields=["app", "xp_threshold"], name="level_threshold", deferrable=models.Deferrable.DEFERRED
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.name}"


class Badge(models.Model):
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="badges")
    key = models.CharField(max_length=80, db_collation="C")
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=500, blank=True)
    icon = models.CharField(max_length=500, blank=True)
    criteria = OrderedJSONField(
        null=True, help_text="{actionKey, count}, {xp}, {level}, {streakDays}, {referrals}; null: by hand only."
    )
    xp = models.BigIntegerField(default=0)
    coins = models.BigIntegerField(default=0)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "key"], name="badge_key")]

    def __str__(self) -> str:
        return self.key


class Milestone(models.Model):
    class Metric(models.TextChoices):
        XP = "xp", "XP"
        COINS_EARNED = "coinsEarned", "Coins earned"
        EVENTS = "events", "Events"
        CONVERSIONS = "conversions", "Conversions"

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="milestones")
    key = models.CharField(max_length=80, db_collation="C")
    name = models.CharField(max_length=120, blank=True)
    metric = models.CharField(max_length=12, choices=Metric.choices)
    threshold = models.BigIntegerField()
    coins = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "key"], name="milestone_key")]

    def __str__(self) -> str:
        return self.key
