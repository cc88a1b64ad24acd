"""Deciding a case: the verdict, its effects on rewards, conversions, people and points, the flags, and the notice, at once.

Locks: erasures are kept out, for a ruling names more people than have wallets; then the wallets of everybody concerned in one call,
then the cases by id, then what the handlers lock. Who adds a flag waits at the case; who decides it waits at a wallet or at the case,
and then finds it changed or closed.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import OperationalError, transaction

from incenta import clock, events
from incenta.accounts import people
from incenta.accounts.models import App, User
from incenta.errors import Conflict, InvalidInput, NotFound
from incenta.ids import new_id

from . import cases, confirming, faces, subjects
from .models import Case, CaseEvent, CaseStatus, Decision, Flag, FlagStatus, Score, Verdict
from .subjects import Effect, Subject

UNDO_WITHIN = timedelta(days=7)
LONGEST_KEEP = timedelta(days=365)
MOST_LOOKS = 4
MOST_SEEN = 200
"""Reasons that a decision remembers in full."""
STATUS = {Verdict.APPROVE: FlagStatus.APPROVED, Verdict.REJECT: FlagStatus.REJECTED}
PAID = "payout_needs_proposal"
DEADLOCK = "40P01"
T = TypeVar("T")


class LookAgain(Exception):
    """Somebody was added whose wallet is not locked."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision did, or would do."""

    case: Case
    verdict: str
    decision: Decision | None
    """``None`` in a preview."""
    effects: tuple[Effect, ...] = ()
    flags: tuple[str, ...] = ()
    """The ids of the flags that it closed."""
    undo_until: datetime | None = None
    is_preview: bool = False

    def face(self) -> dict:
        return {
            "decisionId": self.decision and self.decision.pk,
            "caseId": self.case.pk,
            "verdict": self.verdict,
            "preview": self.is_preview,
            "caseStatus": self.case.status,
            "caseVersion": self.case.version,
            "flags": list(self.flags),
            "effects": [effect.face() for effect in self.effects],
            "undoUntil": clock.iso(self.undo_until),
        }


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody says of a case."""

    verdict: str
    actor: str
    user: User | None = None
    note: str = ""
    until: datetime | None = None
    event: str = ""
    """The kind of the line in the case's history, where it is not an analyst's."""
    only: Collection[Subject] | None = None
    """Of the case's subjects these alone, and what is rejected along with them."""


def decide(
    app: App,
    case_id: str,
    verdict: str,
    *,
    actor: str,
    user: User | None = None,
    note: str = "",
    version: int | None = None,
    until: datetime | None = None,
    preview: bool = False,
) -> Outcome:
    """Approves (they are honest), rejects (they are fraud) or keeps on hold ``until`` a moment, all open flags of a case.

    ``version``: the case as it was seen. ``preview`` answers what would happen and changes nothing.

    Raises ``NotFound`` ``case_not_found``; ``Conflict`` ``case_closed``, ``case_changed`` (who did what, when); ``InvalidInput``.
    """
    ruling = ruled(app, Ruling(verdict, actor, user, note.strip(), until))

    def act() -> Outcome:
        [case] = locked(app, [case_id], ruling)
        outcome = rule(app, case, ruling, version=version, is_preview=preview)
        if preview:
            transaction.set_rollback(True)
        return outcome

    return attempt(app, act)


def resolve(
    app: App, flag_id: str, verdict: str, *, actor: str, user: User | None = None, note: str = ""
) -> tuple[Flag, Outcome | None]:
    """Decides the subject of one flag: all of that subject's open flags. The same decision again changes nothing (no outcome).

    Raises ``NotFound`` ``flag_not_found``; ``Conflict`` ``flag_resolved`` naming the moment and the decision; ``InvalidInput``.
    """
    if verdict not in STATUS:
        raise InvalidInput({"decision": ["Must be APPROVE or REJECT."]})
    ruling = ruled(app, Ruling(verdict, actor, user, note.strip()))

    def act() -> tuple[Flag, Outcome | None]:
        flag = app.fraud_flags.filter(pk=flag_id).first()
        if flag is None:
            raise NotFound("flag_not_found", "Flag not found.")
        if flag.status == FlagStatus.OPEN:
            only = {(flag.subject_type, flag.subject_id)}
            [case] = locked(app, [flag.case_id], ruling, only)
            flag.refresh_from_db()
            if flag.case_id != case.pk:
                raise LookAgain
            if flag.status == FlagStatus.OPEN:
                outcome = rule(app, case, replace(ruling, only=only))
                flag.refresh_from_db()
                return flag, outcome
        if flag.status == STATUS[verdict]:
            return flag, None
        raise _resolved(flag)

    return attempt(app, act)


def attempt(app: App, act: Callable[[], T], *, meets: type[Exception] = LookAgain) -> T:
    """``act`` in a transaction, or a savepoint of the caller's whose locks are given back where it has to look again: somebody
    joined (``LookAgain``), PostgreSQL broke a circle of waits, or it ``meets`` what a second look explains. Whom it names is not
    erased meanwhile.

    Raises ``Conflict`` ``case_changed`` where it never comes to rest.
    """
    for _ in range(MOST_LOOKS):
        try:
            with transaction.atomic():
                people.keep_erasures_out(app)
                return act()
        except (LookAgain, meets):
            continue
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != DEADLOCK:
                raise
    raise busy()


def busy() -> Conflict:
    return Conflict("case_changed", "The case is changing just now; try again.")


def _resolved(flag: Flag) -> Conflict:
    decision = faces.DECISION_OF.get(flag.status)
    return Conflict(
        "flag_resolved",
        f"This flag was resolved at {clock.iso(flag.resolved_at)} by {flag.resolved_by}: {decision or flag.note}",
        details={
            "decision": decision,
            "resolvedAt": clock.iso(flag.resolved_at),
            "resolvedBy": flag.resolved_by,
            "decisionId": flag.decision_id,
        },
    )


def ruled(app: App, ruling: Ruling) -> Ruling:
    """The ruling, where it can be meant. Raises ``InvalidInput``."""
    wrong = {}
    if ruling.verdict not in Verdict:
        wrong["verdict"] = ["Must be APPROVE, REJECT or KEEP."]
    if ruling.verdict == Verdict.REJECT and not ruling.note:
        wrong["note"] = ["Say why: a rejection needs a note."]
    if len(ruling.note) > cases.LONGEST_NOTE:
        wrong["note"] = [f"Must not be over {cases.LONGEST_NOTE} characters."]
    now = clock.now(app)
    if ruling.verdict == Verdict.KEEP:
        if ruling.until is None:
            wrong["until"] = ["Say until when."]
        elif not now < ruling.until <= now + LONGEST_KEEP:
            wrong["until"] = [f"Must lie within the next {LONGEST_KEEP.days} days."]
    elif ruling.until is not None:
        wrong["until"] = ["Only what is kept on hold comes back."]
    if wrong:
        raise InvalidInput(wrong)
    return ruling


def locked(app: App, case_ids: Iterable[str], ruling: Ruling, only: Collection[Subject] | None = None) -> list[Case]:
    """These cases, by id, with all their people's wallets locked before them.

    Raises ``NotFound``; ``LookAgain`` where somebody joined meanwhile: then nothing may be kept of this transaction or savepoint.
    """
    wanted = sorted(set(case_ids))
    before = _concerned(app, wanted, ruling.verdict, only)
    subjects.lock_people(app, before)
    found = list(app.fraud_cases.select_for_update().filter(pk__in=wanted).order_by("pk"))
    if len(found) < len(wanted):
        raise cases.not_found()
    if _concerned(app, wanted, ruling.verdict, only) - before:
        raise LookAgain
    return found


def _concerned(app: App, case_ids: list[str], verdict: str, only: Collection[Subject] | None) -> set[Subject]:
    if verdict == Verdict.KEEP:
        return set()
    found = set(only) if only is not None else cases.subjects_of(cases.open_flags(app, case_ids))
    return found | _along(app, found, verdict)


def _along(app: App, found: Iterable[Subject], verdict: str) -> set[Subject]:
    return subjects.along(app, found) if verdict == Verdict.REJECT else set()


def rule(app: App, case: Case, ruling: Ruling, *, version: int | None = None, is_preview: bool = False) -> Outcome:
    """Carries a ruling out on a case that is locked with its people. Raises what ``decide`` raises."""
    if case.status == CaseStatus.CLOSED:
        raise cases.closed(case)
    if version is not None and version != case.version:
        raise cases.changed(case)
    if ruling.verdict == Verdict.KEEP:
        return _keep(app, case, ruling, is_preview)
    now = clock.now(app)
    own = [
        flag
        for flag in cases.open_flags(app, [case.pk])
        if ruling.only is None or (flag.subject_type, flag.subject_id) in ruling.only
    ]
    decided = cases.subjects_of(own)
    decided |= _along(app, decided, ruling.verdict)
    flags, others = _flags_of(app, case, own, decided)
    decision = Decision(
        id=new_id("dcs"),
        app=app,
        case=case,
        verdict=ruling.verdict,
        actor=ruling.actor[:120],
        user=ruling.user,
        note=ruling.note,
        flags=[flag.pk for flag in flags],
        seen=_seen(app, case, flags, decided),
        at=now,
    )
    # closed first, so that whoever looks for open flags finds those that still speak
    app.fraud_flags.filter(pk__in=decision.flags).update(
        status=STATUS[ruling.verdict],
        decision_id=decision.pk,
        resolved_by=decision.actor,
        resolved_at=now,
        note=ruling.note,
    )
    effects = _carry_out(app, decided, ruling)
    if ruling.verdict == Verdict.REJECT:
        decision.seen["keys"], told = confirming.confirm(app, decision, decided)
        effects += told
    decision.effects = [effect.face() for effect in effects]
    decision.save(force_insert=True)
    history = [
        cases.happened(
            case,
            ruling.event or "decided",
            actor=ruling.actor,
            at=now,
            note=ruling.note,
            verdict=ruling.verdict,
            decisionId=decision.pk,
            flags=len(flags),
        )
    ]
    history += [
        cases.happened(case, "payout_proposal", actor=ruling.actor, at=now, note=effect.text, effect=effect.face())
        for effect in effects
        if effect.kind == PAID
    ]
    for each in [case, *others]:
        _settle(app, each, ruling.verdict, now)
    history += [
        cases.happened(other, ruling.event or "decided", actor=ruling.actor, at=now, note=ruling.note,
                       verdict=ruling.verdict, decisionId=decision.pk)
        for other in others
    ]  # fmt: skip
    CaseEvent.objects.bulk_create(history)
    _tell(app, flags, decision)
    return Outcome(
        case,
        ruling.verdict,
        None if is_preview else decision,
        tuple(effects),
        tuple(decision.flags),
        now + UNDO_WITHIN,
        is_preview,
    )


def _flags_of(app: App, case: Case, own: list[Flag], decided: set[Subject]) -> tuple[list[Flag], list[Case]]:
    """The open flags of all that is decided, and the other cases in which some of them are, locked."""
    known = cases.subjects_of(own)
    if decided <= known:
        return own, []
    more = app.fraud_flags.filter(subject_id__in=[id for _, id in decided - known], status=FlagStatus.OPEN)
    also = [flag for flag in more.order_by("id") if (flag.subject_type, flag.subject_id) in decided]
    elsewhere = {flag.case_id for flag in also} - {case.pk}
    others = list(app.fraud_cases.select_for_update().filter(pk__in=elsewhere).order_by("pk")) if elsewhere else []
    return own + also, others


def _seen(app: App, case: Case, flags: list[Flag], decided: set[Subject]) -> dict:
    """What was on the screen."""
    scores = Score.objects.filter(app=app, subject_id__in=[id for _, id in decided])
    newest = scores.order_by("-id").values_list("rule_version", flat=True).first()
    return {
        "score": case.score,
        "version": case.version,
        "held": case.held,
        "ruleVersion": newest,
        "subjects": sorted(list(subject) for subject in decided),
        "reasons": [
            {
                "flagId": flag.pk,
                "subject": flag.subject_id,
                "signal": flag.signal,
                "type": flag.type,
                "points": flag.points,
                "score": flag.score,
                "message": flag.message,
                "evidence": flag.evidence,
            }
            for flag in flags[:MOST_SEEN]
        ],
    }


def _carry_out(app: App, decided: set[Subject], ruling: Ruling) -> list[Effect]:
    effects: list[Effect] = []
    for subject_type, ids in subjects.by_type(decided).items():
        handler = subjects.handler_of(subject_type)
        if ruling.verdict == Verdict.APPROVE:
            effects += handler.release(app, ids, actor=ruling.actor)
        else:
            effects += handler.reject(app, ids, reason=ruling.note, actor=ruling.actor)
    return effects


def _settle(app: App, case: Case, verdict: str, now: datetime) -> None:
    """A case in which nothing is open any more is closed; else it weighs what is left."""
    left = cases.open_flags(app, [case.pk])
    case.version += 1
    if left:
        cases.weigh(app, case, left)
    else:
        cases.close(case, STATUS[verdict].value, now)
    case.save()


def _tell(app: App, flags: list[Flag], decision: Decision) -> None:
    events.write(
        [
            events.event(
                app,
                "FRAUD_FLAG_RESOLVED",
                faces.resolved_data(flag, decision),
                subject=("flag", flag.pk),
                actor=decision.actor,
                occurred_at=decision.at,
            )
            for flag in flags
        ]
    )


def _keep(app: App, case: Case, ruling: Ruling, is_preview: bool) -> Outcome:
    """It comes back at the moment that is named, and its deadline waits at least as long."""
    now = clock.now(app)
    pressing = app.fraud_flags.filter(case=case, status=FlagStatus.OPEN, due_at__lt=ruling.until)
    before = {
        "status": case.status,
        "keptUntil": case.kept_until and case.kept_until.isoformat(),
        "dueAt": case.due_at and case.due_at.isoformat(),
        "dues": {pk: due_at.isoformat() for pk, due_at in pressing.values_list("pk", "due_at")},
    }
    decision = Decision(
        id=new_id("dcs"), app=app, case=case, verdict=ruling.verdict, actor=ruling.actor[:120], user=ruling.user,
        note=ruling.note, until=ruling.until, seen={"score": case.score, "version": case.version, "before": before},
        at=now,
    )  # fmt: skip
    case.status, case.kept_until = CaseStatus.KEPT, ruling.until
    case.version += 1
    pressing.update(due_at=ruling.until)
    if case.due_at is not None:
        case.due_at = max(case.due_at, ruling.until)
    case.save()
    told = Effect("kept", case.pk, text=f"Nothing moves; it comes back at {clock.iso(ruling.until)}.")
    decision.effects = [told.face()]
    decision.save(force_insert=True)
    cases.happened(
        case,
        "kept",
        actor=ruling.actor,
        at=now,
        note=ruling.note,
        until=clock.iso(ruling.until),
        decisionId=decision.pk,
    ).save()
    return Outcome(case, ruling.verdict, None if is_preview else decision, (told,), (), now + UNDO_WITHIN, is_preview)
