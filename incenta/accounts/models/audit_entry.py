"""What was done at the desk and left no other trace: keys made, settings changed, people exported and erased. Append-only."""

from django.db import models

from .app import App
from .merchant import Merchant


class AuditEntry(models.Model):
    """One deed. What concerns the merchant and no single app, such as who works there, names no app. Personal data of end users
    never stands here: it would outlive their erasure."""

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="audit_entries", db_index=False)
    app = models.ForeignKey(
        App, null=True, blank=True, on_delete=models.PROTECT, related_name="audit_entries", db_index=False
    )
    type = models.CharField(max_length=40, db_collation="C", help_text="noun.verb, such as key.created")
    actor = models.CharField(max_length=60, db_collation="C", help_text="user:12 or key_…")
    subject_id = models.CharField(max_length=40, blank=True, db_collation="C")
    data = models.JSONField(default=dict, help_text="What it was about, and what it was before and is after.")
    at = models.DateTimeField(
        db_default=models.functions.Now(), help_text="Real time, whatever a sandbox's clock says."
    )

    class Meta:
        indexes = [
            models.Index(fields=["app", "-id"], name="audit_entry_newest"),
            models.Index(fields=["merchant", "-id"], name="audit_entry_of_merchant", condition=models.Q(app=None)),
        ]

    def __str__(self) -> str:
        return f"{self.type} by {self.actor}"
