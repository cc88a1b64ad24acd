"""Fraud's rules and lists in a real browser: every page in its looks, and a draft that is tried, activated and rolled back."""

import pytest
from playwright.sync_api import expect

from fraud import backtesting, rule_sets
from fraud.models import RuleSet
from tests.browser.looks import LOOKS, assert_fine, enter
from tests.cast import Caller
from tests.fraud.test_backtests import OFF, scored, verdict

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LONG = "customer:4711/a-rather-long-identifier-of-some-client@example.com"


def filled(shop: Caller) -> list[str]:
    """Lists, mutes, versions in every state and a backtest with verdicts. Answers the paths of all pages."""
    held = scored(shop, 3)
    verdict(shop, held[0], "REJECTED")
    verdict(shop, held[1], "APPROVED")
    for kind, value in (("USER", LONG), ("IP", "203.0.113.0/24"), ("EMAIL_DOMAIN", f"{'very-' * 10}long.example")):
        shop.post(
            "/fraud/lists",
            {"side": "DENY", "kind": kind, "value": value, "reason": "Seen in every ring", "expiresAt": None},
        )
    shop.post("/fraud/mutes", {"signal": "EMAIL_PATTERN_FARM", "userId": LONG})
    shop.post("/fraud/mutes", {"signal": "IP_SHARED", "kind": "IP", "value": "8.8.8.8"})
    first, second, third = (
        rule_sets.create(shop.app, OFF, name="Softer", note="Families", actor="tests") for _ in range(3)
    )
    rule_sets.activate(shop.app, first.pk, actor="tests")
    rule_sets.shadow(shop.app, second.pk, actor="tests")
    tried, open_run = (backtesting.begin(shop.app, version.pk, actor="tests").pk for version in (first, third))
    backtesting.run(tried)
    return [
        "rules/",
        "rules/new/",
        f"rules/new/?from={first.pk}",
        "rules/versions/",
        *(f"rules/versions/{version.pk}/" for version in (first, second, third)),
        f"backtests/{tried}/",
        f"backtests/{open_run}/",
        "settings/",
        "lists/",
        "lists/?q=nothing-like-it",
        "lists/new/",
        "mutes/",
        "mutes/new/",
    ]


def test_the_pages_of_the_rules(visit, himal):
    paths = filled(himal)
    owner = visit()
    enter(owner, himal)
    assert_fine(owner, [f"/dashboard/{himal.app.pk}/fraud/{path}" for path in paths])


def test_the_pages_without_anything_in_them(visit, himal):
    owner = visit()
    enter(owner, himal)
    paths = ("rules/", "rules/versions/", "lists/", "mutes/")
    assert_fine(owner, [f"/dashboard/{himal.app.pk}/fraud/{path}" for path in paths], LOOKS[:1])


def test_a_draft_is_tried_activated_and_rolled_back(visit, himal):
    scored(himal, 3)
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/fraud/rules/")
    page.keyboard.press("c")
    page.get_by_label("Name").fill("Without devices")
    page.get_by_label("DEVICE_SHARED is on").uncheck()
    page.get_by_role("button", name="Make the draft").click()
    expect(page.get_by_role("heading", name="Version 1, Without devices")).to_be_visible()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("0 of 3 scores")).to_be_visible()
    backtesting.run_all()
    expect(page.get_by_role("heading", name="No longer flagged: 3")).to_be_visible()  # the page asks by itself
    page.get_by_role("link", name="Version 1").click()
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("Version 1 is in force from now on.")).to_be_visible()
    page.get_by_role("button", name="Retire").click()
    page.get_by_role("dialog").get_by_role("button", name="Retire it").click()
    expect(page.get_by_text("Version 1 is retired.")).to_be_visible()
    page.get_by_role("button", name="Roll back to this").click()
    expect(page.get_by_text("Version 1 is in force again.")).to_be_visible()
    assert RuleSet.objects.get().state == "ACTIVE"
