"""The counter and the statement in a real browser: on a phone, by keyboard, without JavaScript, in the dark, on paper."""

import os

import pytest
from playwright.sync_api import expect

from tests.browser.looks import enter, wrong_here
from tests.cast import Caller
from tests.marketplace.stalls import cancels, earns, fulfils, opens, redeems, sells

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TITLE = "Two nights in the tent above the lake, with breakfast, for whoever gets up early enough to see the sun rise"


def filled(himal: Caller, rival: Caller) -> dict[str, str]:
    """Codes of rival's in every state, in himal's hands; and something the other way round."""
    opens(himal)
    opens(rival)
    earns(himal, "asha", 10_000)
    earns(rival, "asha", 10_000)
    terms = "One each.\nNot on Saturdays."
    tent = sells(rival, TITLE, terms=terms, validDays=30, discount={"type": "PERCENTAGE", "value": 15}, coinRate=12.5)
    codes = {name: redeems(himal, tent) for name in ("good", "used", "gone")}
    fulfils(rival, codes["used"]["discountCode"], orderReference="bill-17")
    cancels(himal, codes["gone"]["redemptionId"], reason="Ordered by mistake")
    redeems(rival, sells(himal, "Boots", currency="NPR", coinRate=1))
    return {name: made["discountCode"] for name, made in codes.items()}


def test_the_pages_are_fine_in_every_state(visit, himal, rival):
    codes = filled(himal, rival)
    clerk = visit()
    clerk.expected_statuses |= {422}
    enter(clerk, rival)
    wrong = []
    counter = f"/dashboard/{rival.app.pk}/marketplace/counter/"
    clerk.go(counter)
    wrong += wrong_here(clerk, "counter")
    for name, code in codes.items() | {("wrong", "NOSUCHCODE")}:
        clerk.go(counter)
        clerk.page.get_by_label("Code", exact=True).fill(code)
        clerk.page.get_by_role("button", name="Look at it").click()
        expect(clerk.page.get_by_role("status" if name == "good" else "alert").first).to_be_visible()
        wrong += wrong_here(clerk, f"counter-{name}")
    for query in ("", "?month=2020-01", "?month=soon"):
        clerk.go(f"/dashboard/{rival.app.pk}/marketplace/statement/{query}")
        wrong += wrong_here(clerk, f"statement{query.replace('?month=', '-')}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("javascript", [True, False])
def test_a_phone_at_the_counter(visit, himal, rival, javascript):
    """A scanner types the code and presses Enter; then one big button, which a thumb cannot miss."""
    code = filled(himal, rival)["good"]
    clerk = visit(width=390, javascript=javascript)
    clerk.expected_statuses |= {409, 422}
    enter(clerk, rival)
    page = clerk.page
    page.goto(f"{clerk.base}/dashboard/{rival.app.pk}/marketplace/counter/")
    field = page.get_by_label("Code", exact=True)
    expect(field).to_be_focused()
    assert field.bounding_box()["height"] >= 48
    page.keyboard.type(code.lower())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Valid")).to_be_visible()
    assert code.lower() not in page.url.lower()
    button = page.get_by_role("button", name="Fulfil")
    expect(button).to_be_focused()
    assert button.bounding_box()["height"] >= 48
    page.keyboard.press("Enter")
    expect(page.get_by_text("is fulfilled. Next, please.")).to_be_visible()
    expect(field).to_be_focused()
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Used already")).to_be_visible()


def test_the_statement_prints_without_the_frame(visit, himal, rival):
    filled(himal, rival)
    owner = visit()
    enter(owner, rival)
    owner.go(f"/dashboard/{rival.app.pk}/marketplace/statement/")
    owner.page.emulate_media(media="print")
    if folder := os.environ.get("INCENTA_SHOTS"):
        owner.page.screenshot(path=f"{folder}/statement-print.png", full_page=True)
    expect(owner.page.get_by_role("heading", name="Statement for")).to_be_visible()
    for hidden in ("Main", "Mode"):
        expect(owner.page.get_by_role("navigation", name=hidden)).to_be_hidden()
    expect(owner.page.get_by_role("link", name="CSV")).to_be_hidden()
