"""An API key: shown once, kept as a hash. The prefix says which app it opens and how it may be used."""

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from incenta.database.sql import transaction_joined
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
        if self.in_use(app).filter(replaced_by=None).count() >= most:
            raise Conflict("key_limit_reached", f"Your plan allows {most} keys in use for each app.")
        mode = "test" if app.is_sandbox else "live"
        prefix = f"inc_pub_{mode}_" if scope == ApiKey.Scope.PUBLISHABLE else f"inc_{mode}_"
        secret = prefix + (token or secrets.token_urlsafe(24))
        key = self.create(
            app=app, name=name, scope=scope, prefix=prefix, last4=secret[-4:], digest=digest_of(secret),
            created_by=created_by, expires_at=expires_at,
        )  # fmt: skip
        return key, secret

    def in_use(self, app: App) -> models.QuerySet["ApiKey"]:
        """Keys that open the app now."""
        return self.filter(app=app, revoked_at=None).exclude(expires_at__lte=timezone.now())

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
    replaced_by = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        help_text="The key that it was rolled to; it ends by itself.",
    )

    objects = ApiKeyManager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…{self.last4})"

    @property
    def is_usable(self) -> bool:
        # keys guard the door of a sandbox too: real time, whatever its clock says
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    def roll(self, overlap: timedelta, *, by=None) -> tuple["ApiKey", str]:
        """A new key like this one, and its secret; this one ends after ``overlap``, or at once where that is nothing.

        A key that expires is followed by one that lives as long. Raises ``Conflict`` for a key that is no longer in use,
        that was rolled before, and while as many rolled ones as the plan allows keys are still ending.
        """
        with transaction_joined():
            app = App.objects.select_for_update().get(pk=self.app_id)  # two tabs cannot roll it to two keys
            self.refresh_from_db()
            if not self.is_usable:
                raise Conflict("key_not_in_use", "This key is revoked or has expired. Create a new one.")
            if self.replaced_by_id:
                raise Conflict("key_already_rolled", "This key was rolled already, and ends by itself.")
            most = app.merchant.plan.max_keys
            if overlap and ApiKey.objects.in_use(app).exclude(replaced_by=None).count() >= most:
                raise Conflict(
                    "key_limit_reached", "Too many rolled keys are still ending. Roll this one without overlap."
                )
            now = timezone.now()
            lifetime = self.expires_at - self.created_at if self.expires_at else None
            ends = now + overlap
            if overlap:
                self.expires_at = min(self.expires_at, ends) if self.expires_at else ends
            else:
                self.revoked_at = now
            # it makes room first: a roll is possible also where the plan allows no key more
            self.replaced_by = self
            self.save(update_fields=["expires_at", "revoked_at", "replaced_by"])
            key, secret = ApiKey.objects.issue(
                app, self.name, self.scope, created_by=by, expires_at=now + lifetime if lifetime else None
            )
            self.replaced_by = key
            self.save(update_fields=["replaced_by"])
            return key, secret

    def revoke(self) -> None:
        """Ends the key; repeating it changes nothing."""
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])
