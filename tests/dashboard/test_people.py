"""One person's page: what every room knows of one user id, and nothing of another app's."""

from urllib.parse import quote

import pytest

from incenta.accounts.models import Role
from incenta.events import dispatch
from tests.dashboard.conftest import body, sign_in, statements
from tests.marketplace.stalls import earns, opens, redeems, sells

pytestmark = pytest.mark.django_db

FIXED = {"rewardModel": "FIXED", "rewardValue": 10}


def lives(himal, user: str = "asha") -> None:
    """Codes, orders, rewards, points, redemptions of one person."""
    campaign = himal.campaign(**FIXED)
    code = himal.code(campaign, user)
    made = himal.convert(code, "bikram")
    himal.post(f"/rewards/{made['rewardId']}/pay", {"payoutReference": "run 7"})
    himal.convert(himal.code(campaign, "tara"), user, 30)
    himal.post(
        "/incentives/actions", {"key": "visit", "name": "Visits the shop", "type": "STANDARD", "coins": 50, "xp": 9}
    )
    assert himal.post("/incentives/events", {"userId": user, "actionKey": "visit"}).status == 201
    item = himal.post("/incentives/catalog", {"name": "Coffee on us", "coinCost": 20})["id"]
    assert himal.post("/incentives/redeem", {"userId": user, "itemId": item}).status == 201


def test_all_that_is_known_stands_on_one_page(himal, owner, url):
    lives(himal)
    page = body(owner.get(url("people/?id=asha")))
    for words in (
        "Got the code", "Brought bikram for USD 50.00", "Converted for USD 30.00, brought by tara", "Earned USD 10.00",
        "Was paid USD 10.00", "run 7", "Visits the shop", "+50 coins, +9 XP", "Redeemed Coffee on us for 20 coins",
        "USD 10.00 paid", "level 0", ">30<",
    ):  # fmt: skip
        assert words in page, words
    assert page.index("Redeemed Coffee") < page.index("Visits the shop") < page.index("Got the code")
    for link in ("referrals/?q=asha", "rewards/?user=asha", "incentives/users/one/?id=asha", "incentives/redemptions/?q=asha"):  # fmt: skip
        assert url(link) in page, link


def test_an_id_that_begins_with_a_blank_is_somebody_of_his_own(himal, owner, url):
    himal.code(himal.campaign(**FIXED), " asha")
    dispatch.dispatch()
    assert "Got the code" in body(owner.get(url("people/?id=%20asha")))
    for pasted in ("asha", "asha%20", "%20%20asha"):
        assert "Got the code" not in body(owner.get(url(f"people/?id={pasted}"))), pasted


def test_the_marketplace_tells_its_part(himal, owner, url):
    opens(himal)
    listing = sells(himal, inventory=5)
    earns(himal, "asha")
    redeems(himal, listing)
    assert "in the marketplace" in body(owner.get(url("people/?id=asha")))


def test_suspicions_are_told_to_those_who_review_them(himal, owner, url):
    himal.convert(himal.code(himal.campaign(**FIXED), "mallory"), "mallory")
    page = body(owner.get(url("people/?id=mallory")))
    assert "1 case waits for a decision" in page
    assert "Suspected, risk 100" in page
    developer = body(sign_in(himal.app.merchant, Role.DEVELOPER).get(url("people/?id=mallory")))
    assert "waits for a decision" not in developer
    assert "Suspected" not in developer
    assert "Earned USD 10.00" in developer


@pytest.mark.parametrize("user", ["customer:4711/x@example.com", "../..", "a b&c=d", "<b>", "अशा", "x" * 255])
def test_any_id_has_its_page(himal, owner, url, user):
    himal.code(himal.campaign(**FIXED), user)
    page = body(owner.get(url(f"people/?id={quote(user, safe='')}")))
    assert "Got the code" in page
    assert "<b>" not in page.split("<main")[1].replace("<b>×", "")


def test_nobody_and_nothing_asked(himal, rival, owner, url):
    lives(rival)
    assert "Nothing is known of this user" in body(owner.get(url("people/?id=asha")))
    assert "Nothing is known of this user" in body(owner.get(url(f"people/?id={'x' * 300}")))
    assert "Your own id for the user" in body(owner.get(url("people/")))
    assert sign_in(rival.app.merchant).get(url("people/?id=asha")).status_code == 404


def test_a_long_life_costs_what_a_short_one_does(himal, owner, url):
    def cost() -> int:
        return len(statements(owner, url("people/?id=asha")))

    lives(himal)
    himal.convert(himal.code(himal.campaign(**FIXED), "asha"), "friend of a friend")
    few = cost()
    campaign = himal.campaign(**FIXED, firstTimeUserOnly=False)
    for number in range(10):
        himal.convert(himal.code(campaign, "asha", refereeId=f"friend {number}"), f"friend {number}")
        himal.post("/incentives/events", {"userId": "asha", "actionKey": "visit"})
    assert cost() == few
