"""The panel beside a campaign's form: what the rules in it would have cost."""

import re
from html import unescape

import pytest

from incenta.accounts.models import Role
from tests.dashboard.conftest import body, sign_in
from tests.test_isolation import checksums, moved

pytestmark = pytest.mark.django_db
FORM = {
    "name": "Friends",
    "currency": "USD",
    "referral_type": "ONE_SIDED",
    "reward_model": "FIXED",
    "reward_value": "10",
    "first_time_user_only": "on",
    "budget_policy": "STOP",
    "hold_days": "0",
    "code_format": "RANDOM",
    "fulfillment_type": "MANUAL",
    "fraud_mode": "monitor",
    "hold_at": "50",
    "block_at": "80",
}


@pytest.fixture
def shop(himal):
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=10, fraudMode="monitor")
    for referrer, friend in (("asha", "bikram"), ("asha", "chandra"), ("deepa", "esha")):
        assert himal.convert(himal.code(campaign, referrer), friend).status == 201
    return campaign


def replay(browser, url, campaign: str, htmx: bool = True, **sent):
    headers = {"HX-Request": "true"} if htmx else {}
    return browser.post(url(f"campaigns/{campaign}/simulate/"), FORM | sent, headers=headers)


def words(response) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body(response)))).strip()


def test_it_says_what_it_would_have_cost(shop, owner, url):
    answer = replay(owner, url, shop, reward_value="12.50", max_rewards_per_referrer="1")
    assert answer.status_code == 200 and "<html" not in body(answer)
    said = words(answer)
    assert "3 conversions of the last 90 days" in said
    assert "USD 25.00 USD 5.00 less than was given" in said and "Was given USD 30.00" in said
    assert "1 person would have got more deepa USD 10.00 → USD 12.50" in said
    assert "1 person would have got less asha USD 20.00 → USD 12.50" in said
    assert "1 reward beyond the most of one referrer." in said


def test_without_a_script_it_is_a_page(shop, owner, url):
    answer = replay(owner, url, shop, htmx=False, reward_value="20", days="30")
    assert answer.status_code == 200 and "<h1>What these rules would have cost</h1>" in body(answer)
    assert "3 conversions of the last 30 days" in words(answer) and "USD 60.00" in words(answer)


def test_what_is_wrong_with_the_form_is_said(shop, owner, url):
    assert "Referrer gets" in words(replay(owner, url, shop, reward_value="-1"))
    assert replay(owner, url, shop, htmx=False, reward_value="-1").status_code == 422


def test_nobody_converted(himal, owner, url):
    assert "Nobody converted in the last 365 days." in words(replay(owner, url, himal.campaign(), days="365"))


def test_nothing_is_saved(shop, owner, url, himal):
    before = checksums((himal.app.pk,))
    replay(owner, url, shop, reward_value="99", name="Another", days="nonsense")
    assert not moved(before, checksums((himal.app.pk,)))


def test_those_who_may_not_edit_may_not_replay(shop, himal, rival, owner, url):
    analyst = sign_in(himal.app.merchant, Role.ANALYST)
    assert replay(analyst, url, shop).status_code == 403
    assert replay(owner, url, rival.campaign()).status_code == 404
    assert "Replay" in body(owner.get(url(f"campaigns/{shop}/edit/")))
