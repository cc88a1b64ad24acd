"""What an app's widgets need: the secrets that its server signs user tokens with, and how they may show people."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from incenta.accounts.models import ApiKey, App
from incenta.ids import IdField


class SigningSecretQuerySet(models.QuerySet):
    def live(self):
        """Those whose signatures count now, by the database's clock; the present one first."""
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=Now())).order_by("-id")


class SigningSecret(models.Model):
    """One secret of an app. The present one has no end; one that was rotated out counts until its overlap is over."""

    id = IdField(prefix="sig")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="signing_secrets")
    sealed = models.TextField(help_text="Encrypted at rest: a signature can only be checked with the secret itself.")
    last4 = models.CharField(max_length=4)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = SigningSecretQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app"], condition=models.Q(expires_at=None), name="signing_secret_one_present"
            ),
        ]

    def __str__(self) -> str:
        return self.pk


class BoardNames(models.TextChoices):
    MASKED = "masked", "Masked: a•••a"
    USERNAME = "username", "The user name that your server told us, else masked"
    USER_ID = "user_id", "The user id as it is"


class WidgetSettings(models.Model):
    """One row an app, made when something is settled."""

    app = models.OneToOneField(App, primary_key=True, on_delete=models.CASCADE, related_name="widget_settings")
    key = models.ForeignKey(ApiKey, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    key_text = models.CharField(
        max_length=80, blank=True, help_text="The publishable key itself, which stands in web pages anyway."
    )
    board_names = models.CharField(
        max_length=12,
        choices=BoardNames.choices,
        default=BoardNames.MASKED,
        help_text="What browsers are told of others on a leaderboard.",
    )

    def __str__(self) -> str:
        return f"Widgets of {self.app_id}"
