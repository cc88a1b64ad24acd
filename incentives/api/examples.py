"""The incentive room's answers by example, for the API's description."""

from incenta.api.examples import Choice, Either, Face, Free, Nullable, Operation
from incentives.models import Action

AT = "2026-11-23T01:47:00.123Z"
ACTION = Face(
    "Action",
    {
        "key": "complete_profile",
        "name": "Complete profile",
        "type": Choice(*Action.Type.values),
        "xp": 100,
        "coins": 50,
        "tokens": 0,
        "cooldown": 0,
        "maxRepeats": Nullable(1),
        "maxPerDay": Nullable(5, shown=False),
        "active": True,
        "createdAt": AT,
        "updatedAt": AT,
    },
)
_POINTS = {"xp": 100, "coins": 50, "tokens": 0}
_EVENT = {
    "eventId": "evt_01m831b2qts05fen4vdq67f4qp",
    "userId": "user_123",
    "actionKey": "complete_profile",
    "awarded": _POINTS,
    "balances": Free({"xp": 250, "coins": 125, "tokens": 0}),
    "bonus": Free({"xp": 0, "coins": 25, "tokens": 0}),
    "level": 2,
    "leveledUp": True,
    "levelsReached": [2],
    "badgesEarned": ["newcomer"],
    "milestonesReached": ["first_100_xp"],
    "streak": 3,
    "notAwarded": Nullable(
        {"code": Choice("cooldown", "max_repeats", "max_per_day", "fraud_hold"), "retryAt": Nullable(AT)}, shown=False
    ),
    "idempotentReplay": False,
}
RECORDED = Face("RecordedEvent", _EVENT)
EVENT = Face(
    "IncentiveEvent",
    _EVENT
    | {
        "idempotencyKey": Nullable("user_123_complete_profile"),
        "metadata": Free({"plan": "pro"}),
        "ruleVersion": 7,
        "occurredAt": AT,
        "reversedAt": Nullable(AT, shown=False),
    },
)
NEW_EVENT = {
    "userId": "user_123",
    "actionKey": "complete_profile",
    "idempotencyKey": "user_123_complete_profile",
}

OPERATIONS = {
    ("Actions", "get"): Operation("Actions, newest first", item=ACTION),
    ("Actions", "post"): Operation(
        "The action that was created",
        ACTION,
        status=201,
        body={
            "key": "complete_profile",
            "name": "Complete profile",
            "type": "STANDARD",
            "xp": 100,
            "coins": 50,
            "maxRepeats": 1,
        },
        codes={409: ("action_exists",)},
    ),
    ("ActionDetail", "get"): Operation(
        "One action", ACTION, path={"key": "complete_profile"}, codes={404: ("action_not_found",)}
    ),
    ("ActionDetail", "patch"): Operation(
        "The changed action",
        ACTION,
        path={"key": "complete_profile"},
        body={"coins": 60},
        codes={404: ("action_not_found",)},
    ),
    ("Events", "get"): Operation("Events, newest first", item=EVENT, id="listIncentiveEvents"),
    ("Events", "post"): Operation(
        "The event and what it brought",
        RECORDED,
        status=201,
        also={200: "The idempotencyKey was used before: the first answer."},
        body=NEW_EVENT,
        description="Not rewarded is no error: it is recorded, nothing is awarded, and `notAwarded` says why.",
        codes={404: ("action_not_found",)},
        id="recordIncentiveEvent",
    ),
    ("BulkEvents", "post"): Operation(
        "What each event would have answered alone",
        {
            "results": [
                Either(
                    {"index": 0, "status": 201, **_EVENT},
                    {
                        "index": 0,
                        "status": 404,
                        "error": "There is no action of this key.",
                        "code": "action_not_found",
                        "details": Free({}),
                    },
                )
            ],
            "recorded": 1,
            "replayed": 0,
            "failed": 0,
        },
        body={"events": [NEW_EVENT]},
        description="Up to 1,000 events. Each stands alone.",
        id="recordIncentiveEvents",
    ),
    ("LedgerVerify", "get"): Operation(
        "Every balance recounted from its entries",
        Face(
            "LedgerProof",
            {
                "ok": True,
                "accounts": 2,
                "entries": 4,
                "drift": [],
                "totals": Free({"USD": {"ISSUER": -3000, "AVAILABLE": 0, "HELD": 3000, "SPENT": 0}}),
            },
        ),
        description="`drift` names what disagrees; it is empty.",
        id="verifyLedger",
    ),
}
