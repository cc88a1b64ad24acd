"""The command box: a pasted id opens what it names; anything else finds the first few of each kind.

Rooms name what they have with ``search_with`` when they are ready, for they do not know each other and this page knows none of
them. A finder reads by an index or among a bounded number of rows, and starts at ``request.app``: another's id finds nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode

from incenta.accounts.models import App
from incenta.ids import PREFIXES

from .access import may
from .menu import ELSEWHERE, ENTRIES
from .pages import AppPage

MOST = 5
"""What one kind shows."""
LONGEST = 255
LAST = "\U0010ffff"
"""Sorts behind every character that a text may have."""
_ID = re.compile(r"(" + "|".join(sorted(PREFIXES)) + r")_[0-9a-z]{26}")


class Found(NamedTuple):
    text: str
    url: str
    note: str = ""


class Kind(NamedTuple):
    """One heading in the box. ``find`` answers at most ``MOST``, in one statement; kinds stand in the order of ``place``."""

    label: str
    icon: str
    permission: str
    find: Callable[[HttpRequest, str], list[Found]]
    place: int = 50


class Opener(NamedTuple):
    """What an id of one prefix opens, for whom. ``open`` answers the address, or ``None`` where this app has no such row."""

    permission: str
    open: Callable[[HttpRequest, str], str | None]


_kinds: dict[str, Sequence[Kind]] = {}
_openers: dict[str, dict[str, list[Opener]]] = {}


def search_with(room: str, *kinds: Kind, opens: Mapping[str, Opener | Sequence[Opener]] | None = None) -> None:
    """Names what a room finds, and what the ids that it knows by their prefix open; once, when it is ready."""
    _kinds[room] = kinds
    _openers[room] = {
        prefix: [opener] if isinstance(opener, Opener) else list(opener) for prefix, opener in (opens or {}).items()
    }


def begins(rows: QuerySet, column: str, text: str) -> QuerySet:
    """Rows whose column begins with the text, by a plain index: columns of ids and codes compare by bytes."""
    return rows.filter(**{f"{column}__gte": text, f"{column}__lt": text + LAST}).order_by(column)


def page_of(
    rows: Callable[[App], QuerySet],
    page: str,
    *columns: str,
    query: Mapping[str, str] | None = None,
    permission: str = "programme.read",
) -> Opener:
    """Opens the page ``page`` with the row's ``columns`` in its address, and ``query`` (parameter → column) behind it."""
    queried = dict(query or {})

    def open_(request: HttpRequest, row_id: str) -> str | None:
        found = rows(request.app).filter(pk=row_id).values_list("pk", *columns, *queried.values()).first()
        if found is None:
            return None
        values = list(found[1:])
        address = reverse(f"dashboard:{page}", args=[request.app.pk, *values[: len(columns)]])
        said = {name: value for name, value in zip(queried, values[len(columns) :], strict=True) if value}
        return f"{address}?{urlencode(said)}" if said else address

    return Opener(permission, open_)


def opened(request: HttpRequest, text: str) -> Found | None:
    """What an id opens, if it is one of this app's that the reader may see."""
    if not (match := _ID.fullmatch(text.strip())):
        return None
    for room in sorted(_openers):
        for opener in _openers[room].get(match[1], ()):
            if may(request, opener.permission) and (url := opener.open(request, match[0])):
                return Found(match[0], url, PREFIXES[match[1]])
    return None


def pages(request: HttpRequest, text: str) -> list[Found]:
    """Pages whose name holds the text: those of the menu first, then what they lead to."""
    wanted = text.casefold()
    return [
        Found(entry.label, reverse(f"dashboard:{entry.section}", args=[request.app.pk]), entry.group)
        for entry in (*ENTRIES, *ELSEWHERE)
        if wanted in f"{entry.group} {entry.label}".casefold() and may(request, entry.permission)
    ][:MOST]


def found(request: HttpRequest, text: str) -> list[dict]:
    """``[{"label", "icon", "found"}]`` of the kinds that have something; pages come last."""
    kinds = sorted((kind for room in _kinds.values() for kind in room), key=lambda kind: (kind.place, kind.label))
    groups = [
        {"label": kind.label, "icon": kind.icon, "found": some}
        for kind in kinds
        if may(request, kind.permission) and (some := kind.find(request, text)[:MOST])
    ]
    if some := pages(request, text):
        groups.append({"label": "Pages", "icon": "panel-left", "found": some})
    return groups


class Search(AppPage):
    """``?q=``: a fragment for the box, and a page of its own where there is no script. There, an id leads straight on."""

    section = ""
    template_name = "dashboard/search.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        text = request.GET.get("q", "").strip()[:LONGEST].replace("\0", "")
        is_fragment = request.htmx and not request.htmx.history_restore_request
        thing = opened(request, text)
        if thing is not None and not is_fragment:
            return redirect(thing.url)
        if thing is not None:
            groups = [{"label": "Open", "icon": "arrow-right", "found": [thing]}]
        else:
            groups = found(request, text) if text else []
        context = {"q": text, "groups": groups, "is_box": is_fragment}
        response = self.page(context, template=f"{self.template_name}#results" if is_fragment else "")
        patch_vary_headers(response, ["HX-Request"])
        return response
