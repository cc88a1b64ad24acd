"""Deadlines: what nobody decided in time becomes what the merchant chose, by the app's clock; without a choice nothing does."""

import pytest

from fraud import deadlines, deciding, undoing
from fraud.models import CaseEvent, Decision
from incenta import clock
from tests.fraud.suspects import open_case, proves, reward, self_referred
from tests.referrals.moments import at, moment

pytestmark = pytest.mark.django_db

BEFORE, AFTER = "2026-03-04T11:59:59Z", "2026-03-04T12:00:00Z"


@pytest.mark.parametrize(
    ("outcome", "conversion", "verdict"), [("REJECT", "REVERSED", "REJECT"), ("RELEASE", "CONVERTED", "APPROVE")]
)
def test_the_campaign_s_choice_is_made_at_its_hour(sandbox, outcome, conversion, verdict):
    made = self_referred(sandbox, fraudDeadlineHours=72, fraudDeadlineOutcome=outcome)
    case = open_case(sandbox)
    assert (case.due_at, case.due_outcome) == (moment(AFTER), outcome)
    at(sandbox, BEFORE)
    assert deadlines.decide_due_cases() == 0
    at(sandbox, AFTER)
    assert deadlines.decide_due_cases() == 1
    case.refresh_from_db()
    assert (case.status, case.due_at) == ("CLOSED", None)
    assert sandbox.get(f"/conversions/{made['conversionId']}")["status"] == conversion
    decision = Decision.objects.get(app=sandbox.app)
    assert (decision.verdict, decision.actor, decision.note) == (verdict, "deadline", deadlines.NOTE)
    assert CaseEvent.objects.filter(case=case, kind="deadline").count() == 1
    assert deadlines.decide_due_cases() == 0
    proves(sandbox, made["campaignId"])


def test_without_a_choice_it_waits(sandbox):
    self_referred(sandbox)
    at(sandbox, "2027-03-04T12:00:00Z")
    assert deadlines.decide_due_cases() == 0
    assert open_case(sandbox).status == "OPEN"


def test_only_the_campaign_that_chose_is_decided(sandbox):
    made = self_referred(sandbox, fraudDeadlineHours=72, fraudDeadlineOutcome="RELEASE")
    other = self_referred(sandbox)
    at(sandbox, AFTER)
    assert deadlines.decide_due_cases() == 1
    case = open_case(sandbox)
    assert (case.status, case.due_at, case.held) == ("OPEN", None, {"USD": 500})
    assert sandbox.get(f"/conversions/{made['conversionId']}")["status"] == "CONVERTED"
    assert sandbox.get(f"/conversions/{other['conversionId']}")["status"] == "FLAGGED"
    proves(sandbox, made["campaignId"], other["campaignId"])


def test_two_campaigns_two_outcomes(sandbox):
    made = self_referred(sandbox, fraudDeadlineHours=72, fraudDeadlineOutcome="RELEASE")
    other = self_referred(sandbox, fraudDeadlineHours=24, fraudDeadlineOutcome="REJECT")
    at(sandbox, AFTER)
    assert deadlines.decide_due_cases() == 1
    assert sandbox.get(f"/conversions/{made['conversionId']}")["status"] == "CONVERTED"
    assert sandbox.get(f"/conversions/{other['conversionId']}")["status"] == "REVERSED"
    assert Decision.objects.filter(app=sandbox.app).count() == 2
    proves(sandbox, made["campaignId"], other["campaignId"])


def test_who_is_suspected_anew_is_given_the_whole_time_again(sandbox):
    made = self_referred(sandbox, fraudDeadlineHours=72, fraudDeadlineOutcome="RELEASE")
    at(sandbox, "2026-03-04T11:00:00Z")
    sandbox.post(f"/referrals/{made['originalReferralCode']}/flag", {"reason": "On a coupon site."})
    at(sandbox, AFTER)
    deadlines.decide_due_cases()
    assert sandbox.get(f"/referrals/{made['originalReferralCode']}")["referral"]["isFlagged"] is True
    case = open_case(sandbox)
    assert case.due_at == moment("2026-03-07T11:00:00Z")
    at(sandbox, "2026-03-07T11:00:00Z")
    assert deadlines.decide_due_cases() == 1
    assert sandbox.get(f"/conversions/{made['conversionId']}")["status"] == "CONVERTED"
    proves(sandbox, made["campaignId"])


def test_what_is_kept_waits_longer_than_its_deadline_and_comes_back(sandbox):
    self_referred(sandbox, fraudDeadlineHours=72, fraudDeadlineOutcome="REJECT")
    case = open_case(sandbox)
    deciding.decide(sandbox.app, case.pk, "KEEP", actor="rita", until=moment("2026-03-20T00:00:00Z"))
    at(sandbox, "2026-03-19T00:00:00Z")
    assert deadlines.decide_due_cases() == 0
    case.refresh_from_db()
    assert case.status == "KEPT"


def test_what_is_kept_without_a_deadline_is_in_the_queue_again(sandbox):
    self_referred(sandbox)
    case = open_case(sandbox)
    deciding.decide(sandbox.app, case.pk, "KEEP", actor="rita", until=moment("2026-03-20T00:00:00Z"))
    at(sandbox, "2026-03-20T00:00:00Z")
    assert deadlines.decide_due_cases() == 1
    case.refresh_from_db()
    assert (case.status, case.kept_until) == ("OPEN", None)
    assert CaseEvent.objects.filter(case=case).order_by("-id").first().kind == "returned"


def test_a_deadline_s_decision_is_undone_and_does_not_come_again(sandbox):
    made = self_referred(sandbox, fraudDeadlineHours=72, fraudDeadlineOutcome="REJECT")
    at(sandbox, AFTER)
    deadlines.decide_due_cases()
    undoing.undo(sandbox.app, Decision.objects.get(app=sandbox.app).pk, actor="rita")
    assert deadlines.decide_due_cases() == 0
    assert sandbox.get(f"/conversions/{made['conversionId']}")["status"] == "FLAGGED"
    assert open_case(sandbox).due_at is None
    proves(sandbox, made["campaignId"])


def test_each_app_goes_by_its_own_clock(himal, sandbox):
    self_referred(himal, fraudDeadlineHours=72, fraudDeadlineOutcome="REJECT")
    made = self_referred(sandbox, fraudDeadlineHours=72, fraudDeadlineOutcome="RELEASE")
    at(sandbox, AFTER)
    assert deadlines.decide_due_cases() == 1
    assert open_case(himal).due_at > clock.now(himal.app)
    assert reward(sandbox, made["rewardId"])["holdReasons"] == []
