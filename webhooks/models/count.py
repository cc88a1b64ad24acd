"""What pumps and doorbells count for ``/metrics``: they live in other processes than the one that is asked."""

from django.db import models

from incenta.database import sql

PLACES = 8
"""Rows a count: two pumps that add at once rarely meet on one."""

_ADD = f"""
INSERT INTO webhooks_pumpcount (name, label, place, value)
SELECT name, label, pg_backend_pid() %% {PLACES}, value FROM json_to_recordset(%(counts)s::json) AS c(name text, label text, value bigint)
ORDER BY name, label
ON CONFLICT (name, label, place) DO UPDATE SET value = webhooks_pumpcount.value + excluded.value
"""


class PumpCount(models.Model):
    """A counter since the installation began; the sum over ``place`` counts."""

    name = models.CharField(max_length=40, db_collation="C")
    label = models.CharField(max_length=40, blank=True, db_collation="C")
    place = models.PositiveSmallIntegerField()
    value = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "label", "place"], name="webhook_count_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.label}"


def add(counts: dict[tuple[str, str], int]) -> None:
    """Adds to the counters named (name, label). One statement, in one order, so that two who add do not block each other."""
    if counts:
        made = [{"name": name, "label": label, "value": value} for (name, label), value in counts.items()]
        sql.execute(_ADD, {"counts": sql.as_rows(made)})
