"""A real browser at a real server. Every page is watched: a breach of the content security policy, an error in the
console or a request to another host fails the test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH_POLICY = """
window.breaches = [];
document.addEventListener("securitypolicyviolation", e => window.breaches.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
"""
AXE = (Path(settings.BASE_DIR) / "tests/vendor/axe-4.14.1.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="package", autouse=True)
def allow_database_beside_playwright():
    """Playwright's synchronous face keeps an event loop in this thread, which Django would take for asynchronous code."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    yield
    patch.undo()


@pytest.fixture(scope="package")  # not longer: its event loop would be in the way of tests that run one of their own
def chromium_running(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody at a browser. ``go("/path")`` opens a page of the server under test."""

    page: Page
    base: str
    wrong: list[str] = field(default_factory=list)
    expected_statuses: set[int] = field(default_factory=set)

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)
        self.look()

    def look(self) -> None:
        """Notes breaches of the policy on the page that is open."""
        self.wrong += [f"policy: {breach}" for breach in self.page.evaluate("window.breaches ?? []")]

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.base)

    def sideways(self) -> int:
        """By how many pixels the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def violations(self) -> list[str]:
        """What axe finds. Run it last on a page: it leaves marks on the nodes that it has looked at."""
        self.page.evaluate(AXE)
        found = self.page.evaluate("rules => axe.run({runOnly: rules, resultTypes: ['violations']})", RULES)[
            "violations"
        ]
        return [f"{each['id']}: {[node['target'] for node in each['nodes']][:4]}" for each in found]


@pytest.fixture
def visit(chromium_running: Browser, live_server) -> Iterator[Callable[..., Visitor]]:
    """``visit(width=390, javascript=False, theme="dark")`` → a fresh ``Visitor``. What went wrong on the way fails the test."""
    opened: list[tuple[BrowserContext, Visitor]] = []

    def open_browser(
        *, width: int = 1280, javascript: bool = True, theme: str = "light", zone: str = "Asia/Kathmandu"
    ) -> Visitor:
        context = chromium_running.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=javascript, locale="en-US", timezone_id=zone
        )
        context.set_default_timeout(10_000)
        context.add_cookies([{"name": "theme", "value": theme, "url": live_server.url}])
        context.add_init_script(WATCH_POLICY)
        visitor = Visitor(context.new_page(), live_server.url)
        page = visitor.page

        def note_console(message) -> None:
            is_wanted = any(f"status of {status}" in message.text for status in visitor.expected_statuses)
            if message.type == "error" and not is_wanted:
                visitor.wrong.append(f"console: {message.text}")

        def note_request(request) -> None:
            if not request.url.startswith((live_server.url, "data:")):
                visitor.wrong.append(f"foreign: {request.url}")

        page.on("console", note_console)
        page.on("pageerror", lambda error: visitor.wrong.append(f"script: {error}"))
        page.on("request", note_request)
        opened.append((context, visitor))
        return visitor

    yield open_browser
    wrong = [told for _, visitor in opened for told in visitor.wrong]
    for context, _ in opened:
        context.close()
    assert not wrong, "\n".join(wrong)
