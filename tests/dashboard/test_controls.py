"""No dead control: every link leads somewhere, every button does something, every form is taken by somebody."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import Resolver404, resolve

from tests.everything import one_of_everything
from tests.test_isolation import OF_A_PERSON, owner_of, page_address, page_routes

pytestmark = pytest.mark.django_db

SCRIPTS = "\n".join(
    (Path(settings.BASE_DIR) / "static" / name).read_text() for name in ("app.js", "shell.js", "linked.js")
)
HEARD = {"data-copy", "data-copy-address", "data-copy-from", "data-command", "data-show", "data-zoom"}
"""Attributes that a script of ours gives a click to."""
PUBLIC = ("/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/market/", "/nowhere/")
OWN = ("/accounts/email/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/sessions/", "/accounts/logout/")
ALSO = ("campaigns/?q=nothing-like-it", "campaigns/?status=LOST", "rewards/?user=nobody", "fraud/?state=closed")
"""What a list says when it has nothing to show."""


class Page(HTMLParser):
    """The controls of one page, and what is wrong with each of them."""

    def __init__(self, address: str, text: str) -> None:
        super().__init__()
        self.address, self.wrong = address, []
        self.forms: list[dict[str, str | None]] = []
        self.ids: set[str] = set()
        self.pointed: list[tuple[str, str]] = []
        self.places: set[tuple[str, str]] = set()
        self.feed(text)
        self.close()
        self.wrong += [
            f"{told} points at #{target}, which is not there" for told, target in self.pointed if target not in self.ids
        ]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        has = dict(attributes)
        told = self.get_starttag_text() or tag
        if has.get("id"):
            self.ids.add(has["id"])
        for name in ("popovertarget", "commandfor", "data-copy-from", "form", "for", "aria-controls"):
            if has.get(name):
                self.pointed.append((told, has[name]))
        for method in ("get", "post"):
            if has.get(f"hx-{method}"):
                self.leads(method.upper(), has[f"hx-{method}"])
        if tag == "form":
            self.forms.append(has)
            self.leads((has.get("method") or "get").upper(), has.get("action") or "")
        elif tag == "a":
            self.link(told, has.get("href"))
        elif tag == "button":
            self.button(told, has)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.forms.pop()

    def link(self, told: str, href: str | None) -> None:
        if href is None or href in ("", "#") or href.startswith("javascript:"):
            self.wrong.append(f"{told} leads nowhere")
        elif href.startswith("#"):
            self.pointed.append((told, href[1:]))
        else:
            self.leads("GET", href)

    def button(self, told: str, has: dict[str, str | None]) -> None:
        submits = has.get("type", "submit") == "submit" and (self.forms or "form" in has)
        acts = submits or "popovertarget" in has or "commandfor" in has or "hx-post" in has or "hx-get" in has
        if not acts and not HEARD & has.keys():
            self.wrong.append(f"{told} does nothing")
        if "formaction" in has:
            self.leads("POST", has["formaction"] or "")

    def leads(self, method: str, where: str) -> None:
        address = urlsplit(urldefrag(urljoin("http://here" + self.address, where)).url)
        if address.netloc == "here":
            self.places.add((method, address.path))


def accepts(method: str, path: str) -> bool:
    """Whether an address is known, and its view takes the method."""
    if path.startswith(settings.STATIC_URL):
        return finders.find(path.removeprefix(settings.STATIC_URL)) is not None
    try:
        view = resolve(path).func
    except Resolver404:
        return False
    view_class = getattr(view, "view_class", None)
    return view_class is None or hasattr(view_class, method.lower())


class Crawl:
    def __init__(self) -> None:
        self.wrong: dict[str, str] = {}
        self.places: dict[tuple[str, str], str] = {}
        self.pages = 0

    def look(self, browser: Client, address: str) -> None:
        answer = browser.get(address)
        if answer.streaming or not answer.headers.get("Content-Type", "").startswith("text/html"):
            return
        if answer.status_code not in (200, 404) or not answer.content.lstrip().startswith(b"<!doctype html"):
            return
        page = Page(answer.wsgi_request.path, answer.content.decode())
        self.pages += 1
        self.wrong |= {re.sub(r"[0-9a-z]{26}", "…", told): address for told in page.wrong}
        self.places |= {place: address for place in page.places if place not in self.places}

    def check(self, least: int) -> None:
        self.wrong |= {
            f"{method} {path} goes nowhere": page
            for (method, path), page in self.places.items()
            if not accepts(method, path)
        }
        assert not self.wrong, "\n".join(f"{page}: {told}" for told, page in self.wrong.items())
        assert self.pages >= least and len(self.places) >= least


def test_every_control_of_a_full_app_does_something(himal):
    found, owner, names = Crawl(), owner_of(himal), one_of_everything(himal, "himal")
    addresses = [page_address(route, names) for route in page_routes()]
    assert set(OF_A_PERSON) <= {address.lstrip("/") for address in addresses}
    for address in addresses + [f"/dashboard/{himal.app.pk}/{path}" for path in ALSO]:
        found.look(owner, address)
    found.check(60)


def test_every_control_of_an_empty_app_and_of_a_person_does_something(himal):
    found, owner, stranger = Crawl(), owner_of(himal), Client()
    for app in (himal.app, himal.app.sandbox):
        for route in page_routes():
            if set(route.parameters) == {"app_id"}:
                found.look(owner, route.path({"app_id": app.pk}))
    for address in PUBLIC:
        found.look(stranger, address)
    for address in (*PUBLIC, *OWN):
        found.look(owner, address)
    found.check(60)


def test_what_a_script_hears_is_in_a_script():
    assert all(f"[{name}]" in SCRIPTS for name in HEARD)


@pytest.mark.parametrize(
    "dead",
    [
        '<a href="#">Export</a>',
        "<a>Export</a>",
        '<a href="#lost">Down</a>',
        "<button>Save</button>",
        '<form><button type="button">Save</button></form>',
        '<button type="button" popovertarget="lost">Menu</button>',
        '<label for="lost">Name</label>',
        '<a href="/dashboard/no/such/page/">Export</a>',
        '<form method="post" action="/healthz/lost/"><button>Save</button></form>',
    ],
)
def test_what_is_dead_is_found(dead):
    page = Page("/", dead)
    assert page.wrong or not all(accepts(*place) for place in page.places)
