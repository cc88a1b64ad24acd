"""The first answer to a request that carried an ``Idempotency-Key``."""

from django.db import models

from incenta.accounts.models import App


class IdempotencyRecord(models.Model):
    """Written in the transaction of the work itself: both exist, or neither. Kept ``IDEMPOTENCY_KEEP_HOURS``."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    key = models.CharField(max_length=255, db_collation="C")
    request_hash = models.BinaryField(max_length=16, help_text="BLAKE2b of method, path, query and body.")
    status = models.PositiveSmallIntegerField()
    body = models.TextField(help_text="Encrypted where the answer holds a secret.")
    is_encrypted = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "key"], name="idempotency_record_unique")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_record_age")]

    def __str__(self) -> str:
        return self.key
