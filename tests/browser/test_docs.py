"""The documents in a browser: every kind of page looks fine, the box finds, a program is copied whole, the console calls."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.looks import assert_fine, enter
from tests.cast import caller

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = (
    "/docs", "/docs/quickstart", "/docs/fraud", "/docs/reference", "/docs/reference/rewards", "/docs/reference/events",
    "/docs/search?q=webhook",
)  # fmt: skip


def test_pages_of_the_documents(visit):
    assert_fine(visit(), PAGES)


def test_a_developer_finds_copies_and_tries(visit, himal):
    campaign = himal.campaign()
    himal.code(campaign)
    reader = visit()
    enter(reader, himal)
    page = reader.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    reader.go(f"/dashboard/{himal.app.pk}/docs/")
    expect(page.get_by_role("heading", name="Docs", exact=True)).to_be_visible()

    page.keyboard.press("Control+k")
    page.keyboard.type("post referrals")
    option = page.locator('#command-found [href$="#createReferral"]')
    expect(option).to_be_visible()
    option.click()
    expect(page).to_have_url(re.compile(r"/docs/reference/referrals#createReferral$"))
    reader.listens()
    expect(page.get_by_text("The marked ids are yours")).to_be_visible()
    page.locator('[data-copy-from="call-createReferral"]').click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert f'"campaignId": "{campaign}"' in page.evaluate("navigator.clipboard.readText()")
    reader.look()

    # the console: nothing of it breaks the policy, and a call is a real one, of the sandbox
    sandbox = caller(himal.app.sandbox)
    tried = sandbox.campaign()
    reader.go("/docs/console")
    expect(page.locator(".swagger-ui .authorize")).to_be_visible(timeout=120_000)  # much to read, on a busy machine
    page.locator(".swagger-ui .authorize").click()
    page.locator(".auth-container input").first.fill(sandbox.secret)
    page.locator(".auth-btn-wrapper .authorize").first.click()
    page.locator(".btn-done").first.click()
    page.locator("#operations-tag-stats").click()
    page.locator("[id^=operations-stats] .opblock-summary-control").click()
    with page.expect_response(lambda answer: "/v1/stats" in answer.url) as called:
        page.locator(".opblock .execute").click()
    assert called.value.status == 200
    assert called.value.url == f"{reader.base}/v1/stats?campaignId={tried}"
    expect(page.locator(".live-responses-table")).to_contain_text('"totalReferrals"')
    reader.look()
    assert reader.sideways() <= 0
