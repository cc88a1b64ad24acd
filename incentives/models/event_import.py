"""How far a file of events has been read into an app: written with each batch, so that a killed import goes on behind it."""

from django.db import models

from incenta.accounts.models import App


class EventImport(models.Model):
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="event_imports", db_index=False)
    digest = models.CharField(
        max_length=64, help_text="Of the file's content: the same events under another name are the same import."
    )
    name = models.CharField(max_length=255)
    size = models.BigIntegerField(help_text="Bytes.")
    position = models.BigIntegerField(default=0, help_text="Bytes that are done.")
    line = models.BigIntegerField(default=0, help_text="Lines that are done.")
    recorded = models.BigIntegerField(default=0)
    replayed = models.BigIntegerField(default=0, help_text="Their key had been used for the same event before.")
    failed = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "digest"], name="event_import_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.position} of {self.size} bytes"
