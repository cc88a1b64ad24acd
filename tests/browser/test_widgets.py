"""The widgets on a page of a merchant's: another origin, a policy that allows next to nothing, the keyboard, both themes."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, WATCH_POLICY, Visitor
from tests.browser.looks import assert_fine, enter
from tests.cast import caller
from tests.docs.following import FOLDER, blocks
from tests.marketplace.stalls import earns, opens, sells
from tests.screenshots import small
from tests.widgets.conftest import Shop, opened

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SEVEN = {
    "referral-share": "",
    "referral-status": "",
    "referral-leaderboard": "",
    "marketplace-listings": "",
    "marketplace-listing-detail": "listing-id",
    "marketplace-redeem-form": "listing-id",
    "marketplace-user-redemptions": "",
}


NO_ICON = '<link rel="icon" href="data:,">'


@dataclass
class Site:
    """The merchant's own web site: what it answers, by path, each with the policy."""

    policy: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    """What the signed-in user is given next; the last one again and again."""
    base: str = ""

    def answer(self, path: str) -> tuple[int, str, str]:
        if path == "/incenta-token":
            return (
                200,
                "application/json",
                f'{{"token": "{self.tokens.pop(0) if self.tokens[1:] else self.tokens[0]}"}}',
            )
        if path in self.pages:
            return 200, "text/html; charset=utf-8", self.pages[path]
        return 404, "text/plain", ""


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, kind, text = site.answer(self.path)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Security-Policy", site.policy)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site.base = f"http://127.0.0.1:{server.server_port}"
    yield site
    server.shutdown()
    server.server_close()


def of_the_guide(wanted: str, base: str, **more: str) -> list[str]:
    """What ``docs/widgets.md`` shows in a language, with an address and names of ours in it."""
    found = []
    for language, _, content in blocks((FOLDER / "widgets.md").read_text()):
        for name, value in {"https://incenta.example.com": base, **more}.items():
            content = content.replace(name, value)
        if language == wanted:
            found.append(content)
    return found


PICTURES = os.environ.get("INCENTA_PICTURES")
"""A folder for the guide's picture: the name that proves that markup is text would only puzzle its readers."""
TENT = "A tent for two" if PICTURES else "A tent <b>for two</b>"
# as a shop would arrange them; the picture's page, not the elements
ARRANGED = """() => {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(`body { margin: 32px; font-family: system-ui, sans-serif; background: #f4f4f6 }
    main { columns: 2; column-gap: 24px; max-width: 1160px; margin: auto } h1 { column-span: all; margin: 0 0 24px }
    main > * { display: block; break-inside: avoid; margin-bottom: 24px }`)
  document.adoptedStyleSheets = [sheet]
  document.activeElement.blur()
}"""


def html(base: str, inside: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>'
        f'<meta name="viewport" content="width=device-width">{NO_ICON}'
        f'<script type="module" src="{base}/widgets.js"></script></head>'
        f"<body><main><h1>My account</h1>{inside}</main></body></html>"
    )


def tags(shop: Shop, listing: str) -> str:
    usual = {
        "app-id": shop.app.pk,
        "key": shop.browser.secret,
        "token-url": "/incenta-token",
        "primary-color": "#ffe14d",
    }
    found = []
    for name, of_listing in SEVEN.items():
        attributes = usual | ({of_listing: listing} if of_listing else {})
        told = " ".join(f'{key}="{escape(value)}"' for key, value in attributes.items())
        found.append(f"<{name} {told}></{name}>")
    return "".join(found)


@pytest.fixture
def shop(himal, site, live_server, settings) -> tuple[Shop, str]:
    """A shop that sells tents to asha, who has coins, a code and a place on the board; and its listing."""
    if PICTURES:
        settings.BASE_URL = "https://rewards.example.com"
    shop = opened(himal)
    himal.app.allowed_domains = [site.base.removeprefix("http://")]
    himal.app.save()
    opens(himal, "Café Mitra")
    listing = sells(himal, TENT, description="Any colour", terms="One each", validDays=30)
    earns(himal, "asha", 250)
    himal.code(himal.campaign(), "asha")
    himal.post("/incentives/leaderboard", {"userId": "asha", "xp": 40})
    himal.post("/incentives/leaderboard", {"userId": "bikram@example.com", "xp": 90})
    allowed = live_server.url
    policy, _ = of_the_guide("text", allowed)
    assert policy.startswith(f"script-src {allowed}; connect-src {allowed}")
    site.policy = (
        f"default-src 'none'; {policy.strip()} 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    site.tokens = [shop.sign("asha", lives_s=-3600), shop.sign("asha")]  # the first is over: another one is asked for
    site.pages["/"] = html(allowed, tags(shop, listing))
    return shop, listing


@pytest.fixture
def guest(chromium_running, site) -> Iterator[Visitor]:
    """A visitor of the merchant's site. Breaches of its policy and errors of scripts fail the test."""
    context = chromium_running.new_context(viewport={"width": 1280, "height": 900}, locale="en-US", timezone_id="UTC")
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(WATCH_POLICY)
    context.add_init_script(
        "window.told = []; const note = name => ({target, detail}) => told.push("
        " [name, target.localName, detail.code ?? detail.discountCode ?? '']);"
        "for (const name of ['loaded', 'error', 'redeemed']) document.addEventListener(`incenta:${name}`, note(name))"
    )
    visitor = Visitor(context.new_page(), site.base, has_script=False)
    visitor.page.on("pageerror", lambda error: visitor.wrong.append(f"script: {error}"))
    yield visitor
    visitor.look()
    context.close()
    assert not visitor.wrong, visitor.wrong


def widget(page: Page, name: str):
    return page.locator(name)


def test_all_seven_on_a_foreign_page_under_a_strict_policy(guest, site, shop):
    (shop, _), page = shop, guest.page
    guest.go("/")
    code = widget(page, "referral-share").get_by_role("textbox", name="Your link")
    expect(code).to_have_value(own_link(shop))
    expect(widget(page, "referral-status").get_by_text("Links shared")).to_be_visible()
    board = widget(page, "referral-leaderboard")
    expect(board.get_by_role("row", name="2 asha (you) 40")).to_be_visible()
    expect(board.get_by_role("row", name="1 b•••m 90")).to_be_visible()
    expect(widget(page, "marketplace-listings").get_by_text("You have 250 coins.")).to_be_visible()
    expect(widget(page, "marketplace-listing-detail").get_by_text(TENT)).to_be_visible()
    expect(widget(page, "marketplace-user-redemptions").get_by_text("not redeemed anything yet")).to_be_visible()

    # one listing opened and closed again by keyboard; the focus is never lost
    listings = widget(page, "marketplace-listings")
    listings.get_by_role("button", name="View: A tent").press("Enter")
    expect(listings.get_by_role("button", name="Back to all")).to_be_focused()
    page.keyboard.press("Enter")
    expect(listings.get_by_role("button", name="View: A tent")).to_be_focused()

    form = widget(page, "marketplace-redeem-form")
    form.get_by_role("button", name="Redeem for 100 coins").press("Enter")
    expect(form.get_by_role("dialog", name=f"Spend 100 coins on “{TENT}”?")).to_be_visible()
    expect(form.get_by_role("button", name="Yes, redeem")).to_be_focused()
    assert guest.violations() == []
    page.keyboard.press("Enter")
    expect(form.get_by_text("It is yours. Your code:").first).to_be_focused()
    redemption = shop.app.marketplace_redemptions.get()
    expect(form.get_by_text(redemption.code).first).to_be_visible()
    # its neighbours hear of it
    expect(widget(page, "marketplace-user-redemptions").get_by_text(redemption.code)).to_be_visible()
    expect(listings.get_by_text("You have 150 coins.")).to_be_visible()
    assert shop.server.get("/incentives/balances/asha")["coins"] == 150
    told = page.evaluate("told")
    assert ["redeemed", "marketplace-redeem-form", redemption.code] in told
    assert {name for kind, name, _ in told if kind == "loaded"} == set(SEVEN)
    assert not [each for each in told if each[0] == "error"]

    assert guest.violations() == []
    if PICTURES:
        page.evaluate(ARRANGED)
        (Path(PICTURES) / "widgets.png").write_bytes(small(page.screenshot(full_page=True, caret="initial")))
    page.evaluate("for (const each of document.querySelectorAll('main > :not(h1)')) each.setAttribute('theme', 'dark')")
    page.set_viewport_size({"width": 390, "height": 900})
    expect(widget(page, "referral-leaderboard").locator("[part=box]")).to_have_css(
        "background-color", "rgb(22, 25, 31)"
    )
    assert guest.violations() == []
    assert guest.sideways() <= 0
    # no node of a widget has a style of its own
    styled = "each => each.shadowRoot.querySelectorAll('[style], style').length"
    assert sum(widget(page, name).evaluate(styled) for name in SEVEN) == 0


def own_link(shop: Shop) -> str:
    from django.conf import settings

    return f"{settings.BASE_URL}/r/{shop.server.code(shop.app.campaigns.get().pk)}"


def test_what_goes_wrong_is_said_and_a_secret_key_is_refused(guest, site, shop, live_server):
    (shop, _), page = shop, guest.page
    secret, key = shop.server.secret, shop.browser.secret
    site.pages["/leak"] = html(
        live_server.url,
        f'<referral-leaderboard key="{secret}"></referral-leaderboard>'
        f'<referral-status key="{key}" token="{shop.secret}"></referral-status>'
        '<marketplace-listings key=""></marketplace-listings>',
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    guest.go("/leak")
    expect(page.get_by_role("alert")).to_have_count(3)
    assert [told[2] for told in page.evaluate("told")] == ["secret_key_in_browser"] * 2 + ["publishable_key_required"]
    assert not [url for url in asked if "/v1/" in url], "nothing was sent"
    # the server refuses it, too
    call = "([url, key]) => fetch(url, {headers: {'x-api-key': key}}).then(() => 'read', () => 'refused')"
    assert page.evaluate(call, [f"{live_server.url}/v1/incentives/leaderboard", secret]) == "refused"
    assert page.evaluate(call, [f"{live_server.url}/v1/incentives/leaderboard", key]) == "read"

    # a reward that is too dear, and one that is not there; a user who is not signed in
    tea = sells(shop.server, "Tea", coinCost=1_000)
    site.tokens = [shop.sign("asha")]
    usual = f'key="{key}" token-url="/incenta-token"'
    site.pages["/wrong"] = html(
        live_server.url,
        f'<marketplace-redeem-form {usual} listing-id="{tea}"></marketplace-redeem-form>'
        f'<marketplace-listing-detail {usual} listing-id="lst_none"></marketplace-listing-detail>'
        f'<referral-share key="{key}"></referral-share>',
    )
    guest.go("/wrong")
    expect(widget(page, "marketplace-redeem-form").get_by_text("You need 750 coins more.")).to_be_visible()
    expect(widget(page, "marketplace-redeem-form").get_by_role("button")).to_be_disabled()
    expect(widget(page, "marketplace-listing-detail").get_by_role("alert")).to_have_text("This is no longer on offer.")
    expect(widget(page, "referral-share").get_by_role("alert")).to_have_text("Please sign in to see this.")
    assert guest.violations() == []
    # the page signs the user in: the widget notices
    page.evaluate("token => document.querySelector('referral-share').setAttribute('token', token)", shop.sign("asha"))
    expect(widget(page, "referral-share").get_by_role("textbox", name="Your link")).to_have_value(own_link(shop))


def test_what_the_guide_shows_works_as_it_stands(guest, site, shop, live_server):
    (shop, _), page = shop, guest.page
    names = {"app_…": shop.app.pk, "inc_pub_live_…": shop.browser.secret}
    tag, event, slots, words = of_the_guide("html", live_server.url, **names)
    site.policy, site.tokens = "", [shop.sign("asha")]  # what a page writes into itself is its own affair
    share = f'<referral-share key="{shop.browser.secret}"></referral-share>'
    own_way = f"<script>const myOwnWayToGetOne = () => '{shop.sign('asha')}'</script>"
    for path, inside in (
        ("/tag", f"{NO_ICON}<main>{tag}</main>"),
        ("/event", html(live_server.url, own_way + event + share)),
        ("/slots", html(live_server.url, slots)),
        ("/words", f'{NO_ICON}<main>{words}<referral-share token-url="/incenta-token"{share[15:]}</main>'),
    ):
        site.pages[path] = inside
        guest.go(path)
        expect(page.get_by_role("textbox", name="Your link")).to_have_value(own_link(shop))
        if path == "/slots":
            expect(page.get_by_text("Give 10, get 10")).to_be_visible()
            expect(page.get_by_text("One code for each friend.")).to_be_visible()
        if path == "/words":
            expect(page.get_by_role("heading", name="Teile deinen Link")).to_be_visible()
            expect(page.get_by_role("button", name="Kopieren")).to_be_visible()


def test_the_pages_of_the_dashboard_are_fine(visit, himal):
    sandbox = caller(himal.app.sandbox)
    sandbox.campaign()
    shop = opened(sandbox)
    owner = visit()
    enter(owner, himal)
    paths = ("widgets/", "widgets/?element=marketplace-redeem-form&theme=dark", "widgets/secret/", "simulator/")
    assert_fine(owner, [f"/dashboard/{shop.app.pk}/{path}" for path in paths])
    page = owner.page
    page.get_by_role("button", name="Play it all").click()
    expect(page.get_by_role("heading", name="What came of it")).to_be_visible()
    expect(page.locator("referral-status").get_by_text("Friends who joined")).to_be_visible()
    assert owner.violations() == []


def test_the_preview_and_the_tag_follow_what_is_chosen(visit, himal):
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/widgets/?element=referral-leaderboard")
    board, tag = page.locator("referral-leaderboard"), page.locator("#tag")
    expect(board.get_by_role("row", name="2 user_123 (you) 1,800")).to_be_visible()
    page.get_by_label("Corner radius").fill("24")
    expect(board.locator("[part=box]")).to_have_css("border-top-left-radius", "24px")
    page.get_by_label("Theme", exact=True).select_option("dark")
    expect(tag).to_contain_text('border-radius="24"\n  theme="dark"></referral-leaderboard>')
    expect(page).to_have_url(
        f"{owner.base}/dashboard/{himal.app.pk}/widgets/?element=referral-leaderboard&radius=24&theme=dark&state=full"
    )
    page.reload()
    expect(tag).to_contain_text('border-radius="24"\n  theme="dark"></referral-leaderboard>')
    page.get_by_label("Preview shows").select_option("empty")
    expect(board.get_by_text("Nobody is on the board yet.")).to_be_visible()
    owner.look()
