"""Decisions at once, with real threads: one stands, the others are told; the books balance whoever was quicker."""

import pytest
from django.db import transaction

from fraud import deadlines, deciding, deciding_many, undoing
from fraud.models import Case, Decision, Flag
from fraud.raising import Suspicion, raise_flags
from incenta.errors import Conflict
from tests.cast import Answer, at_once
from tests.fraud.suspects import open_case, proves, self_referred
from tests.referrals.moments import at

pytestmark = pytest.mark.django_db(transaction=True)


def unexpected(results: list) -> list:
    return [each for each in results if isinstance(each, BaseException) and not isinstance(each, Conflict)]


def test_two_analysts_at_once(himal, transactional_db):
    made = self_referred(himal)
    case = open_case(himal)
    verdicts = ("APPROVE", "REJECT")
    results = at_once(
        8,
        lambda place: deciding.decide(
            himal.app, case.pk, verdicts[place % 2], actor=f"analyst {place}", note="So.", version=case.version
        ),
    )
    assert not unexpected(results), results
    assert sum(not isinstance(each, Conflict) for each in results) == 1
    assert {each.code for each in results if isinstance(each, Conflict)} <= {"case_closed", "case_changed"}
    assert Decision.objects.count() == 1
    proves(himal, made["campaignId"])


def test_one_flag_resolved_by_many(himal, transactional_db):
    made = self_referred(himal)
    flag = Flag.objects.filter(app=himal.app, subject_id=made["conversionId"]).first()
    results = at_once(8, lambda place: deciding.resolve(himal.app, flag.pk, "REJECT", actor=f"{place}", note="So."))
    assert not [each for each in results if isinstance(each, BaseException)], results
    assert sum(outcome is not None for _, outcome in results) == 1
    proves(himal, made["campaignId"])


def test_a_decision_and_its_deadline(sandbox, transactional_db):
    made = self_referred(sandbox, fraudDeadlineHours=1, fraudDeadlineOutcome="REJECT")
    case = open_case(sandbox)
    at(sandbox, "2026-03-02T12:00:00Z")
    results = at_once(
        6,
        lambda place: (
            deadlines.decide_due_cases()
            if place % 2
            else deciding.decide(sandbox.app, case.pk, "APPROVE", actor="rita", version=case.version)
        ),
    )
    assert not unexpected(results), results
    assert Decision.objects.count() == 1
    proves(sandbox, made["campaignId"])


def test_a_decision_and_new_conversions(himal, transactional_db):
    made = self_referred(himal)
    case = open_case(himal)

    def act(place: int):
        if place % 2:
            return himal.convert(made["originalReferralCode"], f"friend {place}", 20)
        return deciding.decide(himal.app, case.pk, "REJECT", actor="rita", note="So.")

    results = at_once(10, act)
    assert not unexpected(results), results
    assert not [each for each in results if isinstance(each, Answer) and each.status != 201], results
    flagged = himal.get(f"/conversions?campaignId={made['campaignId']}&status=FLAGGED&limit=100")["conversions"]
    open_ones = set(Flag.objects.filter(app=himal.app, status="OPEN").values_list("subject_id", flat=True))
    assert {each["id"] for each in flagged} == {each for each in open_ones if each.startswith("conv")}
    for each in Case.objects.filter(app=himal.app, status="CLOSED"):
        assert not each.flags.filter(status="OPEN").exists()
    proves(himal, made["campaignId"])


def test_a_decision_and_new_flags(himal, transactional_db):
    made = self_referred(himal)
    case = open_case(himal)

    def act(place: int):
        if place == 0:
            return deciding.decide(himal.app, case.pk, "APPROVE", actor="rita")
        with transaction.atomic():
            told = Suspicion(
                "CONVERSION", made["conversionId"], f"S{place}", "SUSPICIOUS_PATTERN", 9, "…", 50, "mallory"
            )
            return raise_flags(himal.app, [told])

    results = at_once(8, act)
    assert not unexpected(results), results
    for each in Case.objects.filter(app=himal.app):
        assert each.flags.filter(status="OPEN").exists() == (each.status != "CLOSED")
    proves(himal, made["campaignId"])


def test_undone_by_many(himal, transactional_db):
    made = self_referred(himal)
    decision = deciding.decide(himal.app, open_case(himal).pk, "REJECT", actor="rita", note="So.").decision
    results = at_once(6, lambda place: undoing.undo(himal.app, decision.pk, actor=f"{place}"))
    assert not unexpected(results), results
    assert len(himal.get(f"/conversions/{made['conversionId']}")["rewards"]) == 2
    proves(himal, made["campaignId"])


def test_two_bulks_that_overlap(himal, transactional_db):
    campaign = himal.campaign()
    for place in range(6):
        himal.convert(himal.code(campaign, f"m{place}", refereeId=f"m{place}"), f"m{place}", 50)
    ids = list(Case.objects.filter(app=himal.app).order_by("pk").values_list("pk", flat=True))
    results = at_once(
        4,
        lambda place: deciding_many.decide_many(
            himal.app,
            ("APPROVE", "REJECT")[place % 2],
            actor=f"{place}",
            note="So.",
            ids=ids[::-1] if place > 1 else ids,
        ),
    )
    assert not [each for each in results if isinstance(each, BaseException)], results
    assert sum(len(each.decided) for each in results) == 6
    assert Decision.objects.count() == 6
    proves(himal, campaign)
