"""A replay: many deliveries sent again, or for the first time, in the background. The row is the job and its bookmark."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils import timezone

from incenta.accounts.models import App
from incenta.database.sql import transaction_joined
from incenta.errors import Conflict, InvalidInput
from incenta.ids import IdField

from .delivery import State, WebhookDelivery, endpoint_must_be_active
from .endpoint import WebhookEndpoint, checked_events

MOST_RUNNING = 5
"""Jobs of one endpoint at a time."""
REACH = timedelta(days=29)
"""How far back ``missing`` can tell: what was delivered is forgotten after 30 days (``webhooks/retention.py``)."""


class ReplayManager(models.Manager):
    def start(
        self,
        endpoint: WebhookEndpoint,
        *,
        kind: str,
        since: datetime,
        until: datetime | None = None,
        of_state: str = "",
        of_types: Sequence[str] = (),
        by: str = "",
    ) -> "WebhookReplay":
        """A job, with its first step done. The same job again, while it runs, is that job.

        Raises ``InvalidInput`` for a window that ends before it begins or reaches too far back, ``Conflict`` for a disabled
        endpoint and while five jobs run.
        """
        from .. import replaying

        now = timezone.now()
        if until is not None and until <= since:
            raise InvalidInput({"until": ["Must be after since."]})
        if kind == WebhookReplay.Kind.MISSING and since < now - REACH:
            raise InvalidInput({"since": [f"Must be within the last {REACH.days} days."]})
        of_types = [] if not of_types or "*" in of_types else sorted(checked_events(list(of_types)))
        with transaction_joined():
            endpoint._lock()
            endpoint_must_be_active(endpoint)
            running = self.filter(endpoint=endpoint, state=WebhookReplay.State.RUNNING)
            alike = running.filter(kind=kind, of_state=of_state, of_types=of_types, since=since)
            # no end is said as the moment of asking, so any earlier job without one is the same
            if again := alike.filter(Q(until=until) if until else Q(until=models.F("created_at"))).first():
                return again
            if running.count() >= MOST_RUNNING:
                raise Conflict("too_many_replays", f"{MOST_RUNNING} replays of this endpoint are under way.")
            job = self.create(
                app_id=endpoint.app_id,
                endpoint=endpoint,
                kind=kind,
                of_state=of_state,
                of_types=of_types,
                since=since,
                until=until or now,
                created_at=now,
                created_by=by,
            )
            replaying.step(job)
            return job


class WebhookReplay(models.Model):
    """Goes through [since, until) oldest first, some hundreds a step; ``cursor`` is the last message that is done, so a killed
    worker's job is taken up where it was, and each message is sent once a job."""

    class Kind(models.TextChoices):
        RECOVER = "recover", "What failed"
        MISSING = "missing", "What the endpoint was never sent"
        STATE = "state", "What stands in a state"

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        CANCELLED = "cancelled"

    id = IdField(prefix="rpl")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="webhook_replays")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="replays")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    of_state = models.CharField(max_length=11, blank=True, help_text="For kind state: which deliveries.")
    of_types = models.JSONField(
        default=list, help_text="Event types to send; [] is all that the endpoint subscribes to."
    )
    since = models.DateTimeField()
    until = models.DateTimeField(help_text="The moment the job was made, where none was said: it must end.")
    cursor = models.CharField(max_length=60, blank=True, db_collation="C")
    queued = models.PositiveIntegerField(default=0, help_text="Deliveries made so far.")
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    created_by = models.CharField(max_length=60, blank=True, help_text="key_… or user:12")
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    objects = ReplayManager()

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], condition=models.Q(state="running"), name="webhook_replay_running"),
            models.Index(fields=["endpoint", "-created_at"], name="webhook_replay_log"),
        ]

    def __str__(self) -> str:
        return self.id

    def cancel(self) -> None:
        """Makes no more deliveries, and takes back those that no request was made for. Harmless once it has ended."""
        with transaction_joined():
            self.refresh_from_db(from_queryset=WebhookReplay.objects.select_for_update())
            if self.state != self.State.RUNNING:
                return
            unsent = WebhookDelivery.objects.select_for_update(skip_locked=True).filter(
                app_id=self.app_id, of_replay=self, state__in=(State.PENDING, State.HELD), sends=0
            )
            taken_back, _ = WebhookDelivery.objects.filter(pk__in=[delivery.pk for delivery in unsent]).delete()
            self.queued -= taken_back
            self.state, self.ended_at = self.State.CANCELLED, timezone.now()
            self.save(update_fields=["queued", "state", "ended_at"])

    def progress(self) -> dict[str, int]:
        """How its deliveries stand: ``{waiting, delivered, failed}``."""
        return progress_of([self])[self.pk]


def progress_of(replays: Sequence[WebhookReplay]) -> dict[str, dict[str, int]]:
    """The progress of several of one app's, in one statement."""
    waiting, given_up = (State.PENDING, State.LEASED, State.HELD), (State.FAILED, State.QUARANTINED)
    found = {replay.pk: {"waiting": 0, "delivered": 0, "failed": 0} for replay in replays}
    if replays:
        rows = WebhookDelivery.objects.filter(app_id=replays[0].app_id, of_replay__in=replays).values("of_replay_id")
        for row in rows.annotate(
            waiting=Count("pk", filter=Q(state__in=waiting)),
            delivered=Count("pk", filter=Q(state=State.DELIVERED)),
            failed=Count("pk", filter=Q(state__in=given_up)),
        ):
            found[row.pop("of_replay_id")] = row
    return found
