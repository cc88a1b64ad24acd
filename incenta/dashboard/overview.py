"""The first page: what needs somebody today, how it goes, and what happened last.

It gathers what rooms tell; none of them is known here, and they do not know each other. Each names itself with
``show_with`` when it is ready.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format

from incenta import clock, money
from incenta.accounts.models import Membership
from incenta.api import metering
from incenta.database import sql
from incenta.events.models import Event

from .access import may
from .minute import kept
from .pages import Action, AppPage
from .telling import in_short

RANGES = (7, 30, 90)
USUAL_RANGE = 30
MOST_EVENTS, EVENTS_READ = 12, 100
NEARLY = 80
"""Percent of the month's calls from which the plan's limit is a matter for today."""


@dataclass(frozen=True, slots=True)
class Span:
    """``days`` whole days before ``today`` and what there is of today, in the app's zone."""

    days: int
    today: date

    @property
    def start(self) -> date:
        return self.today - timedelta(days=self.days)

    @property
    def before(self) -> date:
        """Where the days begin that the whole ones are compared with: as many, right before."""
        return self.start - timedelta(days=self.days)


class ToDo(NamedTuple):
    """Something that waits for somebody. The larger its weight, the nearer the front."""

    weight: int
    text: str
    url: str
    icon: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a room asks of what waits: a query whose parameters are ``%(app)s``, ``%(now)s`` and those of ``more``, and what its rows
    say, each a dict by column as JSON tells it. All rooms' queries travel as one statement."""

    query: str
    told: Callable[[list[dict]], list[ToDo]]
    more: dict = field(default_factory=dict)


@dataclass(slots=True)
class Number:
    """A sum over a span. ``whole``: of its whole days, ``before``: of as many days before them; ``first_day``: the first of which
    anything is known, if any."""

    label: str
    whole: int
    today: int
    before: int
    first_day: date | None
    show: Callable[[int], str] = "{:,}".format
    url: str = ""
    note: str = ""

    @property
    def value(self) -> str:
        return self.show(self.whole + self.today)

    def compared(self, span: Span) -> str:
        """Like for like in words; where there is nothing to compare with, why."""
        if self.first_day is None:
            return "no data yet"
        if self.first_day > span.before:
            return f"no data before {date_format(self.first_day, 'j M Y')}"
        if not self.before:
            return f"none in the {span.days} days before" if self.whole else ""
        percent = round(100 * (self.whole - self.before) / self.before)
        sign = "+" if percent > 0 else "−" if percent < 0 else "±"
        return f"{sign}{abs(percent):,} %: {self.show(self.whole)} to yesterday, {self.show(self.before)} before"


class Step(NamedTuple):
    """Something that a merchant does before anything can happen."""

    text: str
    url: str
    is_done: bool


@dataclass(slots=True)
class Shown:
    """What a room shows on the overview; each part in a bounded number of statements."""

    todos: Callable[[HttpRequest], Waiting | None] | None = None
    """``None`` where the reader may do nothing about it."""
    numbers: Callable[[HttpRequest, Span], list[Number]] | None = None
    funnel: Callable[[HttpRequest, Span], list[tuple[str, int]] | None] | None = None
    steps: Callable[[HttpRequest], list[Step]] | None = None
    pages: dict[str, str] = field(default_factory=dict)
    """An event's type of subject → the name of the page about it."""


_rooms: dict[str, Shown] = {}


def page_of_subject(subject_type: str) -> str:
    """The name of the page about an event's subject, or nothing."""
    return next((room.pages[subject_type] for room in _rooms.values() if subject_type in room.pages), "")


def show_with(room: str, shown: Shown) -> None:
    """Names what a room shows; a room says so when it is ready."""
    _rooms[room] = shown


class Overview(AppPage):
    """``?range=7|30|90`` days before today, ``?compare=no``."""

    section = "overview"
    template_name = "overview/overview.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.get("range", "")
        days = int(asked) if asked in map(str, RANGES) else USUAL_RANGE
        span = Span(days, clock.now(request.app).astimezone(ZoneInfo(request.app.timezone)).date())
        is_compared = request.GET.get("compare") != "no"
        rooms = [_rooms[name] for name in sorted(_rooms)]
        events = self.events(rooms)
        numbers = [number for room in rooms if room.numbers for number in room.numbers(request, span)]
        return self.page(
            {
                "span": span,
                "ranges": [(each, f"{each} days") for each in RANGES],
                "is_compared": is_compared,
                "todos": needed(request),
                "numbers": [(number, number.compared(span) if is_compared else "") for number in numbers],
                "funnels": [room.funnel(request, span) for room in rooms if room.funnel] if events else [],
                "events": events,
                "steps": first_steps(request, rooms, bool(events)),
            }
        )

    def events(self, rooms: list[Shown]) -> list[dict]:
        """What happened last, in words. Neighbours of one kind, by the same hand, are told once, with how many they are."""
        app = self.request.app
        pages = {subject: name for room in rooms for subject, name in room.pages.items()}
        newest = app.events.order_by("-position", "-id")
        if not may(self.request, "fraud.read"):
            newest = newest.exclude(type__startswith="FRAUD_")
        groups: list[list[Event]] = []
        for event in newest[:EVENTS_READ]:
            if groups and (groups[-1][0].type, groups[-1][0].actor) == (event.type, event.actor):
                groups[-1].append(event)
            elif len(groups) == MOST_EVENTS:
                break
            else:
                groups.append([event])
        return [self._told(group, pages) for group in groups]

    def _told(self, group: list[Event], pages: dict[str, str]) -> dict:
        event, is_one = group[0], len(group) == 1
        page = pages.get(event.subject_type) if is_one else None
        people = {who for each in group if (who := _who(each))}
        return {
            "event": event,
            "count": len(group),
            "text": in_short(event.type),
            "who": next(iter(people)) if len(people) == 1 else "",
            "people": len(people),
            "amount": _amount(event) if is_one else "",
            "url": reverse(f"dashboard:{page}", args=[self.request.app.pk, event.subject_id]) if page else "",
        }


def first_steps(request: HttpRequest, rooms: list[Shown], is_begun: bool) -> list[Step]:
    """What comes before the first reward: in a live app until anything happens, in a sandbox until all of it is done, and only for
    who has not put it away. Once it is done that is noted, so that nobody's overview asks for it for ever."""
    if request.membership.hides_first_run or (is_begun and not request.app.is_sandbox):
        return []
    found = [step for room in rooms if room.steps for step in room.steps(request)]
    if not all(step.is_done for step in found):
        return found
    if request.app.is_sandbox:
        put_away(request)
    return []


def put_away(request: HttpRequest) -> None:
    Membership.objects.filter(pk=request.membership.pk).update(hides_first_run=True)


class HideSteps(Action):
    """Puts the first steps away, for this person, in all apps of the merchant."""

    section = "overview"

    def act(self) -> str:
        put_away(self.request)
        return "The first steps are put away."


def _who(event: Event) -> str:
    return next((event.data[name] for name in ("userId", "refereeId", "referrerId") if event.data.get(name)), "")


def _amount(event: Event) -> str:
    number, asset = event.data.get("amount"), event.data.get("currency")
    if not isinstance(number, int | float) or not isinstance(asset, str):
        return ""
    return money.display(money.parse(abs(number), asset, largest=10**15), asset)


def needed(request: HttpRequest) -> list[ToDo]:
    """What waits for somebody of the reader's role, the weightiest first. One statement for all rooms."""
    rooms = [_rooms[name] for name in sorted(_rooms)]
    asked = [waiting for room in rooms if room.todos and (waiting := room.todos(request))]
    found = quota(request)
    if asked:
        app = request.app
        known = {"app": app.pk, "now": clock.now(app)}
        for waiting in asked:
            known |= waiting.more
        parts = ", ".join(f"(SELECT jsonb_agg(to_jsonb(asked)) FROM ({waiting.query}) asked)" for waiting in asked)
        for waiting, rows in zip(asked, sql.row(f"SELECT {parts}", known), strict=True):
            found += waiting.told(_read(rows))
    return sorted(found, key=lambda todo: (-todo.weight, todo.text))


def _read(rows: str | list[dict] | None) -> list[dict]:
    return json.loads(rows) if isinstance(rows, str) else rows or []


def quota(request: HttpRequest) -> list[ToDo]:
    """The month's calls, once they come near what the plan allows; as the top bar knows them, so up to a minute old."""
    plan = request.app.merchant.plan  # one that was changed a moment ago already counts
    used = kept(f"quota {request.app.pk}", lambda: metering.usage(request.app)) | {"limit": plan.monthly_calls}
    percent = 100 * used["calls"] // used["limit"] if used["limit"] else 100
    if percent < NEARLY:
        return []
    text = (
        "All API calls of this month are used" if percent >= 100 else f"{percent} % of this month's API calls are used"
    )
    note = f"{used['calls']:,} of {used['limit']:,}; further calls are refused"
    return [ToDo(90 if percent >= 100 else 40, text, "", "gauge", note if percent >= 100 else note.split(";")[0])]
