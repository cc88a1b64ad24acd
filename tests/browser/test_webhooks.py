"""The developer's pages in a real browser: axe, both themes, both widths, and a day with webhooks by keyboard and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from incenta.accounts.models import Role
from incenta.api import request_log
from tests.browser.looks import assert_fine, enter
from tests.cast import Caller, caller
from tests.dashboard.test_webhooks import deliveries_of
from tests.webhooks.conftest import pump
from webhooks import receiver_address, receiving
from webhooks.models import EndpointHealth, WebhookEndpoint

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "https://a-warehouse-with-a-rather-long-name.himal.example/incoming/webhooks/from/incenta/and/nobody/else"
PAGES = (
    "webhooks/", "webhooks/?q=nothing-like-it", "webhooks/?state=LOST", "webhooks/new/", "webhooks/{webhook}/",
    "webhooks/{webhook}/?state=kept", "webhooks/{webhook}/test/", "webhooks/{webhook}/replays/", "webhooks/{webhook}/settings/",
    "webhooks/{webhook}/rotate/", "webhooks/{webhook}/check/?delivery={delivery}", "webhooks/deliveries/{delivery}/",
    "log/", "log/?status=5xx", "log/requests/", "log/requests/?live=on", "log/requests/?q=nothing-like-it", "log/requests/{request}/",
    "log/requests/{answered}/", "keys/{key}/roll/",
)  # fmt: skip


def filled(shop: Caller) -> dict[str, str]:
    """Endpoints well and failing, deliveries of each kind, a replay, refused calls. Answers what the pages' addresses name."""
    endpoint, _ = WebhookEndpoint.objects.register(
        shop.app, url=LONG, events=["REWARD_CREATED"], description="Warehouse"
    )
    deliveries_of(endpoint, 2)
    failed = deliveries_of(endpoint, 2, answers=500)
    deliveries_of(endpoint, 1, answers=None)
    EndpointHealth.objects.filter(pk=endpoint.pk).update(consecutive_failures=3, last_failure_at="2026-11-23T08:00:00Z")
    endpoint.recover(endpoint.created_at)
    endpoint.new_key()
    endpoint.rotate_secret()
    shop.post("/conversions", {"referralCode": "NOPE", "refereeId": "bikram"})
    shop.get("/campaigns/" + "camp_" + "0" * 26)
    request_log.flush()
    request = shop.app.request_logs.order_by("-pk").values_list("pk", flat=True).first()
    answered = shop.app.request_logs.filter(request_body__gt="").values_list("pk", flat=True).first()
    return {
        "webhook": endpoint.pk,
        "delivery": failed[0],
        "request": request,
        "answered": answered,
        "key": shop.app.api_keys.first().pk,
    }


def test_every_page_is_fine(visit, himal):
    names = filled(himal)
    developer = visit()
    enter(developer, himal, Role.DEVELOPER)
    pages = [f"/dashboard/{himal.app.pk}/{path.format(**names)}" for path in PAGES]
    sandbox = himal.app.sandbox
    empty = [f"/dashboard/{sandbox.pk}/{path}" for path in ("webhooks/", "webhooks/receiver/", "log/", "log/requests/")]
    assert_fine(developer, pages + empty)
    receiving.receive(receiver_address.token_of(sandbox.pk), {"X-Webhook-Event": "REWARD_CREATED"}, b'{"a": 1}')
    assert_fine(developer, [f"/dashboard/{sandbox.pk}/webhooks/receiver/"])


def test_a_developer_adds_an_endpoint_and_sees_an_example_arrive_by_keyboard(visit, himal):
    sandbox = himal.app.sandbox
    developer = visit()
    enter(developer, himal, Role.DEVELOPER)
    page = developer.page
    developer.go(f"/dashboard/{sandbox.pk}/webhooks/")
    page.get_by_role("link", name="Try it with the test receiver").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("URL")).to_have_value(receiver_address.url_of(sandbox.pk))
    page.get_by_role("button", name="Add endpoint").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#secret")).to_contain_text("whsec_")
    page.get_by_role("link", name="Send an example").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Send an example of").select_option("REWARD_CLAIMED")
    expect(page.locator("#example")).to_contain_text("discountCode")
    page.get_by_role("button", name="Send example").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="REWARD_CLAIMED")).to_contain_text("Waiting")
    pump()
    # the page asks by itself
    expect(page.get_by_role("heading", name="REWARD_CLAIMED")).to_contain_text("Delivered", timeout=30_000)
    developer.look()
    developer.go(f"/dashboard/{sandbox.pk}/webhooks/receiver/")
    expect(page.locator("#received summary").first).to_contain_text("Verified")
    developer.go(f"/dashboard/{sandbox.pk}/webhooks/")
    expect(page.locator("tbody time").first).to_have_text(re.compile("just now|ago"))  # the script has run
    page.keyboard.press("c")
    expect(page.get_by_label("URL", exact=True)).to_be_visible()
    assert developer.violations() == []


def test_without_javascript_an_endpoint_is_added_paused_and_its_log_filtered(visit, himal):
    developer = visit(javascript=False, width=390)
    enter(developer, himal, Role.DEVELOPER)
    page = developer.page
    page.goto(f"{developer.base}/dashboard/{himal.app.pk}/webhooks/")
    page.get_by_role("link", name="Add the first endpoint").click()
    page.get_by_label("URL").fill("https://himal.example/hooks")
    page.get_by_role("button", name="Add endpoint").click()
    expect(page.locator("#secret")).to_contain_text("whsec_")
    page.get_by_role("link", name="I saved it").click()
    page.get_by_role("button", name="Pause").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Somebody paused it")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    deliveries_of(WebhookEndpoint.objects.get(app=himal.app), 1, answers=500)
    page.reload()
    page.get_by_label("Delivered").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("No delivery matches")).to_be_visible()


def test_the_log_goes_on_by_itself_while_it_is_live(visit, himal):
    shop = caller(himal.app.sandbox)
    shop.get("/campaigns")
    request_log.flush()
    developer = visit()
    enter(developer, himal, Role.DEVELOPER)
    page = developer.page
    developer.go(f"/dashboard/{himal.app.sandbox.pk}/log/requests/?live=on")
    expect(page.locator("tbody tr")).to_have_count(1)
    shop.get("/users/asha/stats")
    request_log.flush()
    expect(page.get_by_role("link", name="/v1/users/asha/stats")).to_be_visible(timeout=30_000)
    expect(page).to_have_url(re.compile(r"/log/requests/\?live=on$"))
    # J and K walk the rows, Enter opens
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="/v1/users/asha/stats")).to_be_focused()
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="/v1/campaigns")).to_be_focused()
    page.keyboard.press("k")
    expect(page.get_by_role("link", name="/v1/users/asha/stats")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="GET /v1/users/asha/stats")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="GET /v1/campaigns")).to_be_visible()
