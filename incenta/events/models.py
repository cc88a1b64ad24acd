"""What happened: one append-only row that is outbox, audit trail and feed in one.

The row is written in the transaction of what it tells, so the two exist together or not at all. Its presence, undispatched,
is the retry: no message is sent from inside a transaction, and none can be lost with a broker.
"""

from datetime import timedelta

from django.db import models
from django.utils import timezone

from incenta.accounts.models import App
from incenta.ids import IdField

from .vital_signs import VitalSign

__all__ = ["Event", "FeedPosition", "OrderedJSONField", "StuckEvent", "VitalSign"]


class OrderedJSONField(models.JSONField):
    """JSON as it was written: ``json`` keeps the order of keys, which ``jsonb`` does not."""

    def db_type(self, connection):
        return "json"

    def from_db_value(self, value, expression, connection):
        # psycopg has parsed it: Django keeps only ``jsonb`` as text
        return value if not isinstance(value, str) else super().from_db_value(value, expression, connection)


class FeedPosition(models.Func):
    """The writing transaction's place in the feed (see ``incenta_feed_position`` in the first migration)."""

    function = "incenta_feed_position"
    output_field = models.BigIntegerField()


class Event(models.Model):
    id = IdField(prefix="msg")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="events", db_constraint=False, db_index=False)
    type = models.CharField(max_length=60, db_collation="C")
    subject_type = models.CharField(
        max_length=20, db_collation="C", help_text="The noun it happened to: referral, reward, …"
    )
    subject_id = models.CharField(max_length=40, db_collation="C")
    actor = models.CharField(
        max_length=60, blank=True, db_collation="C", help_text="Who did it: key_…, user:12, or system."
    )
    data = OrderedJSONField(help_text="The public face of the noun, as it was then.")
    occurred_at = models.DateTimeField(help_text="On the app's clock.")
    recorded_at = models.DateTimeField(db_default=models.functions.Now())
    position = models.BigIntegerField(db_default=FeedPosition())
    dispatched_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["app", "position", "id"], name="event_feed"),
            models.Index(fields=["app", "subject_id", "id"], name="event_subject"),
            models.Index(fields=["id"], name="event_undispatched", condition=models.Q(dispatched_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject_id}"


class StuckEventManager(models.Manager):
    def set_aside(self, event_id: str, error: Exception) -> None:
        """Notes that acting on the event failed, and waits longer each time: 10 s, 20 s, … at most an hour."""
        stuck, _ = self.get_or_create(event_id=event_id, defaults={"next_at": timezone.now()})
        stuck.failures += 1
        stuck.error = f"{type(error).__name__}: {error}".replace("\0", "")[:2000]
        stuck.next_at = timezone.now() + timedelta(seconds=min(10 * 2 ** min(stuck.failures - 1, 20), 3600))
        stuck.save()


class StuckEvent(models.Model):
    """An event on which a subscriber fails. It stays undispatched and is tried again at ``next_at``; others go past it."""

    event = models.OneToOneField(
        Event, on_delete=models.CASCADE, primary_key=True, related_name="stuck", db_constraint=False
    )
    failures = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    next_at = models.DateTimeField()

    objects = StuckEventManager()

    def __str__(self) -> str:
        return f"{self.event_id}: {self.error}"
