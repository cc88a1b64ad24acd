"""Cases: what an analyst decides at once, what happened to it, who looks after it. Deciding itself is in ``deciding``."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction

from incenta import clock, events
from incenta.accounts.models import App, User
from incenta.errors import Conflict, InvalidInput, NotFound

from . import faces, raising, subjects
from .models import Case, CaseEvent, CaseStatus, Flag, FlagStatus
from .subjects import Description, Subject

LONGEST_NOTE = 1000
MOOT = FlagStatus.MOOT.value
"""The outcome of a case of which nothing was left to decide."""


def not_found() -> NotFound:
    return NotFound("case_not_found", "Case not found.")


def get(app: App, case_id: str) -> Case:
    """Raises ``NotFound`` ``case_not_found``."""
    case = app.fraud_cases.filter(pk=case_id).first()
    if case is None:
        raise not_found()
    return case


def open_flags(app: App, case_ids: Iterable[str]) -> list[Flag]:
    """Of these cases, in order."""
    return list(app.fraud_flags.filter(case__in=list(case_ids), status=FlagStatus.OPEN).order_by("id"))


def subjects_of(flags: Iterable[Flag]) -> set[Subject]:
    return {(flag.subject_type, flag.subject_id) for flag in flags}


def happened(case: Case, kind: str, *, actor: str, at: datetime, note: str = "", **data) -> CaseEvent:
    """One line of a case's history, not yet written."""
    return CaseEvent(
        app_id=case.app_id, case=case, kind=kind, actor=actor[:120], data=data, note=note[:LONGEST_NOTE], at=at
    )


def weigh(app: App, case: Case, flags: Sequence[Flag], known: dict[Subject, Description] | None = None) -> None:
    """Sets what waits on a case, and what would be lost, from its open flags: not yet saved."""
    known = subjects.describe(app, subjects_of(flags)) if known is None else known
    scores: dict[Subject, int] = {}
    for flag in flags:
        subject = (flag.subject_type, flag.subject_id)
        scores[subject] = max(scores.get(subject, 0), flag.score)
    held: dict[str, int] = {}
    lost = raising.loss({}, 0, app.currency)
    for subject, score in scores.items():
        waits = known[subject].held if subject in known else {}
        for asset, minor in waits.items():
            held[asset] = held.get(asset, 0) + minor
        lost += raising.loss(waits, score, app.currency)
    case.held, case.expected_loss = held, lost
    case.score = max(scores.values(), default=case.score)
    case.due_at, case.due_outcome = min(dues_of(flags).values(), default=(None, None))


def reweigh(app: App, concerned: Iterable[Subject]) -> None:
    """What waits on these subjects was changed by somebody else than an analyst: their open cases weigh what is left, and where
    nothing is left to decide of a subject, its flags and then its case are closed without a verdict. In the caller's transaction,
    which has locked the wallets."""
    wanted = set(concerned)
    flags = app.fraud_flags.filter(subject_id__in=[id for _, id in wanted], status=FlagStatus.OPEN)
    ids = {flag.case_id for flag in flags if (flag.subject_type, flag.subject_id) in wanted}
    for case in app.fraud_cases.select_for_update().filter(pk__in=ids).order_by("pk") if ids else ():
        flags = open_flags(app, [case.pk])
        known = subjects.describe(app, subjects_of(flags))
        over = {subject: known[subject].over for subject in wanted if subject in known and known[subject].over}
        left = [flag for flag in flags if (flag.subject_type, flag.subject_id) not in over]
        if over:
            _let_go(app, case, [flag for flag in flags if flag not in left], over)
        weigh(app, case, left, known)
        if not left:
            close(case, MOOT, clock.now(app))
        case.save()


def _let_go(app: App, case: Case, flags: Sequence[Flag], why: Mapping[Subject, str]) -> None:
    """Closes flags of which nothing is left to decide. It is no verdict: no signal was right or wrong."""
    now = clock.now(app)
    for flag in flags:
        flag.status, flag.resolved_by, flag.resolved_at = FlagStatus.MOOT, "system", now
        flag.note = why[flag.subject_type, flag.subject_id]
    app.fraud_flags.bulk_update(flags, ["status", "resolved_by", "resolved_at", "note"])
    case.version += 1
    CaseEvent.objects.bulk_create(
        happened(case, "moot", actor="system", at=now, note=text, subject={"type": kind, "id": id})
        for (kind, id), text in sorted(why.items())
    )
    events.write(
        [
            events.event(
                app,
                "FRAUD_FLAG_RESOLVED",
                faces.moot_data(flag),
                subject=("flag", flag.pk),
                actor="system",
                occurred_at=now,
            )
            for flag in flags
        ]
    )


def close(case: Case, outcome: str, at: datetime) -> None:
    """Nothing of it is open any more. Not yet saved."""
    case.status, case.outcome, case.closed_at = CaseStatus.CLOSED, outcome, at
    case.held, case.expected_loss, case.kept_until, case.due_at, case.due_outcome = {}, 0, None, None, None


def dues_of(flags: Iterable[Flag]) -> dict[Subject, tuple[datetime, str]]:
    """When each subject is to be decided by itself, and how: at the latest of its flags' deadlines, for who was suspected anew is
    given the campaign's whole time again."""
    dues: dict[Subject, tuple[datetime, str]] = {}
    for flag in flags:
        if flag.due_at is not None:
            subject = (flag.subject_type, flag.subject_id)
            dues[subject] = max(dues.get(subject, (flag.due_at, flag.due_outcome)), (flag.due_at, flag.due_outcome))
    return dues


def note(app: App, case_id: str, text: str, *, actor: str) -> CaseEvent:
    """Writes down what an analyst thinks of a case. Raises ``NotFound``, ``InvalidInput``."""
    text = text.strip()
    if not 0 < len(text) <= LONGEST_NOTE:
        raise InvalidInput({"note": [f"Must have 1 to {LONGEST_NOTE} characters."]})
    case = get(app, case_id)
    written = happened(case, "note", actor=actor, at=clock.now(app), note=text)
    written.save()
    return written


def assign(app: App, case_id: str, assignee: User | None, *, actor: str) -> Case:
    """Says who looks after an open case, or that nobody does. Repeating it is harmless.

    Raises ``NotFound``; ``Conflict`` ``case_closed``; ``InvalidInput`` for somebody who is no member of the merchant.
    """
    if assignee is not None and not app.merchant.memberships.filter(user=assignee).exists():
        raise InvalidInput({"assignee": ["Is not a member of this merchant."]})
    with transaction.atomic():
        case = app.fraud_cases.select_for_update().filter(pk=case_id).first()
        if case is None:
            raise not_found()
        if case.status == CaseStatus.CLOSED:
            raise closed(case)
        if case.assignee_id != (assignee and assignee.pk):
            case.assignee = assignee
            case.save(update_fields=["assignee"])
            happened(
                case, "assigned", actor=actor, at=clock.now(app), assignee=str(assignee) if assignee else None
            ).save()
    return case


def closed(case: Case) -> Conflict:
    """The refusal that names who decided it, and when."""
    last = case.decisions.filter(app=case.app_id, undone_at=None).order_by("-id").first()
    return Conflict(
        "case_closed",
        f"This case was decided by {last.actor} at {clock.iso(last.at)}: {last.verdict}."
        if last
        else "This case is closed.",
        details={
            "status": case.status,
            "outcome": case.outcome,
            "closedAt": clock.iso(case.closed_at),
            "decidedBy": last and last.actor,
            "decisionId": last and last.pk,
        },
    )


def changed(case: Case) -> Conflict:
    """The refusal that names who did what meanwhile."""
    last = CaseEvent.objects.filter(app=case.app_id, case=case).exclude(kind__in=BESIDE).order_by("-id").first()
    done = KINDS.get(last.kind, last.kind) if last else "changed it"
    return Conflict(
        "case_changed",
        f"The case has changed since you saw it: {last.actor} {done} at {clock.iso(last.at)}."
        if last
        else "The case has changed since you saw it.",
        details={
            "version": case.version,
            "changedBy": last and last.actor,
            "changedAt": last and clock.iso(last.at),
            "change": last and last.kind,
        },
    )


KINDS = {
    "opened": "opened it",
    "flag_added": "added a flag",
    "note": "wrote a note",
    "assigned": "assigned it",
    "decided": "decided it",
    "kept": "kept it on hold",
    "undone": "undid the decision",
    "deadline": "decided it at its deadline",
    "returned": "brought it back",
    "moot": "found nothing left to decide",
    "payout_proposal": "proposed to take a payout back",
    "file_added": "attached a file",
    "file_removed": "removed a file",
    "file_forgotten": "removed a file for good",
}
"""Of a history's lines: what was done, in words."""
BESIDE = ("note", "file_added", "file_removed", "file_forgotten")
"""Those that leave the case as it is, and so its version."""
