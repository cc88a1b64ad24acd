"""Rule sets: the points, caps and thresholds, in numbered versions that never change, and drafts tried on the past."""

from django.db import models
from django.db.models import Q

from incenta.accounts.models import App, User
from incenta.ids import IdField


class RuleSetState(models.TextChoices):
    DRAFT = "DRAFT", "Draft"
    SHADOW = "SHADOW", "In shadow: judges, does nothing"
    ACTIVE = "ACTIVE", "Active"
    RETIRED = "RETIRED", "Retired"


class RuleSet(models.Model):
    """Of an app, or of one campaign. ``rules``: ``{"signals": {code: {"on": bool, "points": int}}, "caps": {family: int}}``;
    what it does not name is as the built-in rules have it."""

    id = IdField(prefix="rset")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="fraud_rule_sets", db_index=False)
    campaign_id = models.CharField(max_length=40, default="", blank=True, db_collation="C")
    version = models.PositiveIntegerField(help_text="1, 2, 3 … in its app.")
    name = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=7, choices=RuleSetState.choices, default=RuleSetState.DRAFT)
    rules = models.JSONField(default=dict)
    author = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    author_name = models.CharField(max_length=120)
    activated_by = models.CharField(max_length=120, blank=True)
    activated_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "version"], name="rule_set_version"),
            models.UniqueConstraint(
                fields=["app", "campaign_id"], condition=Q(state="ACTIVE"), name="rule_set_active_once"
            ),
            models.UniqueConstraint(
                fields=["app", "campaign_id"], condition=Q(state="SHADOW"), name="rule_set_shadow_once"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version} ({self.state})"


class Backtest(models.Model):
    """A draft tried on the scores of the past, with the values as they were then."""

    id = IdField(prefix="bkt")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="fraud_backtests", db_index=False)
    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="backtests")
    since = models.DateTimeField()
    until = models.DateTimeField()
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    place = models.CharField(max_length=40, blank=True, db_collation="C", help_text="The last score that was tried.")
    result = models.JSONField(default=dict)
    finished_at = models.DateTimeField(null=True)
    actor = models.CharField(max_length=120)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["app", "-created_at"], name="backtest_newest")]

    def __str__(self) -> str:
        return self.pk
