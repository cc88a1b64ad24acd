"""The bars that hold for every page there is (docs/dashboard.md), each over all of them: a page that is added is walked too."""

import csv
import html
import re
from datetime import UTC, date, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urljoin

import brotli
import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incenta.accounts.models import Membership, Role
from incenta.accounts.permissions import can
from incenta.clock import iso
from incenta.dashboard import exports
from incenta.dashboard.access import governing
from incenta.dashboard.days import midnight
from incenta.dashboard.lists import ListPage
from tests.dashboard.conftest import body, sign_in
from tests.everything import one_of_everything
from tests.test_isolation import Route, page_address, page_routes

pytestmark = pytest.mark.django_db

WARM, SWAP, COLD, COLD_WITH_CHARTS, REQUESTS, STATEMENTS = 15_000, 8_000, 80_000, 110_000, 10, 12
CHARTS = "uPlot"
ASSET = re.compile(r'<(?:script|link)[^>]*?(?:src|href|data-hotkey-src)="(/static/[^"]+)"[^>]*')
EMPTY = re.compile(r'<div class="empty i-empty">.*?</div>', re.DOTALL)
SECRET = re.compile(r"whsec_[A-Za-z0-9+/_=-]{20,}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*")
UTC_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NO_LIST_PAGE = {
    "log/": "range=year",
    "incentives/leaderboard/": "period=hourly",
    "marketplace/statement/": "month=soon",
    "audit/": "type=lost",
}
"""Lists that are no ``ListPage`` -> a query that they do not understand."""


@cache
def weight(path: str) -> int:
    """Bytes of a static file as it is served."""
    file = finders.find(path.removeprefix(settings.STATIC_URL).partition("?")[0])
    return len(brotli.compress(Path(file).read_bytes(), quality=11))


def is_list(route: Route) -> bool:
    return isinstance(route.view, type) and issubclass(route.view, ListPage)


def lists() -> list[Route]:
    """Every list of rows; the fraud review stands for itself with a case opened in it."""
    return [
        route
        for route in page_routes()
        if (is_list(route) and "case_id" not in route.parameters)
        or any(route.route.endswith(f"<app:app_id>/{end}") for end in NO_LIST_PAGE)
    ]


def with_query(address: str, query: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{query}"


def nothing_fits(route: Route) -> str | None:
    """A query that this list understands, and that no row fits."""
    if not is_list(route):
        return None
    filters = route.view.filterset_class.base_filters
    name = next((name for name in ("q", "user") if name in filters), None)
    if name is not None:
        return f"{name}=nothing-like-it"
    return "since=2099-01-01T00:00" if "since" in filters else "at=1999-01-01T00:00"


def not_understood(route: Route) -> str:
    if not is_list(route):
        return next(query for end, query in NO_LIST_PAGE.items() if route.route.endswith(f"<app:app_id>/{end}"))
    filters = route.view.filterset_class.base_filters
    name = next((name for name, one in filters.items() if "choices" in one.extra), None)
    return f"{name}=LOST" if name else f"q={'x' * 600}"


def test_every_page_is_light_and_every_list_costs_few_statements(himal):
    owner, names, wrong, heaviest = sign_in(himal.app.merchant), one_of_everything(himal, "himal"), [], {}
    asked = lists()

    def note(what: str, weighs: int, most: int, address: str) -> None:
        heaviest[what] = max(heaviest.get(what, (0, "")), (weighs, address))
        if weighs > most:
            wrong.append(f"{address}: {what} {weighs:,}, at most {most:,}")

    for route in page_routes():
        address = page_address(route, names)
        answer = owner.get(address)
        if answer.status_code != 200 or answer.streaming or not answer.content.lstrip().startswith(b"<!doctype"):
            continue
        text = answer.content.decode()
        assets = {urljoin(address, found) for found in ASSET.findall(text)}
        assets |= set(re.findall(r'data-hotkey-src="([^"]+)"', text))
        assets = {one for one in assets if "django-htmx.js" not in one}  # with DEBUG only
        if himal.secret in text or SECRET.search(text):
            wrong.append(f"{address} shows a secret")
        warm = len(brotli.compress(answer.content, quality=5))
        note("warm", warm, WARM, address)
        cold = warm + sum(map(weight, assets))
        is_drawn = any(CHARTS in one for one in assets)
        note("cold with charts" if is_drawn else "cold", cold, COLD_WITH_CHARTS if is_drawn else COLD, address)
        note("requests", 1 + len(assets), REQUESTS, address)
        if route in asked:
            with CaptureQueriesContext(connection) as captured:
                owner.get(address)
            note("statements", len(captured), STATEMENTS, address)
        if is_list(route):
            swapped = owner.get(address, headers={"hx-request": "true"}).content
            assert not swapped.lstrip().startswith(b"<!doctype"), f"{address} swaps a whole page"
            note("swapped", len(brotli.compress(swapped, quality=5)), SWAP, address)
    print("The heaviest:", heaviest)  # pytest -s shows it
    assert not wrong, "\n".join(wrong)
    assert len(heaviest) >= 5


def test_every_list_is_downloaded_as_it_is_shown(himal, monkeypatch):
    """Each cell passes by ``exports.cell``, which keeps formulas from running; times are UTC and their columns say so."""
    owner, names, wrong, told = sign_in(himal.app.merchant), one_of_everything(himal, "himal"), [], 0
    for route in lists():
        address = page_address(route, names)
        shown = owner.get(address).content.decode()
        if "export=csv" not in html.unescape(shown):
            if "i-empty" not in shown:
                wrong.append(f"{address}: has no CSV")
            continue
        header, *rows = csv.reader(
            body(owner.get(with_query(address, "export=csv"))).removeprefix("\ufeff").splitlines()
        )
        told += len(rows)
        for name, column in zip(header, zip(*rows, strict=True), strict=True) if rows else ():
            moments = [cell for cell in column if MOMENT.fullmatch(cell)]
            if moments and (not name.endswith("Utc") or not all(map(UTC_MOMENT.fullmatch, moments))):
                wrong.append(f"{address}: {name} holds {moments[0]}")
            if name.endswith("Utc") and len(moments) < len([cell for cell in column if cell]):
                wrong.append(f"{address}: {name} holds {column[0]}")
        if (query := nothing_fits(route)) is not None:
            few = body(owner.get(with_query(address, f"{query}&export=csv"))).splitlines()
            if len(few) != 1:
                wrong.append(f"{address}: {query} downloads {len(few) - 1} rows")
        with monkeypatch.context() as patch:
            patch.setattr(exports, "cell", lambda value: "safe")
            lines = body(owner.get(with_query(address, "export=csv"))).splitlines()[1:]
            if set(",".join(lines).split(",")) > {"safe"}:
                wrong.append(f"{address}: {lines[0]} did not pass by exports.cell")
    assert not wrong, "\n".join(wrong)
    assert told > 40


def test_every_list_has_three_empty_states_that_lead_on(himal):
    """Nothing yet, nothing that fits, and not understood: each with something to do about it."""
    owner, names, wrong = sign_in(himal.app.merchant), one_of_everything(himal, "himal"), []
    empty = {"app_id": himal.app.sandbox.pk, "user_id": "nobody"}
    for route in lists():
        states = {"filtered": (names, nothing_fits(route)), "not understood": (names, not_understood(route))}
        if set(route.called.values()) <= set(empty) and not route.route.endswith(("/keys/", "/team/", "/audit/")):
            states["first"] = (empty, "")  # a key, an owner and their deeds are there from the first moment on
        for state, (whose, query) in states.items():
            if query is None:
                continue
            address = with_query(page_address(route, whose), query) if query else page_address(route, whose)
            text = owner.get(address).content.decode()
            main = text[text.index("<main") : text.index("</main>")]
            found = EMPTY.search(main)
            if found is None or not re.search(r"<(a|button) ", main[found.start() :]):
                wrong.append(f"{state}: {address}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OWNER}))
def test_every_page_opens_for_whom_its_permission_says(himal, role):
    browser, names, wrong, refused = sign_in(himal.app.merchant, role), one_of_everything(himal, "himal"), [], 0
    member = Membership.objects.get(merchant=himal.app.merchant, user=browser.user)
    for route in page_routes():
        permission = getattr(route.view, "permission", None)
        if permission is None:
            continue  # of a person, not of an app
        answer = browser.get(page_address(route, names))
        may = can(member, governing(himal.app, permission))
        if answer.status_code == 405:
            continue  # a button: each room's table tries it
        if may != (answer.status_code != 403):
            wrong.append(f"{route.route}: {answer.status_code} with {permission}")
        if answer.status_code == 403:
            refused += 1
            told = answer.content.decode()
            if f"You are {role.label}" not in told or "owner@himal.example" not in told:
                wrong.append(f"{route.route}: does not say whom to ask")
    assert not wrong, "\n".join(wrong)
    assert refused >= (0 if role == Role.ADMIN else 5)


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("Asia/Kathmandu", date(2026, 11, 23), "2026-11-22T18:15:00.000Z", 24),
        ("America/New_York", date(2026, 3, 8), "2026-03-08T05:00:00.000Z", 23),
        ("America/New_York", date(2026, 11, 1), "2026-11-01T04:00:00.000Z", 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), "2026-04-04T13:00:00.000Z", 24.5),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00:00.000Z", 23),
    ],
)
def test_a_day_goes_from_midnight_to_midnight_whatever_the_clocks_do(zone, day, begins, hours):
    with timezone.override(zone):
        first, next_ = (midnight(each).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    assert (iso(first), (next_ - first) / timedelta(hours=1)) == (begins, hours)


def test_who_is_not_signed_in_is_led_to_the_door_and_back(himal, client: Client):
    answer = client.get(f"/dashboard/{himal.app.pk}/rewards/?status=PAID")
    assert answer.status_code == 302 and "next=/dashboard/" in answer.url and "PAID" in answer.url
