"""What users did, and where each of them stands. An activity is what the API calls an event."""

from collections.abc import Callable

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from incenta.accounts.models import App
from incenta.events.models import OrderedJSONField
from incenta.ids import IdField


class Withheld(models.TextChoices):
    """What became of an event that would have been rewarded, had its user not been on hold, or of one that was and no longer is."""

    PENDING = "PENDING", "Waits for the review"
    AWARDED = "AWARDED", "Awarded after the review"
    FORFEIT = "FORFEIT", "Not awarded after the review"
    TAKEN = "TAKEN", "Awarded at first, and taken back by the review"


class Activity(models.Model):
    """One event of one user: recorded once, rewarded or told why not. Its key is the client's for ever."""

    id = IdField(prefix="evt")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="activities", db_constraint=False, db_index=False
    )
    user_id = models.CharField(max_length=255, db_collation="C")
    action_key = models.CharField(max_length=80, db_collation="C")
    idempotency_key = models.CharField(max_length=255, null=True, db_collation="C")
    request_hash = models.CharField(max_length=32, db_collation="C")
    cause = models.CharField(
        max_length=40,
        null=True,
        db_collation="C",
        help_text="The referral, click or conversion that fired it by itself.",
    )
    xp = models.BigIntegerField(default=0, help_text="Awarded by the action itself.")
    coins = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    not_awarded = models.CharField(max_length=12, null=True)
    withheld = models.CharField(
        max_length=7, choices=Withheld.choices, null=True, help_text="Of an event of a user on hold; else null."
    )
    waits = models.JSONField(
        null=True,
        help_text="What of each of the points waits for the review, where it is not what was withheld at first.",
    )
    retry_at = models.DateTimeField(null=True)
    outcome = OrderedJSONField(
        help_text="The rest of the first answer: balances, level, badges, milestones, bonus, streak."
    )
    metadata = models.JSONField(default=dict)
    rule_version = models.PositiveIntegerField()
    wallet_seq = models.BigIntegerField(
        default=0, help_text="How many transfers the wallet had had: what it gave follows."
    )
    occurred_at = models.DateTimeField()
    day = models.DateField(help_text="Of the user's zone.")
    reversed_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app", "idempotency_key"], condition=Q(idempotency_key__isnull=False), name="activity_key"
            ),
            models.UniqueConstraint(
                fields=["app", "cause", "action_key"], condition=Q(cause__isnull=False), name="activity_once_a_cause"
            ),
        ]
        indexes = [
            models.Index(fields=["app", "user_id", "action_key", "occurred_at"], name="activity_of_user"),
            models.Index(fields=["app", "-id"], name="activity_newest"),
            models.Index(fields=["app", "user_id"], name="activity_withheld", condition=Q(withheld="PENDING")),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.action_key}"

    @property
    def waiting(self) -> dict[str, int]:
        """What of each of the points waits for the review."""
        if self.withheld != Withheld.PENDING:
            return {}
        if self.waits is None:
            return self.outcome.get("withheld") or {}
        return {name: amount for name, amount in self.waits.items() if name != "kept"}

    @property
    def kept(self) -> dict[str, int]:
        """What of each of the points a rejection could not take back, for it was spent: it was awarded, and stays so."""
        return (self.waits or {}).get("kept") or {}

    def leave(self, worth: Callable[[int], int]) -> None:
        """Of what waits, so much is left: a part of what caused it was taken back. Counted from what it was at first."""
        first = self.outcome.get("withheld") or {"xp": self.xp, "coins": self.coins, "tokens": self.tokens}
        kept = self.kept
        self.waits = {
            name: max(worth(amount) - kept.get(name, 0), 0) if amount else 0 for name, amount in first.items()
        }
        if kept:
            self.waits["kept"] = kept
        self.save(update_fields=["waits"])


class ActionTally(models.Model):
    """How often an action was rewarded to a user, and when last. Changed only under the user's wallet lock."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    user_id = models.CharField(max_length=255, db_collation="C")
    action_key = models.CharField(max_length=80, db_collation="C")
    rewarded = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(help_text="The latest moment at which it was rewarded.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "user_id", "action_key"], name="tally_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.action_key}: {self.rewarded}"


class Standing(models.Model):
    """Where a user stands beside the balances. Changed only under the user's wallet lock."""

    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="standings", db_constraint=False, db_index=False
    )
    user_id = models.CharField(max_length=255, db_collation="C")
    level = models.PositiveIntegerField(default=0)
    paid_levels = ArrayField(models.PositiveIntegerField(), default=list, help_text="Levels whose reward was given.")
    badges = ArrayField(models.CharField(max_length=80), default=list)
    milestones = ArrayField(models.CharField(max_length=80), default=list)
    events = models.PositiveBigIntegerField(default=0)
    conversions = models.PositiveBigIntegerField(default=0)
    coins_earned = models.BigIntegerField(
        default=0, help_text="Ever, less what was taken back; spending does not lower it."
    )
    streak = models.PositiveIntegerField(default=0)
    longest_streak = models.PositiveIntegerField(default=0)
    streak_day = models.DateField(null=True, help_text="The latest day with an event, of the user's zone.")
    freezes = models.PositiveSmallIntegerField(default=0)
    timezone = models.CharField(max_length=64, blank=True, help_text="The user's own; empty: the app's.")
    visible = models.BooleanField(default=True, help_text="Whether boards show the user.")
    on_hold = models.BooleanField(
        default=False, db_default=False, help_text="In review: nothing is awarded, and nothing can be spent."
    )
    at_hold = models.JSONField(
        null=True, help_text="The measures as they were when the hold began: what is reached since is given after it."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "user_id"], name="standing_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: level {self.level}"


class Grant(models.Model):
    """A level, badge or milestone that a user reached, and what it gave. Taken back with its cause, reached again it is given again."""

    class Kind(models.TextChoices):
        LEVEL = "level", "Level"
        BADGE = "badge", "Badge"
        MILESTONE = "milestone", "Milestone"

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="grants", db_constraint=False, db_index=False)
    user_id = models.CharField(max_length=255, db_collation="C")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    key = models.CharField(
        max_length=80, db_collation="C", help_text="The badge's or milestone's key, or the level's number."
    )
    xp = models.BigIntegerField(default=0)
    coins = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    cause = models.CharField(max_length=40, db_collation="C")
    cause_type = models.CharField(max_length=20)
    reason = models.CharField(max_length=500, blank=True, help_text="Where it was given by hand.")
    rule_version = models.PositiveIntegerField()
    wallet_seq = models.BigIntegerField(
        default=0, help_text="How many transfers the wallet had had: what it gave follows."
    )
    granted_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app", "user_id", "kind", "key"], condition=Q(revoked_at=None), name="grant_once"
            ),
        ]
        indexes = [
            models.Index(fields=["app", "cause"], name="grant_of_cause"),
            models.Index(fields=["app", "kind", "key"], name="grant_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.kind} {self.key}"
