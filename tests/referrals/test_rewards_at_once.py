"""Thirty at once: one code, one redemption, one payment, and whatever else they do, the books are right."""

from collections import Counter
from functools import partial

import pytest

from referrals import maturing, rewards
from tests.cast import at_once
from tests.referrals.promises import books_are_right, money, promise, row, told

pytestmark = pytest.mark.django_db(transaction=True)


def test_thirty_claims_give_one_code_and_one_event(himal):
    reward_id = promise(himal)
    answers = at_once(30, lambda _: himal.post(f"/rewards/{reward_id}/claim"))
    assert {answer.status for answer in answers} == {200}
    assert {answer["discountCode"] for answer in answers} == {row(reward_id).code}
    assert len(told(himal.app, "REWARD_CLAIMED")) == 1
    assert money(himal.app) == (500, 0)
    books_are_right(himal.app)


def test_thirty_redemptions_of_one_code_succeed_once(himal):
    reward_id = promise(himal)
    code = himal.post(f"/rewards/{reward_id}/claim")["discountCode"]
    asks = [{"code": code}, {"code": code.lower()}, {"rewardId": reward_id, "userId": "asha"}]
    answers = at_once(30, lambda place: himal.post("/rewards/redeem", asks[place % 3]))
    assert Counter((answer.status, answer.json.get("code")) for answer in answers) == {
        (200, None): 1,
        (409, "already_redeemed"): 29,
    }
    assert len(told(himal.app, "REWARD_REDEEMED")) == 1
    assert money(himal.app) == (0, 0)
    books_are_right(himal.app)


def test_thirty_rewards_want_one_coupon(himal):
    campaign = himal.campaign(fulfillmentType="COUPON_CODE")
    ids = [promise(himal, referrer=f"asha-{place}", campaign=campaign) for place in range(30)]
    answers = at_once(
        30, lambda place: himal.post(f"/rewards/{ids[place]}/claim", {"couponCode": "SAME" if place % 2 else "same"})
    )
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 29}
    assert [row(each).status for each in ids].count("APPROVED") == 1
    books_are_right(himal.app)


def test_a_reward_is_paid_once_whoever_pays(himal):
    reward_id = promise(himal, fulfillmentType="MANUAL")
    answers = at_once(
        30, lambda place: himal.post(f"/rewards/{reward_id}/pay", {"payoutReference": f"bank-{place % 2}"})
    )
    outcomes = Counter((answer.status, answer.json.get("code")) for answer in answers)
    assert outcomes == {(200, None): 15, (409, "already_paid"): 15}
    assert len(told(himal.app, "REWARD_REDEEMED")) == 1
    assert money(himal.app) == (0, 0)
    books_are_right(himal.app)


def test_claims_against_cancellations_end_as_one_or_the_other(himal):
    campaign = himal.campaign(fulfillmentType="DISCOUNT_CODE", budget=1000)
    ids = [promise(himal, campaign=campaign) for _ in range(6)]

    def act(place: int):
        if place < 15:
            return himal.post(f"/rewards/{ids[place % 6]}/claim")
        return himal.post(f"/rewards/{ids[place % 6]}/cancel", {"reason": "race"})

    answers = at_once(30, act)
    assert {answer.status for answer in answers} <= {200, 409}
    assert all(answer.status == 200 or answer["code"] == "reward_not_claimable" for answer in answers)
    assert {row(each).status for each in ids} == {"CANCELLED"}  # each has been cancelled at some time
    assert len(told(himal.app, "REWARD_CANCELLED")) == 6
    assert money(himal.app) == (0, 0)
    books_are_right(himal.app)


def test_everything_at_once_leaves_the_books_right(himal):
    """Bulk calls in opposite orders, single calls, reversals, conversions and sweeps over the same few users."""
    campaigns = [
        himal.campaign(fulfillmentType=kind, budget=500, budgetPolicy="HOLD")
        for kind in ("MANUAL", "AUTOMATED", "DISCOUNT_CODE")
    ]
    codes = {(who, campaign): himal.code(campaign, f"asha-{who}") for who in range(4) for campaign in campaigns}
    ids = [
        promise(himal, 30 + place, referrer=f"asha-{place % 4}", campaign=campaigns[place % 3]) for place in range(24)
    ]
    conversions = {each: row(each).conversion_id for each in ids}
    before = len(told(himal.app, "REWARD_CREATED"))

    def act(place: int):
        kind, turn = place % 8, place // 8
        mine = ids[turn * 5 :] + ids[: turn * 5]
        return [
            lambda: himal.post("/rewards/approve", {"ids": mine}),
            lambda: himal.post("/rewards/pay", {"ids": mine[::-1]}),
            lambda: himal.post("/rewards/cancel", {"ids": mine[6:12][::-1], "reason": "race"}),
            lambda: himal.post(f"/rewards/{mine[2]}/claim"),
            lambda: himal.post(f"/conversions/{conversions[mine[3]]}/reverse", {"reason": "returned"}),
            lambda: himal.post(f"/conversions/{conversions[mine[4]]}/reverse", {"amount": 5, "reason": "part"}),
            lambda: himal.convert(codes[place % 4, campaigns[turn % 3]], f"new-{place}", 20),
            lambda: maturing.sweep(himal.app),
        ][kind]()

    answers = at_once(32, act)
    failed = [
        answer for answer in answers if isinstance(answer, BaseException) or getattr(answer, "status", 200) >= 500
    ]
    assert failed == []
    assert len(told(himal.app, "REWARD_CREATED")) == before + 4
    maturing.sweep(himal.app)
    books_are_right(himal.app)


def test_two_sweeps_at_once_complete_each_reward_once(himal):
    campaign = himal.campaign(fulfillmentType="COINS", rewardModel="FIXED", rewardValue=3)
    for place in range(12):
        promise(himal, referrer=f"asha-{place % 3}", campaign=campaign)
    moved = at_once(6, lambda _: maturing.sweep(himal.app))
    assert sum(moved) == 12
    assert [money(himal.app, f"asha-{place}", "COIN") for place in range(3)] == [(12, 0)] * 3
    assert len(told(himal.app, "REWARD_REDEEMED")) == 12
    books_are_right(himal.app)


def test_a_hold_and_a_claim_at_once_never_both_win_silently(himal):
    """Whoever is first: a claim after the hold is refused, a hold after the claim stops the redemption."""
    for reward_id in [promise(himal) for _ in range(5)]:
        verbs = (partial(rewards.hold, himal.app, reward_id), partial(himal.post, f"/rewards/{reward_id}/claim"))
        hold, claim = at_once(2, lambda place, verbs=verbs: verbs[place]())
        assert hold.holds == ["MANUAL"]
        assert claim.status == 200 or claim["code"] == "reward_on_hold"
        refused = himal.post("/rewards/redeem", {"rewardId": reward_id, "userId": "asha"})
        assert refused["code"] == "reward_on_hold"
    books_are_right(himal.app)
