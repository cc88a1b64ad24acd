"""Undoing a decision: for seven days, and only while no later one stands on the same subjects."""

from datetime import datetime

from django.db import IntegrityError

from incenta import clock, events
from incenta.accounts.models import App, User
from incenta.errors import Conflict, NotFound

from . import cases, confirming, deciding, faces, subjects
from .deciding import Outcome
from .models import Case, CaseStatus, Decision, Flag, FlagStatus, Verdict
from .subjects import Effect, Subject


def undo(app: App, decision_id: str, *, actor: str, user: User | None = None) -> Outcome:
    """Takes a decision back: its flags are open again, and what it let go or cancelled is held again, as far as the world still
    allows; effects say what it does not. Undoing it again changes nothing.

    Raises ``NotFound`` ``decision_not_found``; ``Conflict`` ``undo_too_late``, ``decision_superseded``.
    """

    def act() -> Outcome:
        decision = app.fraud_decisions.filter(pk=decision_id).first()
        if decision is None:
            raise NotFound("decision_not_found", "Decision not found.")
        return _undo(app, decision, actor)

    return deciding.attempt(app, act, meets=IntegrityError)  # a case of the same key was opened at the same moment


def _undo(app: App, decision: Decision, actor: str) -> Outcome:
    until = decision.at + deciding.UNDO_WITHIN
    concerned = {(kind, id) for kind, id in decision.seen.get("subjects", [])}
    subjects.lock_people(app, concerned)
    flags = list(app.fraud_flags.filter(pk__in=decision.flags).order_by("id"))
    wanted = sorted({decision.case_id, *(flag.case_id for flag in flags)})
    by_id = {case.pk: case for case in app.fraud_cases.select_for_update().filter(pk__in=wanted).order_by("pk")}
    decision = app.fraud_decisions.select_for_update().get(pk=decision.pk)
    case = decision.case = by_id[decision.case_id]
    if decision.undone_at:
        return Outcome(case, decision.verdict, decision, undo_until=until)
    now = clock.now(app)
    if now > until:
        raise Conflict(
            "undo_too_late",
            f"A decision can be undone for {deciding.UNDO_WITHIN.days} days; this one until {clock.iso(until)}.",
            details={"undoUntil": clock.iso(until)},
        )
    if decision.verdict == Verdict.KEEP:
        return _bring_back(app, decision, case, actor, now, until)
    _refuse_superseded(app, decision, concerned)
    reopened = _reopen(app, decision, flags, by_id, now)
    effects: list[Effect] = []
    for subject_type, ids in subjects.by_type(concerned).items():
        effects += subjects.handler_of(subject_type).restore(
            app, ids, was=decision.verdict, effects=decision.effects, actor=actor
        )
    if gone := confirming.forget(app, decision):
        effects.append(Effect("keys_forgotten", decision.pk, text=f"{gone} keys are no longer known as a cheat's."))
    decision.undone_at, decision.undone_by = now, actor[:120]
    decision.save(update_fields=["undone_at", "undone_by"])
    for each in {flag.case_id: by_id[flag.case_id] for flag in reopened}.values():
        cases.weigh(app, each, cases.open_flags(app, [each.pk]))
        each.version += 1
        each.save()
        cases.happened(
            each, "undone", actor=actor, at=now, decisionId=decision.pk, verdict=decision.verdict, flags=len(reopened)
        ).save()
    _tell(app, reopened, actor, now)
    where = by_id[reopened[0].case_id] if reopened else case
    return Outcome(where, decision.verdict, decision, tuple(effects), tuple(flag.pk for flag in reopened), until)


def _refuse_superseded(app: App, decision: Decision, concerned: set[Subject]) -> None:
    later = app.fraud_flags.filter(subject_id__in=[id for _, id in concerned], decision_id__gt=decision.pk)
    flag = later.exclude(status=FlagStatus.OPEN).order_by("-decision_id").first()
    if flag is not None and (flag.subject_type, flag.subject_id) in concerned:
        raise Conflict(
            "decision_superseded",
            f"A later decision stands, by {flag.resolved_by} at {clock.iso(flag.resolved_at)}: undo that one first.",
            details={
                "decisionId": flag.decision_id,
                "decision": faces.DECISION_OF[flag.status],
                "resolvedBy": flag.resolved_by,
                "resolvedAt": clock.iso(flag.resolved_at),
            },
        )


def _reopen(app: App, decision: Decision, flags: list[Flag], by_id: dict[str, Case], now: datetime) -> list[Flag]:
    """The flags that are open again: not those whose signal spoke anew meanwhile. Their case is opened again, or where another one
    of its key was opened meanwhile, they join that one. A deadline that has passed is no more."""
    mine = [flag for flag in flags if flag.decision_id == decision.pk and flag.status != FlagStatus.OPEN]
    open_now = app.fraud_flags.filter(subject_id__in={flag.subject_id for flag in mine}, status=FlagStatus.OPEN)
    taken = {(flag.subject_type, flag.subject_id, flag.signal) for flag in open_now}
    reopened = [flag for flag in mine if (flag.subject_type, flag.subject_id, flag.signal) not in taken]
    for flag in reopened:
        flag.status, flag.decision_id, flag.resolved_by, flag.resolved_at, flag.note = (
            FlagStatus.OPEN,
            None,
            "",
            None,
            "",
        )
        if flag.due_at is not None and flag.due_at <= now:
            flag.due_at = flag.due_outcome = None
    for case_id in sorted({flag.case_id for flag in reopened}):
        case = by_id[case_id]
        if case.status != CaseStatus.CLOSED:
            continue
        newer = app.fraud_cases.select_for_update().filter(key=case.key).exclude(status=CaseStatus.CLOSED).first()
        if newer is not None:
            by_id[newer.pk] = newer
            for flag in reopened:
                if flag.case_id == case_id:
                    flag.case = newer
        else:
            case.status, case.outcome, case.closed_at = CaseStatus.OPEN, "", None
            case.save()
    fields = ["status", "decision_id", "resolved_by", "resolved_at", "note", "due_at", "due_outcome", "case"]
    app.fraud_flags.bulk_update(reopened, fields)
    return reopened


def _bring_back(app: App, decision: Decision, case: Case, actor: str, now: datetime, until: datetime) -> Outcome:
    """KEEP is undone: it is in the queue again, with the deadlines it had."""
    if case.status != CaseStatus.KEPT or case.kept_until != decision.until:
        raise Conflict("decision_superseded", "The case is no longer kept on hold by this decision.")
    before = decision.seen["before"]
    dues = before["dues"]
    for flag in app.fraud_flags.filter(pk__in=dues, status=FlagStatus.OPEN):
        flag.due_at = datetime.fromisoformat(dues[flag.pk])
        flag.save(update_fields=["due_at"])
    case.status = before["status"]
    case.kept_until = before["keptUntil"] and datetime.fromisoformat(before["keptUntil"])
    case.version += 1
    cases.weigh(app, case, cases.open_flags(app, [case.pk]))
    case.save()
    decision.undone_at, decision.undone_by = now, actor[:120]
    decision.save(update_fields=["undone_at", "undone_by"])
    cases.happened(case, "undone", actor=actor, at=now, decisionId=decision.pk, verdict=decision.verdict).save()
    told = Effect("returned", case.pk, text="It is in the queue again.")
    return Outcome(case, decision.verdict, decision, (told,), (), until)


def _tell(app: App, reopened: list[Flag], actor: str, now: datetime) -> None:
    events.write(
        [
            events.event(
                app,
                "FRAUD_FLAG_CREATED",
                faces.reopened_data(flag),
                subject=("flag", flag.pk),
                actor=actor,
                occurred_at=now,
            )
            for flag in reopened
        ]
    )
