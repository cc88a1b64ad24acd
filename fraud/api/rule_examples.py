"""Lists, mutes, rule sets, backtests and settings of fraud by example, for the API's description."""

from fraud.assessment import CAPS
from fraud.models import FlagType, ListEntry, RuleSetState
from fraud.mutes import KINDS
from incenta.api.examples import Choice, Face, Free, Nullable, Number, Operation

AT = "2026-11-23T01:47:00.123Z"
KEY = "key_01m831b2qts05fen4vdq67f4qp"
ENTRY_ID, MUTE_ID = "lent_01m831b2qts05fen4vdq67f4qp", "mute_01m831b2qts05fen4vdq67f4qp"
RULE_SET_ID, BACKTEST_ID = "rset_01m831b2qts05fen4vdq67f4qp", "bkt_01m831b2qts05fen4vdq67f4qp"

ENTRY = Face(
    "FraudListEntry",
    {
        "id": ENTRY_ID,
        "side": Choice(*ListEntry.Side.values),
        "kind": Choice(*ListEntry.Kind.values),
        "value": "203.0.113.0/24",
        "reason": "Our own office",
        "createdBy": KEY,
        "createdAt": AT,
        "expiresAt": Nullable(AT, shown=False),
    },
)
MUTE = Face(
    "FraudMute",
    {
        "id": MUTE_ID,
        "signal": "DEVICE_SHARED",
        "userId": Nullable("user_123"),
        "kind": Nullable(Choice(*KINDS), shown=False),
        "key": Nullable("9f86d081884c7d65", shown=False),
        "reason": "A family's tablet",
        "createdBy": KEY,
        "createdAt": AT,
        "expiresAt": AT,
    },
)
RULES = {"signals": {"DEVICE_SHARED": {"on": True, "points": 45}}, "caps": {"NETWORK": 20}}
_RULE_SET = {
    "id": RULE_SET_ID,
    "version": 4,
    "name": "Softer on devices",
    "campaignId": Nullable("camp_01m831b2qts05fen4vdq67f4qp", shown=False),
    "state": Choice(*RuleSetState.values),
    "rules": Free(RULES),
    "note": "",
    "createdBy": KEY,
    "createdAt": AT,
    "activatedBy": Nullable(KEY, shown=False),
    "activatedAt": Nullable(AT, shown=False),
}
RULE_SET = Face("FraudRuleSet", _RULE_SET)
SHADOW = Nullable(Face("FraudShadow", {"since": AT, "scores": 1200, "wouldHold": 9, "wouldNotHold": 4, "bothHold": 31}))
SIGNAL = Face(
    "FraudSignal",
    {
        "code": "DEVICE_SHARED",
        "type": Choice(*FlagType.values),
        "family": Choice(*sorted(CAPS)),
        "stage": Choice("REQUEST", "LATER"),
        "describe": "Other accounts used this device.",
        "on": True,
        "points": 60,
        "builtInPoints": 60,
        "precision": {"right": 37, "reviewed": 41, "mean": Number(0.884), "low": Number(0.775), "high": Number(0.962)},
        "proposedToMute": False,
    },
)
_SHARE = Nullable({"share": Number(0.92), "low": Number(0.79), "high": Number(0.97), "right": 37, "of": 40})
_QUALITY = {
    "truePositive": 37,
    "falsePositive": 3,
    "falseNegative": 4,
    "trueNegative": 12,
    "precision": _SHARE,
    "recall": _SHARE,
}
_SIDE = {"score": 45, "action": Choice("NONE", "WATCH", "HOLD", "BLOCK")}
_TOLD = [{"code": "DEVICE_SHARED", "points": 45, "message": "3 other accounts used this device within 30 days."}]
_CHANGED = {
    "count": 1,
    "money": Free({"USD": 1500}),
    "examples": [
        {
            "subjectType": "CONVERSION",
            "subjectId": "conv_01m831b2qts05fen4vdq67f4qp",
            "campaignId": Nullable("camp_01m831b2qts05fen4vdq67f4qp"),
            "at": AT,
            "then": _SIDE,
            "now": _SIDE,
            "reasonsThen": _TOLD,
            "reasonsNow": _TOLD,
        }
    ],
}
BACKTEST = Face(
    "FraudBacktest",
    {
        "id": BACKTEST_ID,
        "ruleSetId": RULE_SET_ID,
        "since": AT,
        "until": AT,
        "state": Choice("RUNNING", "DONE"),
        "done": 1200,
        "total": 1200,
        "createdBy": KEY,
        "createdAt": AT,
        "finishedAt": Nullable(AT),
        "result": {
            "subjects": 1100,
            "scores": 1200,
            "notEvaluable": 0,
            "signalsNotEvaluable": Free({"PAYMENT_SHARED": 900}),
            "flaggedThen": 40,
            "flaggedNow": 45,
            "perDay": {"then": Number(1.3), "now": Number(1.5)},
            "newlyFlagged": _CHANGED,
            "noLongerFlagged": _CHANGED,
            "then": _QUALITY,
            "now": _QUALITY,
            "signals": Free({"DEVICE_SHARED": {"then": 30, "now": 35, "rejected": 20, "approved": 2}}),
        },
    },
)
SETTINGS = Face(
    "FraudSettings",
    {
        "coinHoldAt": 40,
        "watchAt": 30,
        "twoPerson": False,
        "samplePerThousand": 0,
        "version": 12,
        "updatedAt": Nullable(AT, shown=False),
        "updatedBy": Nullable(KEY, shown=False),
    },
)

_ONE_ENTRY, _ONE_MUTE = {"entry_id": ENTRY_ID}, {"mute_id": MUTE_ID}
_ONE_SET = {"rule_set_id": RULE_SET_ID}
_NO_SET = {404: ("rule_set_not_found",)}

OPERATIONS = {
    ("FraudLists", "get"): Operation("The allow and deny lists, newest first", item=ENTRY, id="listFraudListEntries"),
    ("FraudLists", "post"): Operation(
        "Put a value on a list",
        answer=ENTRY,
        status=201,
        body={"side": "DENY", "kind": "IP", "value": "203.0.113.0/24", "reason": "A click farm"},
        codes={409: ("entry_exists", "list_full")},
        description="It counts from the next look on. Denied is certain and held at any risk mode; an allowed user is "
        "trusted in all that is not certain by definition, of an allowed key what that key says adds no points. "
        "A domain's entry also speaks of its subdomains.",
        id="createFraudListEntry",
    ),
    ("FraudLists", "delete"): Operation(
        "Take an entry off its list, named in the query",
        status=204,
        query={"id": ("The entry.", ENTRY_ID)},
        required=("id",),
        codes={404: ("entry_not_found",)},
        id="deleteFraudListEntryByQuery",
    ),
    ("FraudListEntry", "delete"): Operation(
        "Take an entry off its list",
        status=204,
        path=_ONE_ENTRY,
        codes={404: ("entry_not_found",)},
        id="deleteFraudListEntry",
    ),
    ("FraudMutes", "get"): Operation("Signals that are muted for a user or a key, newest first", item=MUTE),
    ("FraudMutes", "post"): Operation(
        "Mute a signal for a user or a key",
        answer=MUTE,
        status=201,
        body={"signal": "DEVICE_SHARED", "userId": "user_123", "days": 30, "reason": "A family's tablet"},
        codes={409: ("mutes_full",)},
        description="It is still computed and shown, and adds no points. Muted already, the later end counts.",
    ),
    ("FraudMute", "delete"): Operation(
        "Let a muted signal speak again", status=204, path=_ONE_MUTE, codes={404: ("mute_not_found",)}
    ),
    ("FraudRuleSets", "get"): Operation("The versions of the rules, newest first", item=RULE_SET),
    ("FraudRuleSets", "post"): Operation(
        "Draft a version of the rules",
        answer=RULE_SET,
        status=201,
        body={"name": "Softer on devices", "rules": RULES},
        codes={404: ("campaign_not_found",)},
        description="What it does not name is as the built-in rules have it. A version never changes once it is made.",
    ),
    ("FraudRuleSet", "get"): Operation(
        "One version of the rules",
        answer=_RULE_SET | {"shadow": SHADOW},
        path=_ONE_SET,
        codes=_NO_SET,
        description="In shadow, also what it would have done since it is there.",
    ),
    ("ShadowRuleSet", "post"): Operation(
        "Put a version in shadow",
        answer=RULE_SET,
        path=_ONE_SET,
        codes=_NO_SET | {409: ("rule_set_active", "rule_set_in_shadow")},
        description="It judges beside the rules in force, and does nothing.",
        id="shadowFraudRuleSet",
    ),
    ("ActivateRuleSet", "post"): Operation(
        "Put a version in force",
        answer=RULE_SET,
        path=_ONE_SET,
        body={"replaces": 3},
        codes=_NO_SET | {409: ("rule_set_active", "rules_changed", "second_person_needed")},
        id="activateFraudRuleSet",
    ),
    ("RetireRuleSet", "post"): Operation(
        "Take a version out of force, out of shadow, or give a draft up",
        answer=RULE_SET,
        path=_ONE_SET,
        codes=_NO_SET | {409: ("rule_set_retired", "second_person_needed")},
        id="retireFraudRuleSet",
    ),
    ("RollBackRules", "post"): Operation(
        "Make an earlier version active again",
        answer={"active": Nullable(RULE_SET)},
        body={"version": 3, "replaces": 4},
        codes=_NO_SET | {409: ("never_active", "rule_set_active", "rules_changed", "second_person_needed")},
        description="0: the built-in rules, of a campaign the app's.",
        id="rollBackFraudRules",
    ),
    ("Signals", "get"): Operation(
        "Every signal: its points in force, and how often it was right here",
        answer={"signals": [SIGNAL]},
        id="listFraudSignals",
    ),
    ("FraudBacktests", "get"): Operation("Backtests, newest first", item=BACKTEST),
    ("FraudBacktests", "post"): Operation(
        "Try a version of the rules on the past",
        answer=BACKTEST,
        status=201,
        body={"ruleSetId": RULE_SET_ID, "days": 30},
        codes=_NO_SET | {409: ("backtests_running",)},
        description="It runs in the background over the stored scores, with the values as they were.",
    ),
    ("FraudBacktest", "get"): Operation(
        "One backtest, and how far it has come",
        answer=BACKTEST,
        path={"backtest_id": BACKTEST_ID},
        codes={404: ("backtest_not_found",)},
    ),
    ("FraudSettings", "get"): Operation("The app's settings of fraud", answer=SETTINGS, id="getFraudSettings"),
    ("FraudSettings", "patch"): Operation(
        "Change the settings of fraud",
        answer=SETTINGS,
        body={"watchAt": 30},
        codes={409: ("second_person_needed",)},
        description="An API key turns `twoPerson` on, and cannot turn it off.",
        id="updateFraudSettings",
    ),
}
