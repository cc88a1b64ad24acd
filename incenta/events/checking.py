"""Whether what is recorded is what the catalogue promises: tests raise, production looks at a few and says so in the log."""

import logging
import random
from collections import Counter
from collections.abc import Iterable

from django.conf import settings

from . import vital_signs
from .catalogue import problems
from .models import Event

logger = logging.getLogger("incenta.events.checking")

ONE_OF = 100
"""So many events are dispatched for one that is looked at."""
MISMATCHES = "event_schema_mismatches"
"""The vital sign that counts them, by type: ``/metrics`` tells it."""


class NotAsPromised(ValueError):
    """An event's data differs from its schema."""


def require(event_type: str, data: dict) -> None:
    """Raises :class:`NotAsPromised`, where ``EVENT_CHECK`` says ``raise``."""
    if settings.EVENT_CHECK == "raise" and (found := problems(event_type, data)):
        raise NotAsPromised("\n".join(found))


def sample(events: Iterable[Event], *, one_of: int = ONE_OF) -> int:
    """Looks at one of so many events, counts and logs what is wrong, never fails. Answers how many were wrong."""
    wrong: Counter[tuple[str, str]] = Counter()
    for event in events:
        if random.randrange(one_of):
            continue
        try:
            found = problems(event.type, event.data)
        except Exception:
            logger.exception("event %s could not be looked at", event.pk)
            continue
        if found:
            wrong[MISMATCHES, event.type] += 1
            # what is wrong, and not the values: they may name people
            logger.warning(
                "event %s is not as promised: %s", event.pk, "; ".join(each.partition(": ")[0] for each in found)
            )
    vital_signs.add(wrong)
    return wrong.total()
