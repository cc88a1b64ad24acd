"""From the front page to the story of a first reward: counted clicks, counted fields, with and without JavaScript."""

import pytest
from playwright.sync_api import expect

from incenta.accounts.models import App
from tests.cast import Caller

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MOST_CLICKS, MOST_FIELDS = 8, 3


@pytest.mark.parametrize(("javascript", "width"), [(True, 1280), (False, 390)], ids=["script", "no-script-narrow"])
def test_from_the_front_page_to_the_first_reward(visit, javascript, width):
    asha = visit(javascript=javascript, width=width)
    page, clicks, fields = asha.page, 0, 0

    def click(role: str, name: str) -> None:
        nonlocal clicks
        clicks += 1
        page.get_by_role(role, name=name, exact=True).first.click()

    def type_in(label: str, text: str) -> None:
        nonlocal fields
        fields += 1
        page.get_by_label(label).fill(text)

    asha.go("/")
    click("link", "Create account")
    type_in("Email", "asha@himal.example")
    type_in("Password", "tall-mountain-9")
    click("button", "Create account")
    type_in("Business or product name", "Himal Outfitters")
    expect(page.get_by_role("radio", name="Give 10, get 10")).to_be_checked()
    click("button", "Create")

    expect(page.get_by_role("heading", name="Make it happen")).to_be_visible()
    assert asha.sideways() <= 0
    sandbox = App.objects.exclude(sandbox_of=None).get()
    secret = page.locator("#env-line").inner_text().removeprefix("export INCENTA_KEY=")
    for number in range(1, 5):
        click("button", f"Run step {number}")
        expect(page.get_by_text(f"{number} of 4 done")).to_be_visible()
    # with a script the page stays, and so does the key that it shows only once
    expect(page.locator("#env-line")).to_have_count(int(javascript))
    assert asha.sideways() <= 0
    if javascript:
        asha.look()
        assert asha.violations() == []
    clicks += 1
    page.get_by_role("link", name="See the whole story of").click()
    referral = sandbox.referrals.get(referee_id=None)
    expect(page.get_by_role("heading", name=referral.code)).to_be_visible()
    assert (clicks, fields) <= (MOST_CLICKS, MOST_FIELDS)
    assert clicks <= MOST_CLICKS and fields <= MOST_FIELDS
    assert Caller(sandbox, secret).get("/campaigns").status == 200


def test_a_row_turns_green_when_the_call_comes_from_a_terminal(visit):
    asha = visit()
    page = asha.page
    asha.go("/accounts/signup/")
    page.get_by_label("Email").fill("asha@himal.example")
    page.get_by_label("Password").fill("tall-mountain-9")
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Business or product name").fill("Himal Outfitters")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("0 of 4 done")).to_be_visible()
    secret = page.locator("#env-line").inner_text().removeprefix("export INCENTA_KEY=")
    sandbox = App.objects.exclude(sandbox_of=None).get()
    code = Caller(sandbox, secret).code(sandbox.campaigns.get().pk)
    expect(page.get_by_text("1 of 4 done")).to_be_visible()
    expect(page.locator("#curl-click")).to_contain_text(code)
