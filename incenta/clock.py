"""The one clock. A sandbox app's clock may be frozen and moved; everything that has a date reads it here."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from incenta.errors import InvalidInput

if TYPE_CHECKING:
    from incenta.accounts.models import App


def now(app: "App") -> datetime:
    """The present moment for this app."""
    return app.clock_frozen_at or timezone.now()


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and ``Z``, as every answer writes time."""
    if moment is None:
        return None
    # not strftime, which writes the year 205 with three digits
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse(value: object, field: str) -> datetime:
    """A moment that a client sent. Raises ``InvalidInput``; a time without a zone is refused, for it means two things."""
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise InvalidInput({field: ["Must be an ISO 8601 time such as 2026-11-23T09:30:00Z."]})
    if moment.tzinfo is None:
        raise InvalidInput({field: ["Must name its zone, such as Z or +05:45."]})
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput({field: ["Is out of range."]}) from None
