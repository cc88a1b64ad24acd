"""Deciding a case: what each verdict does to rewards, conversions, codes, flags, keys; and that no two decisions are made of one."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fraud import deciding
from fraud.models import Case, CaseEvent, Decision, Flag
from incenta.errors import Conflict, InvalidInput, NotFound
from tests.fraud.suspects import open_case, proves, reward, self_referred

pytestmark = pytest.mark.django_db


def flags(who, **more):
    return list(Flag.objects.filter(app=who.app, **more).order_by("id"))


def kinds(outcome) -> list[str]:
    return sorted(effect.kind for effect in outcome.effects)


def test_what_is_flagged_has_an_open_flag_and_a_case(himal):
    made = self_referred(himal)
    case = open_case(himal)
    assert case.key == "user:mallory"
    assert case.held == {"USD": 500}
    found = {(flag.subject_type, flag.subject_id) for flag in flags(himal, status="OPEN", case=case)}
    assert found == {("REFERRAL", made["referralId"]), ("CONVERSION", made["conversionId"])}


def test_approving_counts_and_releases(himal):
    made = self_referred(himal)
    case = open_case(himal)
    outcome = deciding.decide(himal.app, case.pk, "APPROVE", actor="rita", note="She tests our shop.")
    assert kinds(outcome) == ["code_released", "conversion_counted", "reward_released"]
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "CONVERTED"
    assert himal.get(f"/referrals/{made['originalReferralCode']}")["referral"]["status"] == "CONVERTED"
    assert himal.get(f"/referrals/{made['originalReferralCode']}")["referral"]["isFlagged"] is False
    assert reward(himal, made["rewardId"])["holdReasons"] == []
    case.refresh_from_db()
    assert (case.status, case.outcome, case.held, case.version) == ("CLOSED", "APPROVED", {}, 3)
    assert {flag.status for flag in flags(himal)} == {"APPROVED"}
    resolved = list(himal.app.events.filter(type="FRAUD_FLAG_RESOLVED"))
    assert len(resolved) == len(flags(himal))
    assert {event.data["decision"] for event in resolved} == {"APPROVE"}
    assert {event.data["note"] for event in resolved} == {"She tests our shop."}
    proves(himal, made["campaignId"])
    later = himal.convert(made["originalReferralCode"], "bikram", 20)
    assert later["status"] == "COMPLETED"


def test_a_long_note_is_whole_in_the_decision_and_cut_in_the_reversal(himal):
    made = self_referred(himal)
    decision = deciding.decide(himal.app, open_case(himal).pk, "REJECT", actor="rita", note="é" * 1000).decision
    assert len(decision.note) == 1000
    conversion = himal.get(f"/conversions/{made['conversionId']}").json
    assert (conversion["status"], conversion["reversals"][0]["reason"]) == ("REVERSED", "é" * 500)


def test_rejecting_reverses_and_cancels(himal):
    made = self_referred(himal)
    case = open_case(himal)
    outcome = deciding.decide(himal.app, case.pk, "REJECT", actor="rita", note="One person.")
    assert kinds(outcome) == ["code_stays_flagged", "conversion_reversed", "reward_cancelled"]
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "REVERSED"
    assert himal.get(f"/referrals/{made['originalReferralCode']}")["referral"]["isFlagged"] is True
    told = reward(himal, made["rewardId"])
    assert (told["status"], told["amount"], told["cancelReason"]) == ("CANCELLED", 0, "One person.")
    assert himal.app.events.filter(type="REFERRAL_REVERSED").count() == 1
    proves(himal, made["campaignId"])
    later = himal.convert(made["originalReferralCode"], "bikram", 20)
    assert later["status"] == "FLAGGED"
    assert open_case(himal).pk != case.pk


def test_a_preview_changes_nothing(himal):
    made = self_referred(himal)
    case = open_case(himal)
    for verdict, effects in (("APPROVE", 3), ("REJECT", 3)):
        outcome = deciding.decide(himal.app, case.pk, verdict, actor="rita", note="?", preview=True)
        assert (outcome.decision, len(outcome.effects), outcome.is_preview) == (None, effects, True)
    case.refresh_from_db()
    assert (case.status, case.version) == ("OPEN", 2)
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "FLAGGED"
    assert not Decision.objects.exists()
    assert not himal.app.events.filter(type="FRAUD_FLAG_RESOLVED").exists()
    assert {flag.status for flag in flags(himal)} == {"OPEN"}


def test_keeping_moves_nothing_and_names_a_moment(himal):
    self_referred(himal)
    case = open_case(himal)
    until = timezone.now() + timedelta(days=3)
    outcome = deciding.decide(himal.app, case.pk, "KEEP", actor="rita", until=until)
    assert kinds(outcome) == ["kept"]
    case.refresh_from_db()
    assert (case.status, case.kept_until) == ("KEPT", until)
    assert {flag.status for flag in flags(himal)} == {"OPEN"}


def test_what_is_kept_comes_back_when_it_grows(himal):
    made = self_referred(himal)
    case = open_case(himal)
    deciding.decide(himal.app, case.pk, "KEEP", actor="rita", until=timezone.now() + timedelta(days=3))
    himal.convert(made["originalReferralCode"], "bikram", 20)
    case.refresh_from_db()
    assert (case.status, case.kept_until, case.held) == ("OPEN", None, {"USD": 700})


@pytest.mark.parametrize(
    ("verdict", "more", "field"),
    [
        ("APPROVE", {"until": timezone.now() + timedelta(days=1)}, "until"),
        ("KEEP", {}, "until"),
        ("KEEP", {"until": timezone.now() - timedelta(days=1)}, "until"),
        ("KEEP", {"until": timezone.now() + timedelta(days=999)}, "until"),
        ("REJECT", {}, "note"),
        ("REJECT", {"note": "   "}, "note"),
        ("REJECT", {"note": "x" * 1001}, "note"),
        ("MAYBE", {}, "verdict"),
    ],
)
def test_a_ruling_that_cannot_be_meant_is_refused(himal, verdict, more, field):
    self_referred(himal)
    case = open_case(himal)
    with pytest.raises(InvalidInput) as refusal:
        deciding.decide(himal.app, case.pk, verdict, actor="rita", **more)
    assert field in refusal.value.details
    case.refresh_from_db()
    assert case.status == "OPEN"


def test_the_second_analyst_is_told(himal):
    made = self_referred(himal)
    case = open_case(himal)
    himal.convert(made["originalReferralCode"], "bikram", 20)
    with pytest.raises(Conflict) as refusal:
        deciding.decide(himal.app, case.pk, "REJECT", actor="sam", note="?", version=case.version)
    assert refusal.value.code == "case_changed"
    assert refusal.value.details["version"] == case.version + 1
    case.refresh_from_db()
    deciding.decide(himal.app, case.pk, "APPROVE", actor="rita", version=case.version)
    with pytest.raises(Conflict) as refusal:
        deciding.decide(himal.app, case.pk, "REJECT", actor="sam", note="?", version=case.version)
    assert refusal.value.code == "case_closed"
    assert refusal.value.details["decidedBy"] == "rita"
    assert "rita" in refusal.value.message


def test_another_app_s_case_is_no_case(himal, rival):
    self_referred(himal)
    with pytest.raises(NotFound):
        deciding.decide(rival.app, open_case(himal).pk, "APPROVE", actor="rita")


def test_a_decision_remembers_what_was_seen(himal):
    made = self_referred(himal)
    case = open_case(himal)
    outcome = deciding.decide(himal.app, case.pk, "REJECT", actor="rita", note="One person.", version=case.version)
    decision = Decision.objects.get(pk=outcome.decision.pk)
    assert decision.seen["score"] == 100
    assert decision.seen["held"] == {"USD": 500}
    assert decision.seen["subjects"] == [["CONVERSION", made["conversionId"]], ["REFERRAL", made["referralId"]]]
    assert {reason["signal"] for reason in decision.seen["reasons"]} >= {"SELF_REFERRAL_ID"}
    assert decision.effects == [effect.face() for effect in outcome.effects]
    lines = CaseEvent.objects.filter(case=case).order_by("id")
    assert lines.last().kind == "decided"
    assert lines.last().note == "One person."


def test_a_paid_reward_is_not_taken_back_but_proposed(himal):
    campaign = himal.campaign()
    code = himal.code(campaign, "asha")
    made = himal.convert(code, "bikram", 50)
    himal.post(f"/rewards/{made['rewardId']}/pay", {"payoutReference": "bank-1"})
    hold_conversion(himal, made["conversionId"])
    case = open_case(himal)
    outcome = deciding.decide(himal.app, case.pk, "REJECT", actor="rita", note="Invented.")
    assert "payout_needs_proposal" in kinds(outcome)
    assert reward(himal, made["rewardId"])["status"] == "PAID"
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "REVERSED"
    assert CaseEvent.objects.filter(case=case, kind="payout_proposal").count() == 1
    proves(himal, campaign)
    # the proposal, taken up by hand
    taken = himal.post(f"/conversions/{made['conversionId']}/reverse", {"reason": "agreed with asha"})
    assert [effect["takenBack"] for effect in taken["effects"]] == [5]
    again = himal.post(f"/conversions/{made['conversionId']}/reverse", {"reason": "agreed with asha"})
    assert again["effects"] == []
    proves(himal, campaign)


def hold_conversion(who, conversion_id: str) -> None:
    """As the second pass does: holds what counted, and raises the flag."""
    from django.db import transaction

    from fraud import subjects
    from fraud.raising import Suspicion, raise_flags

    with transaction.atomic():
        subjects.handler_of("CONVERSION").hold(who.app, [conversion_id], actor="second pass")
        told = subjects.describe(who.app, [("CONVERSION", conversion_id)])["CONVERSION", conversion_id]
        raise_flags(
            who.app,
            [
                Suspicion(
                    "CONVERSION", conversion_id, "RING_SIZE", "REFERRAL_RING", 60, "A ring of 12.", 80, user_id="asha",
                    held=told.held,
                )
            ],
        )  # fmt: skip


def test_the_second_pass_holds_what_counted(himal):
    campaign = himal.campaign()
    code = himal.code(campaign, "asha")
    made = himal.convert(code, "bikram", 50)
    hold_conversion(himal, made["conversionId"])
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "FLAGGED"
    assert reward(himal, made["rewardId"])["holdReasons"] == ["FRAUD_REVIEW"]
    assert himal.get(f"/stats?campaignId={campaign}")["flaggedConversions"] == 1
    proves(himal, campaign)
    case = open_case(himal)
    assert case.held == {"USD": 500}
    hold_conversion(himal, made["conversionId"])
    proves(himal, campaign)
    deciding.decide(himal.app, case.pk, "APPROVE", actor="rita")
    assert himal.get(f"/stats?campaignId={campaign}")["totalConversions"] == 1
    assert reward(himal, made["rewardId"])["holdReasons"] == []
    proves(himal, campaign)


def test_clearing_one_flag_s_subject_leaves_what_its_code_is_suspected_of(himal):
    made = self_referred(himal)
    case = open_case(himal)
    flag = flags(himal, subject_id=made["conversionId"])[0]
    _, outcome = deciding.resolve(himal.app, flag.pk, "APPROVE", actor="rita")
    assert kinds(outcome) == ["still_held"]
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "FLAGGED"
    case.refresh_from_db()
    assert case.status == "OPEN"
    code_flag = flags(himal, subject_id=made["referralId"])[0]
    _, outcome = deciding.resolve(himal.app, code_flag.pk, "APPROVE", actor="rita")
    assert kinds(outcome) == ["code_released", "conversion_counted", "reward_released"]
    case.refresh_from_db()
    assert case.status == "CLOSED"
    proves(himal, made["campaignId"])


def test_resolving_again_is_harmless_and_otherwise_refused(himal):
    made = self_referred(himal)
    flag = flags(himal, subject_id=made["conversionId"])[0]
    deciding.resolve(himal.app, flag.pk, "REJECT", actor="rita", note="One person.")
    again, outcome = deciding.resolve(himal.app, flag.pk, "REJECT", actor="sam", note="Me too.")
    assert (again.resolved_by, outcome) == ("rita", None)
    with pytest.raises(Conflict) as refusal:
        deciding.resolve(himal.app, flag.pk, "APPROVE", actor="sam")
    assert refusal.value.code == "flag_resolved"
    assert refusal.value.details["decision"] == "REJECT"
    assert Decision.objects.count() == 1


def test_rejecting_a_code_alone_rejects_what_it_brought(himal):
    made = self_referred(himal)
    flag = flags(himal, subject_id=made["referralId"])[0]
    deciding.resolve(himal.app, flag.pk, "REJECT", actor="rita", note="One person.")
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "REVERSED"
    assert {each.status for each in flags(himal)} == {"REJECTED"}
    assert Case.objects.get().status == "CLOSED"
    proves(himal, made["campaignId"])


def test_a_case_without_a_handler_is_decided_all_the_same(himal):
    from django.db import transaction

    from fraud.raising import Suspicion, raise_flags

    with transaction.atomic():
        raise_flags(
            himal.app,
            [Suspicion("API_KEY", "key_1", "CODE_BRUTEFORCE", "RATE_LIMIT_EXCEEDED", 30, "Guesses codes.", 30)],
        )
    case = open_case(himal)
    assert case.key == "subject:key_1"
    outcome = deciding.decide(himal.app, case.pk, "APPROVE", actor="rita")
    assert outcome.effects == ()
    assert outcome.case.status == "CLOSED"


def test_what_a_verdict_costs_with_twenty_conversions(himal):
    def costs(referees: int, verdict: str) -> int:
        code = himal.code(himal.campaign(), f"asha {referees} {verdict}")
        for place in range(referees):
            himal.convert(code, f"friend {place}", 20)
        himal.post(f"/referrals/{code}/flag", {"reason": "Posted on a coupon site."})
        with CaptureQueriesContext(connection) as captured:
            deciding.decide(himal.app, open_case(himal).pk, verdict, actor="rita", note="So.")
        return len(captured)

    assert costs(20, "APPROVE") <= 60
    # each is taken back by itself
    assert costs(20, "REJECT") <= 60 + 20 * 22
