"""Every type of event that can happen, with an example of its data: contract, section 9. The list a subscriber chooses from."""

from dataclasses import dataclass

_AT = "2026-11-23T09:30:00.000Z"
_REF, _CAMP, _CONV, _REW = (
    "ref_01m831b2qts05fen4vdq67f4qp",
    "camp_01m831b2qts05fen4vdq67f4qq",
    "conv_01m831b2qts05fen4vdq67f4qr",
    "rew_01m831b2qts05fen4vdq67f4qs",
)
_RDM, _BIZ, _LST, _PRM, _EVT = (
    "rdm_01m831b2qts05fen4vdq67f4qt",
    "biz_01m831b2qts05fen4vdq67f4qv",
    "lst_01m831b2qts05fen4vdq67f4qw",
    "prm_01m831b2qts05fen4vdq67f4qx",
    "evt_01m831b2qts05fen4vdq67f4qy",
)
_FLAG = "flag_01m831b2qts05fen4vdq67f4qz"


@dataclass(frozen=True, slots=True)
class EventType:
    """A type's name, what it tells in a sentence, and an example of ``data``, whose keys are the least that is sent."""

    name: str
    description: str
    example: dict

    @property
    def schema(self) -> dict:
        return {"type": "object", "properties": {name: {} for name in self.example}}

    @property
    def body_schema(self) -> dict:
        return self.schema


_CLEAN = {"riskScore": None, "warning": None, "reasons": None}
_REWARD = {
    "rewardId": _REW,
    "userId": "customer_42",
    "amount": 5,
    "currency": "USD",
    "discountCode": "THANKS-7F2KQ9MX",
    "paidAt": _AT,
    "payoutReference": "order_1001",
    "reason": None,
}
_BALANCES = {"xp": 310, "coins": 155, "tokens": 0}
_PROFILE = {
    "profileId": _BIZ,
    "name": "Café Mitra",
    "description": "Coffee by the lake",
    "category": "food",
    "url": "https://mitra.example.com",
    "country": "NP",
    "status": "PENDING",
    "statusReason": "",
    "createdAt": _AT,
}
_REDEMPTION = {
    "redemptionId": _RDM,
    "listingId": _LST,
    "listingTitle": "A coffee",
    "userId": "customer_42",
    "status": "PENDING",
    "discountCode": "CAFE-7FHKQ9MXWPR3TH",
    "coinCost": 100,
    "tokenCost": 0,
    "owed": 1,
    "currency": "USD",
    "expiresAt": "2026-12-23T09:30:00.000Z",
    "orderReference": None,
    "reason": None,
    "settledBy": None,
    "business": {"id": _BIZ, "name": "Café Mitra", "url": "https://mitra.example.com"},
    "issuer": {"name": "Himal Shop"},
}
_ITEM = {
    "redemptionId": _RDM,
    "userId": "customer_42",
    "itemId": "item_01m831b2qts05fen4vdq67f4r0",
    "code": "MUG-7F2KQ9MX",
    "coinCost": 100,
    "tokenCost": 0,
}

_SELF = [{"type": "SELF_REFERRAL", "points": 100, "message": "The referrer and the referred friend are the same user."}]

_ALL = (
    EventType(
        "REFERRAL_CREATED",
        "A referral code was made.",
        {
            "referralId": _REF,
            "referralCode": "7F2KQ9MX",
            "referrerId": "customer_42",
            "refereeId": None,
            "campaignId": _CAMP,
            "status": "PENDING",
            **_CLEAN,
        },
    ),
    EventType(
        "REFERRAL_CLICKED",
        "A code's link was followed.",
        {
            "referralId": _REF,
            "referralCode": "7F2KQ9MX",
            "clickId": "click_01m831b2qts05fen4vdq67f4r1",
            "clickedAt": _AT,
            "campaignId": _CAMP,
            "refereeId": None,
        },
    ),
    EventType(
        "REFERRAL_CONVERTED",
        "A referred friend converted.",
        {
            "referralId": _REF,
            "referralCode": "7F2KQ9MX",
            "conversionId": _CONV,
            "refereeId": "friend_7",
            "referrerId": "customer_42",
            "amount": 49.99,
            "currency": "USD",
            "rewardAmount": 5,
            "convertedAt": _AT,
            "campaignId": _CAMP,
            "status": "CONVERTED",
            **_CLEAN,
        },
    ),
    EventType(
        "REFERRAL_REVERSED",
        "A conversion was taken back, in full or in part.",
        {
            "conversionId": _CONV,
            "reason": "order returned",
            "amount": 49.99,
            "effects": [{"type": "reward", "rewardId": _REW, "before": 5, "after": 0}],
        },
    ),
    EventType(
        "REWARD_CREATED",
        "Somebody earned a reward.",
        {
            "rewardId": _REW,
            "referralId": _REF,
            "userId": "customer_42",
            "referrerId": "customer_42",
            "amount": 5,
            "rewardAmount": 5,
            "currency": "USD",
            "campaignId": _CAMP,
            "level": 1,
            "side": "REFERRER",
            "status": "PENDING",
            "holdReasons": [],
        },
    ),
    EventType(
        "REWARD_CLAIMED",
        "A reward was claimed; a code was issued where it has one.",
        {
            "rewardId": _REW,
            "userId": "customer_42",
            "discountCode": "THANKS-7F2KQ9MX",
            "amount": 5,
            "currency": "USD",
            "fulfillmentType": "DISCOUNT_CODE",
            "claimedAt": _AT,
            "expiresAt": None,
        },
    ),
    EventType("REWARD_REDEEMED", "A reward was redeemed or paid.", _REWARD),
    EventType(
        "REWARD_CANCELLED",
        "A reward was cancelled, expired or taken back whole.",
        _REWARD | {"paidAt": None, "reason": "order returned"},
    ),
    EventType(
        "FRAUD_FLAG_CREATED",
        "Something was held for review.",
        {
            "flagId": _FLAG,
            "type": "SELF_REFERRAL",
            "subject": {"type": "CONVERSION", "id": _CONV},
            "riskScore": 100,
            "reasons": _SELF,
            "decision": None,
            "note": None,
        },
    ),
    EventType(
        "FRAUD_FLAG_RESOLVED",
        "A review was decided.",
        {
            "flagId": _FLAG,
            "type": "SELF_REFERRAL",
            "subject": {"type": "CONVERSION", "id": _CONV},
            "riskScore": 100,
            "reasons": _SELF,
            "decision": "APPROVE",
            "note": "One household.",
        },
    ),
    EventType(
        "USAGE_LIMIT_EXCEEDED",
        "The app has used its calls of this month.",
        {
            "appId": "app_01m831b2qts05fen4vdq67f4r2",
            "currentUsage": 100000,
            "limit": 100000,
            "resetsAt": "2026-12-01T00:00:00.000Z",
        },
    ),
    EventType(
        "INCENTIVE_EVENT_RECORDED",
        "A user did something that is rewarded.",
        {
            "eventId": _EVT,
            "userId": "customer_42",
            "actionKey": "complete_profile",
            "awarded": {"xp": 100, "coins": 50, "tokens": 0},
            "balances": _BALANCES,
        },
    ),
    EventType(
        "INCENTIVE_LEVEL_UP",
        "A user reached a level.",
        {"eventId": _EVT, "userId": "customer_42", "level": 2, "balances": _BALANCES},
    ),
    EventType(
        "INCENTIVE_BADGE_EARNED",
        "A user earned a badge.",
        {"eventId": _EVT, "userId": "customer_42", "badgeKey": "pioneer", "balances": _BALANCES},
    ),
    EventType(
        "INCENTIVE_MILESTONE_REACHED",
        "A user reached a milestone.",
        {"eventId": _EVT, "userId": "customer_42", "milestoneKey": "first_thousand", "balances": _BALANCES},
    ),
    EventType("INCENTIVE_ITEM_REDEEMED", "A user redeemed an item of the catalog.", _ITEM),
    EventType("INCENTIVE_ITEM_FULFILLED", "A redeemed item was handed over.", _ITEM),
    EventType(
        "MARKETPLACE_PROFILE_CREATED",
        "A business made its profile.",
        _PROFILE,
    ),
    EventType(
        "MARKETPLACE_PROFILE_VERIFIED",
        "A business was verified.",
        _PROFILE | {"status": "VERIFIED", "statusReason": "We called them."},
    ),
    EventType(
        "MARKETPLACE_LISTING_CREATED",
        "A business made a listing.",
        {
            "listingId": _LST,
            "businessId": _BIZ,
            "title": "A coffee",
            "category": "food",
            "coinCost": 100,
            "tokenCost": 0,
            "inventory": 50,
            "validDays": 30,
            "startsAt": None,
            "endsAt": None,
            "published": True,
            "currency": "USD",
            "coinRate": 0.01,
            "tokenRate": 0,
            "createdAt": _AT,
        },
    ),
    EventType(
        "MARKETPLACE_REDEMPTION_CREATED",
        "A user spent on a listing. The user's id goes to the issuing app only.",
        _REDEMPTION,
    ),
    EventType(
        "MARKETPLACE_REDEMPTION_FULFILLED",
        "A redemption was honoured at the business.",
        _REDEMPTION | {"status": "FULFILLED", "orderReference": "order_1001", "settledBy": "BUSINESS"},
    ),
    EventType(
        "MARKETPLACE_REDEMPTION_CANCELLED",
        "A redemption was cancelled and the coins returned, or its code has expired (status EXPIRED).",
        _REDEMPTION | {"status": "CANCELLED", "reason": "Closed today", "settledBy": "BUSINESS"},
    ),
    EventType(
        "MARKETPLACE_PROMOTION_CREATED",
        "A listing is cheaper for a while.",
        {
            "promotionId": _PRM,
            "listingId": _LST,
            "listingTitle": "A coffee",
            "name": "Winter",
            "percentOff": 20,
            "status": "RUNNING",
            "startsAt": _AT,
            "endsAt": "2026-12-23T09:30:00.000Z",
            "createdAt": _AT,
        },
    ),
)

EVENT_TYPES: dict[str, EventType] = {each.name: each for each in _ALL}
