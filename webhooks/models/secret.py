"""The secrets that an endpoint's requests are signed with: one, or while it rotates, several."""

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from incenta.accounts.models import App
from incenta.encryption import encrypt
from incenta.ids import IdField

from .. import signing
from .endpoint import WebhookEndpoint

MOST_LIVE = 3
OVERLAP = timedelta(hours=24)


class SecretQuerySet(models.QuerySet):
    def live(self):
        """Those that sign now, by the database's clock."""
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=Now()))

    def shared(self):
        """The HMAC secrets, which both sides hold."""
        return self.filter(kind=WebhookSecret.Kind.HMAC)

    def keys(self):
        """The Ed25519 keys."""
        return self.filter(kind=WebhookSecret.Kind.ED25519)


class SecretManager(models.Manager.from_queryset(SecretQuerySet)):
    def issue(self, endpoint: WebhookEndpoint, *, is_primary: bool) -> str:
        """A fresh secret for the endpoint; its text is answered here and can be read by nobody again."""
        text = signing.new_secret()
        self.create(app_id=endpoint.app_id, endpoint=endpoint, sealed=encrypt(text), is_primary=is_primary)
        return text

    def issue_key(self, endpoint: WebhookEndpoint) -> str:
        """A fresh Ed25519 key for the endpoint. Answers the public half."""
        key = signing.new_key()
        self.create(
            app_id=endpoint.app_id,
            endpoint=endpoint,
            kind=WebhookSecret.Kind.ED25519,
            sealed=encrypt(key),
            public=signing.public_key(key),
            is_primary=False,
        )
        return signing.public_key(key)


class WebhookSecret(models.Model):
    class Kind(models.TextChoices):
        HMAC = "hmac"
        ED25519 = "ed25519", "Ed25519 key pair; signs v1a entries beside the HMAC secrets"

    id = IdField(prefix="whs")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="secrets")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.HMAC)
    sealed = models.TextField(help_text="Encrypted at rest.")
    public = models.CharField(max_length=60, blank=True, db_default="", help_text="whpk_… of an Ed25519 key.")
    is_primary = models.BooleanField(help_text="Signs the one-value X-Webhook-Signature.")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, help_text="Signs until then; null: until it is rotated out.")

    objects = SecretManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app", "endpoint"], condition=models.Q(is_primary=True), name="webhook_secret_one_primary"
            ),
        ]

    def __str__(self) -> str:
        return self.id

    def is_live(self) -> bool:
        return self.expires_at is None or self.expires_at > timezone.now()


def in_signing_order(secrets: list[tuple[bool, str]]) -> list[str]:
    """The live secrets, given oldest first as (is primary, text): the one of the one-value header first, then newest first.

    Where the primary one has expired, the oldest that lives takes its place: rotation without a promote ends by itself.
    """
    first = next((text for is_primary, text in secrets if is_primary), secrets[0][1])
    return [first, *(text for _, text in reversed(secrets) if text != first)]
