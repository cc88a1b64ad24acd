"""The referral programme's answers by example, for the API's description."""

from fraud.api.case_examples import EFFECT, FLAG
from incenta.api.examples import Choice, Face, Free, Nullable, Number, Operation
from referrals.models.campaign import (
    BudgetPolicy,
    CampaignStatus,
    CodeFormat,
    FraudMode,
    FulfillmentType,
    ReferralType,
    RewardModel,
)
from referrals.models.reward import RewardStatus

from . import reward_examples, simulation_examples
from .reward_examples import AT, CAMPAIGN_ID, CONVERSION_ID, REFERRAL_ID, REWARD_ID


def _first(word: str, words: list[str]) -> Choice:
    return Choice(word, *(other for other in words if other != word))


RISK = {
    "warning": Nullable("The referrer and the referred friend are the same user.", shown=False),
    "reasons": Nullable(
        [
            Face(
                "RiskSignal",
                {"type": "SELF_REFERRAL", "points": 100, "message": "The referrer and the friend are one."},
            )
        ],
        shown=False,
    ),
    "riskScore": Nullable(100, shown=False),
}

# --- campaigns ------------------------------------------------------------------------------------------------------
CAMPAIGN = Face(
    "Campaign",
    {
        "id": CAMPAIGN_ID,
        "name": "Friends of the shop",
        "status": _first("ACTIVE", CampaignStatus.values),
        "referralType": _first("TWO_SIDED", ReferralType.values),
        "rewardModel": _first("PERCENTAGE", RewardModel.values),
        "currency": "USD",
        "rewardValue": Number(10),
        "rewardCap": Nullable(Number(40)),
        "refereeRewardValue": Nullable(Number(5)),
        "level2RewardValue": Nullable(Number(2), shown=False),
        "level2RewardCap": Nullable(Number(10), shown=False),
        "tierRewardModel": _first("FIXED", RewardModel.values[:2]),
        "tiers": [Free({"minConversions": 10, "rewardValue": 15, "rewardCap": 60})],
        "budget": Nullable(Number(5000)),
        "budgetPolicy": Choice(*BudgetPolicy.values),
        "maxRewardsPerReferrer": Nullable(50),
        "firstTimeUserOnly": True,
        "startDate": Nullable(AT, shown=False),
        "endDate": Nullable(AT, shown=False),
        "conversionWindowDays": Nullable(30),
        "holdDays": 14,
        "claimWithinDays": Nullable(90, shown=False),
        "rewardExpirationDays": Nullable(90),
        "codePrefix": "",
        "codeFormat": Choice(*CodeFormat.values),
        "landingUrl": "https://shop.example.com/welcome",
        "fulfillmentType": Choice(*FulfillmentType.values),
        "discount": Nullable({"type": Choice("PERCENTAGE", "FIXED_AMOUNT"), "value": Number(15)}),
        "fraudMode": _first("hold", FraudMode.values),
        "holdAt": 50,
        "blockAt": 80,
        "fraudDeadlineHours": Nullable(72),
        "fraudDeadlineOutcome": Nullable(Choice("RELEASE", "REJECT")),
        "ruleVersion": 1,
        "createdAt": AT,
        "updatedAt": AT,
    },
)
NEW_CAMPAIGN = {
    "name": "Friends of the shop",
    "status": "ACTIVE",
    "referralType": "TWO_SIDED",
    "rewardModel": "PERCENTAGE",
    "currency": "USD",
    "rewardValue": 10,
    "rewardCap": 40,
    "refereeRewardValue": 5,
    "budget": 5000,
    "holdDays": 14,
    "landingUrl": "https://shop.example.com/welcome",
    "fulfillmentType": "DISCOUNT_CODE",
    "discount": {"type": "PERCENTAGE", "value": 15},
}

# --- referrals ------------------------------------------------------------------------------------------------------
MADE_REFERRAL = Face(
    "MadeReferral",
    {
        "referralCode": "7F2KQ9MX",
        "referralId": REFERRAL_ID,
        "referralUrl": "https://rewards.example.com/r/7F2KQ9MX",
        "status": Choice("PENDING", "FLAGGED"),
        **RISK,
    },
)
REFERRAL = Face(
    "Referral",
    {
        "id": REFERRAL_ID,
        "referralCode": "7F2KQ9MX",
        "referralUrl": "https://rewards.example.com/r/7F2KQ9MX",
        "referrerId": "customer_42",
        "refereeId": Nullable("friend_7", shown=False),
        "status": Choice("CONVERTED", "PENDING", "CLICKED", "EXPIRED", "FLAGGED"),
        "level": 1,
        "rewardAmount": Number(5),
        "rewardCurrency": "USD",
        "isFlagged": False,
        **RISK,
        "clicks": 3,
        "conversions": 1,
        "ruleVersion": 1,
        "metadata": Free({"channel": "newsletter"}),
        "createdAt": AT,
        "Campaign": {
            "id": CAMPAIGN_ID,
            "name": "Friends of the shop",
            "status": _first("ACTIVE", CampaignStatus.values),
        },
    },
)

# --- conversions ----------------------------------------------------------------------------------------------------
MADE_CONVERSION = Face(
    "MadeConversion",
    {
        "success": True,
        "referralId": REFERRAL_ID,
        "conversionId": CONVERSION_ID,
        "rewardAmount": Number(5),
        "rewardCreated": True,
        "rewardId": Nullable(REWARD_ID),
        "status": Choice("COMPLETED", "FLAGGED"),
        "refereeId": "friend_7",
        "referrerId": "customer_42",
        "originalReferralCode": "7F2KQ9MX",
        **RISK,
    },
)
_CONVERSION = {
    "id": CONVERSION_ID,
    "referralCode": "7F2KQ9MX",
    "referrerId": "customer_42",
    "refereeId": "friend_7",
    "status": Choice("CONVERTED", "FLAGGED", "REVERSED"),
    "amount": Nullable(Number(49.99)),
    "reversedAmount": Number(0),
    "currency": "USD",
    "rewardAmount": Number(5),
    "rewardCurrency": "USD",
    "level": 1,
    "originalReferralCode": "7F2KQ9MX",
    "externalId": Nullable("order_1001"),
    **RISK,
    "ruleVersion": 1,
    "metadata": Free({"source": "ecommerce_checkout"}),
    "convertedAt": AT,
    "Campaign": {"id": CAMPAIGN_ID, "name": "Friends of the shop"},
}
CONVERSION = Face("Conversion", _CONVERSION)
EFFECTS = [
    Free({"type": "reward", "rewardId": REWARD_ID, "userId": "customer_42", "before": 5, "after": 0, "takenBack": 5})
]
CONVERSION_IN_FULL = Face(
    "ConversionInFull",
    _CONVERSION
    | {
        "trace": Free(
            {
                "ruleVersion": 1,
                "steps": [{"rule": "reward", "side": "REFERRER", "model": "PERCENTAGE", "value": 10, "amount": 5}],
                "risk": {"score": None, "mode": "hold", "holdAt": 50, "outcome": "clean", "signals": []},
            }
        ),
        "rewards": [
            {
                "id": REWARD_ID,
                "userId": "customer_42",
                "side": Choice("REFERRER", "REFEREE"),
                "level": 1,
                "amount": Number(5),
                "originalAmount": Number(5),
                "currency": "USD",
                "status": Choice(*RewardStatus.values),
                "holdReasons": ["HOLD_PERIOD"],
            }
        ],
        "reversals": [
            {
                "id": "rev_01m831b2qts05fen4vdq67f4qt",
                "amount": Number(10),
                "reason": "One item was returned",
                "effects": EFFECTS,
                "createdAt": AT,
            }
        ],
    },
)
REVERSAL = Face(
    "Reversal",
    {
        "success": True,
        "conversionId": CONVERSION_ID,
        "status": Choice("REVERSED", "CONVERTED", "FLAGGED"),
        "preview": False,
        "amount": Nullable(Number(49.99)),
        "reversedAmount": Number(49.99),
        "remainingAmount": Nullable(Number(0)),
        "currency": "USD",
        "effects": EFFECTS,
    },
)
STATS = Face(
    "Stats",
    {
        "totalReferrals": 120,
        "totalClicks": 89,
        "totalConversions": 34,
        "conversionRate": Number(38.2),
        "totalRewardValue": Number(170),
        "currency": "USD",
        "rewardValues": [{"currency": "USD", "amount": Number(170)}],
        "flaggedConversions": 1,
        "campaignId": Nullable(CAMPAIGN_ID),
    },
)
_EARNED = {"total": Number(25), "pending": Number(15), "paid": Number(10), "currency": "USD"}
USER_STATS = Face(
    "UserStats",
    {
        "userId": "customer_42",
        "referralsMade": {"total": 3, "clicked": 2, "converted": 1},
        "referralsReceived": Nullable({"total": 1, "converted": 1, "firstConvertedAt": Nullable(AT)}, shown=False),
        "rewardsEarned": _EARNED,
        "rewardsByCurrency": [_EARNED],
        "referralCodesGenerated": ["7F2KQ9MX"],
        "referralCodesUsed": ["M4BQYEQQ"],
    },
)

OPERATIONS = (
    {
        ("Campaigns", "get"): Operation("Campaigns, newest first", item=CAMPAIGN),
        ("Campaigns", "post"): Operation("The campaign that was created", CAMPAIGN, status=201, body=NEW_CAMPAIGN),
        ("CampaignDetail", "get"): Operation(
            "One campaign", CAMPAIGN, path={"campaignId": CAMPAIGN_ID}, codes={404: ("campaign_not_found",)}
        ),
        ("CampaignDetail", "patch"): Operation(
            "The campaign with its new rules",
            CAMPAIGN,
            path={"campaignId": CAMPAIGN_ID},
            body={"rewardValue": 12, "status": "PAUSED"},
            description="Every change of a rule makes a new numbered version; each reward names the one that computed it.",
            codes={404: ("campaign_not_found",)},
        ),
        ("Referrals", "get"): Operation(
            "Referral codes, newest first",
            item=REFERRAL,
            filters={"search": "Only codes that begin so, or that referral, referrer or friend, by the whole id."},
        ),
        ("Referrals", "post"): Operation(
            "The referral code",
            MADE_REFERRAL,
            status=201,
            also={200: "The code that this referrer has already: asking again changes nothing."},
            body={"campaignId": CAMPAIGN_ID, "referrerId": "customer_42"},
            description="A browser with a publishable key and its user's token sends `referrerId`, which is that user, and may leave out "
            "`campaignId`: the newest campaign that runs is then meant. It is not told of a risk.",
            codes={
                400: ("campaign_not_active", "campaign_not_started", "campaign_ended"),
                404: ("campaign_not_found",),
                409: ("code_taken", "blocked_by_risk"),
            },
        ),
        ("ReferralDetail", "get"): Operation(
            "One referral by its code",
            {"referral": REFERRAL},
            path={"code": "7F2KQ9MX"},
            codes={404: ("referral_not_found",)},
        ),
        ("FlagReferral", "post"): Operation(
            "Flag a code by hand",
            {
                "success": True,
                "flag": FLAG,
                "referralId": REFERRAL_ID,
                "referralCode": "7F2KQ9MX",
                "status": "FLAGGED",
                "effects": [EFFECT],
            },
            status=201,
            also={200: "It was flagged by hand before."},
            path={"code": "7F2KQ9MX"},
            body={"reason": "Posted on a coupon site."},
            codes={404: ("referral_not_found",)},
            description="What the code earned and is not paid yet is held, and what comes on it from now on, until the case is decided.",
            id="flagReferral",
        ),
        ("Clicks", "post"): Operation(
            "The click that was recorded",
            {
                "success": True,
                "clickId": "click_01m831b2qts05fen4vdq67f4qw",
                "referralCode": "7F2KQ9MX",
                "clickedAt": AT,
            },
            body={
                "referralCode": "7F2KQ9MX",
                "context": {"ip": "203.0.113.7", "userAgent": "Mozilla/5.0", "country": "NP"},
            },
            codes={404: ("referral_not_found",)},
            id="recordClick",
        ),
        ("Conversions", "get"): Operation("Conversions, newest first", item=CONVERSION),
        ("Conversions", "post"): Operation(
            "The conversion that was recorded",
            MADE_CONVERSION,
            status=201,
            also={200: "The same order sent again: the first answer."},
            body={
                "referralCode": "7F2KQ9MX",
                "refereeId": "friend_7",
                "amount": 49.99,
                "externalId": "order_1001",
                "metadata": {"source": "ecommerce_checkout"},
            },
            codes={
                400: ("campaign_not_active", "campaign_not_started", "campaign_ended", "conversion_window_expired"),
                404: ("referral_not_found",),
                409: ("already_converted", "blocked_by_risk"),
            },
            id="recordConversion",
        ),
        ("ConversionDetail", "get"): Operation(
            "One conversion with its decision trace",
            CONVERSION_IN_FULL,
            path={"conversionId": CONVERSION_ID},
            codes={404: ("conversion_not_found",)},
        ),
        ("ReverseConversion", "post"): Operation(
            "What was taken back",
            REVERSAL,
            path={"conversionId": CONVERSION_ID},
            body={"reason": "Order returned", "preview": False},
            description="In full, or in proportion to `amount`. `preview` answers what would happen and changes nothing.",
            codes={404: ("conversion_not_found",)},
        ),
        ("Stats", "get"): Operation(
            "Figures of a campaign, or of the whole app",
            STATS,
            query={"campaignId": ("Only this campaign.", CAMPAIGN_ID)},
            codes={404: ("campaign_not_found",)},
        ),
        ("UserStats", "get"): Operation("Figures of one user", USER_STATS, path={"userId": "customer_42"}),
    }
    | reward_examples.OPERATIONS
    | simulation_examples.OPERATIONS
)
