"""Redeeming: a code is worth something once, and asking about it costs it nothing."""

import time

import pytest

from incenta.api import guessing
from incenta.api.metering import meter
from tests.referrals.promises import books_are_right, money, nothing_moves, promise, row, told

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_has_guessed():
    """What a process remembers of guesses must not outlive the rows of one test."""
    guessing.forget()
    meter.forget()


def claimed(himal, **fields) -> tuple[str, str]:
    reward_id = promise(himal, **fields)
    return reward_id, himal.post(f"/rewards/{reward_id}/claim")["discountCode"]


def test_bikrams_till_validates_and_redeems_a_code_typed_in_any_case(himal):
    reward_id, code = claimed(himal, discount={"type": "PERCENTAGE", "value": 20}, rewardExpirationDays=30)
    with nothing_moves(himal.app):
        seen = himal.get(f"/rewards/validate?code=%20{code.lower()}")
    assert seen.status == 200
    assert seen.json | {"expiresAt": None} == {
        "valid": True,
        "code": code,
        "type": "PERCENTAGE",
        "discount": 20,
        "currency": "USD",
        "expiresAt": None,
        "rewardId": reward_id,
        "userId": "asha",
        "status": "APPROVED",
        "isExpired": False,
        "isRedeemed": False,
        "isCancelled": False,
        "isOnHold": False,
        "redeemedAt": None,
        "fulfillmentType": "DISCOUNT_CODE",
        "amount": 5,
    }
    assert seen["expiresAt"]

    redeemed = himal.post("/rewards/redeem", {"code": code.lower(), "orderReference": "order-9"})

    assert redeemed.status == 200 and redeemed["success"] is True
    assert redeemed["reward"]["status"] == "PAID" and redeemed["reward"]["payoutReference"] == "order-9"
    assert money(himal.app) == (0, 0)
    (event,) = told(himal.app, "REWARD_REDEEMED")
    assert event["discountCode"] == code and event["reason"] == "redeemed" and event["paidAt"]
    with nothing_moves(himal.app):
        again = himal.post("/rewards/redeem", {"code": code})
        assert again.status == 409 and again["code"] == "already_redeemed"
        assert again["details"]["redeemedAt"] == redeemed["reward"]["paidAt"]
        seen = himal.get(f"/rewards/validate?code={code}")
        assert seen["valid"] is False and seen["isRedeemed"] is True and seen["status"] == "PAID"
    books_are_right(himal.app)


def test_a_code_is_worth_the_reward_where_the_campaign_says_nothing_else(himal):
    _, code = claimed(himal)
    seen = himal.get(f"/rewards/validate?code={code}")
    assert (seen["type"], seen["discount"], seen["currency"]) == ("FIXED_AMOUNT", 5, "USD")


def test_a_reward_is_redeemed_by_its_user_only(himal):
    reward_id, _ = claimed(himal)
    with nothing_moves(himal.app):
        for ask in (
            {"rewardId": reward_id, "userId": "mallory"},
            {"rewardId": reward_id, "userId": "Asha"},
            {"rewardId": "rew_nothing", "userId": "asha"},
        ):
            refused = himal.post("/rewards/redeem", ask)
            assert refused.status == 404 and refused["code"] == "reward_not_found"
    assert himal.post("/rewards/redeem", {"rewardId": reward_id, "userId": "asha"}).status == 200


def test_a_request_names_the_reward_in_one_way(himal):
    reward_id, code = claimed(himal)
    with nothing_moves(himal.app):
        for ask in (
            {},
            {"rewardId": reward_id},
            {"userId": "asha"},
            {"rewardId": reward_id, "userId": "asha", "code": code},
            {"rewardId": None, "code": None},
            {"code": 7},
            {"code": {"not": "zz"}},
        ):
            assert himal.post("/rewards/redeem", ask).status == 400, ask


def test_what_was_not_claimed_is_not_redeemed(himal):
    reward_id = promise(himal)
    with nothing_moves(himal.app):
        refused = himal.post("/rewards/redeem", {"rewardId": reward_id, "userId": "asha"})
        assert refused.status == 409 and refused["code"] == "reward_not_claimed"
    himal.post(f"/rewards/{reward_id}/approve")
    with nothing_moves(himal.app):
        assert himal.post("/rewards/redeem", {"rewardId": reward_id, "userId": "asha"})["code"] == "reward_not_claimed"


def test_a_reward_without_code_can_be_redeemed_by_id(himal):
    reward_id, code = claimed(himal, fulfillmentType="MANUAL")
    assert code is None
    redeemed = himal.post("/rewards/redeem", {"rewardId": reward_id, "userId": "asha"})
    assert redeemed.status == 200 and row(reward_id).status == "PAID"


def test_mallory_cannot_guess_codes(himal, rival):
    _, code = claimed(himal)
    if time.time() % 60 > 55:
        time.sleep(5)  # guesses are counted by the minute: let this one not end between them
    for place in range(20):
        if place % 2:
            missed = himal.post("/rewards/redeem", {"code": f"GUESS{place}"})
            assert missed.status == 404 and missed["code"] == "reward_not_found"
        else:
            missed = himal.get(f"/rewards/validate?code=GUESS{place}")
            assert missed.status == 200 and missed["valid"] is False and missed["error"]
    with nothing_moves(himal.app):
        for _ in range(2):
            for answer in (himal.get("/rewards/validate?code=GUESS"), himal.post("/rewards/redeem", {"code": "GUESS"})):
                assert answer.status == 429 and answer["code"] == "too_many_unknown_codes"
                assert 1 <= int(answer.headers["Retry-After"]) <= 60
        # a code that exists looks no different while she waits
        assert himal.get(f"/rewards/validate?code={code}").status == 429
        assert himal.post("/rewards/redeem", {"code": code}).status == 429
    assert rival.get("/rewards/validate?code=GUESS").status == 200  # each key has misses of its own


def test_a_busy_till_is_never_taken_for_a_guesser(himal):
    _, code = claimed(himal)
    for _ in range(30):
        assert himal.get(f"/rewards/validate?code={code}")["valid"] is True


def test_odd_codes_are_just_unknown(himal):
    for odd in ("%F0%9F%98%80", "x" * 500, "%0A", "%20", "rew_1", "'%20OR%201=1", "%E2%80%8B"):
        seen = himal.get(f"/rewards/validate?code={odd}")
        assert seen.status == 200 and seen["valid"] is False, odd
    assert himal.get("/rewards/validate").status == 400
    assert himal.get("/rewards/validate?code=").status == 400
    assert himal.get("/rewards/validate?code=A&x=1").status == 400
