"""Undoing a decision: held again as far as the world allows, for seven days, and not under a later decision."""

from datetime import timedelta

import pytest
from django.db import transaction

from fraud import deciding, undoing
from fraud.models import Case, CaseEvent, Flag, KeyKind, KeyMark, Link, Rescore, Sighting
from fraud.raising import Suspicion, raise_flags
from incenta import clock
from incenta.errors import Conflict, NotFound
from referrals.models import CampaignSpend, Reversal
from tests.fraud.suspects import open_case, proves, reward, self_referred
from tests.referrals.moments import at

pytestmark = pytest.mark.django_db


def kinds(outcome) -> list[str]:
    return sorted(effect.kind for effect in outcome.effects)


def decided(who, verdict: str, **more) -> str:
    return deciding.decide(who.app, open_case(who).pk, verdict, actor="rita", note="So it is.", **more).decision.pk


def test_an_approval_is_undone(himal):
    made = self_referred(himal)
    case = open_case(himal)
    outcome = undoing.undo(himal.app, decided(himal, "APPROVE"), actor="sam")
    assert kinds(outcome) == ["code_held", "conversion_held", "reward_held"]
    case.refresh_from_db()
    assert (case.status, case.outcome, case.closed_at, case.held) == ("OPEN", "", None, {"USD": 500})
    assert {(flag.status, flag.resolved_by) for flag in Flag.objects.filter(app=himal.app)} == {("OPEN", "")}
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "FLAGGED"
    assert himal.get(f"/referrals/{made['originalReferralCode']}")["referral"]["isFlagged"] is True
    assert reward(himal, made["rewardId"])["holdReasons"] == ["FRAUD_REVIEW"]
    line = CaseEvent.objects.filter(case=case).order_by("-id").first()
    assert (line.kind, line.actor) == ("undone", "sam")
    told = [event for event in himal.app.events.filter(type="FRAUD_FLAG_CREATED") if event.data.get("reopened")]
    assert len(told) == Flag.objects.filter(app=himal.app).count()
    proves(himal, made["campaignId"])
    decided(himal, "REJECT")  # and may be decided otherwise
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "REVERSED"
    proves(himal, made["campaignId"])


def test_an_approval_whose_reward_was_paid_since_says_so(himal):
    made = self_referred(himal)
    decision = decided(himal, "APPROVE")
    himal.post(f"/rewards/{made['rewardId']}/pay", {"payoutReference": "bank-1"})
    outcome = undoing.undo(himal.app, decision, actor="sam")
    assert "payout_needs_proposal" in kinds(outcome)
    assert reward(himal, made["rewardId"])["status"] == "PAID"
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "FLAGGED"
    proves(himal, made["campaignId"])


def test_a_rejection_is_undone_with_new_rewards_of_the_same_worth(himal):
    made = self_referred(himal, budget=100, holdDays=3)
    outcome = undoing.undo(himal.app, decided(himal, "REJECT"), actor="sam")
    assert kinds(outcome) == ["conversion_restored", "reward_restored"]
    conversion = himal.get(f"/conversions/{made['conversionId']}").json
    assert (conversion["status"], conversion["reversedAmount"]) == ("FLAGGED", 0)
    old, new = sorted(conversion["rewards"], key=lambda each: each["id"])
    assert (old["id"], old["status"]) == (made["rewardId"], "CANCELLED")
    assert (new["status"], new["amount"]) == ("PENDING", 5)
    assert new["holdReasons"] == ["FRAUD_REVIEW", "HOLD_PERIOD"]
    assert [each["amount"] for each in conversion["reversals"]] == [50, -50]
    told = himal.app.events.filter(type="REWARD_CREATED").order_by("id").last()
    assert told.data["rewardId"] == new["id"]
    assert told.data["amount"] == 5
    assert CampaignSpend.objects.get().promised_minor == 500
    assert open_case(himal).held == {"USD": 500}
    proves(himal, made["campaignId"])
    decided(himal, "APPROVE")
    assert himal.get(f"/stats?campaignId={made['campaignId']}")["totalRewardValue"] == 5
    assert reward(himal, new["id"])["holdReasons"] == ["HOLD_PERIOD"]
    proves(himal, made["campaignId"])


def test_a_rejection_after_a_part_was_taken_back_is_undone_to_that_part(himal):
    made = self_referred(himal)
    himal.post(f"/conversions/{made['conversionId']}/reverse", {"amount": 10, "reason": "One of five."})
    assert reward(himal, made["rewardId"])["amount"] == 4
    undoing.undo(himal.app, decided(himal, "REJECT"), actor="sam")
    conversion = himal.get(f"/conversions/{made['conversionId']}").json
    assert conversion["reversedAmount"] == 10
    new = max(conversion["rewards"], key=lambda each: each["id"])
    assert (new["amount"], new["originalAmount"]) == (4, 5)
    himal.post(f"/conversions/{made['conversionId']}/reverse", {"amount": 10, "reason": "Two of five."})
    assert reward(himal, new["id"])["amount"] == 3
    proves(himal, made["campaignId"])


def test_what_the_merchant_took_back_himself_is_not_given_back_by_undoing_a_rejection(himal):
    made = self_referred(himal)
    himal.post(f"/conversions/{made['conversionId']}/reverse", {"reason": "Sent back."})
    decision = decided(himal, "REJECT")
    undoing.undo(himal.app, decision, actor="sam")
    decided(himal, "APPROVE")
    conversion = himal.get(f"/conversions/{made['conversionId']}").json
    assert (conversion["status"], conversion["reversedAmount"]) == ("REVERSED", 50)
    assert himal.get(f"/stats?campaignId={made['campaignId']}")["totalConversions"] == 0
    proves(himal, made["campaignId"])


@pytest.mark.parametrize("amount", [50, None])
def test_a_refund_that_comes_after_the_rejection_outlives_it(himal, amount):
    made = self_referred(himal, amount=amount, rewardModel="FIXED", rewardValue=5)
    conversion_id = made["conversionId"]
    undoing.undo(himal.app, decided(himal, "REJECT"), actor="sam")
    assert himal.get(f"/conversions/{conversion_id}")["status"] == "FLAGGED"
    decision = decided(himal, "REJECT")
    for _ in range(2):
        assert himal.post(f"/conversions/{conversion_id}/reverse", {"reason": "Sent back."})["amount"] == 0
    assert kinds(undoing.undo(himal.app, decision, actor="sam")) == ["not_restored"]
    decided(himal, "APPROVE")
    conversion = himal.get(f"/conversions/{conversion_id}").json
    assert conversion["status"] == "REVERSED"
    assert [each["reason"] for each in conversion["reversals"]][-2:] == ["So it is.", "Sent back."]
    assert {each["status"] for each in conversion["rewards"]} == {"CANCELLED"}
    proves(himal, made["campaignId"])


def test_a_rejection_after_which_the_merchant_took_back_what_was_paid_is_not_undone_for_that_conversion(himal):
    made = self_referred(himal)
    first = decided(himal, "APPROVE")
    himal.post(f"/rewards/{made['rewardId']}/pay", {"payoutReference": "bank-1"})
    undoing.undo(himal.app, first, actor="sam")
    decision = decided(himal, "REJECT")
    himal.post(f"/conversions/{made['conversionId']}/reverse", {"reason": "What was paid, too."})
    outcome = undoing.undo(himal.app, decision, actor="sam")
    assert kinds(outcome) == ["not_restored"]
    conversion = himal.get(f"/conversions/{made['conversionId']}").json
    assert (conversion["status"], conversion["reversedAmount"]) == ("REVERSED", 50)
    proves(himal, made["campaignId"])


def test_a_budget_that_has_no_room_any_more_holds_the_new_reward(himal):
    made = self_referred(himal, budget=8, budgetPolicy="HOLD")
    decision = decided(himal, "REJECT")
    other = himal.code(made["campaignId"], "asha")
    assert himal.convert(other, "bikram", 50).status == 201
    outcome = undoing.undo(himal.app, decision, actor="sam")
    new = next(effect.subject_id for effect in outcome.effects if effect.kind == "reward_restored")
    assert reward(himal, new)["holdReasons"] == ["BUDGET", "FRAUD_REVIEW"]
    assert CampaignSpend.objects.get().promised_minor == 500
    proves(himal, made["campaignId"])


def test_a_rejected_code_alone_is_undone_with_what_it_took_along(himal):
    made = self_referred(himal)
    flag = Flag.objects.get(app=himal.app, subject_type="REFERRAL")
    _, outcome = deciding.resolve(himal.app, flag.pk, "REJECT", actor="rita", note="One person.")
    undoing.undo(himal.app, outcome.decision.pk, actor="sam")
    assert himal.get(f"/conversions/{made['conversionId']}")["status"] == "FLAGGED"
    assert {each.status for each in Flag.objects.filter(app=himal.app)} == {"OPEN"}
    proves(himal, made["campaignId"])


def test_undoing_twice_changes_nothing_more(himal):
    made = self_referred(himal)
    decision = decided(himal, "REJECT")
    undoing.undo(himal.app, decision, actor="sam")
    before = Reversal.objects.count()
    assert undoing.undo(himal.app, decision, actor="tom").effects == ()
    assert Reversal.objects.count() == before
    proves(himal, made["campaignId"])


def test_after_seven_days_it_is_too_late(sandbox):
    self_referred(sandbox)
    decision = decided(sandbox, "APPROVE")
    at(sandbox, "2026-03-08T12:00:00Z")
    at(sandbox, "2026-03-08T12:00:01Z")
    with pytest.raises(Conflict) as refusal:
        undoing.undo(sandbox.app, decision, actor="sam")
    assert refusal.value.code == "undo_too_late"
    assert refusal.value.details["undoUntil"] == "2026-03-08T12:00:00.000Z"
    assert Case.objects.get(app=sandbox.app).status == "CLOSED"


def test_a_later_decision_stands_in_the_way(himal):
    made = self_referred(himal)
    first = decided(himal, "REJECT")
    undoing.undo(himal.app, first, actor="sam")
    second = decided(himal, "APPROVE")
    assert undoing.undo(himal.app, first, actor="sam").effects == ()  # undone it was already
    himal.post(f"/referrals/{made['originalReferralCode']}/flag", {"reason": "Again."})
    decided(himal, "APPROVE")
    with pytest.raises(Conflict) as refusal:
        undoing.undo(himal.app, second, actor="sam")
    assert refusal.value.code == "decision_superseded"
    assert refusal.value.details["resolvedBy"] == "rita"


def test_flags_join_the_case_that_was_opened_meanwhile(himal):
    made = self_referred(himal)
    decision = decided(himal, "REJECT")
    old = Case.objects.get(app=himal.app)
    himal.convert(made["originalReferralCode"], "bikram", 20)  # the code stays flagged
    newer = open_case(himal)
    outcome = undoing.undo(himal.app, decision, actor="sam")
    assert outcome.case.pk == newer.pk != old.pk
    newer.refresh_from_db()
    assert newer.held == {"USD": 700}
    old.refresh_from_db()
    assert old.status == "CLOSED"
    proves(himal, made["campaignId"])


def test_what_was_suspected_anew_is_not_opened_twice(himal):
    made = self_referred(himal)
    decision = decided(himal, "APPROVE")
    flag = Flag.objects.filter(app=himal.app, subject_id=made["conversionId"]).order_by("id").first()
    with transaction.atomic():
        raise_flags(
            himal.app,
            [Suspicion("CONVERSION", made["conversionId"], flag.signal, flag.type, 50, "Again.", 70, "mallory")],
        )
    undoing.undo(himal.app, decision, actor="sam")
    opened = Flag.objects.filter(app=himal.app, subject_id=made["conversionId"], signal=flag.signal, status="OPEN")
    assert opened.get().message == "Again."


def test_keeping_is_undone(himal):
    self_referred(himal, fraudDeadlineHours=24, fraudDeadlineOutcome="RELEASE")
    case = open_case(himal)
    until = clock.now(himal.app) + timedelta(days=9)
    kept = decided(himal, "KEEP", until=until)
    due = case.due_at
    case.refresh_from_db()
    assert (case.status, case.due_at) == ("KEPT", until)
    undoing.undo(himal.app, kept, actor="sam")
    case.refresh_from_db()
    assert (case.status, case.kept_until, case.due_at) == ("OPEN", None, due)


def test_no_such_decision(himal, rival):
    self_referred(himal)
    with pytest.raises(NotFound):
        undoing.undo(rival.app, decided(himal, "APPROVE"), actor="sam")


# --- what a rejection teaches ---------------------------------------------------------------------------------------
def linked(who, user: str, kind: KeyKind, key: int, subject: str | None = None) -> None:
    now = clock.now(who.app)
    Link.objects.create(app=who.app, kind=kind, key=key, user_id=user, first_seen=now, last_seen=now)
    if subject:
        Sighting.objects.create(app=who.app, subject_type="CONVERSION", subject_id=subject, user_id=user, at=now)


def test_a_rejection_confirms_strong_keys_and_looks_at_their_neighbours_again(himal):
    made = self_referred(himal)
    linked(himal, "mallory", KeyKind.DEVICE, 7)
    linked(himal, "mallory", KeyKind.IP, 8)
    linked(himal, "mallory", KeyKind.EMAIL, 9)
    linked(himal, "mallory", KeyKind.PAYMENT, 10)
    KeyMark.objects.create(app=himal.app, kind=KeyKind.EMAIL, key=9, is_hub=True, marked_at=clock.now(himal.app))
    for place in range(51):
        linked(himal, f"shopper {place}", KeyKind.PAYMENT, 10)
    linked(himal, "neighbour", KeyKind.DEVICE, 7, subject="conv_of_neighbour")
    linked(himal, "passer-by", KeyKind.IP, 8, subject="conv_of_passer_by")
    decision = decided(himal, "REJECT")
    confirmed = KeyMark.objects.filter(app=himal.app, is_confirmed=True)
    assert [(mark.kind, mark.key, mark.confirmed_by) for mark in confirmed] == [(KeyKind.DEVICE, 7, decision)]
    again = Rescore.objects.filter(app=himal.app, stage="VERDICT").values_list("subject_id", flat=True)
    assert list(again) == ["conv_of_neighbour"]
    undoing.undo(himal.app, decision, actor="sam")
    assert not KeyMark.objects.filter(app=himal.app, is_confirmed=True).exists()
    proves(himal, made["campaignId"])


def test_a_key_that_two_rejections_confirmed_is_forgotten_with_the_last(himal):
    self_referred(himal, "mallory")
    linked(himal, "mallory", KeyKind.DEVICE, 7)
    first = decided(himal, "REJECT")
    self_referred(himal, "mallory two")
    linked(himal, "mallory two", KeyKind.DEVICE, 7)
    second = decided(himal, "REJECT")
    undoing.undo(himal.app, first, actor="sam")
    assert KeyMark.objects.get(app=himal.app, kind=KeyKind.DEVICE, key=7).confirmed_by == second
    undoing.undo(himal.app, second, actor="sam")
    assert not KeyMark.objects.filter(app=himal.app, is_confirmed=True).exists()
