"""The dispatcher: claims events that nobody has acted on, runs what ``incenta/subscribers.py`` lists, and marks them.

A subscriber runs in the transaction of the mark: its rows and the mark exist together or not at all. At least once, so each
is safe to repeat. An event on which a subscriber stumbles is set aside with a growing wait; it stays undispatched, which
``/readyz`` shows, and holds up no other.
"""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils.module_loading import import_string

from incenta.database import sql

from . import checking
from .models import Event, StuckEvent

logger = logging.getLogger("incenta.events.dispatch")

Subscriber = Callable[[list[Event]], None]
BATCH = 500
BUDGET_S = 20.0

_CLAIM = """
SELECT e.id FROM events_event AS e
WHERE e.dispatched_at IS NULL AND NOT EXISTS (
  SELECT 1 FROM events_stuckevent AS s WHERE s.event_id = e.id AND s.next_at > clock_timestamp())
ORDER BY e.id LIMIT %(limit)s FOR UPDATE OF e SKIP LOCKED
"""
_CLAIM_ONE = "SELECT id FROM events_event WHERE id = %(id)s AND dispatched_at IS NULL FOR UPDATE SKIP LOCKED"
_MARK = "UPDATE events_event SET dispatched_at = clock_timestamp() WHERE id = ANY(%(ids)s)"


def dispatch(subscribers: dict[str, list[Subscriber]] | None = None, *, budget_s: float = BUDGET_S) -> int:
    """Dispatches what is there, for at most ``budget_s``. Answers how many events.

    ``subscribers`` maps an event type, or ``*``, to what follows from it. Raises ``OperationalError`` when the database goes.
    """
    if subscribers is None:
        # by name: the list is the roof, and the ground does not know the roof
        subscribers = import_string("incenta.subscribers.SUBSCRIBERS")
    deadline = time.monotonic() + budget_s
    total = 0
    while True:
        claimed: list[str] = []
        try:
            with transaction.atomic():
                claimed = [row[0] for row in sql.rows(_CLAIM, {"limit": BATCH})]
                _act(claimed, subscribers)
            total += len(claimed)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("a batch of %s events is dispatched one by one, for one of them fails", len(claimed))
            total += sum(_act_alone(event_id, subscribers) for event_id in claimed)
        if len(claimed) < BATCH or time.monotonic() > deadline:
            return total


def _act(ids: list[str], subscribers: dict[str, list[Subscriber]]) -> None:
    if not ids:
        return
    events = list(Event.objects.filter(id__in=ids).order_by("id"))
    if settings.EVENT_CHECK == "sample":
        checking.sample(events)
    for wanted, actions in subscribers.items():
        batch = [event for event in events if wanted in ("*", event.type)]
        for action in actions:
            if batch:
                action(batch)
    sql.execute(_MARK, {"ids": ids})


def _act_alone(event_id: str, subscribers: dict[str, list[Subscriber]]) -> bool:
    try:
        with transaction.atomic():
            claimed = [row[0] for row in sql.rows(_CLAIM_ONE, {"id": event_id})]
            _act(claimed, subscribers)
        return bool(claimed)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("event %s is set aside", event_id)
        StuckEvent.objects.set_aside(event_id, error)
        return False
