"""What processes tell of themselves for ``/metrics``: they are others than the one that is asked, perhaps on other machines."""

from django.db import models

from incenta.database import sql

_ADD = """
INSERT INTO events_vitalsign AS v (name, label, value, at)
SELECT name, label, value, clock_timestamp() FROM json_to_recordset(%(signs)s::json) AS s(name text, label text, value bigint)
ORDER BY name, label
ON CONFLICT (name, label) DO UPDATE SET value = v.value + excluded.value, at = greatest(v.at, excluded.at)
"""


class VitalSign(models.Model):
    """A counter since the installation began, and when it last rose."""

    name = models.CharField(max_length=40, db_collation="C")
    label = models.CharField(max_length=60, db_collation="C")
    value = models.BigIntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "label"], name="vital_sign_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.label}: {self.value}"


def add(signs: dict[tuple[str, str], int]) -> None:
    """Adds to the counters named (name, label). One statement, in one order, so that two who add do not block each other."""
    if signs:
        rows = [{"name": name, "label": label, "value": value} for (name, label), value in signs.items()]
        sql.execute(_ADD, {"signs": sql.as_rows(rows)})
