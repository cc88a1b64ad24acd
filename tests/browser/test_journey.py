"""A merchant's first minutes, from sign-up to a revoked key, with and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from incenta.accounts.models import App
from tests.browser.looks import IS_EVERY_LOOK_WANTED
from tests.cast import Caller

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


WAYS = [(True, 1280), (False, 390), (True, 390), (False, 1280)]


@pytest.mark.parametrize(("javascript", "width"), WAYS if IS_EVERY_LOOK_WANTED else WAYS[:2])
def test_from_sign_up_to_a_revoked_key(visit, javascript, width):
    asha = visit(javascript=javascript, width=width)
    asha.expected_statuses.add(422)  # the campaign that is refused below
    page = asha.page
    asha.go("/")
    page.get_by_role("link", name="Create account").first.click()
    page.get_by_label("Email").fill("asha@himal.example")
    page.get_by_label("Password").fill("tall-mountain-9")
    page.get_by_role("button", name="Create account").click()

    expect(page.get_by_role("heading", name="Name your business")).to_be_visible()
    page.get_by_label("Business or product name").fill("Himal Outfitters")
    if javascript:
        expect(page.get_by_label("Time zone")).to_have_value("Asia/Kathmandu")
    else:
        expect(page.get_by_label("Time zone")).to_have_value("UTC")
        page.get_by_label("Time zone").select_option("Asia/Kathmandu")
    page.get_by_label("Currency").select_option("NPR")
    page.get_by_role("button", name="Create").click()

    sandbox = App.objects.exclude(sandbox_of=None).get()
    assert asha.path == f"/dashboard/{sandbox.pk}/first-run/"
    asha.go(f"/dashboard/{sandbox.pk}/campaigns/")
    page.get_by_role("link", name="New campaign").click()
    page.get_by_label("Something of my own").check()
    page.get_by_label("Name").fill("Bring a friend")
    page.get_by_role("button", name="Next: Reward").click()
    page.get_by_label("Referrer gets").fill("500")
    expect(page.get_by_label("Second level gets")).to_be_hidden()
    page.get_by_role("button", name="Next: Rules & codes").click()
    # a two-sided campaign says what the friend gets: refused in place, nothing lost
    expect(page.get_by_text("A two-sided campaign says what the friend gets.").first).to_be_visible()
    assert sandbox.campaigns.count() == 1
    expect(page.get_by_label("Referrer gets")).to_have_value("500")
    page.get_by_label("Friend gets").fill("250")
    page.get_by_role("button", name="Next: Rules & codes").click()
    page.get_by_role("button", name="Next: Review").click()
    page.get_by_role("button", name="Create and start").click()

    expect(page.get_by_role("heading", name="Bring a friend")).to_be_visible()
    expect(page.get_by_text("the referrer gets NPR 500.00, and the friend gets NPR 250.00")).to_be_visible()
    campaign = sandbox.campaigns.get(name="Bring a friend")
    page.get_by_role("link", name="Try it").click()
    assert campaign.pk in page.locator("#try-referral").inner_text()

    if width == 390:
        page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="API keys").click()
    page.get_by_role("link", name="Create key").click()
    page.get_by_label("Name").fill("Checkout server")
    page.get_by_role("button", name="Create key").click()
    secret = page.locator("#secret").inner_text()
    assert re.fullmatch(r"inc_test_\S{32}", secret)
    assert asha.sideways() <= 0
    caller = Caller(sandbox, secret)
    assert caller.convert(caller.code(campaign.pk)).status == 201

    page.get_by_role("link", name="I saved it").click()
    assert secret not in page.content()
    expect(page.locator("tbody strong", has_text="Checkout server")).to_be_visible()
    page.get_by_role("button", name="Revoke Checkout server").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    assert caller.get("/campaigns").status == 200
    page.get_by_role("button", name="Revoke Checkout server").click()
    dialog.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_text("is revoked. Calls that use it are refused")).to_be_visible()
    assert caller.get("/campaigns").status == 401

    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    asha.go(f"/dashboard/{sandbox.pk}/campaigns/")
    assert asha.path.startswith("/accounts/login/")
    page.get_by_label("Email").fill("asha@himal.example")
    page.get_by_label("Password").fill("tall-mountain-9")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("link", name="Bring a friend")).to_be_visible()
    assert asha.path == f"/dashboard/{sandbox.pk}/campaigns/"
