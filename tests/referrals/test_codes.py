"""Referral codes: one each, easily typed, in the campaign's format, and never two people's."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incenta.accounts.models import Participant
from incenta.events.models import Event
from referrals import codes
from referrals.models import Referral
from tests.cast import Caller, at_once
from tests.referrals.promises import nothing_moves, told

pytestmark = pytest.mark.django_db

CONFUSED = set("01ILOU")


def refer(himal: Caller, campaign: str, referrer: str = "asha", **more):
    return himal.post("/referrals", {"campaignId": campaign, "referrerId": referrer} | more)


# --- what is answered -----------------------------------------------------------------------------------------------
def test_a_code_is_made_and_told(himal):
    campaign = himal.campaign()
    made = refer(himal, campaign, metadata={"from": "the checkout", "place": 7})
    assert made.status == 201
    code, referral_id = made["referralCode"], made["referralId"]
    assert made.json == {
        "referralCode": code,
        "referralId": referral_id,
        "referralUrl": f"http://testserver/r/{code}",
        "status": "PENDING",
        "warning": None,
        "reasons": None,
        "riskScore": None,
    }
    assert referral_id.startswith("ref_")
    assert told(himal.app, "REFERRAL_CREATED") == [
        {
            "referralId": referral_id,
            "referralCode": code,
            "referrerId": "asha",
            "refereeId": None,
            "campaignId": campaign,
            "status": "PENDING",
            "riskScore": None,
            "warning": None,
            "reasons": None,
        }
    ]
    shown = himal.get(f"/referrals/{code}")["referral"]
    created_at = shown.pop("createdAt")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created_at)
    assert shown == {
        "id": referral_id,
        "referralCode": code,
        "referralUrl": made["referralUrl"],
        "referrerId": "asha",
        "refereeId": None,
        "status": "PENDING",
        "level": 1,
        "rewardAmount": 0,
        "rewardCurrency": "USD",
        "isFlagged": False,
        "riskScore": None,
        "warning": None,
        "reasons": None,
        "clicks": 0,
        "conversions": 0,
        "ruleVersion": 1,
        "metadata": {"from": "the checkout", "place": 7},
        "Campaign": {"id": campaign, "name": "Friends", "status": "ACTIVE"},
    }


def test_asking_again_answers_the_same_code(himal):
    campaign = himal.campaign()
    first = refer(himal, campaign)
    with nothing_moves(himal.app):
        again = refer(himal, campaign, metadata={"other": True}, code="OTHER")
        assert (again.status, again.json) == (200, first.json)
    assert Referral.objects.filter(app=himal.app).count() == 1


def test_one_code_for_anyone_and_one_for_each_friend_in_each_campaign(himal):
    campaigns = [himal.campaign(), himal.campaign()]
    asked = [(campaign, friend) for campaign in campaigns for friend in (None, "bikram", "chandra")]
    made = [refer(himal, campaign, refereeId=friend) for campaign, friend in asked]
    assert {answer.status for answer in made} == {201}
    assert len({answer["referralCode"] for answer in made}) == 6
    again = [refer(himal, campaign, refereeId=friend) for campaign, friend in asked]
    assert [(answer.status, answer.json) for answer in again] == [(200, answer.json) for answer in made]


def test_ids_are_the_clients_own_and_never_parsed(himal):
    campaign = himal.campaign()
    ids = [
        "Asha",
        "asha",
        " asha ",
        "a/b?c=d&e#f",
        "../../x",
        "null",
        "0",
        "आशा",
        "😀" * 200,
        "'; DROP TABLE x; --",
        "%00",
    ]
    made = [refer(himal, campaign, referrer) for referrer in ids]
    assert [answer.status for answer in made] == [201] * len(ids)
    shown = [himal.get(f"/referrals/{answer['referralCode']}")["referral"]["referrerId"] for answer in made]
    assert shown == ids


CANNOT_BE_RIGHT = [
    ({"referrerId": "asha"}, "campaignId"),
    ({"campaignId": "camp_1"}, "referrerId"),
    ({"campaignId": 5, "referrerId": "asha"}, "campaignId"),
    ({"campaignId": {"not": "zz"}, "referrerId": "asha"}, "campaignId"),
    ({"campaignId": "camp_1", "referrerId": ""}, "referrerId"),
    ({"campaignId": "camp_1", "referrerId": "a" * 256}, "referrerId"),
    ({"campaignId": "camp_1", "referrerId": 5}, "referrerId"),
    ({"campaignId": "camp_1", "referrerId": None}, "referrerId"),
    ({"campaignId": "camp_1", "referrerId": "asha", "refereeId": ""}, "refereeId"),
    ({"campaignId": "camp_1", "referrerId": "asha", "referrerEmail": "asha"}, "referrerEmail"),
    ({"campaignId": "camp_1", "referrerId": "asha", "metadata": ["x"]}, "metadata"),
    ({"campaignId": "camp_1", "referrerId": "asha", "metadata": "x"}, "metadata"),
    ({"campaignId": "camp_1", "referrerId": "asha", "context": {"ip": "1.2.3"}}, "context.ip"),
    ({"campaignId": "camp_1", "referrerId": "asha", "context": {"agent": "x"}}, "context.agent"),
    ({"campaignId": "camp_1", "referrerId": "asha", "refereeID": "x"}, "refereeID"),
]


def test_what_cannot_be_right_is_refused_by_name(himal):
    campaign = himal.campaign()
    with nothing_moves(himal.app):
        for body, field in CANNOT_BE_RIGHT:
            sent = {name: campaign if value == "camp_1" else value for name, value in body.items()}
            refused = himal.post("/referrals", sent)
            assert (refused.status, list(refused["details"])) == (400, [field]), refused
    assert not Referral.objects.filter(app=himal.app).exists()


def test_an_unknown_campaign_or_code_is_not_found(himal, rival):
    code = himal.code(himal.campaign())
    for answer in (refer(himal, "camp_01nothing"), refer(rival, himal.get("/campaigns")["campaigns"][0]["id"])):
        assert (answer.status, answer["code"]) == (404, "campaign_not_found")
    for answer in (himal.get("/referrals/NOSUCH"), rival.get(f"/referrals/{code}")):
        assert (answer.status, answer["code"]) == (404, "referral_not_found")


# --- self-referral --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("friend", ["mallory", "MALLORY", " mallory "])
def test_a_code_for_oneself_is_flagged(himal, friend):
    campaign = himal.campaign(fraudMode="monitor")
    made = refer(himal, campaign, "mallory", refereeId=friend)
    assert (made.status, made["status"], made["riskScore"]) == (201, "FLAGGED", 100)
    assert [reason["type"] for reason in made["reasons"]] == ["SELF_REFERRAL"] and made["warning"]
    assert refer(himal, campaign, "mallory", refereeId=friend).json == made.json
    shown = himal.get(f"/referrals/{made['referralCode']}")["referral"]
    assert (shown["status"], shown["isFlagged"], shown["riskScore"]) == ("FLAGGED", True, 100)
    (event,) = told(himal.app, "REFERRAL_CREATED")
    assert (event["status"], event["riskScore"], event["reasons"]) == ("FLAGGED", 100, made["reasons"])


# --- comparing ------------------------------------------------------------------------------------------------------
def test_a_code_survives_being_typed(himal):
    campaign = himal.campaign()
    code = himal.code(campaign, code="Save-20_Now")
    for typed in ("SAVE-20_NOW", "save-20_now", " Save-20_Now ", "ｓａｖｅ-20_now"):
        assert himal.get(f"/referrals/{typed}")["referral"]["referralCode"] == code
        assert himal.post("/clicks", {"referralCode": typed})["referralCode"] == code
    assert himal.convert("save-20_NOW")["originalReferralCode"] == code


def test_random_codes_hold_no_look_alikes(himal):
    assert not CONFUSED & set(codes.ALPHABET) and codes.ALPHABET.upper() == codes.ALPHABET
    campaign = himal.campaign(codePrefix="hi0")
    made = {himal.code(campaign, f"asha {place}") for place in range(20)}
    assert len(made) == 20
    assert all(re.fullmatch(rf"HI0-[{codes.ALPHABET}]{{8}}", code) for code in made)


@given(st.text(max_size=40))
def test_comparing_twice_changes_nothing(typed):
    assert codes.key_of(codes.key_of(typed)) == codes.key_of(typed)


# --- vanity codes ---------------------------------------------------------------------------------------------------
def test_a_vanity_code_is_given_once_without_regard_to_case(himal, rival):
    campaign = himal.campaign()
    assert refer(himal, campaign, code="Save20")["referralCode"] == "Save20"
    with nothing_moves(himal.app):
        for taken in ("Save20", "SAVE20", "save20"):
            refused = refer(himal, campaign, "bikram", code=taken)
            assert (refused.status, refused["code"]) == (409, "code_taken")
        other = refer(himal, himal.campaign(), "asha", code="save20")
        assert (other.status, other["code"]) == (409, "code_taken")
    assert Referral.objects.filter(app=himal.app).count() == 1
    assert refer(rival, rival.campaign(), code="SAVE20")["referralCode"] == "SAVE20"  # another merchant's own


@pytest.mark.parametrize(
    "code", ["", "AB", "A" * 41, "SAVE 20", "ÉTÉ2026", "-SAVE", "SAVE20\n", "SAVE/20", "ЅАVЕ20", 20, True, ["SAVE"]]
)
def test_an_impossible_vanity_code_is_refused(himal, code):
    campaign = himal.campaign()
    with nothing_moves(himal.app):
        refused = refer(himal, campaign, code=code)
        assert refused.status == 400 and list(refused["details"]) == ["code"]


# --- formats --------------------------------------------------------------------------------------------------------
def test_a_code_from_the_username(himal):
    campaign = himal.campaign(codeFormat="USERNAME", codePrefix="Hi")
    assert refer(himal, campaign, "u1", referrerUsername="Asha Rai")["referralCode"] == "HI-ASHARAI"
    namesake = refer(himal, campaign, "u2", referrerUsername="asha.rai")["referralCode"]
    assert re.fullmatch(rf"HI-ASHARAI-[{codes.ALPHABET}]{{3}}", namesake)
    assert refer(himal, campaign, "u3", referrerUsername="Zoë Čapek")["referralCode"] == "HI-ZOECAPEK"
    for place, poor in enumerate((None, "आशा", "__", "ab")):
        code = refer(himal, campaign, f"poor {place}", referrerUsername=poor)["referralCode"]
        assert re.fullmatch(rf"HI-[{codes.ALPHABET}]{{8}}", code)
    long = refer(himal, campaign, "u4", referrerUsername="Maximilian-Alexander von Thurn")["referralCode"]
    assert long == "HI-MAXIMILIANALEXAN"


def test_a_code_from_the_email_address_shows_only_its_beginning(himal):
    campaign = himal.campaign(codeFormat="EMAIL_PREFIX")
    made = refer(himal, campaign, "u1", referrerEmail="asha.rai+shop@example.com")
    assert made["referralCode"] == "ASHARAI"
    assert refer(himal, campaign, "u2")["referralCode"] not in ("", "NONE")


def test_what_the_client_tells_of_a_person_is_kept(himal):
    refer(himal, himal.campaign(), "u1", referrerUsername="asha", referrerEmail="asha@example.com")
    person = Participant.objects.get(app=himal.app, external_id="u1")
    assert (person.username, person.email) == ("asha", "asha@example.com")


# --- at once --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_thirty_identical_requests_make_one_code(himal):
    campaign = himal.campaign()
    for more in ({}, {"refereeId": "bikram"}, {"code": "VANITY", "refereeId": "chandra"}):
        answers = at_once(30, lambda _, more=more: refer(himal, campaign, **more))
        assert Counter(answer.status for answer in answers) == {201: 1, 200: 29}
        assert len({str(answer.json) for answer in answers}) == 1
    assert Referral.objects.filter(app=himal.app).count() == 3
    assert Event.objects.filter(app=himal.app, type="REFERRAL_CREATED").count() == 3
    assert himal.get(f"/stats?campaignId={campaign}")["totalReferrals"] == 3


@pytest.mark.django_db(transaction=True)
def test_thirty_people_want_one_vanity_code(himal):
    campaign = himal.campaign()
    answers = at_once(30, lambda place: refer(himal, campaign, f"user {place}", code=("Best", "BEST")[place % 2]))
    assert Counter((answer.status, answer.json.get("code")) for answer in answers) == {
        (201, None): 1,
        (409, "code_taken"): 29,
    }
    assert himal.get(f"/stats?campaignId={campaign}")["totalReferrals"] == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_namesakes_at_once_all_get_a_code(himal):
    campaign = himal.campaign(codeFormat="USERNAME")
    answers = at_once(20, lambda place: refer(himal, campaign, f"user {place}", referrerUsername="Asha"))
    assert [answer.status for answer in answers] == [201] * 20
    given = [answer["referralCode"] for answer in answers]
    assert len(set(given)) == 20 and "ASHA" in given and all(code.startswith("ASHA") for code in given)
