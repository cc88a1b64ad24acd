"""Taking conversions back: to the penny in any number of parts, once, and from wherever the reward has got to."""

import random
from collections import Counter
from fractions import Fraction
from math import floor

import pytest
from django.db import transaction

from incenta.money import COIN
from incentives import ledger
from referrals.models import CampaignSpend, Conversion, Reversal, Reward
from tests.cast import Caller, at_once
from tests.referrals.moments import at, moment
from tests.referrals.promises import books_are_right, money, nothing_moves, promise, row, told

pytestmark = pytest.mark.django_db

MULTI_LEVEL = {"referralType": "MULTI_LEVEL", "level2RewardValue": 3}
TWO_SIDED = {"referralType": "TWO_SIDED", "refereeRewardValue": 4}
FIXED = {"rewardModel": "FIXED", "rewardValue": 5}
COINS = {"fulfillmentType": "COINS", "rewardModel": "FIXED", "rewardValue": 100}


def reverse(himal: Caller, conversion_id: str, amount: float | None = None, **more):
    sent = {"reason": "returned"} | ({} if amount is None else {"amount": amount}) | more
    return himal.post(f"/conversions/{conversion_id}/reverse", sent)


def converted(
    himal: Caller, amount: float | None = 50, referrer: str = "asha", referee: str = "bikram", **fields
) -> str:
    made = himal.convert(himal.code(himal.campaign(**fields), referrer), referee, amount)
    assert made.status == 201, made
    return made["conversionId"]


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


# --- in full --------------------------------------------------------------------------------------------------------
def test_in_full(himal):
    conversion_id = converted(himal)
    (reward,) = Reward.objects.all()
    code = reward.referral.code
    answer = reverse(himal, conversion_id)
    assert answer.status == 200
    effect = {
        "type": "reward",
        "rewardId": reward.pk,
        "userId": "asha",
        "side": "REFERRER",
        "level": 1,
        "currency": "USD",
        "before": 5,
        "after": 0,
        "takenBack": 5,
        "owed": 0,
        "uncollected": 0,
        "statusBefore": "PENDING",
        "statusAfter": "CANCELLED",
    }
    assert answer.json == {
        "success": True,
        "conversionId": conversion_id,
        "status": "REVERSED",
        "preview": False,
        "amount": 50,
        "reversedAmount": 50,
        "remainingAmount": 0,
        "currency": "USD",
        "effects": [effect],
    }
    reward.refresh_from_db()
    assert (reward.status, reward.worth_minor, reward.cancel_reason) == ("CANCELLED", 0, "returned")
    assert money(himal.app) == (0, 0)
    shown = himal.get(f"/conversions/{conversion_id}")
    assert (shown["status"], shown["amount"], shown["reversedAmount"]) == ("REVERSED", 50, 50)
    (kept,) = shown["reversals"]
    assert (kept["amount"], kept["reason"], kept["effects"]) == (50, "returned", [effect])
    (event,) = told(himal.app, "REFERRAL_REVERSED")
    assert {name: event[name] for name in ("conversionId", "reason", "amount", "currency", "status", "effects")} == {
        "conversionId": conversion_id,
        "reason": "returned",
        "amount": 50,
        "currency": "USD",
        "status": "REVERSED",
        "effects": [effect],
    }
    (cancelled,) = told(himal.app, "REWARD_CANCELLED")
    assert (cancelled["rewardId"], cancelled["amount"], cancelled["reason"]) == (reward.pk, 5, "returned")
    referral = himal.get(f"/referrals/{code}")["referral"]
    assert (referral["status"], referral["conversions"], referral["rewardAmount"]) == ("PENDING", 0, 0)
    stats = himal.get("/stats")
    assert (stats["totalConversions"], stats["totalRewardValue"]) == (0, 0)
    books_are_right(himal.app)


def test_again_is_harmless(himal):
    conversion_id = converted(himal)
    reverse(himal, conversion_id)
    with nothing_moves(himal.app):
        again = reverse(himal, conversion_id)
        assert (again.status, again["status"], again["amount"], again["effects"]) == (200, "REVERSED", 0, [])
        assert reverse(himal, conversion_id, preview=True)["effects"] == []
    assert Reversal.objects.count() == 1


@pytest.mark.parametrize("clicked", [False, True])
def test_a_code_is_as_it_was_when_its_last_conversion_goes(himal, clicked):
    code = himal.code(himal.campaign())
    if clicked:
        himal.post("/clicks", {"referralCode": code})
    made = [himal.convert(code, friend)["conversionId"] for friend in ("bikram", "chandra")]
    for conversion_id, status in zip(made, ("CONVERTED", "CLICKED" if clicked else "PENDING"), strict=True):
        reverse(himal, conversion_id)
        assert himal.get(f"/referrals/{code}")["referral"]["status"] == status


def test_all_sides_and_levels(himal):
    campaign = himal.campaign(**MULTI_LEVEL)
    himal.convert(himal.code(campaign, "tara"), "asha")
    made = himal.convert(himal.code(campaign, "asha"))["conversionId"]
    effects = reverse(himal, made, 25)["effects"]
    assert [(each["userId"], each["level"], each["takenBack"]) for each in effects] == [
        ("asha", 1, 2.5),
        ("tara", 2, 0.75),
    ]
    assert (money(himal.app, "asha"), money(himal.app, "tara")) == ((0, 250), (0, 575))
    reverse(himal, made)
    assert (money(himal.app, "asha"), money(himal.app, "tara")) == ((0, 0), (0, 500))
    both = converted(himal, **TWO_SIDED)
    assert [(each["userId"], each["side"]) for each in reverse(himal, both)["effects"]] == [
        ("asha", "REFERRER"),
        ("bikram", "REFEREE"),
    ]
    books_are_right(himal.app)


# --- in part --------------------------------------------------------------------------------------------------------
def test_a_part_takes_its_share(himal):
    conversion_id = converted(himal, 49.99)
    answer = reverse(himal, conversion_id, 10.01)
    assert (answer["status"], answer["reversedAmount"], answer["remainingAmount"]) == ("CONVERTED", 10.01, 39.98)
    (reward,) = Reward.objects.all()
    assert (reward.status, reward.worth_minor) == ("PENDING", half_up(500 * (1 - Fraction(1001, 4999))))
    stats = himal.get("/stats")
    assert (stats["totalConversions"], stats["totalRewardValue"]) == (1, 4)
    assert told(himal.app, "REWARD_CANCELLED") == []
    rest = reverse(himal, conversion_id)
    assert (rest["amount"], rest["status"], rest["effects"][0]["takenBack"]) == (39.98, "REVERSED", 4)
    books_are_right(himal.app)


def test_a_fixed_reward_is_taken_in_proportion_too(himal):
    conversion_id = converted(himal, 30, **FIXED)
    assert [reverse(himal, conversion_id, 10)["effects"][0]["after"] for _ in range(3)] == [3.33, 1.67, 0]


@pytest.mark.parametrize("seed", range(8))
def test_any_sequence_of_parts_ends_at_the_same_penny(himal, seed):
    chance = random.Random(seed)
    currency, unit = chance.choice([("USD", 100), ("JPY", 1), ("BHD", 1000)])
    kind = chance.choice([{}, TWO_SIDED, MULTI_LEVEL, {"rewardCap": 3}])
    campaign = himal.campaign(currency=currency, rewardValue=chance.randint(1, 100), budget=10**6, **kind)
    himal.convert(himal.code(campaign, "tara"), "asha", 0)
    whole = chance.randint(20, 20_000)
    conversion_id = himal.convert(himal.code(campaign, "asha"), "bikram", whole / unit)["conversionId"]
    first = {reward.pk: reward.amount_minor for reward in Reward.objects.filter(conversion=conversion_id)}
    cuts = [*sorted(chance.sample(range(1, whole), 6)), whole]
    parts = [after - before for before, after in zip([0, *cuts], cuts, strict=False)]
    chance.shuffle(parts)
    back = 0
    for part in parts:
        answer = reverse(himal, conversion_id, part / unit)
        assert answer.status == 200, answer
        back += part
        worth = {each: half_up(minor * (1 - Fraction(back, whole))) for each, minor in first.items()}
        for reward in Reward.objects.filter(conversion=conversion_id):
            assert reward.worth_minor == worth[reward.pk]
            assert reward.status == ("PENDING" if worth[reward.pk] else "CANCELLED")
        stats = himal.get(f"/stats?campaignId={campaign}")
        assert stats["totalRewardValue"] == sum(worth.values()) / unit
        assert stats["totalConversions"] == (2 if back < whole else 1)
        books_are_right(himal.app)
    assert answer["status"] == "REVERSED" and answer["remainingAmount"] == 0
    assert money(himal.app, "asha", currency) == money(himal.app, "tara", currency) == (0, 0)


# --- preview --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("amount", [None, 12.34])
@pytest.mark.parametrize("state", ["PENDING", "APPROVED", "PAID"])
def test_a_preview_tells_what_would_happen_and_changes_nothing(himal, amount, state):
    conversion_id = converted(himal, **TWO_SIDED)
    for reward in Reward.objects.all():
        if state != "PENDING":
            himal.post(f"/rewards/{reward.pk}/approve")
        if state == "PAID":
            himal.post(f"/rewards/{reward.pk}/pay", {"payoutReference": "bank 1"})
    before = list(Conversion.objects.values()), himal.get("/stats").json
    with nothing_moves(himal.app):
        preview = reverse(himal, conversion_id, amount, preview=True)
        assert preview.status == 200 and preview["preview"] is True
    assert (list(Conversion.objects.values()), himal.get("/stats").json) == before
    assert not Reversal.objects.exists()
    real = reverse(himal, conversion_id, amount)
    assert real.json == preview.json | {"preview": False}


# --- refusals -------------------------------------------------------------------------------------------------------
CANNOT_BE_RIGHT = [
    ({"amount": 50.01}, "amount"),
    ({"amount": 0}, "amount"),
    ({"amount": -5}, "amount"),
    ({"amount": 5.001}, "amount"),
    ({"amount": "5"}, "amount"),
    ({"amount": True}, "amount"),
    ({"amount": 1e308}, "amount"),
    ({"reason": ""}, "reason"),
    ({"reason": None}, "reason"),
    ({"reason": "r" * 501}, "reason"),
    ({"reason": 5}, "reason"),
    ({"preview": "true"}, "preview"),
    ({"preview": 1}, "preview"),
    ({"dryRun": True}, "dryRun"),
]


def test_what_cannot_be_right_is_refused(himal):
    conversion_id = converted(himal)
    with nothing_moves(himal.app):
        for sent, field in CANNOT_BE_RIGHT:
            refused = himal.post(f"/conversions/{conversion_id}/reverse", {"reason": "returned"} | sent)
            assert (refused.status, list(refused["details"])) == (400, [field]), refused
    assert not Reversal.objects.exists() and Conversion.objects.get().reversed_minor == 0


def test_no_more_than_is_left_is_taken_back(himal):
    conversion_id = converted(himal)
    reverse(himal, conversion_id, 30)
    for preview in (True, False):
        with nothing_moves(himal.app):
            refused = reverse(himal, conversion_id, 20.01, preview=preview)
            assert refused.status == 400 and "20.00" in refused["details"]["amount"][0]
    assert reverse(himal, conversion_id, 20)["status"] == "REVERSED"
    with nothing_moves(himal.app):
        assert reverse(himal, conversion_id, 0.01).status == 400


def test_a_reason_is_needed(himal):
    refused = himal.post(f"/conversions/{converted(himal)}/reverse", {})
    assert refused.status == 400 and list(refused["details"]) == ["reason"]


def test_anothers_conversion_is_not_there(himal, rival):
    conversion_id = converted(himal)
    with nothing_moves(himal.app):
        for each in (conversion_id, "conv_nothing"):
            refused = reverse(rival, each)
            assert (refused.status, refused["code"]) == (404, "conversion_not_found")


# --- wherever the reward has got to ---------------------------------------------------------------------------------
def test_a_claimed_code_is_worth_nothing_any_more(himal):
    conversion_id = converted(himal, fulfillmentType="DISCOUNT_CODE")
    (reward,) = Reward.objects.all()
    code = himal.post(f"/rewards/{reward.pk}/claim")["discountCode"]
    assert money(himal.app) == (500, 0)
    (effect,) = reverse(himal, conversion_id)["effects"]
    assert (effect["statusBefore"], effect["statusAfter"], effect["owed"]) == ("APPROVED", "CANCELLED", 0)
    assert money(himal.app) == (0, 0)
    checked = himal.get(f"/rewards/validate?code={code}")
    assert (checked["valid"], checked["isCancelled"]) == (False, True)
    assert himal.post("/rewards/redeem", {"code": code})["code"] == "reward_cancelled"
    books_are_right(himal.app)


def test_what_was_approved_loses_a_part(himal):
    conversion_id = converted(himal)
    (reward,) = Reward.objects.all()
    himal.post(f"/rewards/{reward.pk}/approve")
    reverse(himal, conversion_id, 20)
    assert money(himal.app) == (300, 0)
    assert himal.post(f"/rewards/{reward.pk}/pay", {"payoutReference": "bank 1"}).status == 200
    assert money(himal.app) == (0, 0)
    books_are_right(himal.app)


def test_what_was_paid_is_a_debt_that_the_next_rewards_settle(himal):
    campaign = himal.campaign()
    code = himal.code(campaign)

    def paid(friend: str) -> Reward:
        reward_id = himal.convert(code, friend)["rewardId"]
        assert himal.post(f"/rewards/{reward_id}/pay", {"payoutReference": f"bank {friend}"}).status == 200
        return row(reward_id)

    first = paid("bikram")
    (effect,) = reverse(himal, first.conversion_id, 40)["effects"]
    assert (effect["takenBack"], effect["owed"], effect["statusAfter"], effect["after"]) == (4, 4, "PAID", 1)
    assert money(himal.app) == (-400, 0)
    reverse(himal, first.conversion_id)
    assert money(himal.app) == (-500, 0)
    assert row(first.pk).status == "PAID"
    half = himal.convert(code, "chandra", 30)["rewardId"]
    himal.post(f"/rewards/{half}/pay", {"payoutReference": "bank 2"})
    assert (row(half).netted_minor, money(himal.app)) == (300, (-200, 0))
    assert paid("deepa").netted_minor == 200
    assert paid("esha").netted_minor == 0
    assert money(himal.app) == (0, 0)
    stats = himal.get(f"/stats?campaignId={campaign}")
    assert (stats["totalConversions"], stats["totalRewardValue"]) == (3, 13)
    books_are_right(himal.app)


def test_a_reward_that_was_cancelled_before_is_left_alone(himal):
    conversion_id = converted(himal, **TWO_SIDED)
    ashas = Reward.objects.get(user_id="asha")
    himal.post(f"/rewards/{ashas.pk}/cancel", {"reason": "fraud"})
    effects = reverse(himal, conversion_id)["effects"]
    assert [effect["userId"] for effect in effects] == ["bikram"]
    assert row(ashas.pk).cancel_reason == "fraud"
    assert len(told(himal.app, "REWARD_CANCELLED")) == 2
    books_are_right(himal.app)


def test_a_flagged_conversion_leaves_the_review(himal):
    conversion_id = converted(himal, referrer="mallory", referee="mallory")
    assert himal.get("/stats")["flaggedConversions"] == 1
    reverse(himal, conversion_id, 20)
    assert himal.get("/stats")["flaggedConversions"] == 1
    reverse(himal, conversion_id)
    stats = himal.get("/stats")
    assert (stats["flaggedConversions"], stats["totalConversions"], stats["totalRewardValue"]) == (0, 0, 0)
    assert money(himal.app, "mallory") == (0, 0)
    books_are_right(himal.app)


def test_without_an_amount_it_goes_whole(himal):
    conversion_id = converted(himal, None, **FIXED)
    with nothing_moves(himal.app):
        refused = reverse(himal, conversion_id, 1)
        assert refused.status == 400 and list(refused["details"]) == ["amount"]
    answer = reverse(himal, conversion_id)
    assert (answer["status"], answer["amount"], answer["remainingAmount"]) == ("REVERSED", 0, None)
    assert answer["effects"][0]["takenBack"] == 5
    assert himal.get(f"/conversions/{conversion_id}")["reversals"][0]["amount"] == 0
    books_are_right(himal.app)


def test_an_order_of_nothing_goes_whole(himal):
    conversion_id = converted(himal, 0, **FIXED)
    assert reverse(himal, conversion_id, 0.01).status == 400
    assert reverse(himal, conversion_id)["effects"][0]["takenBack"] == 5
    assert himal.get("/stats")["totalConversions"] == 0
    books_are_right(himal.app)


# --- coins ----------------------------------------------------------------------------------------------------------
def coins(himal: Caller) -> tuple[int, int]:
    return money(himal.app, asset=COIN)


def credited(himal: Caller) -> str:
    conversion_id = converted(himal, **COINS)
    himal.post(f"/rewards/{Reward.objects.get(conversion=conversion_id).pk}/claim")
    return conversion_id


def spend(himal: Caller, amount: int) -> None:
    with transaction.atomic():
        ledger.spend(himal.app, "asha", COIN, amount, cause="rdm_1", cause_type="redemption")


def test_coins_that_wait(himal):
    conversion_id = converted(himal, **COINS)
    assert coins(himal) == (0, 100)
    reverse(himal, conversion_id, 25)
    assert coins(himal) == (0, 50)
    books_are_right(himal.app)


def test_coins_that_are_there_are_fetched(himal):
    conversion_id = credited(himal)
    (effect,) = reverse(himal, conversion_id, 25)["effects"]
    assert (effect["takenBack"], effect["owed"], effect["uncollected"], effect["statusAfter"]) == (50, 0, 0, "PAID")
    assert coins(himal) == (50, 0)
    books_are_right(himal.app)


def test_coins_that_are_spent_cannot_be_fetched_and_the_answer_says_how_many(himal):
    conversion_id = credited(himal)
    spend(himal, 70)
    with nothing_moves(himal.app):
        preview = reverse(himal, conversion_id, preview=True)
    answer = reverse(himal, conversion_id)
    assert answer.json == preview.json | {"preview": False}
    (effect,) = answer["effects"]
    assert (effect["takenBack"], effect["owed"], effect["uncollected"]) == (100, 0, 70)
    assert coins(himal) == (0, 0)
    assert himal.get("/stats")["totalRewardValue"] == 0
    books_are_right(himal.app)


def test_an_app_may_let_coins_be_owed(himal):
    himal.app.allows_negative_points = True
    himal.app.save()
    first, second = credited(himal), converted(himal, referee="chandra", **COINS)
    spend(himal, 70)
    (effect,) = reverse(himal, first)["effects"]
    assert (effect["takenBack"], effect["owed"], effect["uncollected"]) == (100, 70, 0)
    assert coins(himal) == (-70, 100)
    # and where it no longer does, the debt that is there stands in nobody's way
    himal.post(f"/rewards/{Reward.objects.get(conversion=second).pk}/claim")
    spend(himal, 30)
    third = credited(himal)
    reverse(himal, second)
    assert coins(himal)[0] == 0
    himal.app.allows_negative_points = False
    himal.app.save()
    (effect,) = reverse(himal, third)["effects"]
    assert (effect["owed"], effect["uncollected"]) == (0, 100)
    books_are_right(himal.app)


def test_coins_whose_time_is_up_are_not_counted_on(sandbox):
    conversion_id = credited(sandbox)
    spend(sandbox, 100)
    tomorrow = moment("2026-03-02T12:00:00Z")
    ledger.earn(sandbox.app, "asha", COIN, 50, cause="evt_1", cause_type="event", expires_at=tomorrow)
    at(sandbox, "2026-03-03T12:00:00Z")  # and nobody has swept yet
    answer = reverse(sandbox, conversion_id)
    assert (answer.status, answer["effects"][0]["uncollected"]) == (200, 100)
    assert coins(sandbox) == (0, 0)
    books_are_right(sandbox.app)


def test_a_debt_of_coins_fails_no_reversal(himal):
    himal.app.allows_negative_points = True
    himal.app.save()
    first, second = credited(himal), credited(himal)
    spend(himal, 200)
    reverse(himal, first)
    assert coins(himal) == (-100, 0)
    himal.app.allows_negative_points = False
    himal.app.save()
    answer = reverse(himal, second)
    assert answer.status == 200 and answer["effects"][0]["uncollected"] == 100
    assert coins(himal) == (-100, 0)
    books_are_right(himal.app)


# --- budgets --------------------------------------------------------------------------------------------------------
def test_what_is_taken_back_is_free_for_others(himal):
    campaign = himal.campaign(budget=10)
    code = himal.code(campaign)
    made = [himal.convert(code, f"friend {place}") for place in range(2)]
    assert himal.convert(code, "too late")["rewardCreated"] is False
    reverse(himal, made[0]["conversionId"], 20)
    assert CampaignSpend.objects.get().promised_minor == 800
    assert himal.convert(code, "still too late")["rewardCreated"] is False
    assert himal.convert(code, "small", 20)["rewardCreated"] is True
    himal.post(f"/rewards/{made[1]['rewardId']}/pay", {"payoutReference": "bank"})
    reverse(himal, made[1]["conversionId"])
    assert CampaignSpend.objects.get().promised_minor == 500
    books_are_right(himal.app)


def test_what_waits_for_the_budget_frees_nothing_of_it(himal):
    code = himal.code(himal.campaign(budget=5, budgetPolicy="HOLD"))
    himal.convert(code, "bikram")
    waiting = himal.convert(code, "chandra")
    reverse(himal, waiting["conversionId"])
    assert CampaignSpend.objects.get().promised_minor == 500
    books_are_right(himal.app)


# --- at once --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_thirty_reversals_take_back_once(himal, no_deadlocks):
    conversion_id = converted(himal, **TWO_SIDED)
    answers = at_once(30, lambda _: reverse(himal, conversion_id))
    assert {answer.status for answer in answers} == {200}
    assert Counter(len(answer["effects"]) for answer in answers) == {2: 1, 0: 29}
    assert Reversal.objects.count() == len(told(himal.app, "REFERRAL_REVERSED")) == 1
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_thirty_parts_take_no_more_than_there_is(himal, no_deadlocks):
    conversion_id = converted(himal, 20, budget=100)
    answers = at_once(30, lambda _: reverse(himal, conversion_id, 1))
    assert Counter(answer.status for answer in answers) == {200: 20, 400: 10}
    assert Conversion.objects.get().status == "REVERSED"
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_one_key_takes_back_one_part(himal):
    conversion_id = converted(himal)
    sent = {"reason": "returned", "amount": 10}
    answers = at_once(
        10, lambda _: himal.post(f"/conversions/{conversion_id}/reverse", sent, idempotency_key="refund 1")
    )
    assert {answer.status for answer in answers} <= {200, 409}
    assert Conversion.objects.get().reversed_minor == 1000
    again = himal.post(f"/conversions/{conversion_id}/reverse", sent, idempotency_key="refund 1")
    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert Conversion.objects.get().reversed_minor == 1000
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_whatever_else_happens_to_the_reward_meanwhile(himal, no_deadlocks):
    campaign = himal.campaign(fulfillmentType="DISCOUNT_CODE", budget=10_000, **TWO_SIDED)
    made = [himal.convert(himal.code(campaign, f"referrer {place}"), f"friend {place}") for place in range(6)]
    rewards = {answer["rewardId"]: answer["conversionId"] for answer in made}

    def act(place: int):
        reward_id, conversion_id = list(rewards.items())[place % 6]
        if place < 6:
            return reverse(himal, conversion_id, 13)
        if place < 12:
            return himal.post(f"/rewards/{reward_id}/claim")
        if place < 18:
            return reverse(himal, conversion_id)
        return himal.post(f"/rewards/{reward_id}/cancel", {"reason": "test"})

    answers = at_once(24, act)
    assert all(answer.status in (200, 400, 409) for answer in answers)
    assert {row(reward_id).status for reward_id in rewards} == {"CANCELLED"}
    assert CampaignSpend.objects.get().promised_minor == 0
    assert himal.get("/stats")["totalConversions"] == 0
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("value", [0, 5])
def test_a_code_stays_converted_while_one_comes_and_another_goes(himal, no_deadlocks, value):
    """Also where no reward is made, so that nothing but the referrer's wallet keeps the two apart."""
    code = himal.code(himal.campaign(rewardModel="FIXED", rewardValue=value))
    for turn in range(8):
        gone = himal.convert(code, f"gone {turn}")["conversionId"]
        came = at_once(
            2,
            lambda place, gone=gone, turn=turn: himal.convert(code, f"came {turn}") if place else reverse(himal, gone),
        )[1]
        assert himal.get(f"/referrals/{code}")["referral"]["status"] == "CONVERTED"
        reverse(himal, came["conversionId"])
        assert himal.get(f"/referrals/{code}")["referral"]["status"] == "PENDING"
    books_are_right(himal.app)


def test_rewards_of_other_conversions_are_not_touched(himal):
    other = promise(himal)
    reverse(himal, converted(himal))
    assert (row(other).status, row(other).worth_minor) == ("PENDING", 500)
