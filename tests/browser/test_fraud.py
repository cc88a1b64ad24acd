"""The fraud review in a real browser: five cases decided by keyboard, one undone, the rest by a threshold; axe finds nothing."""

import pytest
from playwright.sync_api import expect

from fraud import attachments, presence
from fraud.models import Decision
from incenta.accounts.models import User
from incentives import ledger
from referrals import fraud_samples
from tests.browser.looks import assert_fine, enter, wrong_here
from tests.cast import Caller, caller
from tests.fraud.files import PDF, TEXT

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def sandbox(himal) -> Caller:
    shop = caller(himal.app.sandbox)
    fraud_samples.make(shop.app, actor="test")
    return shop


def pressed(visitor, key: str, told: str) -> None:
    """Presses a key and waits for the page that says so."""
    visitor.page.keyboard.press(key)
    expect(visitor.page.locator(".i-flash").first).to_contain_text(told)
    visitor.look()


def test_the_pages_of_the_review(visit, sandbox):
    owner = visit()
    owner.expected_statuses.add(400)
    enter(owner, sandbox)
    at = f"/dashboard/{sandbox.app.pk}/fraud/"
    cases = list(sandbox.app.fraud_cases.order_by("-expected_loss").values_list("pk", flat=True))
    attachments.add(sandbox.app, cases[0], [("chat.txt", TEXT)], note="Of the shop", actor="user:1")
    paths = [
        at,
        f"{at}?q=nothing-like-it",
        f"{at}?state=LOST",
        f"{at}?state=closed",
        f"{at}decide/by-score/?max_score=50",
    ]
    assert_fine(owner, [*paths, *(f"{at}cases/{case}/" for case in cases[:3]), f"{at}cases/{cases[0]}/effects/"])


def test_an_analyst_decides_by_keyboard(visit, sandbox):
    """Five cases with one key each, one of them undone; what is left is released by a threshold, after a look."""
    analyst = visit()
    enter(analyst, sandbox)
    page = analyst.page
    analyst.go(f"/dashboard/{sandbox.app.pk}/fraud/")
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="Why it was stopped")).to_be_visible()
    expect(page.locator("#effects dt").first).to_have_text("Release")
    pressed(analyst, "f", "Confirmed as fraud")
    pressed(analyst, "r", "Released")
    pressed(analyst, "h", "Kept on hold")
    pressed(analyst, "r", "Released")
    pressed(analyst, "u", "undone")
    pressed(analyst, "f", "Confirmed as fraud")
    pressed(analyst, "a", "You look after this case")
    pressed(analyst, "r", "Released")
    assert Decision.objects.count() == 6 and Decision.objects.filter(undone_at=None).count() == 5
    analyst.go(f"/dashboard/{sandbox.app.pk}/fraud/")
    if page.locator(".i-cases li").count():
        page.keyboard.press("j")
        expect(page.locator("#case")).to_be_visible()
        page.keyboard.press("x")
        expect(page.locator("[data-selected]")).to_have_text("1 selected")
        page.keyboard.press("Escape")
        page.get_by_text("Decide by score").click()
        page.get_by_label("Release at a score of at most").fill("100")
        page.get_by_role("button", name="Show what would follow").click()
        page.get_by_role("button", name="Release them").click()
        expect(page.get_by_role("heading", name="released")).to_be_visible()
    assert not sandbox.app.fraud_cases.filter(status="OPEN").exists()
    assert ledger.verify(sandbox.app)["ok"]


def test_the_keys_are_told_and_the_dialog_is_fine(visit, sandbox):
    analyst = visit()
    enter(analyst, sandbox)
    case = sandbox.app.fraud_cases.first()
    analyst.go(f"/dashboard/{sandbox.app.pk}/fraud/cases/{case.pk}/")
    analyst.page.get_by_role("button", name="Keys").click()
    expect(analyst.page.get_by_role("heading", name="Keys")).to_be_visible()
    expect(analyst.page.locator("#effects dt").first).to_be_visible()
    assert analyst.violations() == []


def test_two_at_one_case_and_a_file(visit, sandbox):
    """What another does is said above the case within seconds: nothing moves, and what is half written stays. Then a file is kept."""
    analyst = visit()
    enter(analyst, sandbox)
    page, case = analyst.page, sandbox.app.fraud_cases.first()
    analyst.go(f"/dashboard/{sandbox.app.pk}/fraud/cases/{case.pk}/")
    expect(page.locator("#effects dt").first).to_have_text("Release")
    note, buttons = page.get_by_label("Note", exact=True), page.locator(".i-decide .i-buttons").first
    note.fill("She called and")
    stood, head = buttons.bounding_box(), page.locator(".i-case-head").bounding_box()
    bimal = User.objects.create_user("bimal@himal.example", name="Bimal Rai")
    sandbox.app.merchant.memberships.create(user=bimal, role="ANALYST")
    presence.note(sandbox.app, case.pk, bimal.pk)
    assert sandbox.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "APPROVE"}).status == 200
    page.locator("[data-poll]").evaluate("one => { one.dataset.poll = 0.1 }")  # for 20 s
    strip = page.get_by_role("status").filter(has_text="Load it anew")
    expect(strip).to_contain_text("API key “tests” decided it at")
    expect(strip).to_contain_text("Bimal Rai is looking at this case too")
    expect(note).to_be_focused()
    expect(note).to_have_value("She called and")
    assert (buttons.bounding_box(), page.locator(".i-case-head").bounding_box()) == (stood, head)
    assert wrong_here(analyst, "a case of two") == []
    strip.get_by_role("link").click()
    expect(page.locator(".i-case h2").first).to_have_text("Released")

    page.get_by_text("Attach files").click()
    assert wrong_here(analyst, "a form of files") == []
    page.get_by_label("Files", exact=True).set_input_files({"name": "receipt.pdf", "mimeType": "", "buffer": PDF})
    page.get_by_role("button", name="Attach", exact=True).click()
    expect(page.locator(".i-flash")).to_have_text("receipt.pdf is attached.")
    page.get_by_role("button", name="Remove receipt.pdf").click()
    expect(page.get_by_role("heading", name="Remove receipt.pdf?")).to_be_visible()
    page.keyboard.press("Escape")  # closes what is on top, and leads nowhere
    expect(page.get_by_role("heading", name="Remove receipt.pdf?")).to_be_hidden()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download receipt.pdf").click()
    assert download.value.suggested_filename == "receipt.pdf"


def test_without_javascript_a_case_is_decided_too(visit, sandbox):
    analyst = visit(javascript=False)
    enter(analyst, sandbox)
    page = analyst.page
    page.goto(f"{analyst.base}/dashboard/{sandbox.app.pk}/fraud/")
    page.locator(".i-case-link").first.click()
    page.get_by_role("link", name="Show what each decision would do").click()
    expect(page.get_by_text("Confirm fraud")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Release", exact=False).nth(1).click()
    expect(page.locator(".i-flash").first).to_contain_text("Released")
