"""What time does to rewards, by each app's clock: they mature, complete themselves, expire, find room in a budget."""

from datetime import UTC, datetime, timedelta

import pytest

from incenta.accounts.models import App
from incenta.events.dispatch import dispatch
from incenta.events.models import Event
from incenta.subscribers import SUBSCRIBERS
from referrals import maturing, rewards, tasks
from referrals.models import CampaignSpend
from referrals.models.reward import HoldReason
from tests.cast import Caller, caller
from tests.referrals.promises import books_are_right, money, nothing_moves, promise, row, told

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def sandbox(himal) -> Caller:
    """Himal's sandbox, where time stands at START."""
    sandbox = caller(himal.app.sandbox)
    set_clock(sandbox, 0)
    return sandbox


def set_clock(sandbox: Caller, days: float) -> None:
    App.objects.filter(pk=sandbox.app.pk).update(clock_frozen_at=START + timedelta(days=days))
    sandbox.app.refresh_from_db()


def sweep(sandbox: Caller) -> int:
    moved = maturing.sweep(sandbox.app)
    with nothing_moves(sandbox.app):
        assert maturing.sweep(sandbox.app) == 0  # repeating it is harmless
    return moved


# --- maturing -------------------------------------------------------------------------------------------------------
def test_an_automated_reward_is_approved_when_its_hold_period_ends(sandbox):
    reward_id = promise(sandbox, fulfillmentType="AUTOMATED", holdDays=7)
    by_hand = promise(sandbox, fulfillmentType="MANUAL", holdDays=7)
    set_clock(sandbox, 6.9)
    assert sweep(sandbox) == 0
    assert sandbox.post(f"/rewards/{by_hand}/approve")["code"] == "reward_on_hold"
    set_clock(sandbox, 7)
    assert sweep(sandbox) == 1
    assert row(reward_id).status == "APPROVED" and row(reward_id).approved_at == START + timedelta(days=7)
    assert row(by_hand).status == "PENDING"
    assert sandbox.post(f"/rewards/{by_hand}/approve").status == 200
    assert money(sandbox.app) == (1000, 0)


def test_coins_are_credited_by_themselves_and_told(sandbox):
    reward_id = promise(sandbox, fulfillmentType="COINS", rewardModel="FIXED", rewardValue=40)
    assert money(sandbox.app, asset="COIN") == (0, 40)
    assert sweep(sandbox) == 1
    assert row(reward_id).status == "PAID" and money(sandbox.app, asset="COIN") == (40, 0)
    (event,) = told(sandbox.app, "REWARD_REDEEMED")
    assert (event["amount"], event["currency"], event["reason"]) == (40, "COIN", "credited")
    assert sandbox.post(f"/rewards/{reward_id}/claim")["code"] == "reward_not_claimable"
    assert sandbox.post(f"/rewards/{reward_id}/approve").status == 200


def test_what_is_under_review_does_not_complete_itself(sandbox):
    campaign = sandbox.campaign(fulfillmentType="COINS", rewardModel="FIXED", rewardValue=40)
    made = sandbox.convert(sandbox.code(campaign, "mallory"), "mallory")
    assert sweep(sandbox) == 0
    rewards.release(sandbox.app, made["rewardId"], reason=HoldReason.FRAUD_REVIEW)
    assert sweep(sandbox) == 1
    assert money(sandbox.app, "mallory", "COIN") == (40, 0)


def test_a_conversion_rings_for_what_completes_itself(himal, django_capture_on_commit_callbacks):
    rung = maturing.bell._rung
    maturing.bell._thread = object()  # nobody answers the bell, so that it can be seen to have rung
    try:
        for fields, rings in (
            ({"fulfillmentType": "MANUAL"}, False),
            ({"fulfillmentType": "AUTOMATED", "holdDays": 2}, False),
            ({"fulfillmentType": "AUTOMATED"}, True),
        ):
            promise(himal, **fields)
            with django_capture_on_commit_callbacks(execute=True):
                dispatch({"REWARD_CREATED": SUBSCRIBERS["REWARD_CREATED"]})
            assert rung.is_set() is rings, fields
            rung.clear()
    finally:
        maturing.bell._forget()
    assert not Event.objects.filter(dispatched_at=None).exists()
    tasks.complete_rewards()
    assert himal.get("/rewards?status=APPROVED&fulfillmentType=AUTOMATED")["pagination"]["totalItems"] == 1


# --- expiring -------------------------------------------------------------------------------------------------------
def test_a_claimed_code_expires(sandbox):
    campaign = sandbox.campaign(fulfillmentType="DISCOUNT_CODE", rewardExpirationDays=10, budget=100)
    reward_id = promise(sandbox, campaign=campaign)
    set_clock(sandbox, 1)
    code = sandbox.post(f"/rewards/{reward_id}/claim")["discountCode"]
    set_clock(sandbox, 10.9)
    assert sandbox.get(f"/rewards/validate?code={code}")["valid"] is True and sweep(sandbox) == 0

    set_clock(sandbox, 11)
    for swept in (False, True):  # the answer is the same whether or not the sweep has come by
        if swept:
            assert sweep(sandbox) == 1
        with nothing_moves(sandbox.app):
            refused = sandbox.post("/rewards/redeem", {"code": code})
            assert refused.status == 409 and refused["code"] == "code_expired"
            seen = sandbox.get(f"/rewards/validate?code={code}")
            assert seen["valid"] is False and seen["isExpired"] is True
            assert sandbox.post(f"/rewards/{reward_id}/pay")["code"] == "code_expired"
            assert sandbox.post(f"/rewards/{reward_id}/claim")["code"] == "reward_not_claimable"

    reward = row(reward_id)
    assert (reward.status, reward.cancel_reason) == ("CANCELLED", "expired")
    assert money(sandbox.app) == (0, 0) and CampaignSpend.objects.get(campaign=campaign).promised_minor == 0
    (event,) = told(sandbox.app, "REWARD_CANCELLED")
    assert event["reason"] == "expired" and event["discountCode"] == code


def test_a_reward_not_claimed_in_time_is_cancelled(sandbox):
    reward_id = promise(sandbox, claimWithinDays=5)
    automated = promise(sandbox, fulfillmentType="AUTOMATED", claimWithinDays=5, holdDays=9)
    set_clock(sandbox, 5)
    for swept in (False, True):
        if swept:
            assert sweep(sandbox) == 1
        with nothing_moves(sandbox.app):
            for verb, code in (
                ("claim", "reward_not_claimable"),
                ("approve", "reward_not_approvable"),
                ("pay", "reward_not_payable"),
            ):
                refused = sandbox.post(f"/rewards/{reward_id}/{verb}")
                assert refused.status == 409 and refused["code"] == code, verb
    assert row(reward_id).cancel_reason == "not claimed in time"
    assert told(sandbox.app, "REWARD_CANCELLED")[0]["reason"] == "not claimed in time"
    assert row(automated).status == "PENDING"  # nobody needs to claim what completes itself


def test_what_is_claimed_approved_or_paid_in_time_does_not_lapse(sandbox):
    claimed, approved, paid = (
        promise(sandbox, fulfillmentType=kind, claimWithinDays=5) for kind in ("DISCOUNT_CODE", "MANUAL", "MANUAL")
    )
    sandbox.post(f"/rewards/{claimed}/claim")
    sandbox.post(f"/rewards/{approved}/approve")
    sandbox.post(f"/rewards/{paid}/pay")
    set_clock(sandbox, 50)
    assert sweep(sandbox) == 0


def test_a_hold_stops_the_clock_of_claiming_and_of_redeeming(sandbox):
    waiting = promise(sandbox, claimWithinDays=5)
    claimed = promise(sandbox, rewardExpirationDays=5)
    code = sandbox.post(f"/rewards/{claimed}/claim")["discountCode"]
    for reward_id in (waiting, claimed):
        sandbox.post(f"/rewards/{reward_id}/hold")
    set_clock(sandbox, 20)
    assert sweep(sandbox) == 0
    assert sandbox.post("/rewards/redeem", {"code": code})["code"] == "reward_on_hold"
    for reward_id in (waiting, claimed):
        sandbox.post(f"/rewards/{reward_id}/release")
    set_clock(sandbox, 24.9)
    assert sweep(sandbox) == 0
    assert sandbox.post(f"/rewards/{waiting}/claim").status == 200
    assert sandbox.post("/rewards/redeem", {"code": code}).status == 200


def test_the_days_come_from_the_rules_that_made_the_reward(sandbox):
    campaign = sandbox.campaign(fulfillmentType="DISCOUNT_CODE", rewardExpirationDays=10)
    old = promise(sandbox, campaign=campaign)
    assert sandbox.patch(f"/campaigns/{campaign}", {"rewardExpirationDays": None}).status == 200
    new = promise(sandbox, campaign=campaign)
    assert sandbox.post(f"/rewards/{old}/claim")["expiresAt"] == "2026-03-11T12:00:00.000Z"
    assert sandbox.post(f"/rewards/{new}/claim")["expiresAt"] is None


def test_each_app_goes_by_its_own_clock(himal, sandbox):
    live = promise(himal, claimWithinDays=5)
    test = promise(sandbox, claimWithinDays=5)
    set_clock(sandbox, 400)
    assert maturing.sweep_all() == 1
    assert row(test).status == "CANCELLED" and row(live).status == "PENDING"


# --- budgets --------------------------------------------------------------------------------------------------------
def test_a_raised_budget_releases_the_oldest_first(himal):
    campaign = himal.campaign(fulfillmentType="MANUAL", budget=10, budgetPolicy="HOLD")
    ids = [
        promise(himal, amount, campaign=campaign) for amount in (80, 60, 30, 10)
    ]  # 8 fits; 6 does not; 3 neither, then 1 does
    assert [row(each).holds for each in ids] == [[], ["BUDGET"], ["BUDGET"], []]
    books_are_right(himal.app)
    with nothing_moves(himal.app):
        assert maturing.sweep(himal.app) == 0
        refused = himal.post(f"/rewards/{ids[1]}/approve")
        assert refused["details"]["holdReasons"] == ["BUDGET"]

    himal.patch(f"/campaigns/{campaign}", {"budget": 16})
    assert maturing.sweep(himal.app) == 1  # 9 + 6; the 3 waits
    assert [row(each).holds for each in ids] == [[], [], ["BUDGET"], []]
    books_are_right(himal.app)

    himal.post(f"/rewards/{ids[0]}/cancel", {"reason": "returned"})  # frees 8
    tasks.sweep_rewards()
    assert [row(each).holds for each in ids] == [[], [], [], []]
    assert CampaignSpend.objects.get(campaign=campaign).promised_minor == 1000
    books_are_right(himal.app)


def test_the_oldest_is_not_overtaken_by_a_smaller_one(himal):
    campaign = himal.campaign(fulfillmentType="MANUAL", budget=1, budgetPolicy="HOLD")
    large, small = promise(himal, 90, campaign=campaign), promise(himal, 20, campaign=campaign)
    himal.patch(f"/campaigns/{campaign}", {"budget": 3})
    with nothing_moves(himal.app):
        assert maturing.sweep(himal.app) == 0
    himal.patch(f"/campaigns/{campaign}", {"budget": None})
    assert maturing.sweep(himal.app) == 2
    assert row(large).holds == row(small).holds == []
    books_are_right(himal.app)


def test_held_over_budget_and_cancelled_frees_nothing(himal):
    campaign = himal.campaign(fulfillmentType="MANUAL", budget=5, budgetPolicy="HOLD")
    fits, waits = promise(himal, 50, campaign=campaign), promise(himal, 50, campaign=campaign)
    himal.post(f"/rewards/{waits}/cancel", {"reason": "x"})
    assert CampaignSpend.objects.get(campaign=campaign).promised_minor == 500
    himal.post(f"/rewards/{fits}/cancel", {"reason": "x"})
    himal.post(f"/rewards/{fits}/cancel", {"reason": "x"})
    assert CampaignSpend.objects.get(campaign=campaign).promised_minor == 0
    books_are_right(himal.app)


# --- many -----------------------------------------------------------------------------------------------------------
def test_a_sweep_takes_any_number(sandbox, monkeypatch):
    monkeypatch.setattr(maturing, "BATCH", 4)
    campaign = sandbox.campaign(fulfillmentType="COINS", rewardModel="FIXED", rewardValue=1)
    for place in range(10):
        promise(sandbox, referrer=f"asha-{place % 3}", campaign=campaign)
    assert sweep(sandbox) == 10
    assert sum(money(sandbox.app, f"asha-{place}", "COIN")[0] for place in range(3)) == 10
