"""Looks in the request, through the whole product: what is seen at one call tells at the next."""

from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction

from fraud import evidence, looking
from fraud.models import KeyKind, KeyMark, Link, Rescore, Score, Sighting, Stage
from incenta.database import sql
from incenta.encryption import decrypt
from tests.cast import Caller
from tests.fraud.people import BROWSER, friend_of, person, signals, silenced
from tests.referrals.moments import START, at, moment

pytestmark = pytest.mark.django_db


@pytest.fixture
def code(himal) -> str:
    return himal.code(himal.campaign(), "asha")


def shares(himal: Caller, referrer: str = "asha", **context) -> str:
    """The code of a referrer who was seen when he asked for it."""
    return himal.code(himal.campaign(), referrer, context=person(referrer) | context)


# --- one call after the other -----------------------------------------------------------------------------------------
def test_the_same_device_at_two_calls_is_a_link(himal, code):
    friend_of(himal, code, "tara", deviceId="tablet")
    made = friend_of(himal, code, "uma", deviceId="tablet")
    assert signals(himal, made["conversionId"]) == {"DEVICE_SHARED": 15, "DEVICE_CO_SIGNUP": 25, "HOUSEHOLD": 0}
    assert (made["status"], made["riskScore"], made["warning"], made["reasons"]) == ("COMPLETED", None, None, None)


def test_a_farm_is_held_when_it_is_no_household_any_more(himal, code):
    made = [friend_of(himal, code, f"{place} clone", deviceId="tablet") for place in range(8)]
    assert [answer["status"] for answer in made] == ["COMPLETED"] * 4 + ["FLAGGED"] * 4
    last = made[-1]
    assert (
        last["riskScore"] >= 50 and last["warning"] == "This device was used by 7 other accounts in the last 30 days."
    )
    assert {reason["type"] for reason in last["reasons"]} >= {"DEVICE_FINGERPRINT"}
    assert himal.get(f"/rewards/{last['rewardId']}")["holdReasons"] == ["FRAUD_REVIEW"]
    flags = himal.get("/fraud/flags?status=OPEN")["flags"]
    assert {flag["subject"]["id"] for flag in flags} == {answer["conversionId"] for answer in made[4:]}


def test_the_watch_band_is_told_and_not_held(himal, code):
    for name in ("tara", "uma", "vera"):
        friend_of(himal, code, name, deviceId="tablet")
    made = friend_of(himal, code, "wanda", deviceId="tablet")
    assert (made["status"], made["riskScore"], made["rewardCreated"]) == ("COMPLETED", 45, True)
    assert made["warning"] and made["reasons"]
    trace = himal.get(f"/conversions/{made['conversionId']}")["trace"]["risk"]
    assert (trace["outcome"], trace["action"], trace["flip"]) == ("noted", "WATCH", {"to": "HOLD", "missing": 5})


def test_what_a_click_showed_counts_when_the_friend_converts(himal):
    code = shares(himal, deviceId="phone of asha")
    clicked = himal.post(
        "/clicks", {"referralCode": code, "refereeId": "bikram", "context": person("x", deviceId="phone of asha")}
    )
    assert clicked.status == 200
    made = himal.convert(code, "bikram", 50)  # the order tells nothing of him
    assert "DEVICE_SELF" in signals(himal, made["conversionId"])


@pytest.mark.parametrize("known_by", [{}, {"deviceId": None}])
def test_a_click_without_a_name_is_the_friends_by_his_device_or_browser(himal, code, known_by):
    bot = person("bot", userAgent="HeadlessChrome/131", email=None) | known_by
    himal.post("/clicks", {"referralCode": code, "context": person("somebody else")})
    other = himal.convert(code, "bikram", 50, context=person("bikram"))
    assert "INSTANT_CONVERSION" not in signals(himal, other["conversionId"])
    himal.post("/clicks", {"referralCode": code, "context": bot})
    made = himal.convert(code, "bot", 50, context=bot)
    assert signals(himal, made["conversionId"])["INSTANT_CONVERSION"] == 40
    assert made["status"] == "FLAGGED"


def test_a_click_without_a_name_links_nobody(himal):
    code = shares(himal, deviceId="phone of asha")
    himal.post("/clicks", {"referralCode": code, "context": person("x", deviceId="phone of bikram")})
    assert Link.objects.filter(kind=KeyKind.DEVICE).count() == 1
    assert Sighting.objects.filter(subject_type="CLICK", user_id=None).count() == 1


def test_the_referrers_mailbox_with_a_tag(himal):
    made = friend_of(himal, shares(himal, email="asha.k@gmail.com"), "bikram", email="A.sha.K+2@googlemail.com")
    assert (made["status"], made["riskScore"], made["reasons"][0]["type"]) == ("FLAGGED", 90, "SELF_REFERRAL")


def test_the_referrers_mailbox_that_stood_beside_the_context(himal):
    code = himal.code(himal.campaign(), "asha", referrerEmail="asha@example.com")
    made = friend_of(himal, code, "bikram", email="asha+friend@example.com")
    assert made["status"] == "FLAGGED"


def test_an_alias_at_another_provider_on_the_same_device(himal):
    code = shares(himal, email="asha.thapa@gmail.com", deviceId="phone")
    made = friend_of(himal, code, "bikram", email="ashathapa@outlook.com", deviceId="phone")
    assert made["status"] == "FLAGGED"
    assert {"SELF_EMAIL_SIMILAR", "DEVICE_SELF"} <= set(signals(himal, made["conversionId"]))


def test_a_farm_of_numbered_mailboxes(himal, code):
    made = [friend_of(himal, code, f"friend {place}", email=f"ramkumar{place}@gmail.com") for place in range(5)]
    assert [signals(himal, answer["conversionId"]).get("EMAIL_PATTERN_FARM") for answer in made] == [
        None,
        None,
        25,
        25,
        40,
    ]
    other = friend_of(himal, himal.code(himal.campaign(), "tara"), "somebody else", email="ramkumar77@gmail.com")
    assert "EMAIL_PATTERN_FARM" not in signals(himal, other["conversionId"])  # of another referrer's friends


def test_one_card_of_three_and_one_phone(himal, code):
    for name in ("tara", "uma"):
        friend_of(himal, code, name, paymentFingerprint="card 4242")
    made = friend_of(himal, code, "vera", paymentFingerprint="card 4242", phone="+977 9801234567")
    assert signals(himal, made["conversionId"])["PAYMENT_SHARED"] == 60
    assert made["status"] == "COMPLETED"  # three who share a card may be a family
    made = friend_of(himal, shares(himal, "wanda", phone="009779801234567"), "xena", phone="+977-980-1234567")
    assert signals(himal, made["conversionId"])["PHONE_SAME"] == 60


def test_a_confirmed_cheats_device(himal, code):
    made = friend_of(himal, code, "tara", deviceId="bad")
    key = Link.objects.get(kind=KeyKind.DEVICE).key
    now = Score.objects.latest("at").at
    mark = KeyMark.objects.create(
        app=himal.app, kind=KeyKind.DEVICE, key=key, is_confirmed=True, confirmed_by="dcs_1",
        marked_at=now, expires_at=now + timedelta(days=180),
    )  # fmt: skip
    made = friend_of(himal, code, "uma", deviceId="bad")
    assert (made["status"], signals(himal, made["conversionId"])["KNOWN_BAD_LINK"]) == ("FLAGGED", 60)
    mark.expires_at = now
    mark.save()
    made = friend_of(himal, code, "vera", deviceId="bad")
    assert "KNOWN_BAD_LINK" not in signals(himal, made["conversionId"])


def test_another_apps_links_are_not_ours(himal, rival, code):
    theirs = rival.code(rival.campaign(), "asha")
    for place in range(6):
        friend_of(rival, theirs, f"friend {place}", deviceId="tablet")
    made = friend_of(himal, code, "bikram", deviceId="tablet")
    assert signals(himal, made["conversionId"]) == {}


def test_lists_are_heeded_at_the_next_call(himal, code):
    himal.post(
        "/fraud/lists", {"side": "DENY", "kind": "EMAIL_DOMAIN", "value": "bad.example", "reason": "chargebacks"}
    )
    made = friend_of(himal, code, "tara", email="tara@bad.example")
    assert (made["status"], made["riskScore"], made["reasons"][0]["type"]) == ("FLAGGED", 100, "MANUAL_FLAG")
    himal.post("/fraud/lists", {"side": "ALLOW", "kind": "DEVICE", "value": "kiosk", "reason": "our shop"})
    for place in range(8):
        made = friend_of(himal, code, f"guest {place}", deviceId="kiosk")
    assert (made["status"], made["riskScore"]) == ("COMPLETED", None)
    assert silenced(himal, made["conversionId"])["DEVICE_SHARED"] == "allowed"


# --- honest crowds ----------------------------------------------------------------------------------------------------
def test_an_offices_address_is_known_by_its_many_browsers(himal, code):
    made = [friend_of(himal, code, f"{place} colleague", ip="81.2.3.4") for place in range(19)]
    assert {answer["status"] for answer in made} == {"COMPLETED"}
    assert silenced(himal, made[-1]["conversionId"]) == {"IP_SHARED": "hub", "IP_HUB": "hub"}
    assert made[-1]["riskScore"] is None
    assert signals(himal, made[8]["conversionId"])["IP_SHARED"] == 20


def test_a_carriers_address_is_known_by_its_number(himal, code):
    one_browser = {"ip": "81.2.3.5", "userAgent": BROWSER.format(1), "deviceId": None}
    made = [friend_of(himal, code, f"subscriber {place}", **one_browser) for place in range(53)]
    flagged = [signals(himal, answer["conversionId"]) for answer in made if answer["status"] != "COMPLETED"]
    assert not flagged, flagged
    assert silenced(himal, made[-1]["conversionId"])["IP_HUB"] == "hub"


def test_a_shops_tablet_is_known_by_its_many_referrers(himal):
    campaign = himal.campaign()
    made = [
        friend_of(himal, himal.code(campaign, f"customer {place}"), f"guest {place}", deviceId="till", ip="81.2.9.9")
        for place in range(12)
    ]
    assert {answer["status"] for answer in made} == {"COMPLETED"}
    assert silenced(himal, made[-1]["conversionId"])["DEVICE_SHARED"] == "hub"


def test_a_device_that_is_in_everybodys_home_is_no_shops(himal):
    """A ring whose members refer each other has many referrers on its device, too; but a till does not move."""
    campaign = himal.campaign()
    made = [
        friend_of(
            himal, himal.code(campaign, f"helper {place}"), f"face {place}", deviceId="emulator", ip=f"81.2.{place}.9"
        )
        for place in range(12)
    ]
    assert made[-1]["status"] == "FLAGGED"
    assert signals(himal, made[-1]["conversionId"])["DEVICE_SHARED"] == 60


def test_a_server_that_tells_nothing_of_people_scores_nothing(himal, code):
    """Friends numbered one by one, clicked and converted in one go, each for the lowest amount."""
    made = []
    for place in range(24):
        himal.post("/clicks", {"referralCode": code, "refereeId": f"user-{place}"})
        made.append(
            himal.convert(code, f"user-{place}", 10, context={"userAgent": "python-requests/2.32", "ip": "127.0.0.1"})
        )
    assert {(answer["status"], answer["riskScore"]) for answer in made} == {("COMPLETED", None)}
    risk = himal.get(f"/conversions/{made[-1]['conversionId']}")["trace"]["risk"]
    assert {signal["points"] for signal in risk["signals"]} == {0}
    assert Link.objects.count() == 0


def test_a_family_evening_is_left_alone(himal):
    home = {"ip": "81.2.3.6", "deviceId": "tablet", "userAgent": BROWSER.format(7), "paymentFingerprint": "the card"}
    code = shares(himal, "mother", **home)
    made = [friend_of(himal, code, name, **home) for name in ("father", "daughter", "son", "aunt")]
    assert {answer["status"] for answer in made} == {"COMPLETED"}


def test_a_marked_hub_is_not_even_looked_at(himal, code):
    friend_of(himal, code, "tara", ip="81.2.3.7")
    key = Link.objects.get(user_id="tara", kind=KeyKind.IP).key
    KeyMark.objects.create(
        app=himal.app, kind=KeyKind.IP, key=key, is_hub=True, hub_reason="the campus", marked_at=moment(START)
    )
    made = friend_of(himal, code, "uma", ip="81.2.3.7")
    (note,) = himal.get(f"/conversions/{made['conversionId']}")["trace"]["risk"]["signals"]
    assert (note["code"], note["silenced"], note["evidence"]["accounts"]) == ("IP_HUB", "hub", 0)
    assert "the campus" in note["message"]


def test_a_short_link_shows_a_visitor_and_links_nobody(himal, client):
    made = himal.post("/referrals", {"campaignId": himal.campaign(), "referrerId": "asha", "refereeId": "bikram"})
    path = made["referralUrl"].partition("/r/")[2]
    headers = {"user-agent": BROWSER.format(9), "x-forwarded-for": "81.2.3.9", "accept-language": "ne"}
    assert client.get(f"/r/{path}", headers=headers).status_code == 200
    (seen,) = Sighting.objects.filter(subject_type="CLICK")
    assert (seen.user_id, seen.shown) == (None, {"userAgent": BROWSER.format(9)})  # the header is anybody's to write
    assert not Link.objects.exists()


# --- what is written --------------------------------------------------------------------------------------------------
def test_what_is_kept_of_a_look(himal, code):
    sent = person("bikram", landingUrl="https://himal.example/?gclid=1&utm=2")
    made = himal.convert(code, "bikram", 50, context=sent)
    (score,) = Score.objects.filter(subject_id=made["conversionId"])
    assert (score.subject_type, score.stage, score.score, score.action, score.rule_version) == (
        "CONVERSION",
        "REQUEST",
        0,
        "NONE",
        0,
    )
    assert score.coverage == ["IDENTITY", "NETWORK", "TIMING", "VALUE"] and not score.is_degraded
    assert score.features["ad_clicks"] == ["gclid"]
    text = str(score.features) + str(score.reasons)
    assert not any(value in text for value in (sent["ip"], sent["email"], sent["deviceId"]))
    (seen,) = Sighting.objects.filter(subject_id=made["conversionId"])
    assert seen.user_id == "bikram" and sorted(seen.kinds) == [KeyKind.IP, KeyKind.DEVICE, KeyKind.EMAIL]
    assert sent["email"] in decrypt(seen.raw) and sent["email"] not in seen.raw
    assert seen.shown["email"].startswith("b…@")
    assert {link.key for link in Link.objects.filter(user_id="bikram")} == set(seen.keys)
    assert {rescore.stage for rescore in Rescore.objects.filter(subject_id=made["conversionId"])} == {
        Stage.HOUR,
        Stage.DAY,
    }


def test_without_a_context_hardly_anything_is_written(himal, code):
    made = himal.convert(code, "bikram")
    assert not Link.objects.exists() and not Sighting.objects.exists()
    assert [score.coverage for score in Score.objects.filter(subject_id=made["conversionId"])] == [["TIMING", "VALUE"]]
    assert [rescore.stage for rescore in Rescore.objects.filter(subject_id=made["conversionId"])] == [Stage.DAY]


def test_the_sandboxs_clock_rules_looks_too(sandbox):
    code = sandbox.code(sandbox.campaign(), "asha")
    friend_of(sandbox, code, "tara", deviceId="tablet")
    at(sandbox, "2026-04-02T12:00:00Z")
    made = friend_of(sandbox, code, "uma", deviceId="tablet")
    assert signals(sandbox, made["conversionId"]) == {}  # nobody else for thirty days
    assert Link.objects.get(user_id="uma", kind=KeyKind.DEVICE).first_seen == moment("2026-04-02T12:00:00Z")


def test_asking_for_a_code_again_is_a_sighting(himal):
    campaign = himal.campaign()
    himal.code(campaign, "asha")
    himal.code(campaign, "asha", context=person("asha", deviceId="phone of asha"))
    made = friend_of(himal, himal.code(campaign, "asha"), "bikram", deviceId="phone of asha")
    assert "DEVICE_SELF" in signals(himal, made["conversionId"])


def test_a_referral_carries_its_risk(himal):
    campaign = himal.campaign()
    himal.post("/fraud/lists", {"side": "DENY", "kind": "DEVICE", "value": "bad"})
    made = himal.post(
        "/referrals", {"campaignId": campaign, "referrerId": "mallory", "context": person("m", deviceId="bad")}
    )
    assert (made.status, made["status"], made["riskScore"]) == (201, "FLAGGED", 100)
    (flag,) = himal.get("/fraud/flags?status=OPEN")["flags"]
    assert flag["subject"] == {"type": "REFERRAL", "id": made["referralId"]}
    held = himal.convert(made["referralCode"], "bikram")
    assert (held["status"], held["reasons"][0]["message"]) == ("FLAGGED", "The referral code itself is flagged.")


def test_block_refuses_and_leaves_nothing(himal):
    campaign = himal.campaign(fraudMode="block", holdAt=50, blockAt=80)
    code = himal.code(campaign, "asha")
    himal.post("/fraud/lists", {"side": "DENY", "kind": "DEVICE", "value": "bad"})
    refused = friend_of(himal, code, "bikram", deviceId="bad")
    assert (refused.status, refused["code"], refused["details"]) == (409, "blocked_by_risk", {"riskScore": 100})
    assert not himal.app.conversions.exists() and not Link.objects.filter(user_id="bikram").exists()


# --- faults -----------------------------------------------------------------------------------------------------------
def test_see_only_notes(himal):
    seen = looking.context.of(person("asha"))
    looking.see(himal.app, subject_type="EVENT", subject_id="evt_1", user_id="asha", context=seen, at=moment(START))
    assert Sighting.objects.get().subject_id == "evt_1" and Link.objects.count() == 3 and not Score.objects.exists()


@contextmanager
def _held(table: str):
    """Somebody else keeps a table to himself."""
    given = connection.get_connection_params()
    where = {name: value for name, value in given.items() if name in ("dbname", "user", "password", "host", "port")}
    with psycopg.connect(**where) as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


@pytest.mark.django_db(transaction=True)
def test_a_look_that_takes_too_long_is_cut_short_and_taken_again_soon(himal):
    campaign = himal.campaign()
    code = himal.code(campaign, "asha")
    friend_of(himal, code, "tara", deviceId="tablet")
    with _held("fraud_keymark"):
        made = friend_of(himal, code, "uma", deviceId="tablet", email="uma@mailinator.com")
    assert (made.status, made["status"]) == (201, "COMPLETED")
    (score,) = Score.objects.filter(subject_id=made["conversionId"])
    assert score.is_degraded and [reason["code"] for reason in score.reasons] == ["EMAIL_DISPOSABLE"]
    assert Stage.SOON in {rescore.stage for rescore in Rescore.objects.filter(subject_id=made["conversionId"])}
    assert Link.objects.filter(user_id="uma", kind=KeyKind.DEVICE).exists()  # for the next look
    assert himal.get(f"/conversions/{made['conversionId']}")["trace"]["risk"]["degraded"] is True


@pytest.mark.django_db(transaction=True)
def test_the_timeout_ends_with_the_look(himal):
    before = sql.row("SHOW statement_timeout")
    with transaction.atomic():
        evidence.gather(
            himal.app,
            looking.context.of(person("asha")),
            user_id="asha",
            other_id=None,
            referrer_id="asha",
            at=moment(START),
        )
        assert sql.row("SHOW statement_timeout") == before
        sql.execute("SET LOCAL statement_timeout = '7s'")
        evidence.gather(
            himal.app,
            looking.context.of(person("asha")),
            user_id="asha",
            other_id=None,
            referrer_id="asha",
            at=moment(START),
        )
        assert sql.row("SHOW statement_timeout") == ("7s",)
    assert sql.row("SHOW statement_timeout") == before
    assert connection.connection is not None
