"""Cases: notes, who looks after them, and what their history tells."""

import pytest

from fraud import cases, precision
from fraud.models import CaseEvent, Flag
from incenta.accounts.models import Membership, Role, User
from incenta.errors import Conflict, InvalidInput, NotFound
from tests.fraud.suspects import open_case, self_referred

pytestmark = pytest.mark.django_db


def member(who, email: str) -> User:
    user = User.objects.create_user(email, "correct horse battery")
    Membership.objects.create(merchant=who.app.merchant, user=user, role=Role.ANALYST)
    return user


def test_somebody_looks_after_it(himal):
    self_referred(himal)
    case = open_case(himal)
    rita = member(himal, "rita@himal.example")
    assert cases.assign(himal.app, case.pk, rita, actor="rita").assignee == rita
    cases.assign(himal.app, case.pk, rita, actor="rita")
    assert himal.get(f"/fraud/cases/{case.pk}")["assignee"] == str(rita)
    assert cases.assign(himal.app, case.pk, None, actor="rita").assignee is None
    assert CaseEvent.objects.filter(case=case, kind="assigned").count() == 2


def test_a_stranger_does_not(himal, rival):
    self_referred(himal)
    case = open_case(himal)
    with pytest.raises(InvalidInput):
        cases.assign(himal.app, case.pk, member(rival, "sam@rival.example"), actor="sam")
    with pytest.raises(NotFound):
        cases.assign(rival.app, case.pk, None, actor="sam")
    with pytest.raises(NotFound):
        cases.note(rival.app, case.pk, "hello", actor="sam")


def test_a_closed_case_is_not_assigned_and_takes_notes(himal):
    self_referred(himal)
    case = open_case(himal)
    himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "APPROVE"})
    assert cases.note(himal.app, case.pk, "It was her sister.", actor="rita").kind == "note"
    with pytest.raises(Conflict) as refusal:
        cases.assign(himal.app, case.pk, member(himal, "rita@himal.example"), actor="rita")
    assert refusal.value.code == "case_closed"


def test_the_history_tells_who_did_what(himal):
    made = self_referred(himal)
    case = open_case(himal)
    himal.post(f"/fraud/cases/{case.pk}/notes", {"note": "Who is this?"})
    done = himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "REJECT", "note": "One person."})
    himal.post(f"/fraud/decisions/{done['decisionId']}/undo")
    lines = himal.get(f"/fraud/cases/{case.pk}")["history"]
    told = [line["kind"] for line in reversed(lines)]
    assert told[0] == "opened"
    assert told[-3:] == ["note", "decided", "undone"]
    assert set(told[1:-3]) == {"flag_added"}
    subjects = {line["data"]["subject"]["id"] for line in lines if line["kind"] == "flag_added"}
    assert subjects == {made["referralId"], made["conversionId"]}
    assert {line["actor"] for line in lines if line["kind"] in ("note", "decided", "undone")} == {
        himal.app.api_keys.get().pk
    }


def test_what_a_merchant_takes_back_himself_no_longer_waits(himal):
    made = self_referred(himal)
    conversion = f"/conversions/{made['conversionId']}/reverse"
    himal.post(conversion, {"amount": 10, "reason": "A part.", "preview": True})
    assert open_case(himal).held == {"USD": 500}
    himal.post(conversion, {"amount": 10, "reason": "A part."})
    assert open_case(himal).held == {"USD": 400}
    himal.post(conversion, {"reason": "The rest."})
    case = open_case(himal)
    assert (case.held, case.expected_loss) == ({}, 0)
    done = himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "APPROVE"})
    assert {effect["kind"] for effect in done["effects"]} == {"code_released"}
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "REVERSED"


def test_what_was_taken_back_whole_leaves_the_queue_without_a_verdict(himal):
    made = himal.convert(himal.code(himal.campaign(), "mallory"), "mallory")
    assert made["status"] == "FLAGGED"
    case = open_case(himal)
    himal.post(f"/conversions/{made['conversionId']}/reverse", {"reason": "Sent back."})
    found = himal.get(f"/fraud/cases/{case.pk}")
    assert (found["status"], found["outcome"], found["held"], found["expectedLoss"]) == ("CLOSED", "MOOT", [], 0)
    assert found["history"][0]["kind"] == "moot" and found["history"][0]["note"] == "It was reversed as a whole."
    (flag,) = himal.get("/fraud/flags?status=MOOT")["flags"]
    assert (flag["decision"], flag["decisionId"], flag["resolvedBy"]) == (None, None, "system")
    (told,) = himal.app.events.filter(type="FRAUD_FLAG_RESOLVED")
    assert told.data["decision"] is None and told.data["flagId"] == flag["id"]
    late = himal.post(f"/fraud/flags/{flag['id']}/resolve", {"decision": "REJECT", "note": "A cheat"})
    assert (late.status, late["code"], late["details"]["decision"]) == (409, "flag_resolved", None)
    assert "SELF_REFERRAL_ID" not in precision.fresh(himal.app)


def test_a_code_that_is_only_talked_about_holds_nobody(himal):
    made = self_referred(himal)
    himal.app.referrals.update(is_flagged=False)
    flag = Flag.objects.filter(app=himal.app, subject_id=made["conversionId"]).first()
    done = himal.post(f"/fraud/flags/{flag.pk}/resolve", {"decision": "APPROVE"})
    assert "conversion_counted" in {effect["kind"] for effect in done["effects"]}
