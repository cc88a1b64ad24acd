"""Conversions: what a friend's purchase brings about, exactly once, whoever asks, however often, and however many at once."""

import json
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from incenta.events.models import Event
from referrals.models import CampaignSpend, Conversion, Reward
from tests.cast import Caller, at_once
from tests.referrals.moments import at, moment
from tests.referrals.promises import books_are_right, money, nothing_moves, row, told

pytestmark = pytest.mark.django_db

MULTI_LEVEL = {"referralType": "MULTI_LEVEL", "level2RewardValue": 2}
TWO_SIDED = {"referralType": "TWO_SIDED", "refereeRewardValue": 4}
FIXED = {"rewardModel": "FIXED", "rewardValue": 5}


def refuses(himal: Caller, act, status: int, code: str):
    """``act`` is refused so, and nothing moves."""
    conversions = Conversion.objects.count()
    with nothing_moves(himal.app):
        answer = act()
        assert (answer.status, answer["code"]) == (status, code), answer
    assert Conversion.objects.count() == conversions
    return answer


def rewards_of(conversion_id: str) -> list[tuple]:
    found = Reward.objects.filter(conversion=conversion_id).order_by("level", "-side")
    return [(reward.user_id, reward.side, reward.level, reward.amount_minor) for reward in found]


# --- what is answered -----------------------------------------------------------------------------------------------
def test_a_conversion_is_answered_told_and_shown(himal):
    campaign = himal.campaign(fulfillmentType="DISCOUNT_CODE")
    code = himal.code(campaign)
    referral_id = himal.get(f"/referrals/{code}")["referral"]["id"]
    made = himal.convert(
        code.lower(), amount=49.99, currency="USD", externalId="order 1", metadata={"source": "ecommerce_checkout"},
        occurredAt="2026-01-31T23:30:00.500Z", context={"ip": "203.0.113.7", "country": "np"},
    )  # fmt: skip
    assert made.status == 201
    conversion_id, reward_id = made["conversionId"], made["rewardId"]
    assert conversion_id.startswith("conv_") and reward_id.startswith("rew_")
    assert made.json == {
        "success": True,
        "referralId": referral_id,
        "conversionId": conversion_id,
        "rewardAmount": 5,
        "rewardCreated": True,
        "rewardId": reward_id,
        "status": "COMPLETED",
        "refereeId": "bikram",
        "referrerId": "asha",
        "originalReferralCode": code,
        "warning": None,
        "reasons": None,
        "riskScore": None,
    }
    assert told(himal.app, "REFERRAL_CONVERTED") == [
        {
            "referralId": referral_id,
            "referralCode": code,
            "conversionId": conversion_id,
            "refereeId": "bikram",
            "referrerId": "asha",
            "amount": 49.99,
            "currency": "USD",
            "rewardAmount": 5,
            "convertedAt": "2026-01-31T23:30:00.500Z",
            "campaignId": campaign,
            "status": "CONVERTED",
            "riskScore": None,
            "warning": None,
            "reasons": None,
        }
    ]
    assert told(himal.app, "REWARD_CREATED") == [
        {
            "rewardId": reward_id,
            "referralId": referral_id,
            "conversionId": conversion_id,
            "userId": "asha",
            "referrerId": "asha",
            "amount": 5,
            "rewardAmount": 5,
            "currency": "USD",
            "campaignId": campaign,
            "level": 1,
            "side": "REFERRER",
            "status": "PENDING",
            "holdReasons": [],
            "fulfillmentType": "DISCOUNT_CODE",
        }
    ]
    item = {
        "id": conversion_id,
        "referralCode": code,
        "referrerId": "asha",
        "refereeId": "bikram",
        "status": "CONVERTED",
        "amount": 49.99,
        "reversedAmount": 0,
        "currency": "USD",
        "rewardAmount": 5,
        "rewardCurrency": "USD",
        "level": 1,
        "originalReferralCode": code,
        "externalId": "order 1",
        "riskScore": None,
        "warning": None,
        "reasons": None,
        "ruleVersion": 1,
        "metadata": {"source": "ecommerce_checkout"},
        "convertedAt": "2026-01-31T23:30:00.500Z",
        "Campaign": {"id": campaign, "name": "Friends"},
    }
    assert himal.get("/conversions")["conversions"] == [item]
    shown = himal.get(f"/conversions/{conversion_id}").json
    assert shown.pop("trace")["ruleVersion"] == 1
    assert shown.pop("rewards") == [
        {"id": reward_id, "userId": "asha", "side": "REFERRER", "level": 1, "amount": 5, "originalAmount": 5}
        | {"currency": "USD", "status": "PENDING", "holdReasons": []}
    ]
    assert shown.pop("reversals") == []
    assert shown == item
    referral = himal.get(f"/referrals/{code}")["referral"]
    assert (referral["status"], referral["conversions"], referral["rewardAmount"]) == ("CONVERTED", 1, 5)
    assert money(himal.app) == (0, 500)
    books_are_right(himal.app)


def test_without_an_amount_a_share_is_nothing_and_no_reward_is_told(himal):
    made = himal.convert(himal.code(himal.campaign()), amount=None)
    assert (made.status, made["rewardAmount"], made["rewardCreated"], made["rewardId"]) == (201, 0, False, None)
    assert himal.get(f"/conversions/{made['conversionId']}")["amount"] is None
    assert told(himal.app, "REWARD_CREATED") == [] and len(told(himal.app, "REFERRAL_CONVERTED")) == 1
    assert not Reward.objects.filter(app=himal.app).exists()
    assert himal.get("/stats")["totalConversions"] == 1
    books_are_right(himal.app)


@pytest.mark.parametrize(
    ("currency", "amount", "rewarded"),
    [
        ("USD", 49.99, 5),
        ("USD", 0.05, 0.01),
        ("JPY", 4999, 500),
        ("BHD", 1.005, 0.101),
        ("USD", 10**12, 10**11),
        ("USD", 0, 0),
    ],
)
def test_amounts_are_exact_to_the_currencys_unit(himal, currency, amount, rewarded):
    campaign = himal.campaign(currency=currency)
    made = himal.convert(himal.code(campaign), amount=amount)
    assert (made.status, made["rewardAmount"]) == (201, rewarded)
    assert json.dumps(made["rewardAmount"]) == json.dumps(rewarded)
    assert himal.get(f"/stats?campaignId={campaign}")["totalRewardValue"] == rewarded
    books_are_right(himal.app)


# --- who is rewarded ------------------------------------------------------------------------------------------------
def test_one_side(himal):
    made = himal.convert(himal.code(himal.campaign(refereeRewardValue=4)))
    assert rewards_of(made["conversionId"]) == [("asha", "REFERRER", 1, 500)]
    assert money(himal.app, "bikram") == (0, 0)


def test_two_sides(himal):
    made = himal.convert(himal.code(himal.campaign(**TWO_SIDED)))
    assert rewards_of(made["conversionId"]) == [("asha", "REFERRER", 1, 500), ("bikram", "REFEREE", 1, 200)]
    assert (made["rewardAmount"], row(made["rewardId"]).user_id) == (5, "asha")
    assert (money(himal.app, "asha"), money(himal.app, "bikram")) == ((0, 500), (0, 200))
    created = {event["userId"]: event for event in told(himal.app, "REWARD_CREATED")}
    assert [(created[user]["side"], created[user]["referrerId"]) for user in ("asha", "bikram")] == [
        ("REFERRER", "asha"),
        ("REFEREE", "asha"),
    ]
    assert himal.get("/stats")["totalRewardValue"] == 7
    books_are_right(himal.app)


def test_two_levels_however_many_friends_come(himal):
    """An earlier implementation failed at the second friend of the second level, with the level-1 reward committed."""
    campaign = himal.campaign(**MULTI_LEVEL)
    himal.convert(himal.code(campaign, "tara"), "asha")
    code = himal.code(campaign, "asha")
    for place in range(4):
        made = himal.convert(code, f"friend {place}")
        assert made.status == 201
        assert rewards_of(made["conversionId"]) == [("asha", "REFERRER", 1, 500), ("tara", "REFERRER", 2, 100)]
    deeper = himal.convert(himal.code(campaign, "friend 0"), "far friend")
    assert rewards_of(deeper["conversionId"]) == [("friend 0", "REFERRER", 1, 500), ("asha", "REFERRER", 2, 100)]
    assert (money(himal.app, "tara"), money(himal.app, "asha")) == ((0, 900), (0, 2100))
    stats = himal.get(f"/stats?campaignId={campaign}")
    assert (stats["totalConversions"], stats["totalRewardValue"]) == (
        6,
        35,
    )  # level 2 is worth something and counts for nobody
    books_are_right(himal.app)


def test_the_second_level_needs_a_good_conversion_in_the_same_campaign(himal):
    campaign, other = himal.campaign(**MULTI_LEVEL), himal.campaign(**MULTI_LEVEL)
    himal.convert(himal.code(other, "tara"), "asha")
    code = himal.code(campaign, "asha")
    assert len(rewards_of(himal.convert(code, "friend 1")["conversionId"])) == 1
    brought = himal.convert(himal.code(campaign, "tara"), "asha")
    assert len(rewards_of(himal.convert(code, "friend 2")["conversionId"])) == 2
    himal.post(f"/conversions/{brought['conversionId']}/reverse", {"reason": "returned"})
    assert len(rewards_of(himal.convert(code, "friend 3")["conversionId"])) == 1
    books_are_right(himal.app)


def test_two_who_referred_each_other_are_no_third_level(himal):
    campaign = himal.campaign(**MULTI_LEVEL)
    himal.convert(himal.code(campaign, "asha"), "bikram")
    back = himal.convert(himal.code(campaign, "bikram"), "asha")
    assert rewards_of(back["conversionId"]) == [("bikram", "REFERRER", 1, 500)]
    books_are_right(himal.app)


def test_one_user_on_both_sides_of_different_conversions(himal):
    campaign = himal.campaign(**TWO_SIDED)
    himal.convert(himal.code(campaign, "asha"), "bikram")
    himal.convert(himal.code(campaign, "bikram"), "chandra")
    assert money(himal.app, "bikram") == (0, 700)
    books_are_right(himal.app)


# --- once -----------------------------------------------------------------------------------------------------------
def test_a_friend_converts_once_on_a_code(himal):
    code = himal.code(himal.campaign(firstTimeUserOnly=False))
    first = himal.convert(code)
    refused = refuses(himal, lambda: himal.convert(code, amount=99), 409, "already_converted")
    assert refused["details"] == {"conversionId": first["conversionId"]}
    assert himal.convert(code, "Bikram").status == 201  # ids are the client's own: another person


def test_a_first_purchase_counts_once_in_a_campaign_whatever_the_code(himal):
    campaign = himal.campaign()
    first = himal.convert(himal.code(campaign, "asha"))
    other = himal.code(campaign, "chandra")
    refused = refuses(himal, lambda: himal.convert(other), 409, "already_converted")
    assert refused["details"] == {"conversionId": first["conversionId"]}
    assert himal.convert(himal.code(himal.campaign(), "asha")).status == 201


def test_without_that_rule_each_code_counts(himal):
    campaign = himal.campaign(firstTimeUserOnly=False)
    made = [himal.convert(himal.code(campaign, referrer)) for referrer in ("asha", "chandra")]
    assert [answer.status for answer in made] == [201, 201]
    himal.patch(f"/campaigns/{campaign}", {"firstTimeUserOnly": True})
    third = himal.code(campaign, "deepa")
    refused = refuses(himal, lambda: himal.convert(third), 409, "already_converted")
    assert refused["details"] == {"conversionId": made[0]["conversionId"]}
    assert himal.convert(third, "esha").status == 201
    himal.patch(f"/campaigns/{campaign}", {"firstTimeUserOnly": False})
    assert himal.convert(himal.code(campaign, "asha"), "esha").status == 201


def test_a_reversed_conversion_has_still_been_the_first(himal):
    code = himal.code(himal.campaign())
    first = himal.convert(code)
    himal.post(f"/conversions/{first['conversionId']}/reverse", {"reason": "returned"})
    refused = refuses(himal, lambda: himal.convert(code), 409, "already_converted")
    assert refused["details"] == {"conversionId": first["conversionId"]}


def test_the_same_order_again_is_answered_as_at_first(himal):
    campaign = himal.campaign()
    body = {
        "referralCode": himal.code(campaign),
        "refereeId": "bikram",
        "amount": 50,
        "externalId": "order 1",
        "metadata": {"a": 1},
    }
    first = himal.post("/conversions", body)
    shuffled = dict(reversed(body.items()))
    with nothing_moves(himal.app):
        for again in (body, shuffled):
            answer = himal.post("/conversions", again)
            assert (answer.status, answer.json) == (200, first.json)
        for other in (
            {"amount": 51},
            {"metadata": {"a": 2}},
            {"refereeId": "chandra"},
            {"referralCode": himal.code(campaign).lower()},
        ):
            answer = himal.post("/conversions", body | other)
            assert (answer.status, answer["code"]) == (409, "already_converted"), other
            assert answer["details"] == {"conversionId": first["conversionId"]}
    himal.post(f"/conversions/{first['conversionId']}/reverse", {"reason": "returned"})
    himal.patch(f"/campaigns/{campaign}", {"status": "PAUSED"})
    assert himal.post("/conversions", body).json == first.json
    assert Conversion.objects.filter(app=himal.app).count() == 1


def test_the_same_order_of_a_flagged_friend_is_answered_as_at_first(himal):
    body = {
        "referralCode": himal.code(himal.campaign(), "mallory"),
        "refereeId": "mallory",
        "amount": 50,
        "externalId": "o1",
    }
    first = himal.post("/conversions", body)
    assert first["status"] == "FLAGGED"
    assert himal.post("/conversions", body).json == first.json


def test_an_order_belongs_to_one_app(himal, rival):
    for merchant in (himal, rival):
        made = merchant.convert(merchant.code(merchant.campaign()), externalId="order 1")
        assert made.status == 201
    assert (
        himal.convert(himal.code(himal.campaign(), "chandra"), "deepa", externalId="order 1")["code"]
        == "already_converted"
    )


def test_anothers_code_is_not_found(himal, rival):
    code = himal.code(himal.campaign())
    refused = refuses(rival, lambda: rival.convert(code), 404, "referral_not_found")
    assert refused["error"] == refuses(rival, lambda: rival.convert("NOSUCH"), 404, "referral_not_found")["error"]
    conversion_id = himal.convert(code)["conversionId"]
    for path in (f"/conversions/{conversion_id}", f"/conversions/{conversion_id[:-1]}"):
        assert (rival.get(path).status, rival.get(path)["code"]) == (404, "conversion_not_found")


# --- input ----------------------------------------------------------------------------------------------------------
IMPOSSIBLE_AMOUNTS = [
    b"-100",
    b"-0.01",
    b"1e308",
    b"1e13",
    b"1000000000000.01",
    b'"100"',
    b"33.335",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e400",
    b"true",
    b"[]",
    b"{}",
    b"1" * 400,
    b"0.000000000000000000000000000000001",
]


def test_amounts_that_cannot_be_meant_are_refused(himal):
    """An earlier implementation took -100 (and lowered the figures), 1e308 (a reward of null) and 33.335, and failed at "100"."""
    code = himal.code(himal.campaign(**FIXED))
    with nothing_moves(himal.app):
        for amount in IMPOSSIBLE_AMOUNTS:
            body = b'{"referralCode": "%s", "refereeId": "bikram", "amount": %s}' % (code.encode(), amount)
            refused = himal.post("/conversions", body)
            assert refused.status == 400 and refused["code"] in ("invalid_input", "invalid_json"), amount
    assert not Conversion.objects.exists() and himal.get("/stats")["totalConversions"] == 0
    assert himal.get(f"/referrals/{code}")["referral"]["status"] == "PENDING"


CANNOT_BE_RIGHT = [
    ({"amount": 10.5, "currency": "EUR"}, ["currency"]),
    ({"currency": "jpy"}, ["currency"]),
    ({"currency": ""}, ["currency"]),
    ({"amount": 10.5}, ["amount"]),  # no decimals
    ({"refereeId": ""}, ["refereeId"]),
    ({"refereeId": None}, ["refereeId"]),
    ({"refereeId": "b" * 256}, ["refereeId"]),
    ({"refereeId": {"not": "b"}}, ["refereeId"]),
    ({"referralCode": {"not": "b"}}, ["referralCode"]),
    ({"externalId": ""}, ["externalId"]),
    ({"externalId": 5}, ["externalId"]),
    ({"metadata": []}, ["metadata"]),
    ({"metadata": "x"}, ["metadata"]),
    ({"metadata": {"x": "y" * 17_000}}, ["metadata"]),
    ({"occurredAt": "yesterday"}, ["occurredAt"]),
    ({"occurredAt": "2026-01-01T00:00:00"}, ["occurredAt"]),
    ({"occurredAt": 1777000000}, ["occurredAt"]),
    ({"occurredAt": "0001-01-01T00:00:00Z"}, ["occurredAt"]),
    ({"occurredAt": "1969-12-31T23:59:59Z"}, ["occurredAt"]),
    ({"occurredAt": "9999-12-31T23:59:59-12:00"}, ["occurredAt"]),
    ({"context": {"ip": "1.2.3"}}, ["context.ip"]),
    ({"referral_code": "X"}, ["referral_code"]),
    ({"rewardAmount": 1000}, ["rewardAmount"]),
]


def test_what_cannot_be_right_is_refused_by_name(himal):
    body = {"referralCode": himal.code(himal.campaign(currency="JPY")), "refereeId": "bikram", "amount": 1000}
    with nothing_moves(himal.app):
        for fields, names in CANNOT_BE_RIGHT:
            refused = himal.post("/conversions", body | fields)
            assert (refused.status, list(refused["details"])) == (400, names), refused
            unknown = names[0] in ("referral_code", "rewardAmount")
            assert refused["code"] == ("unknown_field" if unknown else "invalid_input")
    assert not Conversion.objects.exists()


# --- time -----------------------------------------------------------------------------------------------------------
def test_a_conversion_may_lie_in_the_past_and_hardly_in_the_future(sandbox):
    code = sandbox.code(sandbox.campaign())
    refused = refuses(
        sandbox, lambda: sandbox.convert(code, occurredAt="2026-03-01T12:05:00.001Z"), 400, "invalid_input"
    )
    assert list(refused["details"]) == ["occurredAt"]
    for place, occurred in enumerate(("2026-03-01T12:05:00Z", "2010-12-01T08:26:00Z", "1999-12-31T23:59:59+05:45")):
        made = sandbox.convert(code, f"friend {place}", occurredAt=occurred)
        assert made.status == 201
        assert Conversion.objects.get(pk=made["conversionId"]).converted_at == moment(occurred)
    now = sandbox.convert(code, "now")
    assert sandbox.get(f"/conversions/{now['conversionId']}")["convertedAt"] == "2026-03-01T12:00:00.000Z"


def test_the_campaigns_dates_go_by_when_it_happened(sandbox):
    campaign = sandbox.campaign(startDate="2026-02-01T00:00:00Z", endDate="2026-03-01T12:01:00Z")
    code = sandbox.code(campaign)
    refuses(sandbox, lambda: sandbox.convert(code, occurredAt="2026-01-31T23:59:59.999Z"), 400, "campaign_not_started")
    refuses(sandbox, lambda: sandbox.convert(code, occurredAt="2026-03-01T12:01:00Z"), 400, "campaign_ended")
    assert sandbox.convert(code, occurredAt="2026-02-01T00:00:00Z").status == 201
    at(sandbox, "2026-03-02T00:00:00Z")
    refuses(sandbox, lambda: sandbox.convert(code, "chandra"), 400, "campaign_ended")
    assert sandbox.convert(code, "chandra", occurredAt="2026-03-01T12:00:59.999Z").status == 201  # it was in time


def test_the_window_opens_with_the_code(sandbox):
    code = sandbox.code(sandbox.campaign(conversionWindowDays=7))
    late = "2026-03-08T12:00:00.001Z"
    at(sandbox, "2026-03-10T00:00:00Z")
    refuses(sandbox, lambda: sandbox.convert(code, occurredAt=late), 400, "conversion_window_expired")
    assert sandbox.convert(code, occurredAt="2026-03-08T12:00:00Z").status == 201
    sandbox.post("/clicks", {"referralCode": code})  # by nobody in particular
    sandbox.post("/clicks", {"referralCode": code, "refereeId": "deepa"})
    refuses(sandbox, lambda: sandbox.convert(code, "chandra"), 400, "conversion_window_expired")
    assert sandbox.convert(code, "deepa").status == 201


def test_the_window_opens_anew_with_that_friends_latest_click(sandbox):
    code = sandbox.code(sandbox.campaign(conversionWindowDays=7))
    for day in ("2026-03-03T00:00:00Z", "2026-04-01T00:00:00Z"):
        at(sandbox, day)
        sandbox.post("/clicks", {"referralCode": code, "refereeId": "bikram"})
    at(sandbox, "2026-04-10T00:00:00Z")
    refuses(
        sandbox, lambda: sandbox.convert(code, occurredAt="2026-04-08T00:00:00.001Z"), 400, "conversion_window_expired"
    )
    # an import of what happened before the last click goes by the click before it
    refuses(sandbox, lambda: sandbox.convert(code, occurredAt="2026-03-31T00:00:00Z"), 400, "conversion_window_expired")
    made = sandbox.convert(code, occurredAt="2026-03-10T00:00:00Z")
    assert made.status == 201
    steps = sandbox.get(f"/conversions/{made['conversionId']}")["trace"]["steps"]
    (window,) = [step for step in steps if step["rule"] == "conversionWindow"]
    assert (window["from"], window["since"], window["days"]) == ("click", "2026-03-03T00:00:00.000Z", 7)


def test_holds_count_from_when_it_happened(sandbox):
    code = sandbox.code(sandbox.campaign(holdDays=14, claimWithinDays=10, fulfillmentType="DISCOUNT_CODE"))
    now = moment("2026-03-01T12:00:00Z")
    fresh = row(sandbox.convert(code, "bikram")["rewardId"])
    old = row(sandbox.convert(code, "chandra", occurredAt="2026-01-01T00:00:00Z")["rewardId"])
    assert (fresh.matures_at, fresh.hold_reasons(now)) == (now + timedelta(days=14), ["HOLD_PERIOD"])
    assert fresh.claim_by == now + timedelta(days=24)
    assert (old.matures_at, old.hold_reasons(now)) == (moment("2026-01-15T00:00:00Z"), [])
    assert old.claim_by == now + timedelta(days=10)
    assert [event["holdReasons"] for event in told(sandbox.app, "REWARD_CREATED")] == [["HOLD_PERIOD"], []]


# --- risk -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["monitor", "hold", "block"])
@pytest.mark.parametrize("kind", [{}, TWO_SIDED])
def test_a_self_referral_is_held_in_every_mode_and_not_counted(himal, mode, kind):
    campaign = himal.campaign(fraudMode=mode, fulfillmentType="DISCOUNT_CODE", **kind)
    code = himal.code(campaign, "mallory")
    made = himal.convert(code, " Mallory ")
    assert (made.status, made["status"], made["riskScore"]) == (201, "FLAGGED", 100)
    assert (made["rewardCreated"], made["rewardAmount"]) == (True, 5)
    assert [reason["type"] for reason in made["reasons"]] == ["SELF_REFERRAL"] and made["warning"]
    for reward in Reward.objects.filter(conversion=made["conversionId"]):
        assert reward.holds == ["FRAUD_REVIEW"]
        with nothing_moves(himal.app):
            for verb in ("claim", "approve", "pay"):
                refused = himal.post(f"/rewards/{reward.pk}/{verb}", {"payoutReference": "p"} if verb == "pay" else {})
                assert (refused.status, refused["code"]) == (409, "reward_on_hold")
    assert all(event["holdReasons"] == ["FRAUD_REVIEW"] for event in told(himal.app, "REWARD_CREATED"))
    (event,) = told(himal.app, "REFERRAL_CONVERTED")
    assert (event["status"], event["riskScore"]) == ("FLAGGED", 100)
    stats = himal.get(f"/stats?campaignId={campaign}")
    assert (stats["totalConversions"], stats["totalRewardValue"], stats["flaggedConversions"]) == (0, 0, 1)
    referral = himal.get(f"/referrals/{code}")["referral"]
    assert (referral["status"], referral["conversions"], referral["rewardAmount"]) == ("PENDING", 0, 0)
    shown = himal.get(f"/conversions/{made['conversionId']}")
    assert shown["status"] == "FLAGGED" and shown["rewards"][0]["holdReasons"] == ["FRAUD_REVIEW"]
    books_are_right(himal.app)


def test_a_flagged_code_does_not_pay(himal):
    code = himal.code(himal.campaign(fraudMode="monitor"), "mallory", refereeId="mallory")
    made = himal.convert(code, "bikram")
    assert (made.status, made["status"]) == (201, "FLAGGED")
    assert row(made["rewardId"]).holds == ["FRAUD_REVIEW"]
    assert himal.get("/stats")["totalConversions"] == 0
    books_are_right(himal.app)


def test_flagged_conversions_lift_nobody_to_the_next_tier(himal):
    tiers = [{"minConversions": 0, "rewardValue": 5}, {"minConversions": 1, "rewardValue": 9}]
    campaign = himal.campaign(rewardModel="TIERED", tiers=tiers)
    code = himal.code(campaign, "mallory")
    himal.convert(code, "mallory")
    assert himal.convert(code, "bikram")["rewardAmount"] == 5
    reversed_later = himal.convert(code, "chandra")
    assert reversed_later["rewardAmount"] == 9
    himal.post(f"/conversions/{reversed_later['conversionId']}/reverse", {"reason": "returned"})
    assert himal.convert(code, "deepa")["rewardAmount"] == 9  # bikram's is still good
    other = himal.code(campaign, "esha")
    gone = himal.convert(other, "farid")
    himal.post(f"/conversions/{gone['conversionId']}/reverse", {"reason": "returned"})
    assert himal.convert(other, "gita")["rewardAmount"] == 5


# --- the decision trace ---------------------------------------------------------------------------------------------
def test_the_trace_tells_every_rule_value_cap_and_signal(himal):
    campaign = himal.campaign(
        rewardModel="TIERED", tierRewardModel="PERCENTAGE", tiers=[{"minConversions": 0, "rewardValue": 10, "rewardCap": 3}],
        budget=10, maxRewardsPerReferrer=5, conversionWindowDays=30, **TWO_SIDED,
    )  # fmt: skip
    code = himal.code(campaign, "mallory")
    himal.post("/clicks", {"referralCode": code, "refereeId": "mallory"})
    made = himal.convert(code, "mallory")
    trace = himal.get(f"/conversions/{made['conversionId']}")["trace"]
    steps = trace["steps"]
    assert [(step["rule"], step["outcome"]) for step in steps if "outcome" in step] == [
        ("campaign", "open"),
        ("firstTimeUserOnly", "first conversion in this campaign"),
        ("conversionWindow", "within"),
        ("tier", "tier from 0 conversions"),
        ("reward", "cap hit"),
        ("maxRewardsPerReferrer", "pass"),
        ("budget", "pass"),
        ("budget", "pass"),
    ]
    assert [step["amount"] for step in steps if step["rule"] == "reward"] == [3, 2]
    assert [step["left"] for step in steps if step["rule"] == "budget"] == [10, 7]
    risk = trace["risk"]
    assert (risk["score"], risk["mode"], risk["holdAt"], risk["outcome"], risk["action"]) == (
        100,
        "hold",
        50,
        "held",
        "HOLD",
    )
    assert [signal | made["reasons"][0] for signal in risk["signals"] if signal["points"]] == [
        made["reasons"][0]
        | {"code": "SELF_REFERRAL_ID", "family": "CERTAIN", "silenced": None, "evidence": {"userId": "mallory"}}
    ]
    assert risk["flip"] == {"to": "NONE", "without": ["SELF_REFERRAL_ID"], "score": 0}
    assert sum(signal["points"] for signal in trace["risk"]["signals"]) == made["riskScore"]
    clean = himal.convert(code, "bikram")
    assert himal.get(f"/conversions/{clean['conversionId']}")["trace"]["risk"]["outcome"] == "clean"


# --- limits, one after the other ------------------------------------------------------------------------------------
def test_a_budget_stops_rewards_and_never_conversions(himal):
    campaign = himal.campaign(budget=12, **FIXED)
    code = himal.code(campaign)
    made = [himal.convert(code, f"friend {place}") for place in range(4)]
    assert [(answer.status, answer["rewardCreated"]) for answer in made] == [
        (201, True),
        (201, True),
        (201, False),
        (201, False),
    ]
    stats = himal.get(f"/stats?campaignId={campaign}")
    assert (stats["totalConversions"], stats["totalRewardValue"]) == (4, 10)
    himal.post(f"/rewards/{made[0]['rewardId']}/cancel", {"reason": "fraud"})  # makes room for one more
    assert himal.convert(code, "friend 5")["rewardCreated"] is True
    assert himal.convert(code, "friend 6")["rewardCreated"] is False
    books_are_right(himal.app)


def test_a_budget_may_hold_instead(himal):
    campaign = himal.campaign(budget=12, budgetPolicy="HOLD", **FIXED)
    code = himal.code(campaign)
    made = [himal.convert(code, f"friend {place}") for place in range(4)]
    assert [row(answer["rewardId"]).holds for answer in made] == [[], [], ["BUDGET"], ["BUDGET"]]
    assert CampaignSpend.objects.get(campaign=campaign).promised_minor == 1000
    assert [event["holdReasons"] for event in told(himal.app, "REWARD_CREATED")] == [[], [], ["BUDGET"], ["BUDGET"]]
    assert himal.get(f"/stats?campaignId={campaign}")["totalRewardValue"] == 20
    books_are_right(himal.app)


def test_a_cancelled_reward_makes_room_for_another_one(himal):
    code = himal.code(himal.campaign(maxRewardsPerReferrer=2))
    made = [himal.convert(code, f"friend {place}") for place in range(3)]
    assert [answer["rewardCreated"] for answer in made] == [True, True, False]
    himal.post(f"/conversions/{made[0]['conversionId']}/reverse", {"reason": "returned"})
    assert himal.convert(code, "friend 4")["rewardCreated"] is True
    assert himal.convert(code, "friend 5")["rewardCreated"] is False


def test_a_cancelled_reward_of_the_second_level_makes_room_too(himal):
    campaign = himal.campaign(maxRewardsPerReferrer=2, **MULTI_LEVEL)
    himal.convert(himal.code(campaign, "tara"), "asha")
    code = himal.code(campaign, "asha")

    def seconds(friend: str) -> list[str]:
        made = himal.convert(code, friend)["conversionId"]
        return list(Reward.objects.filter(conversion=made, level=2).values_list("pk", flat=True))

    (first,) = seconds("friend 1")
    assert seconds("friend 2") == []
    himal.post(f"/rewards/{first}/cancel", {"reason": "test"})
    assert len(seconds("friend 3")) == 1
    assert seconds("friend 4") == []


# --- at once --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("more", [{}, {"externalId": "order 1"}, TWO_SIDED | {"budget": 1000}])
def test_thirty_identical_requests_make_one_conversion(himal, no_deadlocks, more):
    fields = {name: value for name, value in more.items() if name != "externalId"}
    sent = {name: value for name, value in more.items() if name == "externalId"}
    code = himal.code(himal.campaign(**fields))
    answers = at_once(30, lambda _: himal.convert(code, **sent))
    assert Counter(answer.status for answer in answers) == {201: 1, 200 if sent else 409: 29}
    (first,) = [answer for answer in answers if answer.status == 201]
    for answer in answers:
        if answer.status == 409:
            assert answer["details"] == {"conversionId": first["conversionId"]}
        else:
            assert answer.json == first.json
    assert Conversion.objects.count() == 1 and len(told(himal.app, "REFERRAL_CONVERTED")) == 1
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", [{}, TWO_SIDED, {"budget": 1000}, MULTI_LEVEL])
def test_one_friend_on_two_referrers_codes_at_once_converts_once(himal, no_deadlocks, kind):
    campaign = himal.campaign(**kind)
    codes = [himal.code(campaign, referrer) for referrer in ("asha", "chandra")]
    answers = at_once(20, lambda place: himal.convert(codes[place % 2]))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 19}
    (first,) = [answer for answer in answers if answer.status == 201]
    named = {answer["details"]["conversionId"] for answer in answers if answer.status == 409}
    assert named == {first["conversionId"]}
    assert Conversion.objects.count() == 1
    assert himal.get("/stats")["totalConversions"] == 1
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_one_order_sent_for_two_friends_at_once_counts_once(himal, no_deadlocks):
    campaign = himal.campaign()
    codes = [himal.code(campaign, referrer) for referrer in ("asha", "chandra")]
    answers = at_once(20, lambda place: himal.convert(codes[place % 2], f"friend {place}", externalId="order 1"))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 19}
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_a_budget_is_exact_whoever_spends_it(himal, no_deadlocks):
    """Fifty referrers at once, so that no wallet but the budget itself keeps them apart."""
    campaign = himal.campaign(budget=101, **FIXED)
    codes = [himal.code(campaign, f"referrer {place}") for place in range(50)]
    answers = at_once(50, lambda place: himal.convert(codes[place], f"friend {place}"))
    assert Counter((answer.status, answer["rewardCreated"]) for answer in answers) == {
        (201, True): 20,
        (201, False): 30,
    }
    assert CampaignSpend.objects.get(campaign=campaign).promised_minor == 10_000
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_a_budget_that_holds_is_exact_too(himal, no_deadlocks):
    campaign = himal.campaign(budget=101, budgetPolicy="HOLD", **FIXED)
    codes = [himal.code(campaign, f"referrer {place}") for place in range(50)]
    answers = at_once(50, lambda place: himal.convert(codes[place], f"friend {place}"))
    assert {(answer.status, answer["rewardCreated"]) for answer in answers} == {(201, True)}
    assert Counter(tuple(reward.holds) for reward in Reward.objects.all()) == {(): 20, ("BUDGET",): 30}
    assert CampaignSpend.objects.get(campaign=campaign).promised_minor == 10_000
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_the_most_rewards_of_a_referrer_are_exact(himal, no_deadlocks):
    code = himal.code(himal.campaign(maxRewardsPerReferrer=7))
    answers = at_once(30, lambda place: himal.convert(code, f"friend {place}"))
    assert Counter((answer.status, answer["rewardCreated"]) for answer in answers) == {(201, True): 7, (201, False): 23}
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_the_most_rewards_of_the_second_level_are_exact(himal, no_deadlocks):
    """Ten referrers whom tara brought convert at once: hers is the wallet that all of them lock."""
    campaign = himal.campaign(maxRewardsPerReferrer=14, **MULTI_LEVEL)
    tara = himal.code(campaign, "tara")
    for place in range(10):
        himal.convert(tara, f"referrer {place}")
    codes = [himal.code(campaign, f"referrer {place}") for place in range(10)]
    answers = at_once(20, lambda place: himal.convert(codes[place % 10], f"friend {place}"))
    assert {answer.status for answer in answers} == {201}
    assert Reward.objects.filter(user_id="tara", level=2).count() == 4
    assert Reward.objects.filter(user_id="tara").count() == 14
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_two_who_refer_each_other_never_wait_in_a_circle(himal, no_deadlocks):
    """Two-sided: every conversion of theirs locks both wallets, in whatever order they are named."""
    campaigns = [himal.campaign(**TWO_SIDED, budget=10_000 if place % 2 else None) for place in range(10)]
    pairs = [("asha", "bikram"), ("bikram", "asha")]
    codes = {(place, way): himal.code(campaigns[place], pairs[way][0]) for place in range(10) for way in (0, 1)}
    answers = at_once(20, lambda turn: himal.convert(codes[turn // 2, turn % 2], pairs[turn % 2][1]))
    assert [answer.status for answer in answers] == [201] * 20
    assert money(himal.app, "asha") == money(himal.app, "bikram") == (0, 7000)
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_five_hundred_friends_of_one_code(himal, no_deadlocks):
    """An earlier implementation lost a third of fifty; here tiers, caps and budget are exact whatever the order."""
    campaign = himal.campaign(
        rewardModel="TIERED",
        tierRewardModel="PERCENTAGE",
        tiers=[
            {"minConversions": 0, "rewardValue": 5},
            {"minConversions": 100, "rewardValue": 7.5},
            {"minConversions": 300, "rewardValue": 20, "rewardCap": 4.44},
        ],
        budget=1500,
    )
    code = himal.code(campaign)

    def act(thread: int) -> list:
        return [
            himal.convert(code, f"friend {thread} {turn}", 50, externalId=f"order {thread} {turn}")
            for turn in range(20)
        ]

    answers = [answer for answers in at_once(25, act) for answer in answers]
    assert [answer.status for answer in answers] == [201] * 500
    expected, left = Counter(), Decimal(1500)
    for earlier in range(500):
        worth = Decimal("2.5") if earlier < 100 else Decimal("3.75") if earlier < 300 else Decimal("4.44")
        if worth <= left:
            left -= worth
            expected[float(worth)] += 1
        else:
            expected[0.0] += 1
    assert Counter(float(answer["rewardAmount"]) for answer in answers) == expected
    stats = himal.get(f"/stats?campaignId={campaign}")
    assert (stats["totalConversions"], stats["totalRewardValue"]) == (500, float(1500 - left))
    assert money(himal.app) == (0, int((1500 - left) * 100))
    assert Event.objects.filter(type="REFERRAL_CONVERTED").count() == 500
    books_are_right(himal.app)
