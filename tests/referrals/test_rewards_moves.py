"""Approving, paying, cancelling and holding: what moves, what is refused, and what an earlier debt takes."""

import pytest

from referrals.models import CampaignSpend
from tests.referrals.promises import books_are_right, money, nothing_moves, promise, row, told

pytestmark = pytest.mark.django_db


def test_a_reward_is_approved_and_paid(himal):
    reward_id = promise(himal, fulfillmentType="MANUAL")
    approved = himal.post(f"/rewards/{reward_id}/approve")
    assert approved.status == 200 and approved["reward"]["status"] == "APPROVED" and approved["reward"]["approvedAt"]
    assert money(himal.app) == (500, 0)
    with nothing_moves(himal.app):
        assert himal.post(f"/rewards/{reward_id}/approve").json == approved.json

    paid = himal.post(f"/rewards/{reward_id}/pay", {"payoutReference": "bank-1"})

    assert paid.status == 200 and paid["reward"]["status"] == "PAID" and paid["reward"]["paidAt"]
    assert paid["reward"]["payoutReference"] == "bank-1" and paid["reward"]["nettedAmount"] == 0
    assert money(himal.app) == (0, 0)
    (event,) = told(himal.app, "REWARD_REDEEMED")
    assert (event["rewardId"], event["userId"], event["amount"]) == (reward_id, "asha", 5)
    assert event["payoutReference"] == "bank-1" and event["reason"] == "paid" and event["paidAt"]
    with nothing_moves(himal.app):
        assert himal.post(f"/rewards/{reward_id}/pay", {"payoutReference": "bank-1"}).json == paid.json
        assert himal.post(f"/rewards/{reward_id}/pay").status == 200
        other = himal.post(f"/rewards/{reward_id}/pay", {"payoutReference": "bank-2"})
        assert other.status == 409 and other["code"] == "already_paid"
        assert other["details"]["payoutReference"] == "bank-1"
        assert himal.post(f"/rewards/{reward_id}/approve")["code"] == "reward_already_paid"
        assert himal.post(f"/rewards/{reward_id}/cancel", {"reason": "late"})["code"] == "reward_already_paid"


def test_what_needs_no_code_is_paid_in_one_go(himal):
    for kind in ("MANUAL", "CUSTOM", "GIFT_CARD", "AUTOMATED"):
        paid = himal.post(f"/rewards/{promise(himal, fulfillmentType=kind)}/pay")
        assert paid.status == 200 and paid["reward"]["status"] == "PAID"
    coins = himal.post(f"/rewards/{promise(himal, fulfillmentType='COINS', rewardModel='FIXED', rewardValue=9)}/pay")
    assert coins["reward"]["status"] == "PAID" and money(himal.app, asset="COIN") == (9, 0)
    assert money(himal.app) == (0, 0)
    books_are_right(himal.app)


def test_a_code_is_paid_by_redeeming_it_but_the_merchant_may_pay_what_is_approved(himal):
    reward_id = promise(himal)
    with nothing_moves(himal.app):
        refused = himal.post(f"/rewards/{reward_id}/pay")
        assert refused.status == 409 and refused["code"] == "reward_not_payable"
    himal.post(f"/rewards/{reward_id}/approve")
    assert himal.post(f"/rewards/{reward_id}/pay")["reward"]["status"] == "PAID"


def test_cancelling_frees_the_promise_the_budget_and_the_figures(himal):
    campaign = himal.campaign(fulfillmentType="MANUAL", budget=100)
    pending, approved = promise(himal, campaign=campaign), promise(himal, 70, campaign=campaign)
    himal.post(f"/rewards/{approved}/approve")
    assert CampaignSpend.objects.get(campaign=campaign).promised_minor == 1200
    assert himal.get(f"/stats?campaignId={campaign}")["totalRewardValue"] == 12

    for reward_id in (pending, approved):
        cancelled = himal.post(f"/rewards/{reward_id}/cancel", {"reason": "goods returned"})
        assert cancelled.status == 200 and cancelled["reward"]["status"] == "CANCELLED"
        assert cancelled["reward"]["cancelReason"] == "goods returned" and cancelled["reward"]["cancelledAt"]
        with nothing_moves(himal.app):
            assert himal.post(f"/rewards/{reward_id}/cancel", {"reason": "again"}).json == cancelled.json

    assert money(himal.app) == (0, 0)
    assert CampaignSpend.objects.get(campaign=campaign).promised_minor == 0
    figures = himal.get(f"/stats?campaignId={campaign}")
    assert figures["totalRewardValue"] == 0 and figures["totalConversions"] == 2
    events = told(himal.app, "REWARD_CANCELLED")
    assert [(event["rewardId"], event["amount"], event["reason"]) for event in events] == [
        (pending, 5, "goods returned"),
        (approved, 7, "goods returned"),
    ]
    with nothing_moves(himal.app):
        for verb in ("approve", "pay", "hold"):
            refused = himal.post(f"/rewards/{pending}/{verb}")
            assert refused.status == 409 and refused["code"] == "reward_cancelled", verb
        assert himal.post(f"/rewards/{pending}/cancel")["code"] == "invalid_input"  # a reason is due


def test_a_claimed_code_can_be_cancelled_and_is_worth_nothing(himal):
    reward_id = promise(himal)
    code = himal.post(f"/rewards/{reward_id}/claim")["discountCode"]
    himal.post(f"/rewards/{reward_id}/cancel", {"reason": "fraud"})
    with nothing_moves(himal.app):
        refused = himal.post("/rewards/redeem", {"code": code})
        assert refused.status == 409 and refused["code"] == "reward_cancelled"
    assert himal.get(f"/rewards/validate?code={code}")["isCancelled"] is True


def test_the_reward_of_a_flagged_conversion_was_never_counted(himal):
    campaign = himal.campaign(fulfillmentType="MANUAL", budget=50)
    made = himal.convert(himal.code(campaign, "mallory"), "mallory")
    assert himal.get(f"/stats?campaignId={campaign}")["totalRewardValue"] == 0
    cancelled = himal.post(f"/rewards/{made['rewardId']}/cancel", {"reason": "fraud"})
    assert cancelled.status == 200
    assert himal.get(f"/stats?campaignId={campaign}")["totalRewardValue"] == 0
    assert money(himal.app, "mallory") == (0, 0)
    books_are_right(himal.app)


# --- holds ----------------------------------------------------------------------------------------------------------
def test_on_hold_a_reward_can_be_cancelled_and_nothing_else(himal):
    campaign = himal.campaign(fulfillmentType="MANUAL", holdDays=7)
    reward_id = promise(himal, campaign=campaign)
    assert himal.post(f"/rewards/{reward_id}/hold")["reward"]["holdReasons"] == ["HOLD_PERIOD", "MANUAL"]
    with nothing_moves(himal.app):
        himal.post(f"/rewards/{reward_id}/hold")
        for verb in ("claim", "approve", "pay"):
            refused = himal.post(f"/rewards/{reward_id}/{verb}")
            assert refused.status == 409 and refused["code"] == "reward_on_hold", verb
            assert refused["details"]["holdReasons"] == ["HOLD_PERIOD", "MANUAL"]
        refused = himal.post("/rewards/redeem", {"rewardId": reward_id, "userId": "asha"})
        assert refused["code"] == "reward_on_hold"
    released = himal.post(f"/rewards/{reward_id}/release")
    assert released["reward"]["holdReasons"] == ["HOLD_PERIOD"] and released["reward"]["heldUntil"]
    with nothing_moves(himal.app):
        himal.post(f"/rewards/{reward_id}/release")
        assert himal.post(f"/rewards/{reward_id}/approve")["code"] == "reward_on_hold"
    cancelled = himal.post(f"/rewards/{reward_id}/cancel", {"reason": "x"})
    assert cancelled.status == 200 and cancelled["reward"]["holdReasons"] == []
    assert money(himal.app) == (0, 0)


def test_a_claimed_code_on_hold_cannot_be_redeemed_until_it_is_released(himal):
    reward_id = promise(himal)
    code = himal.post(f"/rewards/{reward_id}/claim")["discountCode"]
    himal.post(f"/rewards/{reward_id}/hold")
    with nothing_moves(himal.app):
        assert himal.post("/rewards/redeem", {"code": code})["code"] == "reward_on_hold"
        seen = himal.get(f"/rewards/validate?code={code}")
        assert seen["valid"] is False and seen["isOnHold"] is True and seen["error"]
    himal.post(f"/rewards/{reward_id}/release")
    assert himal.post("/rewards/redeem", {"code": code}).status == 200


def test_what_is_paid_cannot_be_held(himal):
    reward_id = promise(himal, fulfillmentType="MANUAL")
    himal.post(f"/rewards/{reward_id}/pay")
    with nothing_moves(himal.app):
        assert himal.post(f"/rewards/{reward_id}/hold")["code"] == "reward_already_paid"
        assert himal.post(f"/rewards/{reward_id}/release").status == 200


# --- debts ----------------------------------------------------------------------------------------------------------
def test_a_debt_is_netted_by_the_next_reward_and_spares_the_others(himal):
    campaign = himal.campaign(fulfillmentType="MANUAL")
    ten = promise(himal, 100, campaign=campaign)
    himal.post(f"/rewards/{ten}/pay", {"payoutReference": "january"})
    himal.post(f"/conversions/{row(ten).conversion_id}/reverse", {"reason": "returned"})
    assert row(ten).status == "PAID" and money(himal.app) == (-1000, 0)

    fifteen, twenty = promise(himal, 150, campaign=campaign), promise(himal, 200, campaign=campaign)
    himal.post(f"/rewards/{fifteen}/approve")
    himal.post(f"/rewards/{twenty}/approve")
    assert money(himal.app) == (2500, 0)

    first = himal.post(f"/rewards/{fifteen}/pay", {"payoutReference": "february"})
    assert first["reward"]["nettedAmount"] == 10 and first["reward"]["amount"] == 15
    assert told(himal.app, "REWARD_REDEEMED")[-1]["nettedAmount"] == 10
    assert money(himal.app) == (2000, 0)
    assert himal.post(f"/rewards/{twenty}/pay")["reward"]["nettedAmount"] == 0
    assert money(himal.app) == (0, 0)
    books_are_right(himal.app)


def test_a_debt_larger_than_the_reward_leaves_the_rest_owed(himal):
    campaign = himal.campaign(fulfillmentType="MANUAL")
    ten, four = promise(himal, 100, campaign=campaign), promise(himal, 40, campaign=campaign)
    himal.post(f"/rewards/{ten}/pay")
    himal.post(f"/conversions/{row(ten).conversion_id}/reverse", {"reason": "returned"})
    paid = himal.post(f"/rewards/{four}/pay")
    assert paid["reward"]["status"] == "PAID" and paid["reward"]["nettedAmount"] == 4
    assert money(himal.app) == (-600, 0)
    books_are_right(himal.app)


def test_a_debt_in_one_currency_is_no_debt_in_another(himal):
    dollars = promise(himal, 100, fulfillmentType="MANUAL")
    himal.post(f"/rewards/{dollars}/pay")
    himal.post(f"/conversions/{row(dollars).conversion_id}/reverse", {"reason": "returned"})
    yen = promise(himal, 1000, fulfillmentType="MANUAL", currency="JPY")
    paid = himal.post(f"/rewards/{yen}/pay")["reward"]
    assert (paid["amount"], paid["currency"], paid["nettedAmount"]) == (100, "JPY", 0)
    assert money(himal.app) == (-1000, 0) and money(himal.app, asset="JPY") == (0, 0)


def test_a_redeemed_code_nets_a_debt_too(himal):
    ten = promise(himal, 100, fulfillmentType="MANUAL")
    himal.post(f"/rewards/{ten}/pay")
    himal.post(f"/conversions/{row(ten).conversion_id}/reverse", {"amount": 30, "reason": "one item returned"})
    five = promise(himal, 50)
    code = himal.post(f"/rewards/{five}/claim")["discountCode"]
    redeemed = himal.post("/rewards/redeem", {"code": code})
    assert redeemed.status == 200 and redeemed["reward"]["nettedAmount"] == 3
    assert money(himal.app) == (0, 0)
    books_are_right(himal.app)


def test_after_a_partial_reversal_a_reward_pays_what_it_is_worth(himal):
    reward_id = promise(himal, 100, fulfillmentType="MANUAL")
    himal.post(f"/conversions/{row(reward_id).conversion_id}/reverse", {"amount": 25, "reason": "one item"})
    paid = himal.post(f"/rewards/{reward_id}/pay")["reward"]
    assert (paid["amount"], paid["originalAmount"], paid["reversedAmount"]) == (7.5, 10, 2.5)
    assert money(himal.app) == (0, 0)
    books_are_right(himal.app)


# --- many at once ---------------------------------------------------------------------------------------------------
def test_a_hundred_rewards_at_once_each_stands_alone(himal, rival):
    campaign = himal.campaign(fulfillmentType="MANUAL")
    good = [promise(himal, referrer=f"asha-{place % 7}", campaign=campaign) for place in range(40)]
    held, cancelled = promise(himal, campaign=campaign), promise(himal, campaign=campaign)
    himal.post(f"/rewards/{held}/hold")
    himal.post(f"/rewards/{cancelled}/cancel", {"reason": "x"})
    theirs = promise(rival, fulfillmentType="MANUAL")
    ids = [*good, held, "rew_nothing", theirs, cancelled, good[0]]

    answer = himal.post("/rewards/approve", {"ids": ids})

    assert answer.status == 200 and (answer["succeeded"], answer["failed"]) == (41, 4)
    assert [result["id"] for result in answer["results"]] == ids
    assert all(result["reward"]["status"] == "APPROVED" for result in answer["results"][:40])
    assert [result.get("code") for result in answer["results"][40:]] == [
        "reward_on_hold",
        "reward_not_found",
        "reward_not_found",
        "reward_cancelled",
        None,
    ]
    assert row(theirs).status == "PENDING"
    books_are_right(himal.app)

    paid = himal.post("/rewards/pay", {"ids": good, "payoutReference": "batch-1"})
    assert paid["failed"] == 0 and {result["reward"]["payoutReference"] for result in paid["results"]} == {"batch-1"}
    assert len(told(himal.app, "REWARD_REDEEMED")) == 40
    assert [money(himal.app, f"asha-{place}") for place in range(7)] == [(0, 0)] * 7
    with nothing_moves(himal.app):
        refused = himal.post("/rewards/cancel", {"ids": good[:3], "reason": "too late"})
        assert {result["code"] for result in refused["results"]} == {"reward_already_paid"}
    assert (
        himal.post("/rewards/cancel", {"ids": [held], "reason": "x"})["results"][0]["reward"]["status"] == "CANCELLED"
    )
    books_are_right(himal.app)
    books_are_right(rival.app)


def test_a_batch_pays_a_debt_once(himal):
    campaign = himal.campaign(fulfillmentType="MANUAL")
    ten = promise(himal, 100, campaign=campaign)
    himal.post(f"/rewards/{ten}/pay")
    himal.post(f"/conversions/{row(ten).conversion_id}/reverse", {"reason": "returned"})
    ids = [promise(himal, amount, campaign=campaign) for amount in (60, 70, 80)]
    himal.post("/rewards/approve", {"ids": ids})
    results = himal.post("/rewards/pay", {"ids": ids})["results"]
    assert [result["reward"]["nettedAmount"] for result in results] == [6, 4, 0]
    assert money(himal.app) == (0, 0)
    books_are_right(himal.app)


def test_a_batch_is_of_one_to_a_hundred_ids(himal):
    with nothing_moves(himal.app):
        for ids in ([], ["rew_1"] * 101, "rew_1", [1], None, [""]):
            assert himal.post("/rewards/approve", {"ids": ids}).status == 400
        assert himal.post("/rewards/cancel", {"ids": ["rew_1"]}).status == 400
        assert himal.post("/rewards/approve", {"ids": ["rew_1"] * 100})["failed"] == 100


def test_the_rivals_rewards_are_not_there(himal, rival):
    reward_id = promise(himal)
    code = himal.post(f"/rewards/{reward_id}/claim")["discountCode"]
    with nothing_moves(himal.app):
        for verb, body in (
            ("claim", {}),
            ("approve", {}),
            ("cancel", {"reason": "x"}),
            ("pay", {}),
            ("hold", {}),
            ("release", {}),
        ):
            refused = rival.post(f"/rewards/{reward_id}/{verb}", body)
            assert refused.status == 404 and refused["code"] == "reward_not_found", verb
        assert rival.get(f"/rewards/{reward_id}").status == 404
        assert rival.post("/rewards/redeem", {"rewardId": reward_id, "userId": "asha"}).status == 404
        assert rival.post("/rewards/redeem", {"code": code}).status == 404
        assert rival.get(f"/rewards/validate?code={code}")["valid"] is False
        assert rival.get("/rewards")["rewards"] == []
