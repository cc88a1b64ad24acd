"""What an earlier implementation got wrong about conversions and risk (its list's numbers 19 to 29), the other way round."""

import inspect

import pytest

from fraud.models import Flag
from tests.fraud.people import friend_of, person, signals
from tests.referrals.moments import at

pytestmark = pytest.mark.django_db


@pytest.fixture
def code(himal) -> str:
    return himal.code(himal.campaign(), "asha", context=person("asha"))


def test_19_a_self_referral_is_held_and_not_paid(himal, code):
    made = himal.convert(code, "asha")
    assert (made.status, made["status"], made["riskScore"], made["rewardCreated"]) == (201, "FLAGGED", 100, True)
    reward = himal.get(f"/rewards/{made['rewardId']}")
    assert (reward["status"], reward["holdReasons"]) == ("PENDING", ["FRAUD_REVIEW"])
    assert himal.post(f"/rewards/{made['rewardId']}/claim")["code"] == "reward_on_hold"
    monitored = himal.code(himal.campaign(fraudMode="monitor"), "asha")
    assert himal.convert(monitored, " ASHA")["status"] == "FLAGGED"


def test_20_a_friend_is_a_friend_once_in_a_campaign(himal):
    campaign = himal.campaign()
    first = himal.convert(himal.code(campaign, "asha"), "bikram")
    again = himal.convert(himal.code(campaign, "tara"), "bikram")
    assert (again.status, again["code"], again["details"]) == (
        409,
        "already_converted",
        {"conversionId": first["conversionId"]},
    )


def test_21_a_flagged_code_pays_nobody(himal):
    code = himal.post("/referrals", {"campaignId": himal.campaign(), "referrerId": "mallory", "refereeId": "mallory"})[
        "referralCode"
    ]
    made = himal.convert(code, "bikram")
    assert (made["status"], made["reasons"][0]["message"]) == ("FLAGGED", "The referral code itself is flagged.")
    assert himal.get(f"/rewards/{made['rewardId']}")["holdReasons"] == ["FRAUD_REVIEW"]


def test_22_nothing_converts_before_the_start(sandbox):
    campaign = sandbox.campaign(startDate="2026-03-01T00:00:00Z")
    code = sandbox.code(campaign, "asha")
    early = sandbox.convert(code, "bikram", occurredAt="2026-02-28T23:59:59Z")
    assert (early.status, early["code"]) == (400, "campaign_not_started")


def test_23_a_buyer_who_clicks_and_buys_from_one_address_is_honest(himal, code):
    seen = person("bikram")
    for place in range(3):
        himal.post("/clicks", {"referralCode": code, "context": seen} | ({"refereeId": "bikram"} if place else {}))
    made = himal.convert(code, "bikram", None, context=seen)
    assert made["status"] == "COMPLETED"
    assert not {"IP_SELF", "IP_SHARED", "DEVICE_SELF", "DEVICE_SHARED"} & set(signals(himal, made["conversionId"]))


def test_23_one_server_that_calls_for_everybody_is_nobodys_address(himal, code):
    """The test client calls from 127.0.0.1, and so does each of these friends by what the merchant sends."""
    for place in range(8):
        himal.post("/clicks", {"referralCode": code, "refereeId": f"{place} friend", "context": {"ip": "127.0.0.1"}})
        made = himal.convert(code, f"{place} friend", context={"ip": "127.0.0.1"})
        assert (made["status"], made["riskScore"]) == ("COMPLETED", None)


def test_24_a_code_that_is_a_moment_old_is_not_suspicious(himal):
    code = himal.code(himal.campaign(), "tara")
    himal.post("/clicks", {"referralCode": code, "refereeId": "somebody else", "context": person("else")})
    made = friend_of(himal, code, "bikram")
    assert (made["status"], made["riskScore"]) == ("COMPLETED", None)
    assert "INSTANT_CONVERSION" not in signals(himal, made["conversionId"])  # others' clicks are not his


def test_25_flags_stand_with_what_they_flag_or_not_at_all(himal, code):
    made = himal.convert(code, "asha", externalId="order 1")
    himal.convert(code, "asha", externalId="order 1")
    again = himal.convert(code, "asha", externalId="order 2")
    assert again.status == 409
    assert [flag.subject_id for flag in Flag.objects.all()] == [made["conversionId"]]
    refused = himal.convert(code, "asha", amount=-1)
    assert refused.status == 400 and Flag.objects.count() == 1


def test_26_who_brings_many_good_friends_is_not_punished_for_it(sandbox):
    code = sandbox.code(sandbox.campaign(), "asha")
    for day in range(1, 29):
        at(sandbox, f"2026-03-{day:02}T{9 + day % 7:02}:{day * 2:02}:00Z")
        made = friend_of(sandbox, code, f"friend no {day * day}", amount=10 + day * 7)
        assert (made["status"], made["riskScore"]) == ("COMPLETED", None), day


def test_27_a_pattern_is_looked_for_among_the_newest(sandbox):
    code = sandbox.code(sandbox.campaign(), "asha")
    for place in range(1, 25):  # a quiet morning
        at(sandbox, f"2026-03-01T{place // 3:02}:{place * 7 % 60:02}:{place * 11 % 60:02}Z")
        friend_of(sandbox, code, f"friend no {place * place}", amount=10 + place * 9)
    for place in range(12):  # and then a clock's rhythm
        at(sandbox, f"2026-03-01T20:{place * 2:02}:00Z")
        made = friend_of(sandbox, code, f"clone no {place * 7 + place * place}", amount=50 + place * 7)
    assert signals(sandbox, made["conversionId"]).get("REGULAR_INTERVALS") == 20


def test_28_zero_is_a_number(himal):
    """``config.x || default`` took 0 for "not set": points that a merchant sets to 0 are 0."""
    from fraud import scoring
    from fraud.weights import from_rules
    from tests.fraud.seen import DEVICE, facts, near

    none = from_rules(1, {"signals": {"DEVICE_SHARED": {"on": True, "points": 0}}, "caps": {"NETWORK": 0}})
    assert scoring.judge(facts(near(DEVICE, others=9)), none).score is None


@pytest.mark.parametrize("ip", ["10.0.0.7", "192.168.1.5", "172.16.0.1", "fd00::1"])
def test_29_a_private_address_is_no_vpn(himal, code, ip):
    made = himal.convert(code, "bikram", context=person("bikram", ip=ip))
    assert made["riskScore"] is None
    assert signals(himal, made["conversionId"]) == {"IP_IS_CALLER": 0}


def test_54_nobody_chooses_his_address_by_a_header(himal, code):
    """(Its number 54.) Headers of the call are the merchant's server's, unless the app says otherwise; then its own hop counts."""
    made = himal.convert(code, "bikram", context={"deviceId": "phone"})
    assert "ip" not in himal.app.fraud_sightings.get(subject_id=made["conversionId"]).shown
    himal.post("/clicks", {"referralCode": code, "refereeId": "tara"}, x_forwarded_for="81.2.3.4")
    assert not himal.app.fraud_sightings.filter(user_id="tara").exists()
    type(himal.app).objects.filter(pk=himal.app.pk).update(trusts_forwarded_for=True)
    himal.app.refresh_from_db()
    himal.app.save()
    himal.post("/clicks", {"referralCode": code, "refereeId": "tara"}, x_forwarded_for="1.1.1.1, 81.2.3.4, 10.0.0.1")
    assert himal.app.fraud_sightings.get(user_id="tara").shown["ip"] == "81.2.3.…"


def test_each_defect_has_its_test():
    names = " ".join(
        name for name, _ in inspect.getmembers(inspect.getmodule(test_19_a_self_referral_is_held_and_not_paid))
    )
    assert all(f"test_{number}_" in names for number in range(19, 30))
