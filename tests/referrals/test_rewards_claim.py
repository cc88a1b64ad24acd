"""Claiming: one code, one event, whoever asks and however often."""

import re

import pytest

from incenta import codes
from referrals import discount_code
from tests.referrals.promises import books_are_right, money, nothing_moves, promise, row, told

pytestmark = pytest.mark.django_db


def test_asha_claims_and_gets_a_code_that_can_be_typed(himal):
    reward_id = promise(himal, rewardExpirationDays=30, codePrefix="himal")
    assert money(himal.app) == (0, 500)

    claimed = himal.post(f"/rewards/{reward_id}/claim")

    assert claimed.status == 200 and claimed["success"] is True
    prefix, random = claimed["discountCode"].split("-")
    assert prefix == "HIMAL" and re.fullmatch(f"[{codes.ALPHABET}]{{14}}", random)
    reward = row(reward_id)
    assert (reward.status, reward.code) == ("APPROVED", claimed["discountCode"])
    assert (reward.expires_at - reward.claimed_at).days == 30
    assert claimed["expiresAt"] == claimed["reward"]["expiresAt"]
    assert claimed["reward"]["status"] == "APPROVED" and claimed["reward"]["discountCode"] == reward.code
    assert money(himal.app) == (500, 0)
    (event,) = told(himal.app, "REWARD_CLAIMED")
    assert event["discountCode"] == reward.code and event["userId"] == "asha" and event["amount"] == 5
    assert event["rewardId"] == reward_id and event["fulfillmentType"] == "DISCOUNT_CODE" and event["claimedAt"]
    books_are_right(himal.app)


def test_a_second_claim_answers_the_first_ones_code(himal):
    reward_id = promise(himal)
    first = himal.post(f"/rewards/{reward_id}/claim")
    with nothing_moves(himal.app):
        again = himal.post(f"/rewards/{reward_id}/claim", {"couponCode": "ANOTHER", "reference": "x"})
    assert again.status == 200 and again.json == first.json


def test_the_merchants_own_coupon_belongs_to_one_reward_in_any_case(himal):
    campaign = himal.campaign(fulfillmentType="COUPON_CODE")
    first, second = promise(himal, campaign=campaign), promise(himal, campaign=campaign)
    assert himal.post(f"/rewards/{first}/claim", {"couponCode": " Same "})["discountCode"] == "Same"
    with nothing_moves(himal.app):
        refused = himal.post(f"/rewards/{second}/claim", {"couponCode": "SAME"})
    assert refused.status == 409 and refused["code"] == "code_taken"
    assert himal.post(f"/rewards/{second}/claim").status == 200  # one of ours is free
    books_are_right(himal.app)


def test_the_same_coupon_may_be_used_by_another_merchant(himal, rival):
    for merchant in (himal, rival):
        claimed = merchant.post(f"/rewards/{promise(merchant)}/claim", {"couponCode": "WELCOME"})
        assert claimed.status == 200 and claimed["discountCode"] == "WELCOME"


def test_a_coupon_is_checked_before_anything_moves(himal):
    reward_id = promise(himal)
    by_hand = promise(himal, fulfillmentType="MANUAL")
    with nothing_moves(himal.app):
        for coupon in ("", "   ", "a\nb", "\u200b", "x" * 65, "ß" * 40, 7, {"not": "x"}, ["x"]):
            refused = himal.post(f"/rewards/{reward_id}/claim", {"couponCode": coupon})
            assert refused.status == 400 and "couponCode" in refused["details"], coupon
        assert himal.post(f"/rewards/{by_hand}/claim", {"couponCode": "X"}).status == 400
        assert himal.post(f"/rewards/{reward_id}/claim", {"coupon": "X"})["code"] == "unknown_field"


def test_a_reward_without_code_keeps_the_merchants_reference(himal):
    for kind in ("MANUAL", "GIFT_CARD", "CUSTOM", "AUTOMATED"):
        reward_id = promise(himal, fulfillmentType=kind, rewardExpirationDays=5)
        claimed = himal.post(f"/rewards/{reward_id}/claim", {"reference": "INV-7"})
        assert claimed.status == 200 and claimed["discountCode"] is None and claimed["expiresAt"] is None
        assert claimed["reward"]["fulfillmentReference"] == "INV-7" and claimed["reward"]["status"] == "APPROVED"


def test_a_gift_card_may_carry_a_code_of_the_merchants(himal):
    claimed = himal.post(f"/rewards/{promise(himal, fulfillmentType='GIFT_CARD')}/claim", {"couponCode": "GC-1"})
    assert claimed["discountCode"] == "GC-1"


def test_what_the_merchant_approved_can_still_be_claimed(himal):
    reward_id = promise(himal)
    assert himal.post(f"/rewards/{reward_id}/approve")["reward"]["discountCode"] is None
    claimed = himal.post(f"/rewards/{reward_id}/claim")
    assert claimed.status == 200 and claimed["discountCode"]
    assert money(himal.app) == (500, 0)
    assert len(told(himal.app, "REWARD_CLAIMED")) == 1
    books_are_right(himal.app)


def test_claimed_coins_are_there_at_once(himal):
    reward_id = promise(himal, 50, fulfillmentType="COINS", rewardModel="FIXED", rewardValue=120)
    claimed = himal.post(f"/rewards/{reward_id}/claim")
    assert claimed.status == 200 and claimed["reward"]["status"] == "PAID" and claimed["discountCode"] is None
    assert money(himal.app, asset="COIN") == (120, 0)
    with nothing_moves(himal.app):
        assert himal.post(f"/rewards/{reward_id}/claim").json == claimed.json


def test_a_hold_by_hand_may_say_why(himal):
    reward_id = promise(himal)
    held = himal.post(f"/rewards/{reward_id}/hold", {"reason": "The customer asked"})["reward"]["holds"]
    assert [(hold["reason"], hold["note"]) for hold in held] == [("MANUAL", "The customer asked")]
    assert himal.post(f"/rewards/{reward_id}/hold")["reward"]["holds"] == held
    assert himal.post(f"/rewards/{reward_id}/hold", {"reason": "x" * 501}).status == 400
    assert himal.post(f"/rewards/{reward_id}/release")["reward"]["holds"] == []
    again = himal.post(f"/rewards/{reward_id}/hold")["reward"]["holds"]
    assert again[0]["note"] is None


def test_while_a_conversion_is_under_review_its_reward_is_not_claimable(himal):
    campaign = himal.campaign(fulfillmentType="DISCOUNT_CODE", holdDays=7)
    made = himal.convert(himal.code(campaign, "mallory"), "mallory")  # refers herself
    assert made["status"] == "FLAGGED" and made["rewardCreated"]
    with nothing_moves(himal.app):
        refused = himal.post(f"/rewards/{made['rewardId']}/claim")
    assert refused.status == 409 and refused["code"] == "reward_on_hold"
    assert refused["details"]["holdReasons"] == ["FRAUD_REVIEW", "HOLD_PERIOD"]
    assert all(hold["releasedBy"] for hold in refused["details"]["holds"])
    assert "FRAUD_REVIEW" in refused["error"] and "HOLD_PERIOD" in refused["error"]


def test_what_is_final_is_not_claimable_and_the_refusal_names_the_status(himal):
    cancelled, paid = promise(himal), promise(himal)
    himal.post(f"/rewards/{cancelled}/cancel", {"reason": "returned"})
    himal.post(f"/rewards/{paid}/approve")
    himal.post(f"/rewards/{paid}/pay")
    with nothing_moves(himal.app):
        for reward_id, status in ((cancelled, "CANCELLED"), (paid, "PAID")):
            refused = himal.post(f"/rewards/{reward_id}/claim")
            assert refused.status == 409 and refused["code"] == "reward_not_claimable"
            assert refused["details"]["status"] == status and status in refused["error"]


def test_nobody_claims_what_is_not_there_or_not_theirs(himal, rival):
    reward_id = promise(himal)
    with nothing_moves(himal.app):
        for ask in (reward_id, "rew_nothing", "x" * 300):
            refused = rival.post(f"/rewards/{ask}/claim")
            assert refused.status == 404, ask
        assert rival.post(f"/rewards/{reward_id}/claim")["error"] == rival.post("/rewards/rew_nothing/claim")["error"]


def test_random_codes_hold_nothing_that_is_mistaken_for_another():
    made = {discount_code.new_code() for _ in range(1000)}
    assert len(made) == 1000
    assert not set("".join(made)) & set("01ILOS5Z2B8UV")
    assert len(codes.ALPHABET) ** codes.UNGUESSABLE > 2**60
