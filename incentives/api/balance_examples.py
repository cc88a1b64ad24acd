"""Balances and what explains them by example, for the API's description."""

from incenta.api.examples import Choice, Face, Free, Nullable, Number, Operation, Sometimes

AT = "2026-11-23T01:47:00.123Z"
POINTS = {"xp": 250, "coins": 125, "tokens": 0}
_STANDING = {
    "streak": 3,
    "longestStreak": 12,
    "freezes": 1,
    "badges": ["newcomer"],
    "milestones": ["first_100_xp"],
    "timezone": "Asia/Kathmandu",
    "visible": True,
    "onHold": False,
}
_BALANCE = {
    "userId": "user_123",
    **POINTS,
    "held": {"xp": 0, "coins": 0, "tokens": 0},
    "money": Free({"USD": {"available": 5, "held": 10}}),
    "level": 2,
    "nextLevel": Nullable({"level": 3, "name": "Gold", "xpThreshold": 1000, "xpToGo": 750}),
    "expiring": [{"amount": 25, "asset": Choice("coins", "tokens"), "at": "2027-11-23T01:47:00.123Z"}],
}
BALANCE = Face("Balance", _BALANCE | _STANDING)
ENTRY = Face(
    "Entry",
    {
        "id": "trf_01m831b2qts05fen4vdq67f4qp",
        "seq": 6,
        "asset": "coins",
        "kind": "EARN",
        "amount": Number(50),
        "heldAmount": Number(0),
        "balance": Number(125),
        "heldBalance": Number(0),
        "cause": Free(
            {
                "text": "Complete profile",
                "type": "event",
                "id": "evt_01m831b2qts05fen4vdq67f4qp",
                "actionKey": "complete_profile",
            }
        ),
        "rule": Nullable(Free({"version": 7, "noun": "action", "key": "complete_profile"})),
        "lot": Nullable(
            Free({"id": "lot_01m831b2qts05fen4vdq67f4qp", "amount": 50, "remaining": 50, "expiresAt": None})
        ),
        "lots": [Free({"id": "lot_01m831b2qts05fen4vdq67f4qp", "amount": 3})],
        "reverses": Nullable("trf_01m831b2qts05fen4vdq67f4qq", shown=False),
        "occurredAt": AT,
        "recordedAt": AT,
    },
)
_ADJUSTMENT = {
    "adjustmentId": "adj_01m831b2qts05fen4vdq67f4qp",
    "userId": "user_123",
    "reason": "A gift for waiting",
    "xp": 0,
    "coins": 10,
    "tokens": 0,
    "balances": POINTS,
    "level": 2,
    "leveledUp": False,
    "levelsReached": [2],
    "badgesEarned": ["newcomer"],
    "milestonesReached": ["first_100_xp"],
    "createdAt": AT,
}
ADJUSTMENT = Face("Adjustment", _ADJUSTMENT)
USER = {"userId": "user_123"}
AS_OF = {"asOf": ("A past moment; without it, now.", AT)}

OPERATIONS = {
    ("Balances", "get"): Operation("Everybody's balances, by user id", item=BALANCE, id="listBalances"),
    ("Balance", "get"): Operation(
        "One user's balance",
        Face("BalanceNow", _BALANCE | {name: Sometimes(value) for name, value in ({"asOf": AT} | _STANDING).items()}),
        path=USER,
        query=AS_OF,
        description="A user who is not known has nothing, which is no error.",
        id="getBalance",
    ),
    ("BalanceEntries", "get"): Operation(
        "Every entry of a user's, newest first",
        item=ENTRY,
        beside={"check": Sometimes({"sum": Free(POINTS), "balance": Free(POINTS), "ok": True})},
        path=USER,
        query=AS_OF | {"asset": ("Only entries of it.", "coins")},
        description="Each with its cause, the rule that said so, its lots and the running balance; `check` proves the sum.",
        id="listBalanceEntries",
    ),
    ("Adjustments", "get"): Operation("Adjustments, newest first", item=ADJUSTMENT, id="listAdjustments"),
    ("Adjustments", "post"): Operation(
        "The adjustment and its entries",
        _ADJUSTMENT | {"entries": [ENTRY]},
        status=201,
        body={"userId": "user_123", "coins": 10, "reason": "A gift for waiting"},
        codes={409: ("insufficient_balance", "balance_too_large")},
        id="createAdjustment",
    ),
    ("UserSettings", "get"): Operation("Where a user stands", USER | _STANDING, path=USER, id="getIncentiveUser"),
    ("UserSettings", "patch"): Operation(
        "The user with the new zone or visibility",
        USER | _STANDING,
        path=USER,
        body={"timezone": "Asia/Kathmandu", "visible": False},
        id="updateIncentiveUser",
    ),
}
