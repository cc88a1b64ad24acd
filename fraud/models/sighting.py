"""A sighting: what a merchant saw of an end user at one call. Raw values are encrypted, and dropped after 90 days."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from incenta.accounts.models import App


class Sighting(models.Model):
    """Append-only but for the forgetting: after 90 days ``raw`` is emptied, and the hashes and the masked text stay."""

    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="fraud_sightings", db_constraint=False, db_index=False
    )
    subject_type = models.CharField(max_length=10)
    subject_id = models.CharField(max_length=40, db_collation="C")
    user_id = models.CharField(max_length=255, null=True, db_collation="C")
    at = models.DateTimeField()
    kinds = ArrayField(models.SmallIntegerField(), default=list, help_text="Beside ``keys``: which kind each is of.")
    keys = ArrayField(models.BigIntegerField(), default=list)
    shown = models.JSONField(
        default=dict, help_text='Masked, for the analyst: {"ip": "203.0.113.…", "email": "b…@example.com"}'
    )
    raw = models.TextField(null=True, help_text="Encrypted JSON of the context as it was sent.")

    class Meta:
        indexes = [
            models.Index(fields=["app", "subject_id"], name="sighting_of_subject"),
            models.Index(fields=["app", "user_id", "-at"], name="sighting_of_user"),
            models.Index(fields=["at"], name="sighting_to_forget", condition=models.Q(raw__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id}: {self.shown}"
