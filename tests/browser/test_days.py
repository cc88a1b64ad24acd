"""A merchant's, an analyst's and a developer's day, against the processes of ``manage.py up``: web, workers and beat.

What each page does in detail is proved elsewhere; here it is that they go together, through the real mail, log and deliveries.
"""

import re
from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.faults.installation import take_migrated
from tests.platform.test_up import PATIENCE, Installation
from tests.screenshots import Backend

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PASSWORD = "tall-mountain-9"
SLOW_MS = 1000 * PATIENCE
"""For what other processes do: the log is written, a delivery sent."""


@pytest.fixture(scope="module")
def installation(tmp_path_factory, chromium) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("days"))
    take_migrated(installation.cluster.home, installation.environment)
    try:
        installation.start()
        yield installation
    finally:
        if installation.supervisor and installation.supervisor.poll() is None:
            installation.supervisor.terminate()
            installation.supervisor.wait(PATIENCE)
        installation.cluster.stop()


@pytest.fixture
def server_url(installation) -> str:
    return installation.url


number = count(1)


def address(name: str) -> str:
    """An e-mail that nobody of this installation has, also when a test has its second try."""
    return f"{name}-{next(number)}@himal.example"


def sign_up(somebody: Visitor, email: str, business: str) -> str:
    """From the front page to the first run. Answers the sandbox's id."""
    page = somebody.page
    somebody.go("/")
    page.get_by_role("link", name="Create account").first.click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Business or product name").fill(business)
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name="Make it happen")).to_be_visible()
    return re.search(r"/dashboard/(app_\w+)/", page.url)[1]


def sign_in(somebody: Visitor, email: str, password: str) -> None:
    somebody.go("/accounts/login/")
    page = somebody.page
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("button", name="Your account")).to_be_visible()


def sign_out(somebody: Visitor) -> None:
    somebody.page.get_by_role("button", name="Your account").click()
    somebody.page.get_by_role("button", name="Sign out").click()
    expect(somebody.page.get_by_role("button", name="Your account")).to_have_count(0)


def invite(owner: Visitor, app: str, email: str, role: str) -> None:
    page = owner.page
    owner.go(f"/dashboard/{app}/team/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Role").first.select_option(role.upper())
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("region", name="Invitations").get_by_text(email, exact=True)).to_be_visible()


def join(somebody: Visitor, email: str, role: str) -> None:
    """By the link in the mail."""
    page = somebody.page
    somebody.go("/dashboard/mailbox/")
    mail = page.get_by_role("article").filter(has_text=f"To {email}").filter(has_text="/accounts/invitation/")
    mail.get_by_role("link", name="/accounts/invitation/").click()
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("button", name=f"Join as {role}").click()
    expect(page.get_by_role("button", name="Your account")).to_be_visible()


def colleague(visit, role: str) -> tuple[Visitor, str]:
    """Somebody whom the owner of a new business has invited, signed in, and the id of the sandbox."""
    owner, somebody, email = visit(), visit(), address(role.lower())
    sandbox = sign_up(owner, address("owner"), "Himal Outfitters")
    invite(owner, sandbox, email, role)
    join(somebody, email, role)
    sign_out(somebody)
    sign_in(somebody, email, PASSWORD)
    return somebody, sandbox


def make_campaign(somebody: Visitor, app: str, name: str, amount: str) -> str:
    """In four steps, for the referrer only."""
    page = somebody.page
    somebody.go(f"/dashboard/{app}/campaigns/new/")
    page.get_by_label("Something of my own").check()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Next: Reward").click()
    page.get_by_label("The referrer", exact=True).check()
    page.get_by_label("Referrer gets").fill(amount)
    page.get_by_role("button", name="Next: Rules & codes").click()
    page.get_by_role("button", name="Next: Review").click()
    page.get_by_role("button", name="Create and start").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    return re.search(r"camp_\w+", page.url)[0]


def test_a_merchants_day(visit, installation):
    asha = visit()
    page = asha.page
    sandbox = sign_up(asha, address("asha"), "Thamel Coffee")
    shop = Backend(installation.url, page.locator("#env-line").inner_text().removeprefix("export INCENTA_KEY="))
    for number in range(1, 5):
        page.get_by_role("button", name=f"Run step {number}").click()
        expect(page.get_by_text(f"{number} of 4 done")).to_be_visible()

    campaign = make_campaign(asha, sandbox, "Bring a friend", "10")

    for friend in ("bikram", "chandra", "diya"):
        code = shop("POST", "/referrals", {"campaignId": campaign, "referrerId": "esha"})["referralCode"]
        made = shop("POST", "/conversions", {"referralCode": code, "refereeId": friend, "amount": 49.99})
        assert made["status"] == "COMPLETED", made

    asha.go(f"/dashboard/{sandbox}/overview/")
    page.get_by_role("link", name="3 rewards wait to be approved").click()
    many(page, "Approve…", "Approve them", "3 rewards approved")
    asha.go(f"/dashboard/{sandbox}/overview/")
    page.get_by_role("link", name="3 rewards wait to be paid").click()
    many(page, "Mark paid…", "Mark as paid", "3 rewards marked as paid", reference="Monday's run")
    asha.go(f"/dashboard/{sandbox}/overview/")
    expect(page.get_by_text("wait to be")).to_have_count(0)
    expect(
        page.locator(".i-figures").get_by_role("link", name="4", exact=True)
    ).to_be_visible()  # the first run's, and three
    asha.look()


def many(page: Page, verb: str, sure: str, done: str, reference: str | None = None) -> None:
    page.get_by_role("checkbox", name="Select all on this page").check()
    expect(page.get_by_text("3 selected")).to_be_visible()
    page.get_by_role("button", name=verb).click()
    if reference:
        page.get_by_label("Reference of the payment").fill(reference)
    page.get_by_role("button", name=sure).click()
    expect(page.get_by_role("heading", name=done)).to_be_visible()


def test_an_analysts_day(visit):
    analyst, sandbox = colleague(visit, "Analyst")
    page = analyst.page
    analyst.go(f"/dashboard/{sandbox}/fraud/")
    page.get_by_role("button", name="Make sample cases").click()
    expect(page.locator(".i-case-link")).to_have_count(6)
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="Why it was stopped")).to_be_visible()
    for key, told in (
        ("f", "Confirmed as fraud"), ("r", "Released"), ("h", "Kept on hold"), ("r", "Released"), ("u", "undone"),
        ("f", "Confirmed as fraud"), ("r", "Released"),
    ):  # fmt: skip
        page.keyboard.press(key)
        expect(page.locator(".i-flash").first).to_contain_text(told)
        analyst.look()
    analyst.go(f"/dashboard/{sandbox}/fraud/?state=closed")
    expect(page.locator(".i-case-link").first).to_be_visible()
    analyst.expected_statuses.add(403)
    analyst.go(f"/dashboard/{sandbox}/keys/")
    expect(page.get_by_text("You are Analyst of Himal Outfitters")).to_be_visible()


def test_a_developers_day(visit, installation):
    developer, sandbox = colleague(visit, "Developer")
    page = developer.page
    developer.go(f"/dashboard/{sandbox}/keys/new/")
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Create key").click()
    shop = Backend(installation.url, page.locator("#secret").inner_text())

    developer.go(f"/dashboard/{sandbox}/log/requests/?live=on")
    for friend in ("bikram", "chandra"):
        assert (
            shop("POST", "/conversions", {"referralCode": "NOPE", "refereeId": friend})["code"] == "referral_not_found"
        )
    calls = page.locator("tbody tr").filter(has_text="/v1/conversions").filter(has_text="404")
    expect(calls).to_have_count(2, timeout=SLOW_MS)  # the page asks by itself
    developer.look()
    developer.go(f"/dashboard/{sandbox}/log/")
    expect(page.get_by_role("link", name="2 requests with referral_not_found")).to_be_visible()
    page.get_by_role("link", name="Referral code not found.").click()
    expect(page.get_by_role("heading", name="POST /v1/conversions")).to_be_visible()

    developer.go(f"/dashboard/{sandbox}/webhooks/")
    page.get_by_role("link", name="Try it with the test receiver").click()
    page.get_by_role("button", name="Add endpoint").click()
    expect(page.locator("#secret")).to_contain_text("whsec_")
    page.get_by_role("link", name="Send an example").click()
    page.get_by_label("Send an example of").select_option("REWARD_CLAIMED")
    page.get_by_role("button", name="Send example").click()
    heading = page.get_by_role("heading", name="REWARD_CLAIMED")
    expect(heading).to_contain_text("Delivered", timeout=SLOW_MS)
    page.get_by_role("button", name="Resend").click()
    expect(page.get_by_text("It is sent again, with the same message id")).to_be_visible()
    expect(heading).to_contain_text("Delivered", timeout=SLOW_MS)
    page.get_by_role("link", name="Check this signature").click()
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_label("Verdict")).to_have_class(re.compile("i-note-ok"))
    developer.look()
    developer.go(f"/dashboard/{sandbox}/webhooks/receiver/")
    expect(page.locator("#received > details > summary").filter(has_text="Verified")).to_have_count(2, timeout=SLOW_MS)


def test_a_day_without_javascript(visit, installation):
    gita = visit(javascript=False, width=390)
    page = gita.page
    own, invited = address("gita"), address("jyoti")
    sandbox = sign_up(gita, own, "Patan Books")
    sign_out(gita)
    sign_in(gita, own, PASSWORD)

    campaign = make_campaign(gita, sandbox, "Readers bring readers", "5")
    gita.go(f"/dashboard/{sandbox}/campaigns/")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Search campaigns").fill("readers")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("tbody tr")).to_have_count(1)

    gita.go(f"/dashboard/{sandbox}/keys/new/")
    page.get_by_label("Name").fill("Shop")
    page.get_by_role("button", name="Create key").click()
    shop = Backend(installation.url, page.locator("#secret").inner_text())
    code = shop("POST", "/referrals", {"campaignId": campaign, "referrerId": "hari"})["referralCode"]
    reward = shop("POST", "/conversions", {"referralCode": code, "refereeId": "isha", "amount": 20})["rewardId"]
    gita.go(f"/dashboard/{sandbox}/rewards/{reward}/")
    page.get_by_role("button", name="Approve").first.click()
    assert shop("GET", f"/rewards/{reward}")["status"] == "APPROVED"

    gita.go(f"/dashboard/{sandbox}/fraud/")
    page.get_by_role("button", name="Make sample cases").click()
    page.locator(".i-case-link").first.click()
    page.get_by_role("button", name="Release", exact=True).click()
    expect(page.locator(".i-flash").first).to_contain_text("Released")

    invite(gita, sandbox, invited, "Admin")
    jyoti = visit(javascript=False, width=390)
    join(jyoti, invited, "Admin")
    jyoti.go(f"/dashboard/{sandbox}/campaigns/")
    expect(jyoti.page.get_by_role("link", name="Readers bring readers")).to_be_visible()
