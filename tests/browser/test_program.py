"""The programme's pages in a real browser: axe, both themes, both widths; many rewards approved and paid, with and without script."""

import pytest
from playwright.sync_api import expect

from incenta.accounts.models import Membership, Role, User
from referrals import payouts, reward_batches
from tests.browser.looks import assert_fine, enter, wrong_here
from tests.cast import Caller

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "customer:4711/a-rather-long-identifier@example.com"
PAGES = (
    "overview/", "overview/?range=90&compare=no", "referrals/", "referrals/?q=nothing-like-it", "referrals/?status=LOST",
    "referrals/{referral}/", "conversions/", "conversions/?q=nothing-like-it", "conversions/{conversion}/", "conversions/{flagged}/",
    "rewards/", "rewards/?held=yes", "rewards/?user=nobody", "rewards/{reward}/", "rewards/{held}/",
    "rewards/payouts/", "rewards/payouts/{payout}/", "rewards/payouts/settings/",
    "people/", f"people/?id={LONG}", "people/?id=nobody",
)  # fmt: skip
EMPTY = (
    "overview/",
    "referrals/",
    "conversions/",
    "rewards/",
    "rewards/payouts/",
    "campaigns/",
    "campaigns/new/?template=tiered",
)


def filled(shop: Caller) -> dict[str, str]:
    """Codes, orders and rewards in each state, of people with long ids. Answers what the pages name."""
    campaign = shop.campaign(
        name="Bring a friend, and a friend of that friend", rewardModel="FIXED", rewardValue=10, referralType="TWO_SIDED",
        refereeRewardValue=5,
    )  # fmt: skip
    waits = shop.campaign(name="Patience", holdDays=14)
    code = shop.code(campaign, LONG)
    shop.post("/clicks", {"referralCode": code, "refereeId": "bikram"})
    made = shop.convert(code, "bikram", 49.99, externalId="order-1001", metadata={"shop": "Thamel"})
    shop.post(f"/rewards/{made['rewardId']}/pay", {"payoutReference": "run 7"})
    shop.post(f"/conversions/{made['conversionId']}/reverse", {"reason": "One shirt came back", "amount": 20})
    held = shop.convert(shop.code(waits, LONG), "tara")
    flagged = shop.convert(shop.code(campaign, "mallory"), "mallory")
    friends = [shop.convert(code, f"friend {number}")["rewardId"] for number in range(3)]
    second = Membership.objects.create(
        merchant=shop.app.merchant, user=User.objects.create_user("second@himal.example"), role=Role.ADMIN
    )
    seen = reward_batches.look(shop.app, reward_batches.Verb.PAY, friends[:2]).seen
    return {
        "referral": made["referralId"],
        "conversion": made["conversionId"],
        "flagged": flagged["conversionId"],
        "reward": made["rewardId"],
        "held": held["rewardId"],
        "payout": payouts.propose(shop.app, seen, reference="run 8", by=second).pk,
    }


def test_every_page_is_fine(visit, himal):
    owner = visit()
    enter(owner, himal)
    assert_fine(owner, [f"/dashboard/{himal.app.pk}/{path}" for path in EMPTY])
    for step in ("Reward", "Rules & codes", "Review"):  # where the empty pages have ended: a campaign that is begun
        owner.page.get_by_role("button", name=f"Next: {step}").click()
        expect(owner.page.locator("[aria-current=step]")).to_contain_text(step)
        owner.listens()
        assert wrong_here(owner, step) == []
    names = filled(himal)
    assert_fine(owner, [f"/dashboard/{himal.app.pk}/{path.format(**names)}" for path in PAGES])


@pytest.mark.parametrize(("javascript", "width"), [(True, 1280), (False, 390)], ids=["script", "no-script"])
def test_rewards_are_approved_and_paid_together(visit, himal, javascript, width):
    filled(himal)
    owner = visit(javascript=javascript, width=width)
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/overview/")
    page.get_by_role("link", name="rewards wait to be approved").click()
    expect(page).to_have_url(f"{owner.base}/dashboard/{himal.app.pk}/rewards/?status=PENDING&held=no")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(7)
    boxes = page.get_by_role("checkbox", name="Select USD")
    if javascript:
        page.get_by_role("checkbox", name="Select all on this page").check()
        expect(page.get_by_text("7 selected")).to_be_visible()
        boxes.first.uncheck()
        expect(page.get_by_text("6 selected")).to_be_visible()
    else:
        for number in range(1, 7):
            boxes.nth(number).check()
    page.get_by_role("button", name="Approve…").click()
    expect(page.get_by_role("heading", name="Approve 6 rewards?")).to_be_visible()
    assert owner.sideways() <= 0
    if javascript:
        assert owner.violations() == []
        page.reload()  # the browser asks again; nothing was done by looking
        expect(page.get_by_role("heading", name="Approve 6 rewards?")).to_be_visible()
    assert not himal.app.rewards.filter(status="APPROVED").exists()
    page.get_by_role("button", name="Approve them").click()
    expect(page.get_by_role("heading", name="6 rewards approved")).to_be_visible()
    page.get_by_role("link", name="Back to the rewards").click()
    expect(rows).to_have_count(1)

    owner.go(f"/dashboard/{himal.app.pk}/rewards/?status=APPROVED")
    expect(rows).to_have_count(6)
    for number in range(2):
        boxes.nth(number).check()
    page.get_by_role("button", name="Mark paid…").click()
    page.get_by_label("Reference of the payment").fill("run 8")
    page.get_by_role("button", name="Mark as paid").click()
    expect(page.get_by_role("heading", name="2 rewards marked as paid")).to_be_visible()
    if javascript:
        assert owner.violations() == []
    assert himal.app.rewards.filter(payout_reference="run 8", status="PAID").count() == 2


def test_one_persons_story_is_a_few_clicks_away(visit, himal):
    filled(himal)
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/rewards/")
    expect(page.locator("tbody time").first).to_have_text("just now")  # the script has run
    page.keyboard.press("/")
    page.keyboard.type("bik")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(f"{owner.base}/dashboard/{himal.app.pk}/rewards/?user=bik")
    page.get_by_role("link", name="bikram").click()
    expect(page.get_by_role("heading", name="bikram")).to_be_visible()
    page.get_by_role("link", name="Converted for USD 49.99").click()
    expect(page.get_by_role("heading", name="USD 49.99")).to_be_visible()
    page.get_by_text("REFERRAL_CONVERTED, no webhook on record").click()
    expect(page.get_by_text('"conversionId"').first).to_be_visible()
    assert owner.violations() == []


def test_a_campaign_is_made_by_keyboard_and_tells_what_it_would_do(visit, himal):
    owner = visit()
    owner.expected_statuses.add(422)
    enter(owner, himal)
    page = owner.page
    keys = page.keyboard
    owner.go(f"/dashboard/{himal.app.pk}/campaigns/")
    page.get_by_role("link", name="Give 10, get 10").focus()
    keys.press("Enter")
    here = page.locator("[aria-current=step]")
    foreseen = page.locator("#foreseen")
    expect(here).to_have_text("1Goal & template")
    owner.listens()
    expect(foreseen).to_contain_text("Asha gets USD 10.00 and Bimal gets USD 10.00 after 7 days")
    expect(foreseen).to_contain_text("USD 2,000.00")
    page.get_by_label("Give 10, get 10").focus()
    keys.press("ArrowDown")
    expect(foreseen).to_contain_text("Bimal buys for USD 50.00")
    keys.press("ArrowUp")
    expect(foreseen).to_contain_text("USD 2,000.00")
    page.get_by_label("Name").focus()
    keys.press("Control+A")
    keys.type("Spring")
    keys.press("Enter")
    expect(here).to_contain_text("Reward")
    owner.listens()
    page.get_by_label("Referrer gets").focus()
    keys.press("Control+A")
    keys.type("25")
    keys.press("Tab")
    expect(foreseen).to_contain_text("USD 3,500.00")
    assert owner.violations() == []
    keys.press("Enter")
    expect(here).to_contain_text("Rules & codes")
    page.go_back()  # and forth: what was said is still there
    expect(page.get_by_label("Referrer gets")).to_have_value("25")
    page.go_forward()
    expect(here).to_contain_text("Rules & codes")
    page.reload()
    owner.listens()
    page.get_by_label("Code prefix").focus()
    keys.type("no way")
    keys.press("Tab")
    expect(foreseen).to_contain_text("To tell what it would do")
    keys.press("Enter")
    expect(page.get_by_label("Code prefix")).to_be_focused()  # what has to be put right
    keys.press("Control+A")
    keys.type("HI")
    keys.press("Enter")
    expect(here).to_contain_text("Review")
    expect(foreseen).to_contain_text("Asha shares HI-")
    assert owner.violations() == []
    page.get_by_role("button", name="Create and start").focus()
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Spring")).to_be_visible()
    assert himal.app.campaigns.get().code_prefix == "HI"
    owner.look()
