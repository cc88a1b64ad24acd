"""Every page in light and dark, wide and narrow (`LOOKS`): axe finds nothing, nothing overflows, nothing is heavy."""

from pathlib import Path

import brotli
import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from playwright.sync_api import expect

from incenta.accounts.models import Role
from tests.browser.looks import assert_fine, enter
from tests.cast import Caller

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PUBLIC = ("/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere/")
OWN = (
    "/dashboard/start/",
    "/dashboard/preferences/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/sessions/",
    "/accounts/logout/",
)
APP = (
    "campaigns/",
    "campaigns/?q=nothing-like-it",
    "campaigns/?status=LOST",
    "campaigns/new/",
    "campaigns/{campaign}/",
    "campaigns/{campaign}/edit/",
    "campaigns/{campaign}/versions/",
    "campaigns/{campaign}/codes/",
    "campaigns/{campaign}/try/",
    "campaigns/{campaign}/activity/",
    "campaigns/{campaign}/referrals/",
    "keys/",
    "keys/new/",
    "apps/new/",
    "team/",
)


def filled(shop: Caller) -> str:
    """A campaign with a name too long for a line, codes, clicks and conversions, one of them flagged. Answers its id."""
    campaign = shop.campaign(
        name="Bring a friend, and a friend of that friend, and whoever else", budget=500, holdDays=3
    )
    code = shop.code(campaign, "customer:4711/a-rather-long-identifier@example.com")
    shop.post("/clicks", {"referralCode": code})
    shop.convert(code, "bikram", 49.99)
    own = shop.code(campaign, "mallory")
    shop.convert(own, "mallory", 50)
    shop.campaign(name="Draft", status="DRAFT")
    return campaign


def test_public_pages(visit):
    anybody = visit()
    anybody.expected_statuses.add(404)
    assert_fine(anybody, PUBLIC)


def test_pages_of_a_person_and_an_app(visit, himal):
    campaign = filled(himal)
    owner = visit()
    enter(owner, himal)
    assert_fine(owner, [*OWN, *(f"/dashboard/{himal.app.pk}/{path.format(campaign=campaign)}" for path in APP)])
    assert_fine(
        owner, [f"/dashboard/{himal.app.sandbox.pk}/campaigns/", f"/dashboard/{himal.app.sandbox.pk}/first-run/"]
    )


def test_a_refusal_is_a_page_too(visit, himal):
    analyst = visit()
    analyst.expected_statuses.add(403)
    enter(analyst, himal, Role.ANALYST)
    assert_fine(analyst, [f"/dashboard/{himal.app.pk}/keys/", f"/dashboard/{himal.app.pk}/campaigns/new/"])
    expect(analyst.page.get_by_text("You are Analyst of Himal")).to_be_visible()


def test_dialogs_and_menus_are_fine_too(visit, himal):
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/keys/")
    page.get_by_role("button", name="Switch app").click()
    expect(page.get_by_role("link", name="New app")).to_be_visible()
    assert owner.violations() == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="New app")).to_be_hidden()
    page.get_by_role("button", name="Revoke tests").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert owner.violations() == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert himal.get("/campaigns").status == 200


def test_typing_narrows_the_list_and_the_address_says_so(visit, himal):
    himal.campaign(name="Spring")
    himal.campaign(name="Autumn")
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/campaigns/")
    page.keyboard.press("/")
    page.keyboard.type("spri")
    expect(page.get_by_role("link", name="Autumn")).to_have_count(0)
    expect(page.get_by_role("link", name="Spring")).to_be_visible()
    expect(page).to_have_url(f"{owner.base}/dashboard/{himal.app.pk}/campaigns/?q=spri")
    page.get_by_role("link", name="Created").click()
    expect(page).to_have_url(f"{owner.base}/dashboard/{himal.app.pk}/campaigns/?q=spri&sort=created")
    page.reload()
    expect(page.get_by_role("link", name="Autumn")).to_have_count(0)
    # what is typed next keeps the order
    page.locator("#q").fill("")
    expect(page).to_have_url(f"{owner.base}/dashboard/{himal.app.pk}/campaigns/?sort=created")
    expect(page.get_by_role("link", name="Autumn")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(f"{owner.base}/dashboard/{himal.app.pk}/campaigns/?q=spri&sort=created")
    expect(page.get_by_role("link", name="Autumn")).to_have_count(0)
    page.go_back()
    expect(page).to_have_url(f"{owner.base}/dashboard/{himal.app.pk}/campaigns/?q=spri")
    page.go_back()
    expect(page.get_by_role("link", name="Autumn")).to_be_visible()
    # letters are shortcuts only where no field has the focus
    page.locator("h1").click()
    page.keyboard.press("g")
    page.keyboard.press("k")
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()
    owner.look()


def test_the_page_shows_what_its_address_says_however_the_answers_come(visit, himal):
    """Back, and back again before the first answer; and back while what was typed is still asked for."""
    himal.campaign(name="Spring")
    himal.campaign(name="Autumn")
    owner = visit()
    enter(owner, himal)
    page = owner.page
    everything = f"/dashboard/{himal.app.pk}/campaigns/"
    spring, autumn = (page.get_by_role("link", name=name) for name in ("Spring", "Autumn"))
    owner.go(everything)
    page.locator("#q").fill("spri")
    expect(autumn).to_have_count(0)
    page.get_by_role("link", name="Created").click()
    expect(page).to_have_url(f"{owner.base}{everything}?q=spri&sort=created")
    held = []
    page.route("**/campaigns/?q=spri", lambda route: held.append(route))
    page.go_back()
    expect(page).to_have_url(f"{owner.base}{everything}?q=spri")
    with page.expect_event("requestfailed"):  # its answer could only come too late
        page.go_back()
    expect(autumn).to_be_visible()
    assert len(held) == 1

    page.locator("#q").fill("autu")
    expect(spring).to_have_count(0)
    page.route("**/campaigns/?q=lost*", lambda route: held.append(route))
    with page.expect_request("**/campaigns/?q=lost*"):
        page.locator("#q").fill("lost")
    with page.expect_event("requestfailed"):
        page.go_back()
    expect(spring).to_be_visible()
    expect(page).to_have_url(f"{owner.base}{everything}")
    assert len(held) == 2


def test_a_list_that_cannot_load_says_so_and_stays(visit, himal):
    himal.campaign(name="Spring")
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/campaigns/")
    owner.expected_statuses.add(503)
    page.route("**/campaigns/?*", lambda route: route.fulfill(status=503, body="<h1>proxy says no</h1>"))
    page.locator("#q").fill("x")
    expect(page.get_by_text("Could not load that")).to_be_visible()
    expect(page.get_by_role("link", name="Spring")).to_be_visible()
    owner.wrong = [told for told in owner.wrong if "503" not in told]


def test_copying_gives_the_whole_text(visit, himal):
    campaign = filled(himal)
    owner = visit()
    enter(owner, himal)
    page = owner.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    owner.go(f"/dashboard/{himal.app.pk}/campaigns/{campaign}/")
    page.get_by_role("button", name="Copy campaign id").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == campaign
    owner.go(f"/dashboard/{himal.app.pk}/campaigns/{campaign}/try/")
    page.get_by_role("button", name="Copy POST /v1/referrals").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).startsWith('curl -X POST')")
    assert campaign in page.evaluate("navigator.clipboard.readText()")


def test_the_theme_turns_without_a_reload_and_without_a_flash(visit):
    anybody = visit()
    page = anybody.page
    anybody.go("/")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_class("dark")
    page.reload(wait_until="commit")
    # it is in the first bytes of the page, before any script
    assert 'class="dark"' in page.content()[:200]


def test_the_keyboard_is_enough_to_sign_in(visit, himal):
    asha = visit()
    page = asha.page
    asha.go("/accounts/login/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.get_by_label("Email").focus()
    page.keyboard.type("owner@himal.example")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_pages_are_light(visit, himal):
    campaign = filled(himal)
    owner = visit()
    enter(owner, himal)
    static: dict[str, int] = {}
    html: dict[str, int] = {}

    def weigh(response) -> None:
        path = response.url.removeprefix(owner.base)
        if path.startswith(settings.STATIC_URL):
            content = Path(finders.find(path.removeprefix(settings.STATIC_URL).partition("?")[0])).read_bytes()
            static[path] = len(brotli.compress(content, quality=11))
        else:
            html[path] = len(brotli.compress(response.body(), quality=5))

    owner.page.on("response", weigh)
    app = f"/dashboard/{himal.app.pk}"
    for path in (
        f"{app}/campaigns/",
        f"{app}/campaigns/{campaign}/",
        f"{app}/campaigns/new/",
        f"{app}/keys/",
        "/",
        "/dashboard/start/",
    ):
        owner.go(path)
    served = {path: size for path, size in static.items() if "django-htmx.js" not in path}  # DEBUG only
    assert len(served) + 1 <= 10
    assert sum(served.values()) + max(html.values()) <= 80_000, (served, html)
    assert max(html.values()) <= 15_000, html
