"""The first minutes: what a new business begins with, and what is worth trying once the first reward is there.

The screen after sign-up knows no programme. One of them says what it begins with (``begin_with``), and each room may name
something to try afterwards (``go_on_with``); a room says so when it is ready.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from django.http import HttpRequest

from incenta.accounts.models import App


class Card(NamedTuple):
    """One way to begin, to choose from. ``icon`` is one of Lucide's."""

    key: str
    name: str
    text: str
    icon: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """``begin(app, card's key, actor)`` makes what the card promises in the new sandbox, within the caller's transaction;
    ``page`` is the name of the page of an app that goes on from there."""

    cards: tuple[Card, ...]
    begin: Callable[[App, str, str], None]
    page: str


@dataclass(frozen=True, slots=True)
class Further:
    """Something to try next. ``posts``: its button does it, rather than leads there."""

    text: str
    note: str
    url: str
    verb: str
    is_done: bool
    posts: bool = False


_beginnings: list[Beginning] = []
_further: dict[int, Callable[[HttpRequest], Further | None]] = {}


def begin_with(beginning: Beginning) -> None:
    _beginnings[:] = [beginning]


def beginning() -> Beginning:
    """What a new business begins with."""
    return _beginnings[0]


def go_on_with(place: int, further: Callable[[HttpRequest], Further | None]) -> None:
    """Names something to try after the first reward; ``None`` from it: not for this reader. At most two statements each."""
    _further[place] = further


def furthers(request: HttpRequest) -> list[Further]:
    """What the reader may try next, in order."""
    return [found for place in sorted(_further) if (found := _further[place](request)) is not None]
