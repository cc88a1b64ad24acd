"""An allotment: so many calls in so much time, handed to processes in blocks. See ``incenta/api/metering.py``."""

from django.db import models


class Allotment(models.Model):
    """One scope in one window of time. ``leased`` counts what processes have taken, and never passes the limit."""

    scope = models.CharField(
        max_length=60, db_collation="C", help_text="calls:app_… for months, rate:key_… for minutes."
    )
    window_start = models.DateTimeField()
    leased = models.BigIntegerField(default=0)
    granted = models.BigIntegerField(
        default=0, help_text="The size of the latest block, so that one statement can answer it."
    )
    exceeded_at = models.DateTimeField(
        null=True, blank=True, help_text="When a call was first refused and the merchant was told."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "window_start"], name="allotment_unique"),
            models.CheckConstraint(condition=models.Q(leased__gte=0), name="allotment_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} from {self.window_start:%Y-%m-%d %H:%M}: {self.leased}"
