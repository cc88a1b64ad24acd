"""The pages of the incentive engine in a real browser: axe, both themes, both widths, keyboard, without JavaScript."""

import pytest
from django.db import connection
from playwright.sync_api import expect

from incentives import backfilling
from tests.browser.looks import assert_fine, enter
from tests.cast import Caller

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "customer:4711/a-rather-long-identifier@example.com"
PAGES = (
    "actions/", "actions/?q=nothing-like-it", "actions/?type=LOST", "actions/new/", "actions/lesson/edit/",
    "levels/", "levels/new/", "levels/1/edit/", "badges/", "badges/new/", "badges/hero/edit/", "badges/hero/award/",
    "milestones/", "milestones/new/", "milestones/far/edit/", "users/",
    f"users/one/?id={LONG}", f"users/one/?id={LONG}&at=2020-01-01T00:00",
    "leaderboard/", f"leaderboard/?period=weekly&q={LONG}", "leaderboard/?metric=referrals", "leaderboard/?period=hourly",
    "catalog/", "catalog/new/", "catalog/{item}/edit/", "catalog/{item}/codes/", "redemptions/", "redemptions/?q=nothing-like-it",
    "settings/",
)  # fmt: skip


def filled(shop: Caller) -> str:
    """Everything that the pages can show, for a user with a long id. Answers the id of an item with codes."""
    shop.patch("/incentives/settings", {"coinsExpireAfter": 30})
    shop.post(
        "/incentives/actions",
        {
            "key": "lesson",
            "name": "Completes a lesson of the course, and its exam",
            "type": "STANDARD",
            "xp": 120,
            "coins": 15,
            "maxPerDay": 5,
            "cooldown": 300,
        },
    )
    shop.post("/incentives/badges", {"key": "hero", "name": "Hero", "icon": "★", "criteria": {"xp": 1_000_000}})
    shop.post(
        "/incentives/levels",
        {
            "level": 1,
            "name": "Enthusiast",
            "xpThreshold": 100,
            "coins": 25,
            "perks": ["Free delivery", "Early access"],
            "badgeKey": "hero",
        },
    )
    shop.post("/incentives/milestones/rules", {"key": "far", "metric": "events", "threshold": 1, "coins": 5})
    for user in (LONG, "asha", "bikram"):
        assert shop.post("/incentives/events", {"userId": user, "actionKey": "lesson"}).status == 201
    shop.post("/incentives/adjustments", {"userId": LONG, "coins": 1_234_567, "reason": "import"})
    coffee = shop.post("/incentives/catalog", {"name": "Coffee on us", "coinCost": 20, "inventory": 1})["id"]
    cinema = shop.post(
        "/incentives/catalog", {"name": "Cinema", "coinCost": 20, "codes": ["CIN-1111-2222", "CIN-3333-4444"]}
    )["id"]
    for item in (coffee, cinema):
        assert shop.post("/incentives/redeem", {"userId": LONG, "itemId": item}).status == 201
    return cinema


def test_every_page_is_fine(visit, himal):
    item = filled(himal)
    owner = visit()
    enter(owner, himal)
    assert_fine(owner, [f"/dashboard/{himal.app.pk}/incentives/{path.format(item=item)}" for path in PAGES])
    empty = (
        "actions/",
        "levels/",
        "badges/",
        "milestones/",
        "users/",
        "leaderboard/",
        "catalog/",
        "redemptions/",
        "users/one/?id=nobody",
    )
    assert_fine(owner, [f"/dashboard/{himal.app.sandbox.pk}/incentives/{path}" for path in empty])


def test_a_game_is_set_up_without_javascript(visit, himal):
    owner = visit(javascript=False)
    owner.expected_statuses.add(422)
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/incentives/actions/")
    page.get_by_role("button", name="Make these three").click()
    expect(page.get_by_text("3 actions are ready")).to_be_visible()
    page.get_by_role("button", name="Switch off Visits").click()
    expect(page.get_by_text("Visits is off")).to_be_visible()
    for user in ("asha", "bikram"):
        assert himal.post("/incentives/events", {"userId": user, "actionKey": "sign_up"}).status == 201

    page.get_by_role("link", name="Levels").click()
    page.get_by_role("link", name="Make one of my own").click()
    page.get_by_label("Name").fill("Regular")
    page.get_by_role("button", name="Create level").click()
    expect(page.get_by_text("Must be a whole number.")).to_be_visible()
    page.get_by_label("From XP").fill("50")
    page.get_by_label("Coins").fill("7")
    page.get_by_role("button", name="Create level").click()
    expect(page.get_by_role("heading", name="2 users already qualify")).to_be_visible()
    page.get_by_role("button", name="Save and give it to all 2 too").click()
    expect(page.get_by_text("0 of 2 users looked at")).to_be_visible()
    backfilling.run_all()
    page.reload()
    expect(page.get_by_text("given to 2 users")).to_be_visible()

    page.get_by_role("link", name="Catalog").click()
    page.get_by_role("link", name="Make the first item").click()
    page.get_by_label("Name").fill("Coffee")
    page.get_by_label("Coins").fill("5")
    page.get_by_role("button", name="Create item").click()
    item = himal.app.catalog_items.get().pk
    assert himal.post("/incentives/redeem", {"userId": "asha", "itemId": item}).status == 201
    page.get_by_role("link", name="Redemptions", exact=True).click()
    page.get_by_role("button", name="Fulfil Coffee for asha").click()
    page.get_by_role("button", name="Yes, fulfilled").click()
    expect(page.get_by_text("Coffee for asha is fulfilled")).to_be_visible()

    page.get_by_role("link", name="Users and points").click()
    page.get_by_label("Find a user by id").fill("ash")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="asha").click()
    expect(page.get_by_text("Checks ✓")).to_be_visible()
    page.get_by_text("Add or take points").click()
    page.get_by_role("textbox", name="Coins").fill("-3")
    page.get_by_label("Reason").fill("once too often")
    page.get_by_role("button", name="Adjust").click()
    expect(page.get_by_text("Adjusted by 1 entry")).to_be_visible()
    expect(page.get_by_text("Adjustment: once too often")).to_be_visible()
    assert himal.get("/incentives/balances/asha")["coins"] == 10 + 7 - 5 - 3


def test_a_backfill_is_watched_while_it_goes_on(visit, himal):
    filled(himal)
    owner = visit()
    enter(owner, himal)
    assert (
        himal.post("/incentives/badges", {"key": "any", "name": "Any", "criteria": {"xp": 1}, "backfill": True}).status
        == 201
    )
    owner.go(f"/dashboard/{himal.app.pk}/incentives/badges/")
    expect(owner.page.get_by_text("0 of 3 users looked at")).to_be_visible()
    assert owner.violations() == []
    backfilling.run_all()
    connection.close()
    expect(owner.page.get_by_text("given to 3 users")).to_be_visible()
    owner.look()


def test_the_boards_windows_and_dialogs_by_keyboard(visit, himal):
    filled(himal)
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/incentives/leaderboard/")
    page.get_by_role("radio", name="Day").focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("now", exact=True)).to_be_visible()
    page.get_by_role("link", name="Before").click()
    expect(page.get_by_text("Nobody in this window")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Hide bikram").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Hide bikram?")
    expect(dialog).to_be_visible()
    assert owner.violations() == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Hide bikram").click()
    dialog.get_by_role("button", name="Hide", exact=True).click()
    expect(page.get_by_text("bikram is off all leaderboards")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("bikram")
    expect(page.get_by_text("bikram is hidden from all leaderboards")).to_be_visible()
    owner.look()
