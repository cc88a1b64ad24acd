"""A real browser at a real server. Every page is watched: a breach of the content security policy, an error in the
console or a request to another host fails the test.

Nothing waits for time, and nothing is pressed, clicked or filled before the page's script says that it hears (``data-ready``).
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The last list is the one that counts: Playwright's own, and then what Chromium keeps ready for somebody at its address bar
    # and for the next site, in processes of their own: two thirds of what a new context costs.
    "--disable-features="
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,OptimizationHints,"
    "NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch,"
    "WebUIOmniboxPopup,WebUIOmniboxFullPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess",
]
WATCH_POLICY = """
window.breaches = [];
document.addEventListener("securitypolicyviolation", e => window.breaches.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
"""
DEAF = "html:not([data-ready]):has(script[data-hotkey-src])"
"""A page whose script has not run to its end yet."""
REPLACED = ("htmx:afterRequest, ", "htmx:sendAbort, ")
"""What htmx says on the console when a newer request replaces an older one: somebody typed on, or went back once more."""
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)
AXE = (Path(settings.BASE_DIR) / "tests/vendor/axe-4.14.1.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In CI each of these tests has a second try, and the summary shows who needed it: a real browser on a loaded machine loses
    a renderer or a frame now and then. No other test has one: money and races are right at once, or wrong."""
    here = Path(__file__).parent
    for item in items:
        if os.environ.get("CI") and here in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


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
    has_script: bool = True
    wrong: list[str] = field(default_factory=list)
    expected_statuses: set[int] = field(default_factory=set)

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)
        self.listens()
        self.look()

    def listens(self) -> None:
        """Waits until the page's script has run."""
        if self.has_script:
            expect(self.page.locator(DEAF)).to_have_count(0)

    def look(self) -> None:
        """Notes breaches of the policy on the page that is open."""
        self.wrong += [f"policy: {breach}" for breach in self.page.evaluate("window.breaches ?? []")]

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.base)

    def sideways(self) -> int:
        """By how many pixels the page is wider than the window, once it is there whole: it may be asked before its styles are."""
        self.page.wait_for_load_state()
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def violations(self) -> list[str]:
        """What axe finds. Run it last on a page: it leaves marks on the nodes that it has looked at."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        found = self.page.evaluate(
            # what it has passed stays there: to bring it here takes as long as to find it
            "rules => axe.run({runOnly: rules, resultTypes: ['violations']}).then(found => found.violations)",
            RULES,
        )
        return [f"{each['id']}: {[node['target'] for node in each['nodes']][:4]}" for each in found]


def heard(visitor: Visitor, act: Callable[..., None]) -> Callable[..., None]:
    def once_the_page_listens(*said, **how) -> None:
        visitor.listens()
        act(*said, **how)

    return once_the_page_listens


@pytest.fixture
def server_url(live_server) -> str:
    """Where the server under test is; a module with a server of its own says so here."""
    return live_server.url


@pytest.fixture
def visit(chromium_running: Browser, server_url: str) -> Iterator[Callable[..., Visitor]]:
    """``visit(width=390, javascript=False, theme="dark")`` → a fresh ``Visitor``. What went wrong on the way fails the test."""
    opened: list[tuple[BrowserContext, Visitor]] = []

    def open_browser(
        *, width: int = 1280, javascript: bool = True, theme: str = "light", zone: str = "Asia/Kathmandu"
    ) -> Visitor:
        context = chromium_running.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=javascript, locale="en-US", timezone_id=zone
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([{"name": "theme", "value": theme, "url": server_url}])
        context.add_init_script(WATCH_POLICY)
        visitor = Visitor(context.new_page(), server_url, javascript)
        page = visitor.page

        if javascript:
            # before every action and expectation Playwright waits until this is gone; at the keyboard itself we do
            page.add_locator_handler(page.locator(DEAF), lambda: None)
            for name in ("press", "type"):
                setattr(page.keyboard, name, heard(visitor, getattr(page.keyboard, name)))

        def note_console(message) -> None:
            is_wanted = message.text.startswith(REPLACED) or any(
                f"status of {status}" in message.text for status in visitor.expected_statuses
            )
            if message.type == "error" and not is_wanted:
                visitor.wrong.append(f"console: {message.text}")

        def note_request(request) -> None:
            if not request.url.startswith((server_url, "data:")):
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
