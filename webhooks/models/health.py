"""How an endpoint fares. A row of its own, so that the pump's constant updates never touch the endpoint's row."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from incenta.accounts.models import App

from .endpoint import WebhookEndpoint


class HealthManager(models.Manager):
    def begin_anew(self, endpoint: WebhookEndpoint) -> None:
        """Forgets how the endpoint stood: it was enabled again, or is another server now. Lock the endpoint first."""
        self.filter(endpoint=endpoint).update(
            lane=EndpointHealth.Lane.HEALTHY,
            effective_cap=EndpointHealth._meta.get_field("effective_cap").default,
            slow_strikes=0,
            recent_ms=[],
            quick_streak=0,
            breaker=EndpointHealth.Breaker.CLOSED,
            open_until=None,
            open_s=0,
            consecutive_failures=0,
            first_failure_at=None,
            notified_level=0,
        )


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
    recent_ms = ArrayField(
        models.PositiveIntegerField(),
        default=list,
        db_default=models.Value([], ArrayField(models.PositiveIntegerField())),
        help_text="How long the latest requests took, newest last; at most 20.",
    )
    quick_streak = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Quick successes since the last slow or failed request."
    )
    breaker = models.CharField(max_length=10, choices=Breaker.choices, default=Breaker.CLOSED)
    open_until = models.DateTimeField(null=True, help_text="No request before this moment.")
    open_s = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How long the breaker was last opened for; doubles with each failed probe."
    )
    consecutive_failures = models.PositiveIntegerField(default=0)
    first_failure_at = models.DateTimeField(null=True, help_text="Start of the present run of failures.")
    last_failure_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_served_at = models.DateTimeField(null=True, help_text="The longest unserved endpoint is served first.")
    notified_level = models.PositiveSmallIntegerField(default=0)

    objects = HealthManager()

    def __str__(self) -> str:
        return self.endpoint_id


LATENCY_BOUNDS_MS = (50, 100, 200, 500, 1000, 2000, 3000, 5000, 10_000, 15_000, 30_000)
"""Upper bounds of the buckets of :class:`EndpointHour`; one more bucket takes what was slower."""


class EndpointHour(models.Model):
    """What an endpoint was sent in one hour: the health bar, the success rate and the percentiles without reading attempts.

    Written with the results, under the lock of the endpoint's health, so it agrees with them to the request.
    """

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="hours", db_constraint=False, db_index=False
    )
    hour = models.DateTimeField(help_text="Its first moment, UTC.")
    good = models.PositiveIntegerField(default=0, db_default=0, help_text="Requests answered with a 2xx.")
    bad = models.PositiveIntegerField(default=0, db_default=0)
    latency = ArrayField(
        models.PositiveIntegerField(), help_text="Requests by duration; the buckets are LATENCY_BOUNDS_MS and the rest."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "hour"], name="webhook_hour_once")]
        indexes = [models.Index(fields=["hour"], name="webhook_hour_age")]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.hour:%Y-%m-%d %H}"
