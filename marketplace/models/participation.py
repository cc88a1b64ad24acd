"""Whether an app's users may spend in the marketplace, and where."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from incenta.accounts.models import App


class Participation(models.Model):
    """An app without a row, or with ``joined`` off, is outside: its users see nothing and spend nothing.

    The ceilings are what the app agrees to owe for a coin or a token that is spent elsewhere, in its own currency. A listing
    that asks for more, or in another currency while a ceiling is set, is not offered to its users.
    """

    app = models.OneToOneField(App, primary_key=True, on_delete=models.PROTECT, related_name="participation")
    joined = models.BooleanField(default=False)
    allowed = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        help_text="Businesses; empty: all that are not blocked.",
    )
    blocked = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    countries = ArrayField(
        models.CharField(max_length=2), default=list, blank=True, help_text="Where its users are; empty: anywhere."
    )
    most_a_coin = models.DecimalField(max_digits=18, decimal_places=6, null=True, blank=True)
    most_a_token = models.DecimalField(max_digits=18, decimal_places=6, null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(most_a_coin=None) | Q(most_a_coin__gte=0))
                & (Q(most_a_token=None) | Q(most_a_token__gte=0)),
                name="participation_ceilings",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.app_id}: {'joined' if self.joined else 'outside'}"
