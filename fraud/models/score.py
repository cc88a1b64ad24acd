"""A score: one judgement of one subject at one moment. Append-only; a later one supersedes it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from incenta.accounts.models import App
from incenta.ids import IdField


class Subject(models.TextChoices):
    REFERRAL = "REFERRAL", "Referral"
    CONVERSION = "CONVERSION", "Conversion"
    EVENT = "EVENT", "Incentive event"
    REDEMPTION = "REDEMPTION", "Redemption"
    USER = "USER", "User"
    API_KEY = "API_KEY", "API key"


class Stage(models.TextChoices):
    REQUEST = "REQUEST", "In the request"
    SOON = "SOON", "Soon after, the request's look was cut short"
    HOUR = "HOUR", "After an hour"
    DAY = "DAY", "After a day"
    RING = "RING", "When its ring grew"
    VERDICT = "VERDICT", "After a verdict on a neighbour"
    HAND = "HAND", "Asked for by hand"


class Action(models.TextChoices):
    NONE = "NONE", "Nothing"
    WATCH = "WATCH", "Watched"
    HOLD = "HOLD", "Held for review"
    BLOCK = "BLOCK", "Refused"


class Score(models.Model):
    """With the values it was computed from, so that a draft of other rules can be tried on it later."""

    id = IdField(prefix="scr")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="fraud_scores", db_constraint=False, db_index=False
    )
    subject_type = models.CharField(max_length=10, choices=Subject.choices)
    subject_id = models.CharField(max_length=255, db_collation="C")
    campaign_id = models.CharField(max_length=40, null=True, db_collation="C")
    stage = models.CharField(max_length=7, choices=Stage.choices)
    score = models.PositiveSmallIntegerField(help_text="0 to 100: the sum of capped families.")
    action = models.CharField(max_length=5, choices=Action.choices)
    shadow_action = models.CharField(max_length=5, null=True, help_text="What the rule set in shadow would have done.")
    reasons = models.JSONField(default=list, help_text="Code, family, points, sentence, evidence, strongest first.")
    features = models.JSONField(default=dict, help_text="The facts by name, as they were.")
    coverage = ArrayField(models.CharField(max_length=10), default=list, help_text="The families that could be judged.")
    flip = models.JSONField(null=True, help_text="The smallest change that would turn the decision.")
    rule_version = models.PositiveIntegerField(default=0, help_text="Of the rule set; 0 is the built-in one.")
    is_degraded = models.BooleanField(default=False, help_text="The look at the evidence was cut short.")
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["app", "subject_id", "-id"], name="score_of_subject"),
            models.Index(fields=["app", "-at"], name="score_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id}: {self.score}"


class Rescore(models.Model):
    """A look that is due later: the schedule of the second pass. Gone once it is taken."""

    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="fraud_rescores", db_constraint=False, db_index=False
    )
    subject_type = models.CharField(max_length=10, choices=Subject.choices)
    subject_id = models.CharField(max_length=40, db_collation="C")
    stage = models.CharField(max_length=7, choices=Stage.choices)
    due_at = models.DateTimeField(help_text="By the app's clock.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "subject_id", "stage"], name="rescore_once")]
        indexes = [models.Index(fields=["app", "due_at"], name="rescore_due")]

    def __str__(self) -> str:
        return f"{self.subject_id}: {self.stage} {self.due_at:%Y-%m-%d %H:%M}"
