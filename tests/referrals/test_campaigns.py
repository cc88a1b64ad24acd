"""Campaigns: every field in and out, versions, what dates do, what cannot be meant, and when a change is in force."""

import pytest

from referrals.models import Campaign, CampaignSpend, CampaignVersion
from tests.cast import Caller, at_once
from tests.referrals.moments import at, moment
from tests.referrals.promises import books_are_right, nothing_moves, row

pytestmark = pytest.mark.django_db

FULL = {
    "name": "Friends of Himal ✿",
    "status": "ACTIVE",
    "referralType": "MULTI_LEVEL",
    "rewardModel": "TIERED",
    "currency": "BHD",
    "rewardValue": 1.125,
    "rewardCap": 20.5,
    "refereeRewardValue": 0.005,
    "level2RewardValue": 0.25,
    "level2RewardCap": 3,
    "tierRewardModel": "FIXED",
    "tiers": [{"minConversions": 5, "rewardValue": 2.125, "rewardCap": 2}, {"minConversions": 0, "rewardValue": 1}],
    "budget": 1000.999,
    "budgetPolicy": "HOLD",
    "maxRewardsPerReferrer": 12,
    "firstTimeUserOnly": False,
    "startDate": "2026-01-01T00:00:00.000Z",
    "endDate": "2099-12-31T23:59:59.999Z",
    "conversionWindowDays": 30,
    "holdDays": 14,
    "claimWithinDays": 60,
    "rewardExpirationDays": 90,
    "codePrefix": "HIMAL",
    "codeFormat": "USERNAME",
    "landingUrl": "https://himal.example/welcome?utm_source=friend#top",
    "fulfillmentType": "GIFT_CARD",
    "discount": {"type": "FIXED_AMOUNT", "value": 2.5},
    "fraudMode": "block",
    "holdAt": 40,
    "blockAt": 75,
    "fraudDeadlineHours": 72,
    "fraudDeadlineOutcome": "RELEASE",
}
PLAIN = {"name": "Friends", "status": "ACTIVE", "rewardModel": "FIXED", "rewardValue": 5, "currency": "USD"}


def create(himal: Caller, **fields):
    return himal.post("/campaigns", {name: value for name, value in (PLAIN | fields).items() if value is not ...})


def versions(campaign_id: str) -> list[CampaignVersion]:
    return list(CampaignVersion.objects.filter(campaign=campaign_id).order_by("number"))


# --- fields ---------------------------------------------------------------------------------------------------------
def test_every_field_goes_in_and_comes_out(himal):
    made = himal.post("/campaigns", FULL)
    assert made.status == 201, made
    own = {name: made.json.pop(name) for name in ("id", "ruleVersion", "createdAt", "updatedAt")}
    assert made.json == FULL
    assert own["id"].startswith("camp_") and own["ruleVersion"] == 1
    assert himal.get(f"/campaigns/{own['id']}").json == FULL | own
    assert himal.get("/campaigns")["campaigns"] == [FULL | own]
    (kept,) = versions(own["id"])
    assert kept.rules == FULL and kept.changed == {} and kept.actor.startswith("key_")


def test_a_name_and_a_value_are_enough(himal):
    made = himal.post("/campaigns", {"name": "Plain", "rewardValue": 5})
    assert made.status == 201
    assert made.json | {"id": 0, "createdAt": 0, "updatedAt": 0} == {
        "id": 0, "name": "Plain", "status": "DRAFT", "referralType": "ONE_SIDED", "rewardModel": "FIXED",
        "currency": "USD", "rewardValue": 5, "rewardCap": None, "refereeRewardValue": None, "level2RewardValue": None,
        "level2RewardCap": None, "tierRewardModel": "FIXED", "tiers": [], "budget": None, "budgetPolicy": "STOP",
        "maxRewardsPerReferrer": None, "firstTimeUserOnly": True, "startDate": None, "endDate": None,
        "conversionWindowDays": None, "holdDays": 0, "claimWithinDays": None, "rewardExpirationDays": None,
        "codePrefix": "", "codeFormat": "RANDOM", "landingUrl": "", "fulfillmentType": "MANUAL", "discount": None,
        "fraudMode": "hold", "holdAt": 50, "blockAt": 80,
        "fraudDeadlineHours": None, "fraudDeadlineOutcome": None, "ruleVersion": 1, "createdAt": 0, "updatedAt": 0,
    }  # fmt: skip


def test_what_may_be_null_can_be_taken_back(himal):
    made = himal.post("/campaigns", FULL | {"referralType": "ONE_SIDED", "rewardModel": "FIXED"})
    nulls = {name: None for name, value in FULL.items() if name in NULLABLE}
    after = himal.patch(f"/campaigns/{made['id']}", nulls)
    assert after.status == 200, after
    assert {name: after[name] for name in nulls} == nulls


NULLABLE = {
    "rewardCap", "refereeRewardValue", "level2RewardValue", "level2RewardCap", "budget", "maxRewardsPerReferrer",
    "startDate", "endDate", "conversionWindowDays", "claimWithinDays", "rewardExpirationDays", "discount",
}  # fmt: skip


@pytest.mark.parametrize("percent", [0.1, 33.333333, 1e-6, 100])
def test_a_percentage_comes_out_as_it_went_in(himal, percent):
    made = create(himal, rewardModel="PERCENTAGE", rewardValue=percent)
    assert made.status == 201 and made["rewardValue"] == percent
    assert himal.get(f"/campaigns/{made['id']}")["rewardValue"] == percent


# --- versions -------------------------------------------------------------------------------------------------------
def test_every_change_makes_a_version_that_says_what_changed(himal):
    campaign = create(himal)["id"]
    assert himal.patch(f"/campaigns/{campaign}", {"rewardValue": 7.5, "holdDays": 3})["ruleVersion"] == 2
    assert himal.patch(f"/campaigns/{campaign}", {"status": "PAUSED"})["ruleVersion"] == 3
    first, second, third = versions(campaign)
    assert (first.changed, second.changed, third.changed) == (
        {},
        {"rewardValue": [5, 7.5], "holdDays": [0, 3]},
        {"status": ["ACTIVE", "PAUSED"]},
    )
    assert [version.rules["rewardValue"] for version in (first, second, third)] == [5, 7.5, 7.5]
    assert second.rules["holdDays"] == 3 and third.rules["status"] == "PAUSED"


@pytest.mark.parametrize("same", [{}, {"rewardValue": 5}, {"rewardValue": 5.0, "name": "Friends", "rewardCap": None}])
def test_what_stays_the_same_makes_no_version(himal, same):
    campaign = create(himal).json
    assert himal.patch(f"/campaigns/{campaign['id']}", same).json == campaign
    assert len(versions(campaign["id"])) == 1


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_are_all_kept(himal):
    campaign = create(himal)["id"]
    changes = [
        {"holdDays": 3},
        {"rewardCap": 9},
        {"name": "New"},
        {"claimWithinDays": 5},
        {"codePrefix": "X"},
        {"budget": 50},
    ]
    answers = at_once(6, lambda place: himal.patch(f"/campaigns/{campaign}", changes[place]))
    assert sorted(answer["ruleVersion"] for answer in answers) == [2, 3, 4, 5, 6, 7]
    now = himal.get(f"/campaigns/{campaign}").json
    assert all(now[name] == value for change in changes for name, value in change.items())
    kept = versions(campaign)
    assert [version.number for version in kept] == [1, 2, 3, 4, 5, 6, 7]
    assert sorted(name for version in kept for name in version.changed) == sorted(
        n for change in changes for n in change
    )


def test_rewards_keep_the_rules_that_made_them(himal):
    campaign = create(himal)["id"]
    code = himal.code(campaign)
    first = himal.convert(code, "bikram")
    himal.patch(f"/campaigns/{campaign}", {"rewardValue": 9})
    second = himal.convert(code, "chandra")
    assert (first["rewardAmount"], second["rewardAmount"]) == (5, 9)
    assert [row(made["rewardId"]).rule_version for made in (first, second)] == [1, 2]
    assert himal.get(f"/conversions/{first['conversionId']}")["trace"]["ruleVersion"] == 1
    books_are_right(himal.app)


# --- dates ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("declared", "before", "during", "after"),
    [
        ("DRAFT", "DRAFT", "DRAFT", "DRAFT"),
        ("ACTIVE", "SCHEDULED", "ACTIVE", "EXPIRED"),
        ("SCHEDULED", "SCHEDULED", "ACTIVE", "EXPIRED"),
        ("PAUSED", "PAUSED", "PAUSED", "EXPIRED"),
        ("EXPIRED", "EXPIRED", "EXPIRED", "EXPIRED"),
    ],
)
def test_dates_move_the_status_by_themselves(sandbox, declared, before, during, after):
    dates = {"startDate": "2026-04-01T00:00:00Z", "endDate": "2026-05-01T00:00:00Z"}
    campaign = create(sandbox, status=declared, **dates)["id"]
    for now, status in [
        ("2026-03-31T23:59:59.999Z", before),
        ("2026-04-01T00:00:00Z", during),
        ("2026-04-30T23:59:59.999Z", during),
        ("2026-05-01T00:00:00Z", after),
    ]:
        at(sandbox, now)
        assert sandbox.get(f"/campaigns/{campaign}")["status"] == status
        for word in ("DRAFT", "ACTIVE", "PAUSED", "SCHEDULED", "EXPIRED"):
            listed = sandbox.get(f"/campaigns?status={word}")["campaigns"]
            assert [(one["id"], one["status"]) for one in listed] == ([(campaign, status)] if word == status else [])


@pytest.mark.parametrize(
    ("declared", "now", "refusal"),
    [
        ("DRAFT", "2026-04-15T00:00:00Z", "campaign_not_active"),
        ("PAUSED", "2026-04-15T00:00:00Z", "campaign_not_active"),
        ("EXPIRED", "2026-04-15T00:00:00Z", "campaign_ended"),
        ("ACTIVE", "2026-03-31T23:59:59.999Z", "campaign_not_started"),
        ("SCHEDULED", "2026-03-31T23:59:59.999Z", "campaign_not_started"),
        ("ACTIVE", "2026-05-01T00:00:00Z", "campaign_ended"),
        ("ACTIVE", "2026-04-01T00:00:00Z", None),
        ("SCHEDULED", "2026-04-30T23:59:59.999Z", None),
    ],
)
def test_a_campaign_that_is_not_open_takes_nothing(sandbox, declared, now, refusal):
    dates = {"startDate": "2026-04-01T00:00:00Z", "endDate": "2026-05-01T00:00:00Z"}
    at(sandbox, "2026-04-10T00:00:00Z")
    campaign = create(sandbox, status="ACTIVE", **dates)["id"]
    code = sandbox.code(campaign)
    sandbox.patch(f"/campaigns/{campaign}", {"status": declared})
    at(sandbox, now)
    calls = [
        ("/referrals", {"campaignId": campaign, "referrerId": "chandra"}),
        ("/clicks", {"referralCode": code}),
        ("/conversions", {"referralCode": code, "refereeId": "bikram"}),
    ]
    if refusal:
        with nothing_moves(sandbox.app):
            for path, body in calls:
                answer = sandbox.post(path, body)
                assert (answer.status, answer["code"]) == (400, refusal)
    else:
        assert [sandbox.post(path, body).status for path, body in calls] == [201, 200, 201]


# --- refusals -------------------------------------------------------------------------------------------------------
TIERED = {"rewardModel": "TIERED", "tiers": [{"minConversions": 0, "rewardValue": 5}]}


CANNOT_BE_MEANT = [
    ({"rewardValue": -500}, ["rewardValue"]),  # an earlier implementation took it
    ({"rewardValue": -0.01}, ["rewardValue"]),
    ({"rewardValue": 33.335}, ["rewardValue"]),
    ({"rewardValue": "5"}, ["rewardValue"]),
    ({"rewardValue": True}, ["rewardValue"]),
    ({"rewardValue": None}, ["rewardValue"]),
    ({"rewardValue": [5]}, ["rewardValue"]),
    ({"rewardValue": 1e13}, ["rewardValue"]),
    ({"rewardValue": 1e308}, ["rewardValue"]),
    ({"currency": "JPY", "rewardValue": 5.5}, ["rewardValue"]),
    ({"currency": "XXX"}, ["currency"]),
    ({"currency": "XAU"}, ["currency"]),
    ({"currency": "usd"}, ["currency"]),
    ({"currency": "COIN"}, ["currency"]),
    ({"currency": 840}, ["currency"]),
    ({"rewardModel": "PERCENTAGE", "rewardValue": 100.01}, ["rewardValue"]),
    ({"rewardModel": "PERCENTAGE", "rewardValue": 1.2345678}, ["rewardValue"]),
    ({"rewardModel": "percentage"}, ["rewardModel"]),
    ({"rewardModel": None}, ["rewardModel"]),
    ({"rewardCap": -1}, ["rewardCap"]),
    ({"rewardCap": 0.001}, ["rewardCap"]),
    ({"budget": -1}, ["budget"]),
    ({"budget": "1000"}, ["budget"]),
    ({"budget": 0.001}, ["budget"]),
    ({"fulfillmentType": "COINS", "rewardValue": 2.5}, ["rewardValue"]),
    ({"fulfillmentType": "COINS", "rewardCap": 2.5, "budget": 0.5}, ["rewardCap", "budget"]),
    ({"fulfillmentType": "BITCOIN"}, ["fulfillmentType"]),
    ({"referralType": "TWO_SIDED"}, ["refereeRewardValue"]),
    ({"referralType": "TWO_SIDED", "refereeRewardValue": -5}, ["refereeRewardValue"]),
    ({"referralType": "MULTI_LEVEL"}, ["level2RewardValue"]),
    ({"referralType": "THREE_SIDED"}, ["referralType"]),
    ({"rewardModel": "TIERED"}, ["tiers"]),
    ({"rewardModel": "TIERED", "tiers": []}, ["tiers"]),
    (TIERED | {"tiers": "not even JSON"}, ["tiers"]),
    (TIERED | {"tiers": {"minConversions": 0}}, ["tiers"]),
    (TIERED | {"tiers": [5]}, ["tiers.0"]),
    (TIERED | {"tiers": [None]}, ["tiers.0"]),
    (TIERED | {"tiers": [{}]}, ["tiers.0.minConversions", "tiers.0.rewardValue"]),
    (TIERED | {"tiers": [{"minConversions": 0, "rewardValue": 5, "reward": 6}]}, ["tiers.0.reward"]),
    (TIERED | {"tiers": [{"minConversions": -1, "rewardValue": 5}]}, ["tiers.0.minConversions"]),
    (TIERED | {"tiers": [{"minConversions": 1.5, "rewardValue": 5}]}, ["tiers.0.minConversions"]),
    (TIERED | {"tiers": [{"minConversions": "1", "rewardValue": 5}]}, ["tiers.0.minConversions"]),
    (TIERED | {"tiers": [{"minConversions": 0, "rewardValue": -5}]}, ["tiers.0.rewardValue"]),
    (TIERED | {"tiers": [{"minConversions": 0, "rewardValue": 5.001}]}, ["tiers"]),
    (TIERED | {"tiers": [{"minConversions": 0, "rewardValue": 5, "rewardCap": -1}]}, ["tiers.0.rewardCap"]),
    (TIERED | {"tiers": [{"minConversions": 1, "rewardValue": 5}] * 2}, ["tiers"]),
    (TIERED | {"tierRewardModel": "PERCENTAGE", "tiers": [{"minConversions": 0, "rewardValue": 101}]}, ["tiers"]),
    (TIERED | {"tierRewardModel": "TIERED"}, ["tierRewardModel"]),
    (TIERED | {"tiers": [{"minConversions": n, "rewardValue": 5} for n in range(51)]}, ["tiers"]),
    ({"startDate": "2026-05-01T00:00:00Z", "endDate": "2026-04-01T00:00:00Z"}, ["endDate"]),
    ({"startDate": "2026-05-01T00:00:00Z", "endDate": "2026-05-01T00:00:00Z"}, ["endDate"]),
    ({"startDate": "2026-05-01"}, ["startDate"]),
    ({"startDate": "2026-05-01T00:00:00"}, ["startDate"]),
    ({"startDate": 1777000000}, ["startDate"]),
    ({"endDate": "2026-02-30T00:00:00Z"}, ["endDate"]),
    ({"status": "SCHEDULED"}, ["startDate"]),
    ({"status": "ENDED"}, ["status"]),
    ({"status": None}, ["status"]),
    ({"holdDays": -1}, ["holdDays"]),
    ({"holdDays": "5"}, ["holdDays"]),
    ({"holdDays": True}, ["holdDays"]),
    ({"holdDays": 0.5}, ["holdDays"]),
    ({"holdDays": 10**9}, ["holdDays"]),
    ({"holdDays": None}, ["holdDays"]),
    ({"conversionWindowDays": 0}, ["conversionWindowDays"]),
    ({"maxRewardsPerReferrer": 0}, ["maxRewardsPerReferrer"]),
    ({"firstTimeUserOnly": "yes"}, ["firstTimeUserOnly"]),
    ({"firstTimeUserOnly": 1}, ["firstTimeUserOnly"]),
    ({"codePrefix": "SUMMER SALE"}, ["codePrefix"]),
    ({"codePrefix": "S" * 13}, ["codePrefix"]),
    ({"codeFormat": "EMAIL"}, ["codeFormat"]),
    ({"landingUrl": "javascript:alert(1)"}, ["landingUrl"]),
    ({"landingUrl": "//evil.example"}, ["landingUrl"]),
    ({"landingUrl": "ftp://himal.example/"}, ["landingUrl"]),
    ({"landingUrl": "https://himal.example/\r\nSet-Cookie: a=b"}, ["landingUrl"]),
    ({"discount": {"type": "PERCENTAGE"}}, ["discount.value"]),
    ({"discount": {"type": "PERCENTAGE", "value": 101}}, ["discount"]),
    ({"discount": {"type": "PERCENTAGE", "value": 0}}, ["discount"]),
    ({"discount": {"type": "FIXED_AMOUNT", "value": 0.001}}, ["discount"]),
    ({"discount": {"type": "HALF", "value": 1}}, ["discount.type"]),
    ({"discount": "10 %"}, ["discount"]),
    ({"fraudMode": "off"}, ["fraudMode"]),
    ({"holdAt": 60, "blockAt": 50}, ["blockAt"]),
    ({"holdAt": 0}, ["holdAt"]),
    ({"blockAt": 101}, ["blockAt"]),
    ({"fraudDeadlineHours": 0, "fraudDeadlineOutcome": "REJECT"}, ["fraudDeadlineHours"]),
    ({"fraudDeadlineHours": 24}, ["fraudDeadlineOutcome"]),
    ({"fraudDeadlineOutcome": "REJECT"}, ["fraudDeadlineOutcome"]),
    ({"fraudDeadlineHours": 24, "fraudDeadlineOutcome": "KEEP"}, ["fraudDeadlineOutcome"]),
    ({"name": ""}, ["name"]),
    ({"name": "N" * 121}, ["name"]),
    ({"name": 5}, ["name"]),
    ({"holdDay": 5}, ["holdDay"]),  # a misspelt field must not silently pay early
    ({"reward_value": 5}, ["reward_value"]),
    ({"id": "camp_1"}, ["id"]),
]


def test_rules_that_cannot_be_meant_are_refused_by_name(himal):
    """On creation and on change alike, and nothing is written."""
    before = create(himal).json
    with nothing_moves(himal.app):
        for fields, names in CANNOT_BE_MEANT:
            for answer in (create(himal, **fields), himal.patch(f"/campaigns/{before['id']}", fields)):
                assert (answer.status, sorted(answer["details"])) == (400, sorted(names)), (fields, answer)
                assert all(told and all(isinstance(one, str) for one in told) for told in answer["details"].values())
    assert himal.get("/campaigns")["campaigns"] == [before]
    assert len(versions(before["id"])) == 1


def test_a_name_is_needed(himal):
    assert list(create(himal, name=...)["details"]) == ["name"]
    assert himal.get("/campaigns")["campaigns"] == []


def test_an_unknown_field_says_so(himal):
    assert create(himal, holdDay=5)["code"] == "unknown_field"


def test_anothers_campaign_is_not_there(himal, rival):
    campaign = create(himal)["id"]
    for answer in (rival.get(f"/campaigns/{campaign}"), rival.patch(f"/campaigns/{campaign}", {"rewardValue": 0})):
        assert (answer.status, answer["code"]) == (404, "campaign_not_found")
    assert rival.post("/referrals", {"campaignId": campaign, "referrerId": "mallory"}).status == 404
    assert rival.get("/campaigns")["campaigns"] == []
    assert himal.get(f"/campaigns/{campaign}")["rewardValue"] == 5


def test_the_currency_stays_once_there_are_codes(himal):
    campaign = create(himal)["id"]
    assert himal.patch(f"/campaigns/{campaign}", {"currency": "EUR"})["currency"] == "EUR"
    himal.code(campaign)
    assert list(himal.patch(f"/campaigns/{campaign}", {"currency": "USD"})["details"]) == ["currency"]


def test_coins_stay_coins_once_there_are_rewards(himal):
    """The budget of 1,000 coins would become one of 1,000 dollars, its spend of 50 coins one of 50 cents."""
    campaign = create(himal, fulfillmentType="COINS", rewardValue=50, budget=1000)["id"]
    assert himal.patch(f"/campaigns/{campaign}", {"fulfillmentType": "MANUAL"}).status == 200
    assert himal.patch(f"/campaigns/{campaign}", {"fulfillmentType": "COINS"}).status == 200
    himal.convert(himal.code(campaign))
    refused = himal.patch(f"/campaigns/{campaign}", {"fulfillmentType": "MANUAL"})
    assert refused.status == 400 and list(refused["details"]) == ["fulfillmentType"]
    assert himal.patch(f"/campaigns/{campaign}", {"fulfillmentType": "COINS", "rewardValue": 60}).status == 200


# --- a change is in force at once -----------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_change_is_in_force_for_the_next_conversion_in_every_thread(himal):
    campaign = create(himal)["id"]
    code = himal.code(campaign)
    for value in (6, 7, 8):
        assert himal.patch(f"/campaigns/{campaign}", {"rewardValue": value}).status == 200
        answers = at_once(4, lambda place, value=value: himal.convert(code, f"friend {value} {place}"))
        assert [answer["rewardAmount"] for answer in answers] == [value] * 4
    assert himal.patch(f"/campaigns/{campaign}", {"status": "PAUSED"}).status == 200
    assert {answer["code"] for answer in at_once(4, lambda place: himal.convert(code, f"late {place}"))} == {
        "campaign_not_active"
    }


def test_the_apps_days_follow_its_zone_at_once(himal):
    """The zone is the app's: it changes without a new version of the campaign."""
    from referrals.models import StatDelta

    campaign = create(himal)["id"]
    code = himal.code(campaign)
    late = "2026-02-01T20:00:00Z"
    himal.convert(code, "bikram", occurredAt=late)
    himal.app.timezone = "Asia/Kathmandu"
    himal.app.save()
    himal.convert(code, "chandra", occurredAt=late)
    days = StatDelta.objects.filter(app=himal.app, conversions=1).order_by("id").values_list("day", flat=True)
    assert [day.isoformat() for day in days] == ["2026-02-01", "2026-02-02"]


# --- a budget that comes later --------------------------------------------------------------------------------------
def test_a_budget_set_later_counts_what_was_promised_before(himal):
    campaign = create(himal)["id"]
    code = himal.code(campaign)
    first = himal.convert(code, "bikram")
    himal.convert(code, "chandra")
    himal.convert(code, "deepa")
    himal.post(f"/rewards/{first['rewardId']}/cancel", {"reason": "test"})
    assert himal.patch(f"/campaigns/{campaign}", {"budget": 15}).status == 200
    assert CampaignSpend.objects.get(campaign=campaign).promised_minor == 1000
    assert himal.convert(code, "esha")["rewardCreated"] is True
    refused = himal.convert(code, "farid")
    assert (refused.status, refused["rewardCreated"], refused["rewardAmount"]) == (201, False, 0)
    books_are_right(himal.app)
    assert himal.patch(f"/campaigns/{campaign}", {"budget": 20}).status == 200
    assert himal.convert(code, "gita")["rewardCreated"] is True
    books_are_right(himal.app)
    assert himal.patch(f"/campaigns/{campaign}", {"budget": None}).status == 200
    assert himal.convert(code, "hari")["rewardCreated"] is True
    assert himal.patch(f"/campaigns/{campaign}", {"budget": 10}).status == 200  # less than is promised already
    assert himal.convert(code, "indra")["rewardCreated"] is False
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_a_budget_set_while_friends_convert_misses_none_of_them(himal):
    campaign = create(himal)["id"]
    codes = [himal.code(campaign, f"referrer {place}") for place in range(4)]

    def act(place: int):
        if place == 0:
            return himal.patch(f"/campaigns/{campaign}", {"budget": 100})
        return [himal.convert(codes[place % 4], f"friend {place} {turn}").status for turn in range(6)]

    answers = at_once(9, act)
    assert answers[0].status == 200
    assert all(set(statuses) == {201} for statuses in answers[1:])
    books_are_right(himal.app)
    spend = CampaignSpend.objects.get(campaign=campaign)
    assert spend.promised_minor == 500 * Campaign.objects.get(pk=campaign).rewards.count()


def test_moments_are_kept_to_the_millisecond(himal):
    made = create(himal, startDate="2026-05-01T05:45:00.123456+05:45", endDate="2026-05-02T00:00:00Z")
    assert made["startDate"] == "2026-05-01T00:00:00.123Z"
    assert Campaign.objects.get(pk=made["id"]).start_at == moment("2026-05-01T00:00:00.123456Z")
