"""The request log: one line a call, for the merchant's developers."""

from django.db import models

from incenta.accounts.models import ApiKey, App
from incenta.ids import IdField


class RequestLog(models.Model):
    """Bodies hold at most 4 KB, secrets and e-mail addresses masked. Kept ``REQUEST_LOG_KEEP_DAYS``."""

    id = IdField(prefix="req")
    app = models.ForeignKey(
        App, null=True, on_delete=models.CASCADE, related_name="request_logs", db_constraint=False, db_index=False
    )
    api_key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=500, help_text="With its query; e-mail addresses masked.")
    route = models.CharField(
        max_length=200, blank=True, help_text="The pattern that matched, such as v1/campaigns/<id>."
    )
    status = models.PositiveSmallIntegerField()
    milliseconds = models.FloatField()
    error_code = models.CharField(max_length=60, blank=True)
    request_body = models.TextField(blank=True)
    response_body = models.TextField(blank=True)
    remote_ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            # the id is ordered by time: this serves the newest page, and the page after
            models.Index(fields=["app", "-id"], name="request_log_of_app"),
            models.Index(fields=["app", "-id"], condition=models.Q(status__gte=400), name="request_log_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"
