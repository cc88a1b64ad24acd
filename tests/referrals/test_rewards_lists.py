"""Listing rewards: what the contract shows, narrowed by what it names, and nothing is written by looking."""

from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.referrals.promises import nothing_moves, promise

pytestmark = pytest.mark.django_db


def test_an_item_is_what_the_contract_says(himal):
    campaign = himal.campaign(name="Spring", fulfillmentType="DISCOUNT_CODE", holdDays=3)
    code = himal.code(campaign)
    made = himal.convert(code, "bikram", 49.99)
    item = himal.get(f"/rewards/{made['rewardId']}").json
    promised = {
        "id": made["rewardId"],
        "userId": "asha",
        "amount": 5,
        "currency": "USD",
        "status": "PENDING",
        "holdReasons": ["HOLD_PERIOD"],
        "level": 1,
        "side": "REFERRER",
        "fulfillmentType": "DISCOUNT_CODE",
        "fulfillmentReference": None,
        "discountCode": None,
        "expiresAt": None,
        "claimedAt": None,
        "paidAt": None,
        "payoutReference": None,
        "Referral": {
            "id": made["referralId"],
            "referralCode": code,
            "campaignId": campaign,
            "Campaign": {"name": "Spring"},
        },
    }
    assert {name: item[name] for name in promised} == promised
    assert item["Conversion"]["id"] == made["conversionId"] and item["Conversion"]["amount"] == 49.99
    assert item["createdAt"].endswith("Z") and item["Conversion"]["createdAt"].endswith("Z")
    assert item["holds"][0]["reason"] == "HOLD_PERIOD" and item["heldUntil"] in item["holds"][0]["releasedBy"]
    assert himal.get("/rewards")["rewards"] == [item]
    assert himal.get("/users/asha/rewards")["rewards"] == [item]


def test_every_filter_narrows(himal):
    spring, summer = himal.campaign(fulfillmentType="MANUAL"), himal.campaign(fulfillmentType="COUPON_CODE", holdDays=2)
    first = promise(himal, referrer="asha", campaign=spring)
    second = promise(himal, referrer="bikram", campaign=spring)
    third = promise(himal, referrer="asha", campaign=summer)
    himal.post(f"/rewards/{first}/pay")
    made_at = himal.get(f"/rewards/{second}")["createdAt"]

    def ids(query: str) -> list[str]:
        answer = himal.get(f"/rewards?{query}")
        assert answer.status == 200, answer
        return [reward["id"] for reward in answer["rewards"]]

    assert ids("") == [third, second, first]
    assert ids("userId=asha") == [third, first]
    assert ids("status=PENDING") == [third, second] and ids("status=PAID") == [first]
    assert ids("fulfillmentType=COUPON_CODE") == [third]
    assert ids(f"campaignId={spring}") == [second, first] and ids("campaignId=camp_unknown") == []
    assert ids("onHold=true") == [third] and ids("onHold=false") == [second, first]
    assert ids(f"from={made_at}&limit=1") == [third] and second in ids(f"from={made_at}")
    assert first in ids(f"to={made_at}") and third not in ids(f"to={made_at}")
    assert ids("userId=asha&status=PENDING&onHold=true") == [third]
    himal.post(f"/rewards/{third}/cancel", {"reason": "x"})
    assert ids("onHold=true") == []  # what is final is held by nothing
    assert set(ids("onHold=false")) == {first, second, third}


def test_unknown_filters_are_refused_and_looking_writes_nothing(himal):
    promise(himal)
    with nothing_moves(himal.app):
        for query in (
            "status=OPEN",
            "fulfillmentType=x",
            "onHold=1",
            "from=yesterday",
            "state=PAID",
            "userId=",
            "page=abc",
        ):
            assert himal.get(f"/rewards?{query}").status == 400, query
        assert himal.get("/users/asha/rewards?userId=bikram").status == 400
        assert himal.get("/users/nobody/rewards")["rewards"] == []


def test_a_users_rewards_whatever_the_id_looks_like(himal):
    for user in ("a/b", "asha@example.com", "अशा", "x/rewards", "50%", "a b", "a?b#c", "..", "x" * 255):
        reward_id = promise(himal, referrer=user)
        answer = himal.get(f"/users/{quote(user, safe='')}/rewards")
        assert answer.status == 200 and [reward["id"] for reward in answer["rewards"]] == [reward_id], user
        assert himal.get(f"/users/{quote(user, safe='')}/rewards?status=PAID")["rewards"] == []


def test_a_page_costs_the_same_however_many_rewards_are_on_it(himal):
    campaign = himal.campaign(fulfillmentType="MANUAL")
    for place in range(12):
        promise(himal, referrer=f"asha-{place}", campaign=campaign)

    def cost(query: str) -> int:
        with CaptureQueriesContext(connection) as sent:
            assert himal.get(f"/rewards?{query}").status == 200
        return len(sent)

    assert cost("limit=10") == cost("limit=2")
    page = himal.get("/rewards?limit=5")
    assert page["pagination"] | {"nextCursor": ""} == {
        "page": 1,
        "limit": 5,
        "totalItems": 12,
        "totalPages": 3,
        "nextCursor": "",
    }
    seen = [reward["id"] for reward in page["rewards"]]
    cursor = page["pagination"]["nextCursor"]
    while cursor:
        page = himal.get(f"/rewards?limit=5&cursor={cursor}")
        seen += [reward["id"] for reward in page["rewards"]]
        cursor = page["pagination"]["nextCursor"]
    assert len(seen) == len(set(seen)) == 12


def test_both_sides_and_levels_are_listed(himal):
    campaign = himal.campaign(referralType="TWO_SIDED", refereeRewardValue=5, fulfillmentType="MANUAL")
    himal.convert(himal.code(campaign), "bikram", 100)
    (referrer,) = himal.get("/users/asha/rewards")["rewards"]
    (referee,) = himal.get("/users/bikram/rewards")["rewards"]
    assert (referrer["side"], referrer["amount"]) == ("REFERRER", 10)
    assert (referee["side"], referee["amount"], referee["level"]) == ("REFEREE", 5, 1)
