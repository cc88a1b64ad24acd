"""How an endpoint fares. A row of its own, so that the pump's constant updates never touch the endpoint's row."""

from django.db import models

from incenta.accounts.models import App

from .endpoint import WebhookEndpoint


class EndpointHealth(models.Model):
    class Lane(models.TextChoices):
        HEALTHY = "healthy"
        SUSPECT = "suspect"

    class Breaker(models.TextChoices):
        CLOSED = "closed"
        OPEN = "open"
        HALF_OPEN = "half_open"

    endpoint = models.OneToOneField(WebhookEndpoint, on_delete=models.CASCADE, primary_key=True, related_name="health")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+", db_index=False)
    lane = models.CharField(max_length=10, choices=Lane.choices, default=Lane.HEALTHY)
    effective_cap = models.PositiveSmallIntegerField(
        default=1000, help_text="Lowers the endpoint's own max_concurrency while it is slow."
    )
    slow_strikes = models.PositiveSmallIntegerField(default=0)
    breaker = models.CharField(max_length=10, choices=Breaker.choices, default=Breaker.CLOSED)
    open_until = models.DateTimeField(null=True, help_text="No request before this moment.")
    consecutive_failures = models.PositiveIntegerField(default=0)
    first_failure_at = models.DateTimeField(null=True, help_text="Start of the present run of failures.")
    last_failure_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_served_at = models.DateTimeField(null=True, help_text="The longest unserved endpoint is served first.")
    notified_level = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return self.endpoint_id
