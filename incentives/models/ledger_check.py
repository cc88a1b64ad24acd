"""What the last recount of an app's books found."""

from django.db import models

from incenta.accounts.models import App


class LedgerCheck(models.Model):
    """One row an app, written by every recount of the night. Where it is not ``ok``, ``/readyz`` says so until a recount is."""

    app = models.OneToOneField(App, primary_key=True, on_delete=models.CASCADE, related_name="ledger_check")
    ok = models.BooleanField()
    findings = models.JSONField(
        default=list, help_text="What disagrees, as `GET /v1/incentives/ledger/verify` tells it."
    )
    checked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.app_id}: {'adds up' if self.ok else 'does not add up'}"
