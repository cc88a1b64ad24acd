"""Flags, cases and decisions of fraud by example, for the API's description."""

from fraud.file_kinds import KINDS, PDF
from fraud.models import CaseStatus, Deadline, FlagStatus, FlagType, Verdict
from fraud.models import Subject as SubjectType
from incenta.api.examples import Choice, Face, Free, Nullable, Number, Operation, Sometimes

AT = "2026-11-23T01:47:00.123Z"
KEY = "key_01m831b2qts05fen4vdq67f4qp"
FLAG_ID, CASE_ID = "flag_01m831b2qts05fen4vdq67f4qp", "case_01m831b2qts05fen4vdq67f4qp"
DECISION_ID, CONVERSION_ID = "dcs_01m831b2qts05fen4vdq67f4qp", "conv_01m831b2qts05fen4vdq67f4qp"
REWARD_ID, CAMPAIGN_ID = "rew_01m831b2qts05fen4vdq67f4qp", "camp_01m831b2qts05fen4vdq67f4qp"


def _first(word: str, words: list[str]) -> Choice:
    return Choice(word, *(other for other in words if other != word))


SUBJECT = {"type": _first("CONVERSION", SubjectType.values), "id": CONVERSION_ID}
FLAG = Face(
    "FraudFlag",
    {
        "id": FLAG_ID,
        "type": _first("DEVICE_FINGERPRINT", FlagType.values),
        "signal": "DEVICE_SHARED",
        "status": Choice(*FlagStatus.values),
        "subject": SUBJECT,
        "userId": Nullable("customer_42"),
        "campaignId": Nullable(CAMPAIGN_ID),
        "caseId": CASE_ID,
        "riskScore": 72,
        "points": 45,
        "message": "4 other accounts used this device within 30 days.",
        "evidence": Free({"accounts": 4, "days": 30}),
        "hits": 1,
        "createdAt": AT,
        "lastAt": AT,
        "dueAt": Nullable(AT, shown=False),
        "dueOutcome": Nullable(Choice(*Deadline.values), shown=False),
        "resolvedAt": Nullable(AT, shown=False),
        "resolvedBy": Nullable(KEY, shown=False),
        "decision": Nullable(Choice("APPROVE", "REJECT"), shown=False),
        "decisionId": Nullable(DECISION_ID, shown=False),
        "note": Nullable("One household.", shown=False),
    },
)
EFFECT = Face(
    "FraudEffect",
    {
        "kind": "reward_released",
        "subjectId": REWARD_ID,
        "userId": Nullable("customer_42"),
        "asset": Nullable("USD"),
        "minor": 500,
        "text": "USD 5.00 of customer_42 is released.",
    },
)
HELD = [{"currency": "USD", "amount": Number(15)}]
_CASE = {
    "id": CASE_ID,
    "key": "user:customer_42",
    "status": Choice(*CaseStatus.values),
    "version": 3,
    "riskScore": 72,
    "held": HELD,
    "expectedLoss": Number(10.8),
    "members": 1,
    "isSample": False,
    "assignee": Nullable("rita@shop.example", shown=False),
    "keptUntil": Nullable(AT, shown=False),
    "dueAt": Nullable(AT, shown=False),
    "dueOutcome": Nullable(Choice(*Deadline.values), shown=False),
    "openedAt": AT,
    "closedAt": Nullable(AT, shown=False),
    "outcome": Nullable(Choice("APPROVED", "REJECTED", "MOOT"), shown=False),
}
CASE = Face("FraudCase", _CASE)
LINE = Face(
    "FraudCaseEvent",
    {
        "kind": "flag_added",
        "actor": "system",
        "at": AT,
        "note": Nullable("Called her: it is her sister.", shown=False),
        "data": Free({"flagId": FLAG_ID, "signal": "DEVICE_SHARED"}),
    },
)
_DECISION = {
    "id": DECISION_ID,
    "caseId": CASE_ID,
    "verdict": Choice(*Verdict.values),
    "actor": KEY,
    "note": Nullable("One household."),
    "until": Nullable(AT, shown=False),
    "flags": [FLAG_ID],
    "flagCount": 1,
    "effects": [EFFECT],
    "effectCount": 1,
    "at": AT,
    "undoneAt": Nullable(AT, shown=False),
    "undoneBy": Nullable(KEY, shown=False),
}
DECISION = Face("FraudDecision", _DECISION)
ATTACHMENT = Face(
    "FraudAttachment",
    {
        "id": "file_01m831b2qts05fen4vdq67f4qp",
        "name": "chat with the shop.pdf",
        "contentType": Choice("application/pdf", *(kind.content_type for kind in KINDS if kind is not PDF)),
        "size": 48_213,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "note": Nullable("She sent it herself."),
        "uploadedBy": "user:12",
        "at": AT,
    },
)
CASE_IN_FULL = Face(
    "FraudCaseInFull",
    _CASE
    | {
        "flags": [FLAG],
        "subjects": [
            Face(
                "FraudSubject",
                SUBJECT
                | {
                    "title": "Conversion of friend_7 by customer_42's code 7F2KQ9MX",
                    "userId": Nullable("customer_42"),
                    "otherId": Nullable("friend_7"),
                    "campaignId": Nullable(CAMPAIGN_ID),
                    "campaignName": "Friends of the shop",
                    "at": AT,
                    "held": HELD,
                    "facts": Free({"Amount": "USD 50.00"}),
                },
            )
        ],
        "history": [LINE],
        "decisions": [DECISION],
        "attachments": [ATTACHMENT],
    },
)
OUTCOME = Face(
    "FraudOutcome",
    {
        "decisionId": Nullable(DECISION_ID),
        "caseId": CASE_ID,
        "verdict": Choice(*Verdict.values),
        "preview": False,
        "caseStatus": _first("CLOSED", CaseStatus.values),
        "caseVersion": 4,
        "flags": [FLAG_ID],
        "effects": [EFFECT],
        "undoUntil": Nullable(AT),
    },
)
_NO_CASE = {404: ("case_not_found",)}
_ONE = {"case_id": CASE_ID}

OPERATIONS = {
    ("Flags", "get"): Operation("What is suspected, newest first", item=FLAG, id="listFraudFlags"),
    ("FlagDetail", "get"): Operation(
        "One flag", FLAG, path={"flag_id": FLAG_ID}, codes={404: ("flag_not_found",)}, id="getFraudFlag"
    ),
    ("ResolveFlag", "post"): Operation(
        "Decide what a flag is about",
        {"success": True, "flag": FLAG, "effects": [EFFECT]},
        path={"flag_id": FLAG_ID},
        body={"decision": "APPROVE", "note": "One household."},
        codes={404: ("flag_not_found",), 409: ("flag_resolved", "case_changed")},
        description="Every open flag of its subject is resolved with it. A rejection needs a note. The same decision again changes "
        "nothing.",
        id="resolveFraudFlag",
    ),
    ("Cases", "get"): Operation("Cases, newest first", item=CASE, id="listFraudCases"),
    ("CaseDetail", "get"): Operation(
        "One case with its flags, history and decisions", CASE_IN_FULL, path=_ONE, codes=_NO_CASE, id="getFraudCase"
    ),
    ("DecideCase", "post"): Operation(
        "Decide a case",
        OUTCOME,
        path=_ONE,
        body={"verdict": "APPROVE", "note": "One household.", "version": 3},
        codes=_NO_CASE | {409: ("case_closed", "case_changed")},
        description="`version` is the case as you saw it: where it has changed since, nothing is done and you are told by whom. "
        "`KEEP` needs `until`. `preview: true` answers the effects and changes nothing.",
        id="decideFraudCase",
    ),
    ("DecideCases", "post"): Operation(
        "Decide up to a hundred cases",
        {
            "verdict": Choice("APPROVE", "REJECT"),
            "dryRun": False,
            "matched": 12,
            "decided": 12,
            "refused": 0,
            "remaining": 0,
            "held": HELD,
            "effects": [{"kind": "reward_released", "count": 12, "currency": Nullable("USD"), "amount": Number(15)}],
            "results": [
                {
                    "caseId": CASE_ID,
                    "status": Choice("decided", "previewed", "refused"),
                    "decisionId": Sometimes(Nullable(DECISION_ID)),
                    "flags": Sometimes(2),
                    "effects": Sometimes(3),
                    "code": Sometimes("case_closed"),
                    "error": Sometimes("This case was decided before."),
                }
            ],
        },
        body={"verdict": "APPROVE", "maxScore": 55, "note": "Below what we look at.", "dryRun": False},
        description="By `ids`, or all open cases from `minScore` to `maxScore`, those that risk the most first; ask again while "
        "some remain. `dryRun: true` tells how many, how much money and which effects, and changes nothing.",
        id="decideFraudCases",
    ),
    ("CaseNotes", "post"): Operation(
        "Write a note into a case's history",
        LINE,
        status=201,
        path=_ONE,
        body={"note": "Called her: it is her sister."},
        codes=_NO_CASE,
        id="noteFraudCase",
    ),
    ("Decisions", "get"): Operation("Decisions, newest first", item=DECISION, id="listFraudDecisions"),
    ("UndoDecision", "post"): Operation(
        "Undo a decision",
        {"success": True, "decision": DECISION, "case": CASE, "flags": [FLAG_ID], "effects": [EFFECT]},
        path={"decision_id": DECISION_ID},
        codes={404: ("decision_not_found",), 409: ("undo_too_late", "decision_superseded")},
        description="Within seven days. Its flags are open again and what it let go or cancelled is held again, as far as that is "
        "possible: the effects say what is not.",
        id="undoFraudDecision",
    ),
}
