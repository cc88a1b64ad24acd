"""The reader's own ids in the examples: whoever is signed in copies a call that works as it stands.

Documents know no programme. Each room says, when it is ready, which names it can fill in and how it finds a value.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from django.http import HttpRequest
from django.utils.html import escape
from django.utils.safestring import SafeString

from incenta.accounts.models import App
from incenta.dashboard.access import open_app
from incenta.dashboard.context import apps_of

_BLANK = re.compile(r"zzq(\d+)qzz")
_APP_ID = re.compile(r"app_[0-9a-z]{26}")
_PLAIN = re.compile(r"[\w.:-]{1,120}", re.ASCII)
"""What may stand in a program of any language without being quoted anew."""


class Own(NamedTuple):
    """Something of the reader's that examples name: ``$CAMPAIGN`` in a program, ``campaignId`` in a body.

    ``fields``: names of parameters and fields; ``referrals/code`` is the parameter ``code`` behind ``/referrals/`` only.
    ``find`` answers the app's latest, or ``None``; one statement. ``steady``: any one will do in any place; what is not is left alone
    in a document in which the reader makes one himself.
    """

    name: str
    fields: tuple[str, ...]
    find: Callable[[App], str | None]
    steady: bool = False


_told: dict[str, tuple[Own, ...]] = {}


def fill_with(room: str, *owns: Own) -> None:
    """Says what a room's examples may be filled with; once, when it is ready."""
    _told[room] = owns


def known() -> dict[str, Own]:
    """Everything that can be filled in, by the name of its variable."""
    return {own.name: own for room in sorted(_told) for own in _told[room]}


def by_field() -> dict[str, str]:
    """Name of a parameter or field → name of the variable."""
    return {field: own.name for own in known().values() for field in own.fields}


class Blank(NamedTuple):
    """A place in a text. ``plain`` stands there for a stranger; ``filled`` holds ``{}`` for the reader's own value."""

    name: str
    plain: str
    filled: str = "{}"


@dataclass
class Blanks:
    """The places of one page. ``put`` answers what stands in for one until the page is filled; no markup changes it."""

    places: list[Blank] = field(default_factory=list)

    def put(self, name: str, plain: str, filled: str = "{}") -> str:
        self.places.append(Blank(name, plain, filled))
        return f"zzq{len(self.places) - 1}qzz"

    def names(self) -> set[str]:
        return {place.name for place in self.places}

    def fill(self, html: str, values: dict[str, str]) -> SafeString:
        """The page's markup with each place filled: with the reader's value where there is one."""

        def told(found: re.Match) -> str:
            place = self.places[int(found[1])]
            value = values.get(place.name)
            if value is None:
                return escape(place.plain)
            before, _, after = place.filled.partition("{}")
            return f'{escape(before)}<mark class="i-own">{escape(value)}</mark>{escape(after)}'

        return SafeString(_BLANK.sub(told, html))


@dataclass
class Reader:
    """Whoever is signed in, with the app whose ids are filled in: the one used last, or the first sandbox."""

    app: App

    def values(self, names: Iterable[str]) -> dict[str, str]:
        """The ids that this page asks for, as far as the app has them."""
        owns = known()
        found = {name: owns[name].find(self.app) for name in sorted(names) if name in owns}
        return {name: value for name, value in found.items() if value and _PLAIN.fullmatch(value)}

    @property
    def sandbox(self) -> App:
        return self.app if self.app.is_sandbox else self.app.sandbox

    @property
    def twin(self) -> App:
        return self.app.sandbox_of if self.app.is_sandbox else self.app.sandbox


def reader_of(request: HttpRequest) -> Reader | None:
    """The signed-in reader; ``None`` for everybody else and for who has no app yet. ``?app=`` chooses among one's own."""
    if not request.user.is_authenticated:
        return None
    asked = request.GET.get("app", "")
    if _APP_ID.fullmatch(asked) and (opened := open_app(request.user, asked)):
        request.session["app_id"] = asked
        return Reader(opened[1])
    last = request.session.get("app_id")
    if last and (opened := open_app(request.user, last)):
        return Reader(opened[1])
    first = next(iter(apps_of(request.user)), None)
    return Reader(first.sandbox) if first else None
