"""The audit log: who did what, at the desk and by key, from every history there is, on one list.

Histories stand in the rooms that make them: each is named with ``read_with``. A page takes the newest of all of them, and goes on in
each where it stopped; nothing is counted and nothing is copied.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from incenta import clock
from incenta.accounts.audit import TYPES
from incenta.accounts.models import AuditEntry
from incenta.events.models import Event

from .access import actors, may
from .days import EARLIEST, LATEST, midnight
from .exports import csv_response
from .lists import said
from .overview import page_of_subject
from .pages import AppPage
from .telling import in_short

PER_PAGE = 50
REACH = 5_000
"""Rows of one history that one page looks through at most."""
MOST_EXPORTED = 100_000


class Line(NamedTuple):
    """One deed. ``cursor`` is its place in its own history."""

    at: datetime
    cursor: str
    actor: str
    text: str
    type: str
    subject: str = ""
    url: str = ""
    note: str = ""


class Asked(NamedTuple):
    actor: str = ""
    start: datetime | None = None
    end: datetime | None = None


class History(NamedTuple):
    """``read(request, asked, cursor, limit)`` answers the lines after the cursor, newest first, and where to go on if it stopped
    short of the end for having looked through ``REACH`` rows."""

    label: str
    read: Callable[[HttpRequest, Asked, str, int], tuple[list[Line], str | None]]
    permission: str = "programme.read"


_histories: dict[str, History] = {}


def read_with(name: str, history: History) -> None:
    """Names a history; a room says so when it is ready. ``name`` is what the filter ``type`` says."""
    _histories[name] = history


def narrowed(
    rows: QuerySet, asked: Asked, time_field: str, order: tuple[str, ...], limit: int, *, is_sieved: bool = False
) -> tuple[QuerySet, Callable[[int], str | None]]:
    """The rows that are asked for, and what tells where to go on when fewer than ``limit`` were found.

    Where something is asked for, or ``is_sieved`` by what is filtered afterwards, only the next ``REACH`` rows are looked through.
    """
    if not (is_sieved or any(asked)):
        return rows.order_by(*order), lambda count: None
    fields = [name.lstrip("-") for name in order]
    last = rows.order_by(*order).values_list(*fields)[REACH - 1 : REACH].first()
    found = rows.order_by(*order)
    if last is not None:
        # the first column alone bounds it in the index; what shares the last one's place is looked at with it
        found = found.filter(**{f"{fields[0]}__gte": last[0]})
    if asked.actor:
        found = found.filter(actor=asked.actor)
    if asked.start:
        found = found.filter(**{f"{time_field}__gte": asked.start})
    if asked.end:
        found = found.filter(**{f"{time_field}__lt": asked.end})

    def goes_on(count: int) -> str | None:
        return "~".join(map(str, last)) if last and count < limit else None

    return found, goes_on


def numbers_of(cursor: str) -> list[int]:
    """A cursor of whole numbers; one that is none begins anew."""
    parts = cursor.split("~")
    return [int(part) for part in parts] if all(part.isdecimal() and len(part) < 19 for part in parts) else []


# --- histories of the house itself ------------------------------------------------------------------------------------
def _desk(request: HttpRequest, asked: Asked, cursor: str, limit: int) -> tuple[list[Line], str | None]:
    rows = AuditEntry.objects.filter(Q(app=request.app) | Q(app=None, merchant=request.app.merchant_id))
    if last := numbers_of(cursor):
        rows = rows.filter(pk__lt=last[0])
    found, goes_on = narrowed(rows, asked, "at", ("-pk",), limit)
    lines = [
        Line(entry.at, str(entry.pk), entry.actor, TYPES.get(entry.type, entry.type), entry.type, entry.subject_id,
             note=_told(entry.data))
        for entry in found[:limit]
    ]  # fmt: skip
    return lines, goes_on(len(lines))


def _told(data: dict) -> str:
    if changed := data.get("changed"):
        return "; ".join(f"{name}: {_short(was)} → {_short(now)}" for name, (was, now) in changed.items())
    return ", ".join(f"{name} {_short(value)}" for name, value in data.items() if not isinstance(value, dict))


def _short(value: object) -> str:
    text = (
        "nothing" if value in ("", None, []) else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    )
    return text if len(text) <= 80 else f"{text[:79]}…"


def _events(request: HttpRequest, asked: Asked, cursor: str, limit: int) -> tuple[list[Line], str | None]:
    rows = request.app.events.all()
    position, _, event_id = cursor.partition("~")
    if position.isdecimal() and len(position) < 19:
        rows = rows.filter(position__lte=int(position)).filter(
            Q(position__lt=int(position)) | Q(position=int(position), pk__lt=event_id)
        )
    found, goes_on = narrowed(rows, asked, "recorded_at", ("-position", "-id"), limit, is_sieved=True)
    found = found.filter(Q(actor__startswith="user:") | Q(actor__startswith="key_"))
    if not may(request, "fraud.read"):
        found = found.exclude(type__startswith="FRAUD_")
    lines = [_of_event(request, event) for event in found[:limit]]
    return lines, goes_on(len(lines))


def _of_event(request: HttpRequest, event: Event) -> Line:
    page = page_of_subject(event.subject_type)
    return Line(
        event.recorded_at,
        f"{event.position}~{event.pk}",
        event.actor,
        in_short(event.type),
        event.type,
        event.subject_id,
        reverse(f"dashboard:{page}", args=[request.app.pk, event.subject_id]) if page else "",
    )


read_with("desk", History("Settings, keys and team", _desk))
read_with("events", History("Events by people and keys", _events))


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
    """The newest lines of all these histories after their cursors, and where each goes on; ``None`` at the end of all. At most two
    statements a history."""
    read = {
        name: ([], None)
        if cursors.get(name) == END
        else _histories[name].read(request, asked, cursors.get(name, ""), limit + 1)
        for name in names
    }
    merged = sorted(
        ((line, name) for name, (lines, _) in read.items() for line in lines), key=lambda each: each[0].at, reverse=True
    )
    taken = merged[:limit]
    after: dict[str, str] = {}
    for name in names:
        lines, goes_on = read[name]
        mine = [line for line, whose in taken if whose == name]
        if len(mine) < len(lines):
            after[name] = mine[-1].cursor if mine else cursors.get(name, "")
        else:
            after[name] = goes_on or END
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
        names_of = actors(request, {line.actor for line in lines})
        context = {
            "form": form,
            "is_understood": is_understood,
            "is_filtered": any(request.GET.get(name) for name in form.fields),
            "histories": [(name, one.label) for name, one in mine.items()],
            "people": self.people(),
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
