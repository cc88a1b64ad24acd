"""An invitation into a merchant's team: goes to one address, is good once, for seven days, until it is sent anew or taken back."""

import secrets
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from incenta.ids import IdField

from .membership import Role
from .merchant import Merchant

GOOD_FOR = timedelta(days=7)


class Invitation(models.Model):
    """``nonce`` is what the link of the last mail carries, signed: sending it again makes the older link worthless."""

    id = IdField(prefix="inv")
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=12, choices=Role.choices)
    nonce = models.CharField(max_length=40, default=partial(secrets.token_urlsafe, 16))
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    mails = models.PositiveSmallIntegerField(default=1, help_text="How many mails it was sent in.")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "merchant",
                Lower("email"),
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.merchant_id} as {self.get_role_display()}"

    @property
    def expires_at(self):
        return self.sent_at + GOOD_FOR

    @property
    def is_good(self) -> bool:
        """Whether the link of its last mail still opens the door. Real time: no sandbox's clock has to do with it."""
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > timezone.now()
