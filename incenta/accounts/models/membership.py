"""Who works for which merchant, and as what. What a role may do stands in ``permissions.py``."""

from django.conf import settings
from django.db import models

from incenta.ids import IdField

from .merchant import Merchant


class Role(models.TextChoices):
    OWNER = "OWNER", "Owner"
    ADMIN = "ADMIN", "Admin"
    ANALYST = "ANALYST", "Analyst"
    DEVELOPER = "DEVELOPER", "Developer"


class Membership(models.Model):
    id = IdField(prefix="mem")
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(
        null=True, blank=True, help_text="When this person last opened a page, to a quarter of an hour."
    )
    hides_first_run = models.BooleanField(default=False, help_text="Has put the first steps away.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "user"], name="membership_unique")]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.get_role_display()} of {self.merchant_id}"
