"""Lists and mutes: what people say beforehand."""

from django.db import models
from django.db.models import Q

from incenta.accounts.models import App
from incenta.ids import IdField


class ListEntry(models.Model):
    """Who is always let through, or never. The value stands as it was typed, for the merchant reads his own list."""

    class Side(models.TextChoices):
        ALLOW = "ALLOW", "Allow"
        DENY = "DENY", "Deny"

    class Kind(models.TextChoices):
        IP = "IP", "Network address or range"
        DEVICE = "DEVICE", "Device"
        EMAIL = "EMAIL", "E-mail address"
        EMAIL_DOMAIN = "EMAIL_DOMAIN", "E-mail domain"
        USER = "USER", "User"

    id = IdField(prefix="lent")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="fraud_list", db_index=False)
    side = models.CharField(max_length=5, choices=Side.choices)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    value = models.CharField(max_length=255, db_collation="C", help_text="In the form that is compared.")
    reason = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)
    removed_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app", "side", "kind", "value"], condition=Q(removed_at=None), name="list_entry_once"
            ),
        ]
        indexes = [models.Index(fields=["app", "-created_at", "-id"], name="list_entry_newest")]

    def __str__(self) -> str:
        return f"{self.side} {self.kind} {self.value}"


class Mute(models.Model):
    """A signal that does not speak for a key or a user for a while. It is still computed and shown; it adds no points."""

    id = IdField(prefix="mute")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="fraud_mutes", db_index=False)
    signal = models.CharField(max_length=32)
    kind = models.SmallIntegerField(null=True, help_text="Of the key; none where it is a user.")
    key = models.BigIntegerField(null=True)
    user_id = models.CharField(max_length=255, null=True, db_collation="C")
    reason = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    removed_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(key__isnull=False, kind__isnull=False, user_id=None)
                | Q(key=None, kind=None, user_id__isnull=False),
                name="mute_of_key_or_user",
            ),
        ]
        indexes = [models.Index(fields=["app", "signal"], name="mute_of_signal", condition=Q(removed_at=None))]

    def __str__(self) -> str:
        return self.signal
