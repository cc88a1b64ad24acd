"""One person of the app: everything that any room knows of a user id, on one page.

The rooms do not know each other, and this one knows none of them: each names itself with ``show_with`` when it is ready.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse

from .pages import AppPage

MOST_MOMENTS = 25
"""What one room tells of a person, the newest; its own list has the rest."""
MOST_SHOWN = 50
"""What all rooms together tell."""


class Figure(NamedTuple):
    label: str
    value: str
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to, or was done by, the person. ``icon`` is one of Lucide's."""

    at: datetime
    text: str
    icon: str
    url: str = ""
    id: str = ""
    note: str = ""


@dataclass(slots=True)
class Part:
    """What one room has to say. ``links`` are ``(label, url)`` of its own lists, narrowed to the person."""

    figures: list[Figure] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """``(sentence, url)`` of what holds the person's money or points now."""


Shower = Callable[[HttpRequest, str], Part | None]
"""From the request and a user id to the room's part, in a bounded number of statements; ``None``: not for this reader."""

_showers: dict[str, Shower] = {}


def show_with(room: str, shower: Shower) -> None:
    """Names who tells of people; a room says so when it is ready."""
    _showers[room] = shower


ORDER = ("referrals", "incentives", "marketplace", "fraud")


class Person(AppPage):
    """``?id=`` names the user, for an id may hold what an address would not keep. Without it, the page asks for one."""

    section = "people"
    template_name = "people/person.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        user_id = request.GET.get("id", "")
        if not user_id.strip():
            return self.page({"user_id": ""})
        if len(user_id) > 255 or "\0" in user_id:
            return self.page({"user_id": user_id[:255].replace("\0", ""), "is_unknown": True})
        if user_id != user_id.strip() and not request.app.participants.filter(external_id=user_id).exists():
            user_id = user_id.strip()  # pasted with a blank, for an id may have one, too
        rooms = sorted(_showers, key=lambda room: (ORDER.index(room) if room in ORDER else len(ORDER), room))
        parts = [part for room in rooms if (part := _showers[room](request, user_id)) is not None]
        known = request.app.participants.filter(external_id=user_id).first()
        happenings = sorted(
            (each for part in parts for each in part.happenings), key=lambda each: each.at, reverse=True
        )
        return self.page(
            {
                "user_id": user_id,
                "known": known,
                "is_unknown": known is None and not happenings,
                "figures": [figure for part in parts for figure in part.figures],
                "links": [link for part in parts for link in part.links],
                "warnings": [warning for part in parts for warning in part.warnings],
                "happenings": happenings[:MOST_SHOWN],
                "has_more": len(happenings) > MOST_SHOWN,
            }
        )
