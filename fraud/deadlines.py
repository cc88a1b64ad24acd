"""What the passing of time does to cases: a campaign's deadline decides what nobody decided, and what was kept comes back.

A sweep reads what is due without a lock, locks as every decision does, looks again, and acts: two sweeps at once, or one that is
killed, decide nothing twice; and an analyst who is quicker has decided.
"""

import logging
from dataclasses import replace
from datetime import datetime

from django.db import InterfaceError, OperationalError
from django.db.models import Min, Q
from django.db.models.functions import Coalesce, Now

from incenta import clock
from incenta.accounts.models import App
from incenta.errors import DomainError

from . import cases, deciding
from .deciding import Ruling
from .models import Case, CaseStatus, Deadline, Verdict

logger = logging.getLogger(__name__)

ACTOR = "deadline"
BATCH = 100
VERDICT = {Deadline.RELEASE: Verdict.APPROVE, Deadline.REJECT: Verdict.REJECT}
NOTE = "Nobody decided within the campaign's deadline."


def decide_due_cases(app: App | None = None) -> int:
    """Decides what is due in every app (or in one), by its own clock, and brings back what was kept. Answers how many cases moved."""
    moved = 0
    last = ""
    of_whom = {} if app is None else {"app": app}
    while True:
        now = Coalesce("app__clock_frozen_at", Now())
        waiting = Case.objects.exclude(status=CaseStatus.CLOSED).filter(pk__gt=last, **of_whom)
        due = waiting.filter(Q(due_at__lte=now) | Q(status=CaseStatus.KEPT, kept_until__lte=now))
        found = list(due.select_related("app").order_by("pk")[:BATCH])
        if not found:
            return moved
        last = found[-1].pk
        for case in found:
            try:
                moved += at_deadline(case.app, case.pk)
            except (OperationalError, InterfaceError):
                raise
            except Exception:
                logger.exception("the deadline of case %s could not be kept", case.pk)


def next_due(app: App) -> datetime | None:
    """When the next case of the app is decided by itself or comes back."""
    waiting, now = Case.objects.filter(app=app).exclude(status=CaseStatus.CLOSED), clock.now(app)
    found = waiting.aggregate(
        due=Min("due_at", filter=Q(due_at__gt=now)),
        kept=Min("kept_until", filter=Q(status=CaseStatus.KEPT, kept_until__gt=now)),
    )
    return min((moment for moment in found.values() if moment is not None), default=None)


def at_deadline(app: App, case_id: str) -> bool:
    """Does what is due with one case; answers whether anything was. Repeating it is harmless."""
    try:
        return deciding.attempt(app, lambda: _at_deadline(app, case_id))
    except DomainError as refusal:
        if refusal.code not in ("case_closed", "case_changed"):
            raise
        return False


def _at_deadline(app: App, case_id: str) -> bool:
    by_outcome = _due(app, case_id, clock.now(app))
    moved = False
    if by_outcome:
        concerned = {subject for found in by_outcome.values() for subject in found}
        everyone = Ruling(Verdict.REJECT if Deadline.REJECT in by_outcome else Verdict.APPROVE, ACTOR, note=NOTE)
        [case] = deciding.locked(app, [case_id], everyone, concerned)
        for outcome, found in sorted(_due(app, case_id, clock.now(app)).items()):
            case.refresh_from_db()
            ruling = replace(everyone, verdict=VERDICT[Deadline(outcome)], event="deadline", only=frozenset(found))
            deciding.rule(app, case, ruling)
            moved = True
    case = app.fraud_cases.select_for_update().get(pk=case_id)
    if case.status == CaseStatus.CLOSED:
        return moved
    now = clock.now(app)
    before = (case.due_at, case.due_outcome)
    cases.weigh(app, case, cases.open_flags(app, [case_id]))
    if case.status == CaseStatus.KEPT and case.kept_until is not None and case.kept_until <= now:
        case.status, case.kept_until = CaseStatus.OPEN, None
        case.version += 1
        cases.happened(case, "returned", actor=ACTOR, at=now).save()
        moved = True
    if moved or before != (case.due_at, case.due_outcome):
        case.save()
    return moved


def _due(app: App, case_id: str, now: datetime) -> dict[str, set]:
    """Outcome → the subjects of a case whose deadline has come."""
    found: dict[str, set] = {}
    for subject, (due_at, outcome) in cases.dues_of(cases.open_flags(app, [case_id])).items():
        if due_at <= now:
            found.setdefault(outcome, set()).add(subject)
    return found
