"""What an event says, and who was told of it.

Pages that show events ask whoever delivers them, which the rooms that make events do not know.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from incenta.events.catalogue import EVENT_TYPES


@dataclass(frozen=True, slots=True)
class Told:
    """One who was, or is to be told. ``status`` is one that ``c-status`` has a colour for; ``url`` leads to the delivery."""

    to: str
    status: str
    text: str
    at: datetime | None = None
    id: str = ""
    url: str = ""


Teller = Callable[[HttpRequest, list[str]], dict[str, list[Told]]]
"""From ids of events of ``request.app`` to those who were told of each, in a bounded number of statements."""

_tellers: list[Teller] = []


def tell_with(teller: Teller) -> None:
    """Names who delivers events: a room says so when it is ready."""
    if teller not in _tellers:
        _tellers.append(teller)


def told(request: HttpRequest, event_ids: list[str]) -> dict[str, list[Told]]:
    """Event → who was told of it; events that nobody was told of are absent."""
    found: dict[str, list[Told]] = {}
    for teller in _tellers if event_ids else ():
        for event_id, each in teller(request, event_ids).items():
            found.setdefault(event_id, []).extend(each)
    return found


def in_short(event_type: str) -> str:
    """The first sentence of what the catalogue says of an event; the others are for who writes a receiver."""
    known = EVENT_TYPES.get(event_type)
    return known.description.partition(". ")[0].rstrip(".") if known else event_type
