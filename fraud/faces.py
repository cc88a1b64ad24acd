"""The public faces of flags, cases and decisions: what the API answers and what webhooks tell, each written once."""

from collections.abc import Iterable

from incenta import money
from incenta.clock import iso

from .models import Attachment, Case, CaseEvent, Decision, Flag, FlagStatus, Verdict
from .subjects import Description

DECISION_OF = {FlagStatus.APPROVED: Verdict.APPROVE.value, FlagStatus.REJECTED: Verdict.REJECT.value}

MOST_SHOWN = 50
"""Flags and effects of one decision in a list of many."""


def flag_face(flag: Flag) -> dict:
    """An item of ``GET /v1/fraud/flags``."""
    return {
        "id": flag.pk,
        "type": flag.type,
        "signal": flag.signal,
        "status": flag.status,
        "subject": {"type": flag.subject_type, "id": flag.subject_id},
        "userId": flag.user_id,
        "campaignId": flag.campaign_id,
        "caseId": flag.case_id,
        "riskScore": flag.score,
        "points": flag.points,
        "message": flag.message,
        "evidence": flag.evidence,
        "hits": flag.hits,
        "createdAt": iso(flag.first_at),
        "lastAt": iso(flag.last_at),
        "dueAt": iso(flag.due_at),
        "dueOutcome": flag.due_outcome,
        "resolvedAt": iso(flag.resolved_at),
        "resolvedBy": flag.resolved_by or None,
        "decision": DECISION_OF.get(flag.status),
        "decisionId": flag.decision_id,
        "note": flag.note or None,
    }


def resolved_data(flag: Flag, decision: Decision) -> dict:
    """``FRAUD_FLAG_RESOLVED``."""
    return {
        "flagId": flag.pk,
        "type": flag.type,
        "subject": {"type": flag.subject_type, "id": flag.subject_id},
        "riskScore": flag.score,
        "reasons": [{"type": flag.type, "points": flag.points, "message": flag.message}],
        "decision": decision.verdict,
        "note": decision.note or None,
        "userId": flag.user_id,
        "campaignId": flag.campaign_id,
        "signal": flag.signal,
        "caseId": flag.case_id,
        "decisionId": decision.pk,
        "resolvedAt": iso(decision.at),
        "resolvedBy": decision.actor,
    }


def moot_data(flag: Flag) -> dict:
    """``FRAUD_FLAG_RESOLVED`` of a flag of which nothing was left to decide: no decision."""
    return {
        "flagId": flag.pk,
        "type": flag.type,
        "subject": {"type": flag.subject_type, "id": flag.subject_id},
        "riskScore": flag.score,
        "reasons": [{"type": flag.type, "points": flag.points, "message": flag.message}],
        "decision": None,
        "note": flag.note or None,
        "userId": flag.user_id,
        "campaignId": flag.campaign_id,
        "signal": flag.signal,
        "caseId": flag.case_id,
        "decisionId": None,
        "resolvedAt": iso(flag.resolved_at),
        "resolvedBy": flag.resolved_by,
    }


def reopened_data(flag: Flag) -> dict:
    """``FRAUD_FLAG_CREATED`` of a flag that is open again, its decision undone."""
    return {
        "flagId": flag.pk,
        "type": flag.type,
        "subject": {"type": flag.subject_type, "id": flag.subject_id},
        "riskScore": flag.score,
        "reasons": [{"type": flag.type, "points": flag.points, "message": flag.message}],
        "decision": None,
        "note": None,
        "userId": flag.user_id,
        "campaignId": flag.campaign_id,
        "signal": flag.signal,
        "reopened": True,
    }


def amounts(held: dict[str, int]) -> list[dict]:
    """``[{currency, amount}]`` in major units, money first."""
    ordered = sorted(held.items(), key=lambda each: (each[0] in money.POINTS, each[0]))
    return [{"currency": asset, "amount": money.to_number(minor, asset)} for asset, minor in ordered if minor]


def case_face(case: Case) -> dict:
    """An item of ``GET /v1/fraud/cases``."""
    return {
        "id": case.pk,
        "key": case.key,
        "status": case.status,
        "version": case.version,
        "riskScore": case.score,
        "held": amounts(case.held),
        "expectedLoss": float(case.expected_loss),
        "members": case.members,
        "isSample": case.is_sample,
        "assignee": str(case.assignee) if case.assignee else None,
        "keptUntil": iso(case.kept_until),
        "dueAt": iso(case.due_at),
        "dueOutcome": case.due_outcome,
        "openedAt": iso(case.opened_at),
        "closedAt": iso(case.closed_at),
        "outcome": case.outcome or None,
    }


def subject_face(description: Description) -> dict:
    """A subject of a case, as its programme describes it."""
    return {
        "type": description.subject_type,
        "id": description.subject_id,
        "title": description.title,
        "userId": description.user_id,
        "otherId": description.other_id,
        "campaignId": description.campaign_id,
        "campaignName": description.campaign_name,
        "at": iso(description.at),
        "held": amounts(description.held),
        "facts": description.facts,
    }


def event_face(event: CaseEvent) -> dict:
    """A line of a case's history."""
    return {
        "kind": event.kind,
        "actor": event.actor,
        "at": iso(event.at),
        "note": event.note or None,
        "data": event.data,
    }


def decision_face(decision: Decision) -> dict:
    """What was decided of a case, and what followed: the first effects, and how many there are."""
    return {
        "id": decision.pk,
        "caseId": decision.case_id,
        "verdict": decision.verdict,
        "actor": decision.actor,
        "note": decision.note or None,
        "until": iso(decision.until),
        "flags": decision.flags[:MOST_SHOWN],
        "flagCount": len(decision.flags),
        "effects": decision.effects[:MOST_SHOWN],
        "effectCount": len(decision.effects),
        "at": iso(decision.at),
        "undoneAt": iso(decision.undone_at),
        "undoneBy": decision.undone_by or None,
    }


def attachment_face(file: Attachment) -> dict:
    """A file beside a case: what it is. Its content is for people at the dashboard alone."""
    return {
        "id": file.pk,
        "name": file.name,
        "contentType": file.content_type,
        "size": file.size,
        "sha256": file.sha256,
        "note": file.note or None,
        "uploadedBy": file.actor,
        "at": iso(file.added_at),
    }


def detail_face(
    case: Case,
    flags: Iterable[Flag],
    described: Iterable[Description],
    history: Iterable[CaseEvent],
    decisions: Iterable[Decision],
    files: Iterable[Attachment],
) -> dict:
    """``GET /v1/fraud/cases/{id}``."""
    return case_face(case) | {
        "flags": [flag_face(flag) for flag in flags],
        "subjects": [subject_face(each) for each in described],
        "history": [event_face(event) for event in history],
        "decisions": [decision_face(decision) for decision in decisions],
        "attachments": [attachment_face(file) for file in files],
    }
