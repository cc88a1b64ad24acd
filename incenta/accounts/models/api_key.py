"""An API key: shown once, kept as a hash. The prefix says which app it opens and how it may be used."""

import hashlib
import secrets

from django.conf import settings
from django.db import models
from django.utils import timezone

from incenta.errors import Conflict
from incenta.ids import IdField

from .app import App


def digest_of(secret: str) -> str:
    """SHA-256: the secret has 190 random bits, so a slow hash would protect nothing and cost every call."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKeyManager(models.Manager):
    def issue(
        self, app: App, name: str, scope: str = "full", created_by=None, expires_at=None, token: str | None = None
    ) -> tuple["ApiKey", str]:
        """A new key and its secret, which is not stored and cannot be shown again.

        ``token`` is the secret's random part; only the demo, which must print its key again, names one.
        Raises ``Conflict`` ``key_limit_reached`` over the plan's ``max_keys``.
        """
        App.objects.select_for_update().get(pk=app.pk)  # two tabs cannot issue the last key twice
        most = app.merchant.plan.max_keys
        if app.api_keys.filter(revoked_at=None).count() >= most:
            raise Conflict("key_limit_reached", f"Your plan allows {most} keys in use for each app.")
        mode = "test" if app.is_sandbox else "live"
        prefix = f"inc_pub_{mode}_" if scope == ApiKey.Scope.PUBLISHABLE else f"inc_{mode}_"
        secret = prefix + (token or secrets.token_urlsafe(24))
        key = self.create(
            app=app, name=name, scope=scope, prefix=prefix, last4=secret[-4:], digest=digest_of(secret),
            created_by=created_by, expires_at=expires_at,
        )  # fmt: skip
        return key, secret

    def authenticate(self, secret: str) -> "ApiKey | None":
        """The usable key with this secret, with its app, merchant and plan, in one statement."""
        key = self.select_related("app__merchant__plan").filter(digest=digest_of(secret)).first()
        return key if key and key.is_usable else None


class ApiKey(models.Model):
    class Scope(models.TextChoices):
        FULL = "full", "Full"
        READ = "read", "Read only"
        PUBLISHABLE = "publishable", "Publishable (browser)"
        POS = "pos", "Point of sale"

    id = IdField(prefix="key")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    scope = models.CharField(max_length=12, choices=Scope.choices, default=Scope.FULL)
    prefix = models.CharField(max_length=16)
    last4 = models.CharField(max_length=4)
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True)

    objects = ApiKeyManager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…{self.last4})"

    @property
    def is_usable(self) -> bool:
        # keys guard the door of a sandbox too: real time, whatever its clock says
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    def revoke(self) -> None:
        """Ends the key; repeating it changes nothing."""
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])
