"""The frame of every page at a real browser: the command box by keyboard, the sheet of keys, views, and all its own pages' looks."""

import pytest
from playwright.sync_api import expect

from tests.browser.looks import assert_fine, enter
from tests.browser.test_pages import filled

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = (
    "search/",
    "search/?q=bring",
    "search/?q=nothing-like-it",
    "settings/",
    "people/data/?id=asha",
    "usage/",
    "usage/?month=last",
    "audit/",
    "audit/?type=rules",
    "notifications/",
    "apps/",
)


def test_pages_of_the_frame(visit, himal):
    filled(himal)
    owner = visit()
    enter(owner, himal)
    assert_fine(owner, [f"/dashboard/{himal.app.pk}/{path}" for path in PAGES])


def test_the_command_box_is_walked_by_keyboard(visit, himal):
    campaign = himal.campaign(name="Spring friends")
    himal.campaign(name="Spring sale")
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/usage/")
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox")
    expect(box).to_be_focused()
    page.keyboard.type("spring")
    options = page.get_by_role("option")
    expect(options).to_have_count(2)
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    assert owner.violations() == []
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    # a pasted id opens its object
    page.keyboard.press("Control+k")
    box.fill(campaign)
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Spring friends")).to_be_visible()
    owner.look()


def test_keys_are_told_and_can_be_switched_off(visit, himal):
    himal.campaign(name="Spring")
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/campaigns/")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_be_visible()
    expect(sheet.get_by_text("New campaign")).to_be_visible()
    assert owner.violations() == []
    sheet.get_by_label("Single keys are shortcuts").click()  # and the page is loaded anew
    owner.listens()
    expect(sheet).to_be_hidden()
    page.keyboard.press("?")
    page.keyboard.press("g")
    page.keyboard.press("k")
    # what has a modifier stays
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Id, code")).to_be_focused()
    expect(sheet).to_be_hidden()
    expect(page).to_have_url(f"{owner.base}/dashboard/{himal.app.pk}/campaigns/")


def test_where_one_is_stands_in_sight(visit, himal):
    """The menu is longer than the window, the tabs of a campaign are wider than a phone."""
    campaign = himal.campaign()
    owner = visit()
    enter(owner, himal)
    owner.go(f"/dashboard/{himal.app.pk}/audit/")
    expect(owner.page.locator("#side [aria-current]")).to_be_in_viewport(ratio=1)
    owner.page.set_viewport_size({"width": 390, "height": 800})
    owner.go(f"/dashboard/{himal.app.pk}/campaigns/{campaign}/activity/")
    expect(owner.page.locator(".i-tabs [aria-current]")).to_be_in_viewport(ratio=0.9)
    owner.page.get_by_role("button", name="Menu").click()
    expect(owner.page.locator("#side [aria-current]")).to_be_in_viewport()


def test_rows_are_selected_by_keyboard(visit, himal):
    code = himal.code(himal.campaign())
    for number in range(4):
        himal.convert(code, f"friend {number}")
    owner = visit()
    enter(owner, himal)
    keys, told = owner.page.keyboard, owner.page.locator("[data-selected]")
    owner.go(f"/dashboard/{himal.app.pk}/rewards/")
    keys.press("j")
    keys.press("x")
    expect(told).to_have_text("1 selected")
    keys.press("j")
    keys.press("j")
    keys.press("Shift+X")
    expect(told).to_have_text("3 selected")
    # a box that has the focus is no field in which letters are typed
    owner.page.get_by_role("checkbox", name="Select USD").first.focus()
    keys.press("j")
    keys.press("x")
    expect(told).to_have_text("2 selected")


def test_a_view_of_what_is_typed_is_saved(visit, himal):
    himal.campaign(name="Spring")
    himal.campaign(name="Autumn")
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/campaigns/")
    page.locator("#q").fill("spri")
    expect(page).to_have_url(f"{owner.base}/dashboard/{himal.app.pk}/campaigns/?q=spri")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    page.get_by_role("button", name="Save this view").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Spring ones")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Spring ones")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("link", name="Autumn")).to_have_count(0)


def test_without_a_script_a_search_is_a_page(visit, himal):
    campaign = himal.campaign(name="Spring friends")
    owner = visit(javascript=False)
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/usage/")
    page.get_by_role("link", name="Search").click()
    page.get_by_role("searchbox").fill(campaign)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="Spring friends")).to_be_visible()
