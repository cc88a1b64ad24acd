"""``verify/{id}``: what a user can afford; or, to its two parties, whether a redemption's code is good."""

import pytest

from marketplace.models import Redemption
from tests.cast import caller
from tests.referrals.moments import at

from .conftest import M, coins, give, listing, redeem

pytestmark = pytest.mark.django_db


def test_what_a_user_can_afford_cheapest_first(himal, cafe):
    dear, dearest = listing(cafe, coinCost=100), listing(cafe, coinCost=101)
    cheap, tokens = listing(cafe, coinCost=5), listing(cafe, coinCost=0, tokenCost=1)
    answer = himal.get(f"{M}/verify/asha")
    assert answer["userId"] == "asha" and answer["balances"] == {"xp": 0, "coins": 100, "tokens": 0}
    assert [(each["listingId"], each["affordable"]) for each in answer["listings"]] == [(cheap, True), (dear, True)]
    cafe.post(f"{M}/promotions", {"listingId": dearest, "percentOff": 99, "endsAt": "2099-01-01T00:00:00Z"})
    cafe.post(f"{M}/promotions", {"listingId": tokens, "percentOff": 100, "endsAt": "2099-01-01T00:00:00Z"})
    found = himal.get(f"{M}/verify/asha")["listings"]
    assert [each["listingId"] for each in found] == [tokens, dearest, cheap, dear]
    assert (
        found[1]["coinCost"] == 1 and found[1]["regularCoinCost"] == 101 and found[1]["promotion"]["percentOff"] == 99
    )
    assert [each["listingId"] for each in himal.get(f"{M}/verify/poor")["listings"]] == [tokens]


def test_it_is_paged(himal, cafe):
    made = [listing(cafe, coinCost=cost) for cost in (3, 1, 2)]
    first, second, none = (himal.get(f"{M}/verify/asha?limit=2&page={page}") for page in (1, 2, 9))
    assert [each["coinCost"] for each in first["listings"] + second["listings"]] == [1, 2, 3] and not none["listings"]
    for answer in (first, second, none):
        assert answer["pagination"]["totalItems"] == len(made) and answer["pagination"]["totalPages"] == 2
    for wrong in ("page=0", "limit=101", "limit=x", "sort=price"):
        assert himal.get(f"{M}/verify/asha?{wrong}").status == 400


def test_points_whose_time_has_come_are_not_counted(sandbox):
    sandbox.patch("/incentives/settings", {"coinsExpireAfter": 1, "coinsExpireUnit": "day"})
    sandbox.post("/incentives/actions", {"key": "visit", "name": "Visit", "type": "STANDARD", "coins": 10})
    sandbox.post("/incentives/events", {"userId": "bikram", "actionKey": "visit"})
    tea = listing(sandbox, coinCost=10)
    assert [each["listingId"] for each in sandbox.get(f"{M}/verify/bikram")["listings"]] == [tea]
    at(sandbox, "2026-03-09T00:00:00Z")
    assert sandbox.get(f"{M}/verify/bikram")["balances"]["coins"] == 0
    assert redeem(sandbox, tea, "bikram")["code"] == "insufficient_balance"


def test_a_redemption_is_verified_by_id_and_by_code_to_its_two_parties(himal, cafe, coffee):
    redeemed = redeem(himal, coffee)
    stranger = caller(himal.app.sandbox)
    for name in (redeemed["redemptionId"], redeemed["discountCode"], redeemed["discountCode"].lower()):
        for party in (himal, cafe):
            answer = party.get(f"{M}/verify/{name}")
            assert answer.status == 200 and answer["valid"] is True and "asha" not in str(answer.json)
            assert answer["redemptionId"] == redeemed["redemptionId"] and answer["status"] == "PENDING"
            assert answer["listing"]["title"] == "A coffee" and answer["expiresAt"] is None
        # to anybody else it is the name of a user, who has nothing
        assert stranger.get(f"{M}/verify/{name}").json == {
            "userId": name,
            "balances": {"xp": 0, "coins": 0, "tokens": 0},
            "listings": [],
            "pagination": {"page": 1, "limit": 25, "totalItems": 0, "totalPages": 0},
        }
    cafe.patch(f"{M}/redemptions/{redeemed['redemptionId']}", {"status": "FULFILLED"})
    answer = himal.get(f"{M}/verify/{redeemed['redemptionId']}")
    assert answer["valid"] is False and answer["status"] == "FULFILLED" and answer["fulfilledAt"]


def test_a_code_is_no_longer_good_when_its_time_is_over_though_the_sweep_is_late(sandbox):
    code = redeem(sandbox, listing(sandbox, validDays=1))["discountCode"]
    at(sandbox, "2026-03-02T11:59:59Z")
    assert sandbox.get(f"{M}/verify/{code}")["valid"] is True
    at(sandbox, "2026-03-02T12:00:00Z")
    answer = sandbox.get(f"{M}/verify/{code}")
    assert (
        answer["valid"] is False and answer["status"] == "PENDING" and answer["expiresAt"] == "2026-03-02T12:00:00.000Z"
    )


def test_nobodys_code_stands_in_the_way_of_a_user_who_bears_the_same_name(himal, cafe):
    """A business may upload whatever codes it likes."""
    give(himal, "bikram", 10)
    redeem(himal, listing(cafe, codes=["Bikram", "asha"]))
    assert Redemption.objects.get().code_key in ("bikram", "asha")
    assert himal.get(f"{M}/verify/bikram")["balances"]["coins"] == 10
    assert himal.get(f"{M}/verify/asha")["balances"]["coins"] == coins(himal)
