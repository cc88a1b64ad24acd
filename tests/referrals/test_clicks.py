"""Clicks: counted once each, told, and never on a code that is not there."""

import re

import pytest

from referrals.models import Click
from tests.cast import at_once
from tests.referrals.promises import nothing_moves, told

pytestmark = pytest.mark.django_db


def test_a_click_is_recorded_and_told(himal):
    campaign = himal.campaign()
    code = himal.code(campaign)
    answer = himal.post(
        "/clicks", {"referralCode": code.lower(), "refereeId": "bikram", "context": {"ip": "203.0.113.7"}}
    )
    assert answer.status == 200
    click_id, clicked_at = answer["clickId"], answer["clickedAt"]
    assert answer.json == {"success": True, "clickId": click_id, "referralCode": code, "clickedAt": clicked_at}
    assert click_id.startswith("click_") and re.fullmatch(r".{10}T.{12}Z", clicked_at)
    shown = himal.get(f"/referrals/{code}")["referral"]
    assert (shown["status"], shown["clicks"], shown["conversions"]) == ("CLICKED", 1, 0)
    assert told(himal.app, "REFERRAL_CLICKED") == [
        {
            "referralId": shown["id"],
            "referralCode": code,
            "clickId": click_id,
            "clickedAt": clicked_at,
            "campaignId": campaign,
            "refereeId": "bikram",
        }
    ]
    himal.post("/clicks", {"referralCode": code})
    assert himal.get(f"/referrals/{code}")["referral"]["clicks"] == 2
    assert himal.get(f"/stats?campaignId={campaign}")["totalClicks"] == 2


def test_a_click_after_a_conversion_leaves_the_code_converted(himal):
    code = himal.code(himal.campaign())
    himal.convert(code)
    himal.post("/clicks", {"referralCode": code})
    assert himal.get(f"/referrals/{code}")["referral"]["status"] == "CONVERTED"


def test_a_click_leaves_a_flagged_code_flagged(himal):
    code = himal.code(himal.campaign(), "mallory", refereeId="mallory")
    assert himal.post("/clicks", {"referralCode": code}).status == 200
    assert himal.get(f"/referrals/{code}")["referral"]["status"] == "FLAGGED"


CANNOT_BE_RIGHT = [
    ({}, "referralCode"),
    ({"referralCode": None}, "referralCode"),
    (
        {"referralCode": {"not": "zz"}},
        "referralCode",
    ),  # reached an earlier implementation's database as an operator
    ({"referralCode": ["A"]}, "referralCode"),
    ({"referralCode": 5}, "referralCode"),
    ({"referralCode": ""}, "referralCode"),
    ({"referralCode": "A" * 61}, "referralCode"),
    ({"referralCode": "CODE", "refereeId": 5}, "refereeId"),
    ({"referralCode": "CODE", "context": "ip"}, "context"),
    ({"referralCode": "CODE", "code": "x"}, "code"),
]


def test_what_cannot_be_right_is_refused(himal):
    himal.code(himal.campaign(), code="CODE")
    with nothing_moves(himal.app):
        for body, field in CANNOT_BE_RIGHT:
            refused = himal.post("/clicks", body)
            assert (refused.status, list(refused["details"])) == (400, [field]), refused
    assert not Click.objects.filter(app=himal.app).exists()


def test_an_unknown_code_and_anothers_cannot_be_told_apart(himal, rival):
    code = himal.code(himal.campaign())
    refusals = [rival.post("/clicks", {"referralCode": each}) for each in (code, "NOSUCHCODE")]
    assert [(answer.status, answer["code"]) for answer in refusals] == [(404, "referral_not_found")] * 2
    assert refusals[0]["error"] == refusals[1]["error"]
    assert not Click.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_thirty_clicks_at_once_are_thirty(himal):
    campaign = himal.campaign()
    code = himal.code(campaign)
    answers = at_once(30, lambda _: himal.post("/clicks", {"referralCode": code}))
    assert {answer.status for answer in answers} == {200}
    assert len({answer["clickId"] for answer in answers}) == 30
    shown = himal.get(f"/referrals/{code}")["referral"]
    assert (shown["clicks"], shown["status"]) == (30, "CLICKED")
    assert himal.get(f"/stats?campaignId={campaign}")["totalClicks"] == 30
