"""The audit log: who did what, at the desk and by key, from every history there is, on one list.

Histories stand in the rooms that make them: each is named with ``read_with``. A page takes the newest of all of them, and goes on in
each where it stopped; nothing is counted and nothing is copied.
"""

import base64
import binascii
import heapq
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import BigIntegerField, F, Func, Q, QuerySet, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from incenta import clock
from incenta.accounts.audit import TYPES
from incenta.accounts.models import AuditEntry
from incenta.events.models import OrderedJSONField

from .access import actors, may
from .days import EARLIEST, LATEST, midnight
from .exports import csv_response
from .lists import beyond, said, within
from .overview import page_of_subject
from .pages import AppPage
from .telling import in_short

PER_PAGE = 50
REACH = 5_000
"""Rows of one history that one page looks through at most."""
MOST_EXPORTED = 100_000


class Told(NamedTuple):
    """What one deed was, in the words of its room."""

    text: str
    type: str
    subject: str = ""
    url: str = ""
    note: str = ""


class Line(NamedTuple):
    """One deed on the list. ``cursor`` is its place in its own history."""

    at: datetime
    cursor: str
    actor: str
    text: str
    type: str
    subject: str
    url: str
    note: str


class Asked(NamedTuple):
    actor: str = ""
    start: datetime | None = None
    end: datetime | None = None


class History(NamedTuple):
    """Rows that have an ``actor``, and how a deed is told of each. It reads nothing: all histories are read together."""

    label: str
    rows: Callable[[HttpRequest], QuerySet]
    """All of ``request.app``, which an index serves in the order of ``place``."""
    facts: tuple[str, ...]
    """The fields that ``tell`` is given behind the request."""
    tell: Callable[..., Told]
    time: str
    place: str = "pk"
    """A whole number that grows with every deed."""
    is_shared: bool = False
    """Whether several rows may have the same place; their ids order them."""
    sieve: Callable[[HttpRequest, QuerySet], QuerySet] | None = None
    """Leaves out rows that are no deeds, or are not for this reader."""
    permission: str = "programme.read"

    def older(self, rows: QuerySet, cursor: str) -> QuerySet:
        """The rows behind a cursor; one that is none begins at the newest."""
        place, _, id = cursor.partition("~")
        if not (place.isdecimal() and len(place) < 19):
            return rows
        if self.is_shared:
            return rows.filter(beyond(self.place, (int(place), id), is_upwards=False))
        return rows.filter(**{f"{self.place}__lt": int(place)})

    def as_far_as(self, rows: QuerySet, cursor: str) -> QuerySet:
        """The rows before a cursor and the one that it names."""
        place, _, id = cursor.partition("~")
        if self.is_shared:
            return rows.filter(within(self.place, (int(place), id), is_upwards=False))
        return rows.filter(**{f"{self.place}__gte": int(place)})

    def asked_for(self, request: HttpRequest, rows: QuerySet, asked: Asked) -> QuerySet:
        if asked.actor:
            rows = rows.filter(actor=asked.actor)
        if asked.start:
            rows = rows.filter(**{f"{self.time}__gte": asked.start})
        if asked.end:
            rows = rows.filter(**{f"{self.time}__lt": asked.end})
        return self.sieve(request, rows) if self.sieve else rows

    def part(self, name: str, rows: QuerySet, *columns: Combinable) -> QuerySet:
        """The rows as a part of a statement of several histories: name, place, id where it counts, and these columns."""
        order = ("-" + self.place, "-pk") if self.is_shared else ("-" + self.place,)
        return rows.order_by(*order).values_list(
            Cast(Value(name), TextField()),
            Cast(F(self.place), BigIntegerField()),
            Cast(F("pk") if self.is_shared else Value(""), TextField()),
            *columns,
        )


def read_at_once(parts: list[QuerySet]) -> dict[str, list[tuple[str, tuple]]]:
    """Several histories in one statement: ``{name: [(cursor, columns)]}``, each in its own order."""
    if not parts:
        return {}
    found: dict[str, list[tuple]] = {}
    for name, place, id, *columns in parts[0].union(*parts[1:], all=True) if parts[1:] else parts[0]:
        found.setdefault(name, []).append((place, id, columns))
    for rows in found.values():
        rows.sort(key=lambda row: row[:2], reverse=True)  # a union promises no order
    return {
        name: [(f"{place}~{id}" if id else str(place), columns) for place, id, columns in rows]
        for name, rows in found.items()
    }


_histories: dict[str, History] = {}


def read_with(name: str, history: History) -> None:
    """Names a history; a room says so when it is ready. ``name`` is what the filter ``type`` says."""
    _histories[name] = history


# --- histories of the house itself ------------------------------------------------------------------------------------
def _desk(request: HttpRequest) -> QuerySet:
    return AuditEntry.objects.filter(Q(app=request.app) | Q(app=None, merchant=request.app.merchant_id))


def _tell_entry(request: HttpRequest, type: str, subject_id: str, data: dict) -> Told:
    return Told(TYPES.get(type, type), type, subject_id, note=_note(data))


def _note(data: dict) -> str:
    if changed := data.get("changed"):
        return "; ".join(f"{name}: {_short(was)} → {_short(now)}" for name, (was, now) in changed.items())
    return ", ".join(f"{name} {_short(value)}" for name, value in data.items() if not isinstance(value, dict))


def _short(value: object) -> str:
    text = (
        "nothing" if value in ("", None, []) else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    )
    return text if len(text) <= 80 else f"{text[:79]}…"


def _by_people_and_keys(request: HttpRequest, events: QuerySet) -> QuerySet:
    events = events.filter(Q(actor__startswith="user:") | Q(actor__startswith="key_"))
    return events if may(request, "fraud.read") else events.exclude(type__startswith="FRAUD_")


def _tell_event(request: HttpRequest, type: str, subject_type: str, subject_id: str) -> Told:
    page = page_of_subject(subject_type)
    url = reverse(f"dashboard:{page}", args=[request.app.pk, subject_id]) if page else ""
    return Told(in_short(type), type, subject_id, url)


read_with(
    "desk",
    History("Settings, keys and team", _desk, ("type", "subject_id", "data"), _tell_entry, "at"),
)
read_with(
    "events",
    History(
        "Events by people and keys",
        lambda request: request.app.events.all(),
        ("type", "subject_type", "subject_id"),
        _tell_event,
        "recorded_at",
        place="position",
        is_shared=True,
        sieve=_by_people_and_keys,
    ),
)


# --- the page ---------------------------------------------------------------------------------------------------------
class AuditForm(forms.Form):
    actor = forms.CharField(required=False, max_length=60)
    type = forms.CharField(required=False, max_length=20)
    since = forms.DateField(required=False, validators=[MinValueValidator(EARLIEST), MaxValueValidator(LATEST)])
    until = forms.DateField(required=False, validators=[MinValueValidator(EARLIEST), MaxValueValidator(LATEST)])


def packed(cursors: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(cursors, separators=(",", ":")).encode()).decode().rstrip("=")


def unpacked(text: str) -> dict[str, str]:
    """Cursors by history; what is none begins at the newest."""
    try:
        told = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    is_one = isinstance(told, dict) and all(
        isinstance(each, str) and len(each) < 120 and each.isascii() and each.isprintable() for each in told.values()
    )
    return {name: each for name, each in told.items() if name in _histories} if is_one else {}


END = "."
"""The cursor of a history that has nothing older."""


def gathered(
    request: HttpRequest, asked: Asked, names: list[str], cursors: dict[str, str], limit: int
) -> tuple[list[Line], dict[str, str] | None]:
    """The newest lines of all these histories after their cursors, and where each goes on; ``None`` at the end of all. Two
    statements, whatever number of histories.

    Where something is asked for or sieved, only the next ``REACH`` rows of a history are looked through; it goes on behind the last
    of them if too few were found.
    """
    histories = {name: _histories[name] for name in names if cursors.get(name) != END}
    rows = {name: one.older(one.rows(request), cursors.get(name, "")) for name, one in histories.items()}
    last_looked_at = read_at_once(
        [
            one.part(name, rows[name])[REACH - 1 : REACH]
            for name, one in histories.items()
            if any(asked) or one.sieve is not None
        ]
    )
    looked_to = {name: cursor for name, [(cursor, _)] in last_looked_at.items()}
    parts = []
    for name, one in histories.items():
        near = one.as_far_as(rows[name], looked_to[name]) if name in looked_to else rows[name]
        facts = Func(*one.facts, function="json_build_array", output_field=OrderedJSONField())
        parts.append(one.part(name, one.asked_for(request, near, asked), F(one.time), F("actor"), facts)[: limit + 1])
    found = read_at_once(parts)
    lines = {
        name: [
            Line(at, cursor, actor, *histories[name].tell(request, *facts)) for cursor, (at, actor, facts) in of_history
        ]
        for name, of_history in found.items()
    }
    # each stays in its own order, by which it goes on, also where a clock or a slow transaction has its times cross
    merged = heapq.merge(
        *([(line, name) for line in lines.get(name, ())] for name in names), key=lambda each: each[0].at, reverse=True
    )
    taken = list(islice(merged, limit))
    after: dict[str, str] = {}
    for name in names:
        mine = [line for line, whose in taken if whose == name]
        if len(mine) < len(lines.get(name, ())):
            after[name] = mine[-1].cursor if mine else cursors.get(name, "")
        else:
            after[name] = looked_to.get(name, END)
    is_end = all(cursor == END for cursor in after.values())
    return [line for line, _ in taken], None if is_end else after


class Audit(AppPage):
    """``?actor=user:12&type=desk&since=…&until=…``; ``&cursor=`` goes on to what is older; ``&export=csv`` is all of it."""

    permission = "programme.export"
    section = "audit"
    template_name = "dashboard/audit.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        request.GET = said(request)
        form = AuditForm(request.GET)
        mine = {name: one for name, one in sorted(_histories.items()) if may(request, one.permission)}
        is_understood = form.is_valid() and form.cleaned_data["type"] in ("", *mine)
        told = form.cleaned_data if is_understood else {}
        names = [told["type"]] if told.get("type") else list(mine)
        until = told.get("until")
        asked = Asked(
            told.get("actor", ""),
            midnight(told["since"]) if told.get("since") else None,
            midnight(until + timedelta(days=1)) if isinstance(until, date) else None,
        )
        if request.GET.get("export") == "csv" and is_understood:
            stamp = clock.now(request.app).strftime("%Y%m%dT%H%M%SZ")
            return csv_response(f"audit-{stamp}.csv", COLUMNS, self.all_of(asked, names))
        lines, after = [], None
        if is_understood:
            cursors = unpacked(request.GET.get("cursor", ""))
            lines, after = gathered(request, asked, names, cursors, PER_PAGE)
        people = self.people()
        names_of = dict(people)
        names_of |= actors(request, {line.actor for line in lines} - names_of.keys())
        context = {
            "form": form,
            "is_understood": is_understood,
            "is_filtered": any(request.GET.get(name) for name in form.fields),
            "histories": [(name, one.label) for name, one in mine.items()],
            "people": people,
            "records": [(line, names_of.get(line.actor, line.actor or "Incenta")) for line in lines],
            "older": self.older(after) if after else "",
            "is_deep": bool(request.GET.get("cursor")),
        }
        return self.page(context)

    def older(self, after: dict[str, str]) -> str:
        query = self.request.GET.copy()
        query["cursor"] = packed(after)
        return f"?{query.urlencode()}"

    def people(self) -> list[tuple[str, str]]:
        """Whom the filter offers: the team and the app's keys."""
        team = self.request.membership.merchant.memberships.select_related("user").order_by("created_at", "id")[:100]
        keys = self.request.app.api_keys.order_by("-created_at", "-id")[:50]
        return [(f"user:{one.user_id}", one.user.get_full_name()) for one in team] + [
            (key.pk, f"API key “{key.name}”") for key in keys
        ]

    def all_of(self, asked: Asked, names: list[str]) -> Iterator[Line]:
        cursors: dict[str, str] | None = {}
        told = 0
        while cursors is not None and told < MOST_EXPORTED:
            lines, cursors = gathered(self.request, asked, names, cursors, 500)
            told += len(lines)
            yield from lines


COLUMNS = [
    ("atUtc", lambda line: line.at),
    ("actor", lambda line: line.actor),
    ("type", lambda line: line.type),
    ("what", lambda line: line.text),
    ("subject", lambda line: line.subject),
    ("note", lambda line: line.note),
]
