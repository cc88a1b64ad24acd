"""A file that somebody put beside a case: what it is stands in one row, its bytes in another, so that lists never touch them.

The bytes are in the database and nowhere else. So a file and the line that tells of it are written together or not at all, a dump
and a restored moment have both, the restore drill counts them, every web node reads them without a shared folder, and what is removed
or erased is gone in the same commit. That is paid for with the size of the dumps, which is why an app keeps no more than a bounded sum.
"""

from django.db import models
from django.db.models import Q

from incenta.accounts.models import App
from incenta.ids import IdField

from .case import Case

LARGEST = 5 * 1024 * 1024
"""Bytes of one file."""


class Attachment(models.Model):
    """Its name stands here alone: history and audit log name it by its id, so that a person can be forgotten in one place."""

    id = IdField(prefix="file")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="fraud_attachments", db_constraint=False, db_index=False
    )
    case = models.ForeignKey(
        Case, on_delete=models.PROTECT, related_name="attachments", db_constraint=False, db_index=False
    )
    name = models.CharField(
        max_length=150, blank=True, help_text="With the ending of what it is. Empty when forgotten."
    )
    content_type = models.CharField(max_length=40, help_text="By its content, whatever a browser said.")
    size = models.PositiveIntegerField(help_text="Bytes, as they were sent.")
    sha256 = models.CharField(max_length=64, blank=True, db_collation="C", help_text="Of these bytes, in hexadecimal.")
    note = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=120)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, help_text="Its bytes are gone since.")
    removed_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app", "case", "sha256"], condition=Q(removed_at=None), name="attachment_once_a_case"
            ),
            models.CheckConstraint(condition=Q(size__gt=0, size__lte=LARGEST), name="attachment_size"),
        ]
        indexes = [
            models.Index(fields=["app", "case", "-id"], name="attachment_of_case"),
            models.Index(
                fields=["app", "added_at"], name="attachment_kept", condition=Q(removed_at=None), include=["size"]
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.pk


class AttachmentContent(models.Model):
    """The bytes, under a key of their own, which is encrypted as texts are: changing keys encrypts these short keys anew, no file."""

    attachment = models.OneToOneField(
        Attachment, primary_key=True, on_delete=models.CASCADE, related_name="content", db_constraint=False
    )
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    sealed_key = models.TextField()
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return self.attachment_id
