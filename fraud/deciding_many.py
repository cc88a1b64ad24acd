"""Deciding many cases at once: those that were picked, or all open ones within a range of scores. Each stands alone."""

from collections import Counter
from dataclasses import dataclass, field

from django.db import transaction

from incenta.accounts.models import App, User
from incenta.database import sql
from incenta.errors import DomainError, InvalidInput

from . import cases, deciding, faces
from .deciding import Outcome, Ruling
from .models import CaseStatus

MOST_AT_ONCE = 100


@dataclass(slots=True)
class Result:
    """What became of one case."""

    case_id: str
    outcome: Outcome | None = None
    refusal: DomainError | None = None

    def face(self) -> dict:
        if self.refusal is not None:
            return {
                "caseId": self.case_id,
                "status": "refused",
                "code": self.refusal.code,
                "error": self.refusal.message,
            }
        outcome = self.outcome
        return {
            "caseId": self.case_id,
            "status": "decided" if outcome.decision else "previewed",
            "decisionId": outcome.decision and outcome.decision.pk,
            "flags": len(outcome.flags),
            "effects": len(outcome.effects),
        }


@dataclass(slots=True)
class Results:
    """What became of all of them. ``matched`` and ``held`` are of all that the choice meets, of which at most 100 are taken."""

    verdict: str
    is_dry_run: bool
    matched: int
    held: dict[str, int]
    results: list[Result] = field(default_factory=list)

    @property
    def decided(self) -> list[Outcome]:
        return [each.outcome for each in self.results if each.outcome is not None]

    def effects(self) -> list[dict]:
        """``[{kind, count, currency, amount}]``: all effects, added up."""
        counts: Counter[tuple[str, str]] = Counter()
        minors: Counter[tuple[str, str]] = Counter()
        for outcome in self.decided:
            for effect in outcome.effects:
                counts[effect.kind, effect.asset] += 1
                minors[effect.kind, effect.asset] += effect.minor
        return [
            {"kind": kind, "count": count, **_amount(asset, minors[kind, asset])}
            for (kind, asset), count in sorted(counts.items())
        ]

    def face(self) -> dict:
        decided = len(self.decided)
        return {
            "verdict": self.verdict,
            "dryRun": self.is_dry_run,
            "matched": self.matched,
            "decided": decided,
            "refused": len(self.results) - decided,
            "remaining": self.matched - len(self.results) if not self.is_dry_run else self.matched,
            "held": faces.amounts(self.held),
            "effects": self.effects(),
            "results": [each.face() for each in self.results],
        }


def _amount(asset: str, minor: int) -> dict:
    [told] = faces.amounts({asset: minor}) if asset and minor else [{"currency": asset or None, "amount": 0}]
    return told


_HELD = """
SELECT h.key, sum(h.value::bigint)::bigint FROM fraud_case c, jsonb_each_text(c.held) h
WHERE c.app_id = %(app_id)s AND c.status = 'OPEN' AND c.score BETWEEN %(least)s AND %(most)s GROUP BY h.key
"""


def decide_many(
    app: App,
    verdict: str,
    *,
    actor: str,
    user: User | None = None,
    ids: list[str] | None = None,
    min_score: int | None = None,
    max_score: int | None = None,
    note: str = "",
    dry_run: bool = False,
) -> Results:
    """Approves or rejects the cases of ``ids`` (at most 100), or of the open ones that score within the range the 100 that risk
    the most; ask again for the rest. ``dry_run`` tells what would happen, and how much is held by all, and changes nothing.

    Raises ``InvalidInput``; a case that cannot be decided is refused by itself.
    """
    if verdict not in deciding.STATUS:
        raise InvalidInput({"verdict": ["Must be APPROVE or REJECT."]})
    ruling = deciding.ruled(app, Ruling(verdict, actor, user, note.strip()))
    by_score = min_score is not None or max_score is not None
    if (ids is None) != by_score:
        raise InvalidInput({"ids": ["Name either ids, or minScore and maxScore."]})
    if ids is not None:
        chosen = list(dict.fromkeys(ids))
        if not 0 < len(chosen) <= MOST_AT_ONCE:
            raise InvalidInput({"ids": [f"Must name 1 to {MOST_AT_ONCE} cases."]})
        known = {case.pk: case for case in app.fraud_cases.filter(pk__in=chosen)}
        found = Results(verdict, dry_run, len(chosen), _sum(case.held for case in known.values()))
    else:
        least, most = min_score or 0, 100 if max_score is None else max_score
        if least > most:
            raise InvalidInput({"minScore": ["Must not be over maxScore."]})
        matching = app.fraud_cases.filter(status=CaseStatus.OPEN, score__gte=least, score__lte=most)
        asked = {"app_id": app.pk, "least": least, "most": most}
        found = Results(verdict, dry_run, matching.count(), dict(sql.rows(_HELD, asked)))
        known = {case.pk: case for case in matching.order_by("-expected_loss", "-id")[:MOST_AT_ONCE]}
        chosen = list(known)

    def act() -> Results:
        found.results = _each(app, chosen, set(known), ruling, dry_run)
        if dry_run:
            transaction.set_rollback(True)
        return found

    return deciding.attempt(app, act)


def _each(app: App, chosen: list[str], known: set[str], ruling: Ruling, dry_run: bool) -> list[Result]:
    locked = {case.pk: case for case in deciding.locked(app, known, ruling)} if known else {}
    results = []
    for case_id in chosen:
        if case_id not in locked:
            results.append(Result(case_id, refusal=cases.not_found()))
            continue
        try:
            with transaction.atomic():
                case = locked[case_id]
                case.refresh_from_db()  # one before it in this list may have closed it
                results.append(Result(case_id, deciding.rule(app, case, ruling, is_preview=dry_run)))
        except DomainError as refusal:
            results.append(Result(case_id, refusal=refusal))
    return results


def _sum(all_held) -> dict[str, int]:
    total: Counter[str] = Counter()
    for held in all_held:
        total.update(held)
    return dict(total)
