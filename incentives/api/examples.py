"""The incentive room's answers by example, for the API's description."""

from incenta.api.examples import Choice, Either, Face, Free, Nullable, Operation, Sometimes
from incentives.models import Action
from incentives.models.board import METRICS, Period
from incentives.models.catalog import CodeSource, RedemptionStatus

from . import balance_examples, rule_examples

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
    "withheld": Nullable(_POINTS, shown=False),
    "riskScore": Nullable(45, shown=False),
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
ITEM_ID = "item_01m831b2qts05fen4vdq67f4qr"
ITEM = Face(
    "CatalogItem",
    {
        "id": ITEM_ID,
        "name": "Mug",
        "description": "Holds a third of a litre",
        "imageUrl": "https://shop.example.com/mug.png",
        "coinCost": 20,
        "tokenCost": 0,
        "inventory": 5,
        "maxPerUser": Nullable(1),
        "published": True,
        "codeSource": Choice(*CodeSource.values),
        "codePrefix": "",
        "codesLeft": Nullable(100, shown=False),
        "createdAt": AT,
        "updatedAt": AT,
    },
)
REDEMPTION_ID = "rdm_01m831b2qts05fen4vdq67f4qs"
_REDEMPTION = {
    "userId": "user_123",
    "itemId": ITEM_ID,
    "status": Choice(*RedemptionStatus.values),
    "code": Nullable("MUG-7F2KQ9MX"),
    "riskScore": Nullable(25, shown=False),
    "holdReasons": [],
    "coinCost": 20,
    "tokenCost": 0,
    "redeemedAt": AT,
}
REDEMPTION = Face(
    "ItemRedemption",
    {"id": REDEMPTION_ID, "itemName": "Mug", **_REDEMPTION}
    | {"fulfilledAt": Nullable(AT, shown=False), "cancelledAt": Nullable(AT, shown=False)},
)
_LINE = {"rank": 1, "userId": "user_123", "xp": 250, "coins": 125, "referrals": Sometimes(3), "isYou": Sometimes(True)}
PLACE = Face("Place", _LINE | {"of": 120, "above": [_LINE], "below": [_LINE]})
BOARD = {
    "period": ("How far back.", Choice(*Period.labels)),
    "metric": ("What ranks.", Choice(*METRICS)),
    "at": ("A day in the period, such as 2026-11-23; without it, the present one.", "2026-11-23"),
}

NO_ITEM = {404: ("item_not_found",)}

OPERATIONS = (
    {
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
            codes={
                400: ("action_inactive", "action_not_sendable"),
                404: ("action_not_found",),
                409: ("balance_too_large",),
            },
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
        ("Leaderboard", "get"): Operation(
            "The board, best first",
            [_LINE],
            query=BOARD | {"limit": ("Places, at most 100.", 10), "offset": ("Places to pass over.", 0)},
            description="Equal scores share a rank (1, 2, 2, 4); who reached the score first stands first. To a browser with a "
            "publishable key `userId` is masked (`u•••3`) unless the app shows names, and `isYou` marks the user of its token.",
            id="getLeaderboard",
        ),
        ("Leaderboard", "post"): Operation(
            "The user's place with the new score",
            Either(PLACE, {"rank": Nullable(1), "userId": "user_123", "xp": 0, "coins": 0}),
            body={"userId": "user_123", "xp": 500},
            description="Sets the score by an adjusting entry.",
            codes={409: ("balance_too_large",)},
            id="setScore",
        ),
        ("Place", "get"): Operation(
            "One user's rank, with neighbours",
            PLACE,
            path={"userId": "user_123"},
            query=BOARD,
            codes={404: ("not_ranked",)},
            id="getPlace",
        ),
        ("Refresh", "post"): Operation(
            "The drift that a recount found: 0",
            {"success": True, "drift": 0, "users": 120, "refreshedAt": AT},
            id="refreshLeaderboard",
        ),
        ("Catalog", "get"): Operation("Items, newest first", item=ITEM, id="listCatalogItems"),
        ("Catalog", "post"): Operation(
            "The item that was created",
            ITEM,
            status=201,
            body={"name": "Mug", "coinCost": 20, "inventory": 5, "published": True},
            id="createCatalogItem",
        ),
        ("CatalogItem", "get"): Operation(
            "One item", ITEM, path={"itemId": ITEM_ID}, codes=NO_ITEM, id="getCatalogItem"
        ),
        ("CatalogItem", "patch"): Operation(
            "The changed item",
            ITEM,
            path={"itemId": ITEM_ID},
            body={"coinCost": 25},
            codes=NO_ITEM,
            id="updateCatalogItem",
        ),
        ("CatalogItem", "delete"): Operation(
            "Removes the item", path={"itemId": ITEM_ID}, codes=NO_ITEM, id="deleteCatalogItem"
        ),
        ("Redeem", "post"): Operation(
            "The redemption and its code",
            {"redemptionId": REDEMPTION_ID, **_REDEMPTION, "balances": {"xp": 250, "coins": 105, "tokens": 0}},
            status=201,
            body={"userId": "user_123", "itemId": ITEM_ID},
            codes={
                404: ("item_not_found",),
                409: ("insufficient_balance", "out_of_stock", "user_limit", "on_hold", "item_not_published"),
            },
            id="redeemItem",
        ),
        ("Redemptions", "get"): Operation("Redemptions, newest first", item=REDEMPTION, id="listRedemptions"),
        ("Redemption", "patch"): Operation(
            "The redemption, fulfilled or cancelled",
            REDEMPTION,
            path={"redemptionId": REDEMPTION_ID},
            body={"status": "FULFILLED"},
            codes={404: ("redemption_not_found",), 409: ("redemption_cancelled", "redemption_on_hold")},
            description="Cancelling returns the points to the lots they came from, and the stock.",
            id="settleRedemption",
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
    | balance_examples.OPERATIONS
    | rule_examples.OPERATIONS
)
