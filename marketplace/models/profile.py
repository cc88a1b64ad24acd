"""A business: an app's face in the marketplace, which the operator of the installation verifies."""

from django.db import models

from incenta.accounts.models import App, User
from incenta.ids import IdField


class ProfileStatus(models.TextChoices):
    PENDING = "PENDING", "Waits for verification"
    VERIFIED = "VERIFIED", "Verified"
    REJECTED = "REJECTED", "Rejected"
    SUSPENDED = "SUSPENDED", "Suspended"


class Profile(models.Model):
    """One an app. That of a sandbox is verified at once, and seen by the sandboxes of the same merchant only."""

    id = IdField(prefix="biz")
    app = models.OneToOneField(App, on_delete=models.PROTECT, related_name="business")
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=2000, blank=True)
    category = models.CharField(max_length=60, blank=True)
    url = models.URLField(max_length=2000, blank=True)
    logo_url = models.URLField(max_length=2000, blank=True)
    contact_email = models.EmailField(blank=True, help_text="For the operator and the partners; never public.")
    country = models.CharField(max_length=2, blank=True)
    status = models.CharField(max_length=9, choices=ProfileStatus.choices, default=ProfileStatus.PENDING)
    status_reason = models.CharField(max_length=500, blank=True, help_text="What the operator says of it.")
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["status", "-created_at"], name="profile_queue")]

    def __str__(self) -> str:
        return self.name
