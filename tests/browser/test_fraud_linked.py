"""The picture of linked accounts in a real browser: it is drawn, tells what the tables tell, and goes one hop further and back."""

import pytest
from playwright.sync_api import expect

from fraud.models import KeyKind
from tests.browser.looks import enter, wrong_here
from tests.dashboard.test_fraud_linked import page_of, seen, suspected

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_ring_is_explored_and_decided(visit, himal):
    campaign = himal.campaign(fraudMode="hold", rewardModel="FIXED", rewardValue=10)
    case = suspected(himal, "mallory", campaign)
    suspected(himal, "trudy", campaign)
    seen(himal, KeyKind.DEVICE, 1, "mallory", "trudy", *(f"account {number}" for number in range(6)))
    seen(himal, KeyKind.PAYMENT, 2, "trudy", "eve")
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/fraud/cases/{case.pk}/")
    page.get_by_role("link", name="Explore").click()
    picture = page.get_by_role("img", name="8 accounts share 1 key: device.")
    expect(picture).to_have_attribute("data-drawn", "9")
    page.get_by_role("button", name="Show trudy in the picture").click()
    chosen = page.get_by_role("region", name="What is chosen")
    expect(chosen).to_be_focused()
    expect(chosen).to_contain_text("another open case")
    page.get_by_role("checkbox", name=f"Select case {case.pk}").uncheck()
    expect(page.locator("[data-selected]")).to_have_text("1 selected")
    chosen.get_by_role("link", name="Expand").click()
    expect(picture).to_have_count(0)
    expect(page.get_by_role("img", name="9 accounts share 2 keys")).to_have_attribute("data-drawn", "11")
    expect(page).to_have_url(f"{owner.base}{page_of(case, '?also=trudy')}")
    expect(page.get_by_role("link", name="eve", exact=True)).to_be_visible()
    expect(chosen).to_be_focused()
    expect(page.get_by_role("checkbox", name=f"Select case {case.pk}")).not_to_be_checked()
    for name in ("Zoom in", "Show all"):
        page.get_by_role("button", name=name).click()
    assert wrong_here(owner, "linked accounts") == []
    page.go_back()
    expect(picture).to_have_attribute("data-drawn", "9")
    expect(page.locator("[data-selected]")).to_have_text("1 selected")
    page.get_by_role("button", name="Release as one decision").click()
    expect(page.get_by_role("heading", name="Release 1 case?")).to_be_visible()
    owner.look()
