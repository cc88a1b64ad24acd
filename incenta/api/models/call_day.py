"""How many calls an app made in a day, by endpoint. Summed by the writer of the request log, which outlives its lines."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from incenta.accounts.models import App


class CallDay(models.Model):
    app = models.ForeignKey(
        App, on_delete=models.CASCADE, related_name="call_days", db_constraint=False, db_index=False
    )
    day = models.DateField(help_text="UTC, as months of plans are.")
    endpoint = models.CharField(max_length=200, db_collation="C", help_text="GET /v1/campaigns/<id>")
    calls = models.BigIntegerField(default=0, help_text="All but those that the limits refused.")
    failed = models.BigIntegerField(default=0, help_text="Of them, by our fault: they do not count to the month.")
    limited = models.BigIntegerField(default=0, help_text="Refused by a limit.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "day", "endpoint"], name="call_day_once")]
        indexes = [BrinIndex(fields=["day"], name="call_day_by_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.endpoint}: {self.calls}"
