"""A flag: one suspicion of one signal against one subject. The same suspicion again raises its hits, not another flag."""

from django.db import models
from django.db.models import Q

from incenta.accounts.models import App
from incenta.ids import IdField

from .case import Case, Deadline
from .score import Subject


class FlagType(models.TextChoices):
    """What clients are told (contract, section 8). Several signals share a type."""

    SELF_REFERRAL = "SELF_REFERRAL", "Self-referral"
    DUPLICATE_IP = "DUPLICATE_IP", "Shared network address"
    DEVICE_FINGERPRINT = "DEVICE_FINGERPRINT", "Shared device"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED", "Too many tries"
    VELOCITY_CHECK = "VELOCITY_CHECK", "Unusual speed"
    SUSPICIOUS_PATTERN = "SUSPICIOUS_PATTERN", "Suspicious pattern"
    IMPOSSIBLE_CONVERSION_TIME = "IMPOSSIBLE_CONVERSION_TIME", "Impossibly fast"
    VPN_PROXY_DETECTED = "VPN_PROXY_DETECTED", "VPN, proxy or data centre"
    DISPOSABLE_EMAIL = "DISPOSABLE_EMAIL", "Throw-away e-mail"
    REFERRAL_RING = "REFERRAL_RING", "Ring of accounts"
    DUPLICATE_ACCOUNT = "DUPLICATE_ACCOUNT", "Second account"
    MANUAL_FLAG = "MANUAL_FLAG", "Flagged by hand"


class FlagStatus(models.TextChoices):
    OPEN = "OPEN", "Open"
    APPROVED = "APPROVED", "Approved: it is honest"
    REJECTED = "REJECTED", "Rejected: it is fraud"
    MOOT = "MOOT", "Nothing left to decide"


class Flag(models.Model):
    id = IdField(prefix="flag")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="fraud_flags", db_constraint=False, db_index=False
    )
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="flags", db_constraint=False)
    subject_type = models.CharField(max_length=10, choices=Subject.choices)
    subject_id = models.CharField(max_length=255, db_collation="C")
    campaign_id = models.CharField(max_length=40, null=True, db_collation="C")
    user_id = models.CharField(max_length=255, null=True, db_collation="C", help_text="Who would gain: the referrer.")
    type = models.CharField(max_length=26, choices=FlagType.choices)
    signal = models.CharField(max_length=32, help_text="Which signal spoke; MANUAL when a person did.")
    points = models.PositiveSmallIntegerField()
    score = models.PositiveSmallIntegerField(help_text="Of the whole subject, at the newest hit.")
    message = models.CharField(max_length=300)
    evidence = models.JSONField(default=dict)
    status = models.CharField(max_length=8, choices=FlagStatus.choices, default=FlagStatus.OPEN)
    hits = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, help_text="Its campaign's deadline; the case goes by its earliest.")
    due_outcome = models.CharField(max_length=7, choices=Deadline.choices, null=True)
    decision_id = models.CharField(max_length=40, null=True, db_collation="C")
    resolved_by = models.CharField(max_length=120, blank=True)
    resolved_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app", "subject_type", "subject_id", "signal"],
                condition=Q(status="OPEN"),
                name="flag_open_once",
            ),
        ]
        indexes = [
            models.Index(fields=["app", "-first_at", "-id"], name="flag_newest"),
            models.Index(fields=["app", "status", "-score", "-id"], name="flag_by_score"),
            models.Index(fields=["app", "subject_id"], name="flag_of_subject"),
            models.Index(fields=["app", "user_id"], name="flag_of_user"),
            models.Index(fields=["app", "signal", "status"], name="flag_precision"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject_id}"
