"""What an app says of fraud as a whole: one row, whose number every change of rules, lists and mutes raises."""

from django.db import models
from django.db.models import Q

from incenta.accounts.models import App


class FraudSettings(models.Model):
    """``version`` is read with every look: who has kept the rules of an older one reads them again.

    An app that has set nothing has no row, and is at version 0 with the values that stand here as defaults.
    """

    app = models.OneToOneField(App, primary_key=True, on_delete=models.PROTECT, related_name="fraud_settings")
    version = models.PositiveBigIntegerField(
        default=0, help_text="Raised by every change below, of rules, lists, mutes."
    )
    lists_version = models.PositiveBigIntegerField(default=0, help_text="The version at which a list last changed.")
    coin_hold_at = models.PositiveSmallIntegerField(
        default=40, help_text="The score from which a user's new coins wait for review."
    )
    watch_at = models.PositiveSmallIntegerField(
        default=30, help_text="The score from which a subject is watched, and told of."
    )
    two_person = models.BooleanField(
        default=False, help_text="A rule set is activated by somebody else than its author, and on the page only."
    )
    sample_per_thousand = models.PositiveSmallIntegerField(
        default=0, help_text="How many of a thousand conversions that nothing spoke against are reviewed all the same."
    )
    updated_at = models.DateTimeField(null=True)
    updated_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(coin_hold_at__lte=100, watch_at__lte=100, sample_per_thousand__lte=1000),
                name="fraud_settings_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"fraud rules {self.version} of {self.app_id}"
