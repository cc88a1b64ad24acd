"""Flags, cases and decisions over HTTP: contract section 8, and what is beside it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from incenta import clock
from tests.fraud.suspects import open_case, proves, reward, self_referred

pytestmark = pytest.mark.django_db


def test_the_flag_is_open_for_review(himal):
    made = self_referred(himal)
    listed = himal.get("/fraud/flags?status=OPEN")
    assert listed.status == 200
    of_conversion = [each for each in listed["flags"] if each["subject"]["id"] == made["conversionId"]]
    assert {each["signal"] for each in of_conversion} >= {"SELF_REFERRAL_ID"}
    flag = next(each for each in of_conversion if each["signal"] == "SELF_REFERRAL_ID")
    assert flag["type"] == "SELF_REFERRAL"
    assert flag["subject"] == {"type": "CONVERSION", "id": made["conversionId"]}
    assert (flag["riskScore"], flag["points"], flag["hits"], flag["decision"]) == (100, 100, 1, None)
    assert (flag["userId"], flag["campaignId"]) == ("mallory", made["campaignId"])
    assert himal.get(f"/fraud/flags/{flag['id']}").json == flag
    assert himal.get("/fraud/flags?status=REJECTED")["flags"] == []


def test_flags_are_filtered(himal):
    made = self_referred(himal)
    conversion = made["conversionId"]

    def found(query: str) -> set[str]:
        return {flag["subject"]["id"] for flag in himal.get(f"/fraud/flags?{query}")["flags"]}

    both = {conversion, made["referralId"]}
    assert found(f"subject={conversion}") == {conversion}
    assert found("type=SELF_REFERRAL") == both
    assert found("type=DUPLICATE_IP") == set()
    assert found("minScore=100") == both
    assert found("minScore=50&maxScore=99") == set()
    assert found(f"campaignId={made['campaignId']}") == both
    assert found("userId=mallory") == both
    assert found("userId=asha") == set()
    assert found(f"caseId={open_case(himal).pk}") == both
    assert found("signal=CODE_FLAGGED") == {conversion}


@pytest.mark.parametrize(
    "query",
    [
        "minScore=101",
        "minScore=-1",
        "minScore=much",
        "minScore=1.5",
        "minScore=NaN",
        "type=X",
        "status=X",
        "colour=red",
    ],
)
@pytest.mark.parametrize("path", ["flags", "cases"])
def test_what_cannot_be_filtered_by_is_refused(himal, path, query):
    assert himal.get(f"/fraud/{path}?{query}").status == 400


def test_a_rejection_without_a_note_gives_the_flags_own_reason(himal):
    made = self_referred(himal)
    flag = himal.get(f"/fraud/flags?subject={made['conversionId']}")["flags"][0]
    done = himal.post(f"/fraud/flags/{flag['id']}/resolve", {"decision": "REJECT"})
    assert (done.status, done["flag"]["status"], done["flag"]["note"]) == (200, "REJECTED", flag["message"])


def test_resolving_over_http(himal):
    made = self_referred(himal)
    flag = himal.get(f"/fraud/flags?subject={made['conversionId']}")["flags"][0]
    for bad in ({}, {"decision": "KEEP"}, {"decision": True}, {"decision": "APPROVE", "why": "x"}):
        assert himal.post(f"/fraud/flags/{flag['id']}/resolve", bad).status == 400
    done = himal.post(f"/fraud/flags/{flag['id']}/resolve", {"decision": "REJECT", "note": "One person."})
    assert (done.status, done["success"]) == (200, True)
    assert (done["flag"]["status"], done["flag"]["decision"]) == ("REJECTED", "REJECT")
    assert {effect["kind"] for effect in done["effects"]} == {"conversion_reversed", "reward_cancelled"}
    again = himal.post(f"/fraud/flags/{flag['id']}/resolve", {"decision": "REJECT", "note": "One person."})
    assert (again.status, again["effects"], again["flag"]) == (200, [], done["flag"])
    other = himal.post(f"/fraud/flags/{flag['id']}/resolve", {"decision": "APPROVE"})
    assert (other.status, other["code"], other["details"]["decision"]) == (409, "flag_resolved", "REJECT")
    assert other["details"]["resolvedAt"] == done["flag"]["resolvedAt"]
    proves(himal, made["campaignId"])


def test_a_case_in_full(himal):
    made = self_referred(himal)
    (case,) = himal.get("/fraud/cases")["cases"]
    assert (case["status"], case["riskScore"], case["version"]) == ("OPEN", 100, 2)
    assert case["held"] == [{"currency": "USD", "amount": 5}]
    assert case["expectedLoss"] == 5
    whole = himal.get(f"/fraud/cases/{case['id']}").json
    assert {name: whole[name] for name in case} == case
    assert {each["id"] for each in whole["subjects"]} == {made["conversionId"], made["referralId"]}
    conversion = next(each for each in whole["subjects"] if each["type"] == "CONVERSION")
    assert conversion["held"] == [{"currency": "USD", "amount": 5}]
    assert (conversion["userId"], conversion["otherId"]) == ("mallory", "mallory")
    assert [line["kind"] for line in whole["history"]][-1] == "opened"
    assert whole["decisions"] == []
    assert [each["id"] for each in himal.get("/fraud/cases?userId=mallory&status=OPEN&minScore=90")["cases"]] == [
        case["id"]
    ]
    assert himal.get("/fraud/cases?userId=asha")["cases"] == []


def test_deciding_over_http(himal):
    made = self_referred(himal)
    case = open_case(himal)
    seen = himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "APPROVE", "preview": True})
    assert (seen.status, seen["preview"], seen["decisionId"]) == (200, True, None)
    assert himal.get(f"/fraud/cases/{case.pk}")["status"] == "OPEN"
    stale = himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "APPROVE", "version": 1})
    assert (stale.status, stale["code"], stale["details"]["version"]) == (409, "case_changed", 2)
    done = himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "APPROVE", "version": 2, "note": "Ours."})
    assert done.status == 200
    assert done["effects"] == seen["effects"]
    assert (done["caseStatus"], done["caseVersion"]) == ("CLOSED", 3)
    late = himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "REJECT", "note": "No."})
    assert (late.status, late["code"]) == (409, "case_closed")
    (decision,) = himal.get(f"/fraud/decisions?caseId={case.pk}")["decisions"]
    assert (decision["id"], decision["verdict"], decision["note"]) == (done["decisionId"], "APPROVE", "Ours.")
    undone = himal.post(f"/fraud/decisions/{done['decisionId']}/undo")
    assert (undone.status, undone["case"]["status"]) == (200, "OPEN")
    assert undone["decision"]["undoneAt"]
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "FLAGGED"
    again = himal.post(f"/fraud/decisions/{done['decisionId']}/undo")
    assert (again.status, again["effects"]) == (200, [])
    assert reward(himal, made["rewardId"])["holdReasons"] == ["FRAUD_REVIEW"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": "MAYBE"},
        {"verdict": "REJECT"},
        {"verdict": "REJECT", "note": ""},
        {"verdict": "KEEP"},
        {"verdict": "KEEP", "until": "tomorrow"},
        {"verdict": "KEEP", "until": "2001-01-01T00:00:00Z"},
        {"verdict": "APPROVE", "version": 0},
        {"verdict": "APPROVE", "version": "2"},
        {"verdict": "APPROVE", "preview": "yes"},
        {"verdict": "APPROVE", "note": "x" * 1001},
        {"verdict": "APPROVE", "colour": "red"},
    ],
)
def test_a_wrong_decision_is_refused_and_nothing_moves(himal, body):
    self_referred(himal)
    case = open_case(himal)
    assert himal.post(f"/fraud/cases/{case.pk}/decide", body).status == 400
    case.refresh_from_db()
    assert (case.status, case.version) == ("OPEN", 2)


def test_keeping_over_http(himal):
    self_referred(himal)
    case = open_case(himal)
    until = clock.iso(timezone.now() + timedelta(days=2))
    kept = himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "KEEP", "until": until})
    assert (kept.status, kept["caseStatus"]) == (200, "KEPT")
    assert himal.get("/fraud/cases?status=KEPT")["cases"][0]["keptUntil"] == until
    himal.post(f"/fraud/decisions/{kept['decisionId']}/undo")
    assert himal.get(f"/fraud/cases/{case.pk}")["keptUntil"] is None


def test_a_note_is_in_the_history(himal):
    self_referred(himal)
    case = open_case(himal)
    made = himal.post(f"/fraud/cases/{case.pk}/notes", {"note": "Called her."})
    assert (made.status, made["kind"], made["note"]) == (201, "note", "Called her.")
    assert himal.get(f"/fraud/cases/{case.pk}")["history"][0] == made.json
    assert himal.post(f"/fraud/cases/{case.pk}/notes", {"note": "  "}).status == 400


def test_the_rival_sees_nothing(himal, rival):
    made = self_referred(himal)
    case = open_case(himal)
    flag = himal.get("/fraud/flags")["flags"][0]["id"]
    done = himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "APPROVE"})
    for method, path, body in (
        ("GET", f"/fraud/flags/{flag}", None),
        ("POST", f"/fraud/flags/{flag}/resolve", {"decision": "APPROVE"}),
        ("GET", f"/fraud/cases/{case.pk}", None),
        ("POST", f"/fraud/cases/{case.pk}/decide", {"verdict": "APPROVE"}),
        ("POST", f"/fraud/cases/{case.pk}/notes", {"note": "hello"}),
        ("POST", f"/fraud/decisions/{done['decisionId']}/undo", {}),
        ("POST", f"/referrals/{made['originalReferralCode']}/flag", {"reason": "hello"}),
    ):
        assert rival(method, path, body).status == 404, path
    assert rival.get("/fraud/flags")["flags"] == rival.get("/fraud/cases")["cases"] == []
    assert rival.get("/fraud/decisions")["decisions"] == []
    many = rival.post("/fraud/cases/decide", {"verdict": "APPROVE", "ids": [case.pk]})
    assert many["results"][0]["code"] == "case_not_found"


# --- flagging by hand -------------------------------------------------------------------------------------------------
def test_a_code_is_flagged_by_hand(himal):
    campaign = himal.campaign()
    code = himal.code(campaign, "asha")
    paid = himal.convert(code, "chandra", 30)
    himal.post(f"/rewards/{paid['rewardId']}/pay", {"payoutReference": "bank-1"})
    made = himal.convert(code, "bikram", 50)
    flagged = himal.post(f"/referrals/{code.lower()}/flag", {"reason": "Posted on a coupon site."})
    assert (flagged.status, flagged["status"], flagged["referralCode"]) == (201, "FLAGGED", code)
    assert (flagged["flag"]["type"], flagged["flag"]["message"]) == ("MANUAL_FLAG", "Posted on a coupon site.")
    assert himal.get(f"/referrals/{code}")["referral"]["isFlagged"] is True
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "FLAGGED"
    assert himal.get(f"/conversions/{paid['conversionId']}")["status"] == "CONVERTED"
    assert reward(himal, made["rewardId"])["holdReasons"] == ["FRAUD_REVIEW"]
    assert open_case(himal).held == {"USD": 500}
    proves(himal, campaign)
    again = himal.post(f"/referrals/{code}/flag", {"reason": "On two of them."})
    assert (again.status, again["flag"]["hits"], again["flag"]["id"]) == (200, 2, flagged["flag"]["id"])
    later = himal.convert(code, "devi", 20)
    assert later["status"] == "FLAGGED"
    himal.post(f"/fraud/cases/{open_case(himal).pk}/decide", {"verdict": "APPROVE"})
    assert himal.get(f"/stats?campaignId={campaign}")["totalConversions"] == 3
    assert himal.convert(code, "ekta", 20)["status"] == "COMPLETED"
    proves(himal, campaign)


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 301}, {"reason": 5}])
def test_flagging_by_hand_needs_a_reason(himal, body):
    code = himal.code(himal.campaign(), "asha")
    assert himal.post(f"/referrals/{code}/flag", body).status == 400
    assert himal.get(f"/referrals/{code}")["referral"]["isFlagged"] is False


def test_no_such_code(himal):
    assert himal.post("/referrals/NOSUCH/flag", {"reason": "x"})["code"] == "referral_not_found"
