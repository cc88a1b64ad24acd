"""Every type of event that can happen, and what its data is: contract, section 9. The list a subscriber chooses from.

:func:`problems` tells how what is recorded differs from what is promised here: tests raise, production samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import jsonschema

from .vocabulary import (
    AMOUNT,
    APP,
    ASSESSED,
    BALANCES,
    BUSINESS,
    CAMPAIGN,
    CLICK,
    CODE,
    CONVERSION,
    CURRENCY,
    DISCOUNT_CODE,
    EVENT,
    FLAG,
    ITEM,
    LISTING,
    MESSAGE,
    MOMENT,
    POINTS,
    PROMOTION,
    REASON,
    REDEMPTION,
    REFERRAL,
    REWARD,
    SCORE,
    THREE,
    USER,
    Field,
    anything,
    number,
    several,
    text,
    thing,
    truth,
    whole,
    word,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class EventType:
    """A type's name, what it tells in a sentence, and the fields of ``data``: those that are required are always sent."""

    name: str
    description: str
    fields: Mapping[str, Field] = field(repr=False)

    @cached_property
    def example(self) -> dict:
        """``data`` as it may look."""
        return thing(self.fields).example

    @cached_property
    def schema(self) -> dict:
        """JSON Schema of ``data``."""
        found = dict(thing(self.fields).schema)
        found["properties"] = found["properties"] | {"truncated": _TRUNCATED}
        return found

    @cached_property
    def body_example(self) -> dict:
        """The whole body as it may look."""
        return {"event": self.name, "data": self.example, "timestamp": MOMENT.example, "id": MESSAGE.example}

    @cached_property
    def body_schema(self) -> dict:
        """JSON Schema of the whole body, ``{event, data, timestamp, id}``."""
        return {
            "$schema": DIALECT,
            "title": self.name,
            "description": self.description,
            "type": "object",
            "properties": {
                "event": {"const": self.name},
                "data": self.schema,
                "timestamp": dict(MOMENT.schema) | {"description": "When it happened."},
                "id": dict(MESSAGE.schema) | {"description": "The same however often it is sent."},
            },
            "required": ["event", "data", "timestamp", "id"],
        }

    @cached_property
    def validator(self) -> jsonschema.Draft202012Validator:
        return jsonschema.Draft202012Validator(self.schema)


_TRUNCATED = {
    "const": True,
    "description": "The body would have been over 64 KiB: texts and lists are cut. GET /v1/events has it whole.",
}
_REWARD_STATUS = word("PENDING", "APPROVED", "PAID", "CANCELLED")
_FULFILLMENT = word("DISCOUNT_CODE", "COUPON_CODE", "MANUAL", "AUTOMATED", "GIFT_CARD", "CUSTOM", "COINS")
_REWARD = {
    "rewardId": REWARD,
    "userId": USER,
    "amount": AMOUNT,
    "currency": CURRENCY,
    "discountCode": DISCOUNT_CODE.or_null(),
    "paidAt": MOMENT.or_null(),
    "payoutReference": text("order_1001").or_null(),
    "reason": text("redeemed").or_null(),
    "fulfillmentType": _FULFILLMENT,
    "referralId": REFERRAL,
    "campaignId": CAMPAIGN,
    "nettedAmount": AMOUNT.shown(0),
    "paidAmount": AMOUNT.or_null(),
}
_FRAUD_FLAG = {
    "flagId": FLAG,
    "type": text("SELF_REFERRAL"),
    "subject": thing({"type": word("CONVERSION", "REFERRAL", "EVENT", "REDEMPTION", "USER", "API_KEY"), "id": text(CONVERSION.example)}),
    "riskScore": SCORE,
    "reasons": several(REASON),
    "userId": USER.or_null(),
    "campaignId": CAMPAIGN.or_null(),
    "signal": text("SAME_USER"),
}  # fmt: skip
_DONE = {"eventId": EVENT.or_null(), "userId": USER, "actionKey": text("complete_profile").or_null()}
_REACHED = _DONE | {"balances": BALANCES}
_ITEM = {
    "redemptionId": REDEMPTION,
    "userId": USER,
    "itemId": ITEM,
    "code": text("MUG-7F2KQ9MX").or_null(),
    "coinCost": whole(100),
    "tokenCost": whole(0),
}
_PROFILE = {
    "profileId": BUSINESS,
    "name": text("Café Mitra"),
    "description": text("Coffee by the lake"),
    "category": text("food"),
    "url": text("https://mitra.example.com"),
    "logoUrl": text(""),
    "contactEmail": text("hello@mitra.example.com"),
    "country": text("NP"),
    "status": word("PENDING", "VERIFIED", "REJECTED", "SUSPENDED"),
    "statusReason": text(""),
    "decidedAt": MOMENT.or_null(None),
    "createdAt": MOMENT,
    "updatedAt": MOMENT,
}
_SPENT = {
    "redemptionId": REDEMPTION,
    "listingId": LISTING,
    "listingTitle": text("A coffee"),
    "status": word("PENDING", "FULFILLED", "CANCELLED", "EXPIRED"),
    "discountCode": text("CAFE-7FHKQ9MXWPR3TH"),
    "coinCost": whole(100),
    "tokenCost": whole(0),
    "owed": AMOUNT.shown(1),
    "currency": CURRENCY,
    "expiresAt": MOMENT.or_null("2026-12-23T09:30:00.000Z"),
    "orderReference": text("order_1001").or_null(None),
    "reason": text("Closed today").or_null(None),
    "settledBy": word("BUSINESS", "ISSUER", "SYSTEM").or_null(None),
    "business": thing({"id": BUSINESS, "name": text("Café Mitra"), "url": text("https://mitra.example.com")}),
    "issuer": thing({"name": text("Himal Shop")}),
    "userId": USER.sometimes(is_shown=True),
}

_ALL = (
    EventType(
        "REFERRAL_CREATED",
        "A referral code was made.",
        {
            "referralId": REFERRAL,
            "referralCode": CODE,
            "referrerId": USER,
            "refereeId": USER.or_null(None),
            "campaignId": CAMPAIGN,
            "status": word("PENDING", "FLAGGED"),
            **ASSESSED,
        },
    ),
    EventType(
        "REFERRAL_CLICKED",
        "A code's link was followed.",
        {
            "referralId": REFERRAL,
            "referralCode": CODE,
            "clickId": CLICK,
            "clickedAt": MOMENT,
            "campaignId": CAMPAIGN,
            "refereeId": USER.or_null(None),
        },
    ),
    EventType(
        "REFERRAL_CONVERTED",
        "A referred friend converted.",
        {
            "referralId": REFERRAL,
            "referralCode": CODE,
            "conversionId": CONVERSION,
            "refereeId": USER.shown("friend_7"),
            "referrerId": USER,
            "amount": AMOUNT.or_null(49.99),
            "currency": CURRENCY,
            "rewardAmount": AMOUNT,
            "convertedAt": MOMENT,
            "campaignId": CAMPAIGN,
            "status": word("CONVERTED", "FLAGGED"),
            **ASSESSED,
        },
    ),
    EventType(
        "REFERRAL_REVERSED",
        "A conversion was taken back, in full or in part.",
        {
            "conversionId": CONVERSION,
            "referralId": REFERRAL,
            "campaignId": CAMPAIGN,
            "reason": text("order returned"),
            "amount": AMOUNT.shown(49.99),
            "currency": CURRENCY,
            "status": word("REVERSED", "CONVERTED", "FLAGGED"),
            "effects": several(
                thing({"type": text("reward"), "userId": USER.sometimes()}),
                [{"type": "reward", "rewardId": REWARD.example, "userId": USER.example, "before": 5, "after": 0}],
            ),
        },
    ),
    EventType(
        "REWARD_CREATED",
        "Somebody earned a reward.",
        {
            "rewardId": REWARD,
            "referralId": REFERRAL,
            "conversionId": CONVERSION.or_null(),
            "userId": USER,
            "referrerId": USER,
            "amount": AMOUNT,
            "rewardAmount": AMOUNT,
            "currency": CURRENCY,
            "campaignId": CAMPAIGN,
            "level": whole(1, 1),
            "side": word("REFERRER", "REFEREE"),
            "status": _REWARD_STATUS,
            "holdReasons": several(word("FRAUD_REVIEW", "HOLD_PERIOD", "BUDGET", "MANUAL"), []),
            "fulfillmentType": _FULFILLMENT,
        },
    ),
    EventType(
        "REWARD_CLAIMED",
        "A reward was claimed; a code was issued where it has one.",
        {
            "rewardId": REWARD,
            "userId": USER,
            "discountCode": DISCOUNT_CODE.or_null(),
            "amount": AMOUNT,
            "currency": CURRENCY,
            "fulfillmentType": _FULFILLMENT,
            "claimedAt": MOMENT,
            "expiresAt": MOMENT.or_null(None),
            "referralId": REFERRAL,
            "campaignId": CAMPAIGN,
        },
    ),
    EventType("REWARD_REDEEMED", "A reward was redeemed or paid.", _REWARD),
    EventType(
        "REWARD_CANCELLED",
        "A reward was cancelled, expired or taken back whole.",
        _REWARD
        | {
            "paidAt": MOMENT.or_null(None),
            "payoutReference": text("order_1001").or_null(None),
            "reason": text("order returned").or_null(),
            "paidAmount": AMOUNT.or_null(None),
        },
    ),
    EventType(
        "FRAUD_FLAG_CREATED",
        "Something was held for review.",
        _FRAUD_FLAG
        | {
            "decision": word("APPROVE", "REJECT").or_null(None),
            "note": text("").or_null(None),
            "reopened": truth(True).sometimes(),
        },
    ),
    EventType(
        "FRAUD_FLAG_RESOLVED",
        "A review was decided.",
        _FRAUD_FLAG
        | {
            "decision": word("APPROVE", "REJECT").or_null(),
            "note": text("One household.").or_null(),
            "caseId": text("case_01m831b2qts05fen4vdq67f4r4"),
            "decisionId": text("dec_01m831b2qts05fen4vdq67f4r5").or_null(),
            "resolvedAt": MOMENT,
            "resolvedBy": text("user:12"),
        },
    ),
    EventType(
        "USAGE_LIMIT_EXCEEDED",
        "The app has used its calls of this month.",
        {
            "appId": APP,
            "currentUsage": whole(100_000),
            "limit": whole(100_000),
            "resetsAt": MOMENT.shown("2026-12-01T00:00:00.000Z"),
        },
    ),
    EventType(
        "INCENTIVE_EVENT_RECORDED",
        "A user did something that is rewarded.",
        _DONE
        | {
            "awarded": thing(THREE),
            "bonus": thing(dict.fromkeys(THREE, POINTS)),
            "balances": BALANCES,
            "level": whole(1, None),
            "notAwarded": thing({"code": text("cooldown"), "retryAt": MOMENT.or_null()}).or_null(None),
            "streak": whole(1),
            "occurredAt": MOMENT,
        },
    ),
    EventType("INCENTIVE_LEVEL_UP", "A user reached a level.", _REACHED | {"level": whole(2, None)}),
    EventType("INCENTIVE_BADGE_EARNED", "A user earned a badge.", _REACHED | {"badgeKey": text("pioneer")}),
    EventType(
        "INCENTIVE_MILESTONE_REACHED",
        "A user reached a milestone.",
        _REACHED | {"milestoneKey": text("first_thousand")},
    ),
    EventType("INCENTIVE_ITEM_REDEEMED", "A user redeemed an item of the catalog.", _ITEM),
    EventType("INCENTIVE_ITEM_FULFILLED", "A redeemed item was handed over.", _ITEM),
    EventType("MARKETPLACE_PROFILE_CREATED", "A business made its profile.", _PROFILE),
    EventType(
        "MARKETPLACE_PROFILE_VERIFIED",
        "A business was verified.",
        _PROFILE
        | {
            "status": word("VERIFIED"),
            "statusReason": text("We called them."),
            "decidedAt": MOMENT.or_null(),
        },
    ),
    EventType(
        "MARKETPLACE_LISTING_CREATED",
        "A business made a listing.",
        {
            "listingId": LISTING,
            "businessId": BUSINESS,
            "title": text("A coffee"),
            "description": text("Any size"),
            "category": text("food"),
            "imageUrl": text(""),
            "terms": text(""),
            "coinCost": whole(100),
            "tokenCost": whole(0),
            "inventory": whole(50, -1),
            "maxPerUser": whole(1).or_null(None),
            "discount": anything().or_null(None),
            "validDays": whole(30).or_null(),
            "startsAt": MOMENT.or_null(None),
            "endsAt": MOMENT.or_null(None),
            "published": truth(True),
            "currency": CURRENCY,
            "coinRate": number(0.01),
            "tokenRate": number(0),
            "createdAt": MOMENT,
        },
    ),
    EventType(
        "MARKETPLACE_REDEMPTION_CREATED",
        "A user spent on a listing. The user's id goes to the issuing app only.",
        _SPENT,
    ),
    EventType(
        "MARKETPLACE_REDEMPTION_FULFILLED",
        "A redemption was honoured at the business.",
        _SPENT
        | {
            "status": word("FULFILLED"),
            "orderReference": text("order_1001").or_null(),
            "settledBy": word("BUSINESS", "ISSUER", "SYSTEM").or_null(),
        },
    ),
    EventType(
        "MARKETPLACE_REDEMPTION_CANCELLED",
        "A redemption was cancelled and the coins returned, or its code has expired (status EXPIRED).",
        _SPENT
        | {
            "status": word("CANCELLED", "EXPIRED"),
            "reason": text("Closed today").or_null(),
            "settledBy": word("BUSINESS", "ISSUER", "SYSTEM").or_null(),
        },
    ),
    EventType(
        "MARKETPLACE_PROMOTION_CREATED",
        "A listing is cheaper for a while.",
        {
            "promotionId": PROMOTION,
            "listingId": LISTING,
            "listingTitle": text("A coffee"),
            "name": text("Winter"),
            "percentOff": whole(20, 1),
            "status": word("RUNNING", "SCHEDULED", "ENDED"),
            "startsAt": MOMENT,
            "endsAt": MOMENT.shown("2026-12-23T09:30:00.000Z"),
            "createdAt": MOMENT,
        },
    ),
)  # fmt: skip

EVENT_TYPES: dict[str, EventType] = {each.name: each for each in _ALL}


def problems(event_type: str, data: object) -> list[str]:
    """How ``data`` differs from what the catalogue promises of its type, at most ten differences; ``[]`` where it does not."""
    kind = EVENT_TYPES.get(event_type)
    if kind is None:
        return [f"{event_type} is not in the catalogue"]
    found = []
    for error in kind.validator.iter_errors(data):
        found.append(f"{event_type}.{'.'.join(map(str, error.absolute_path)) or 'data'}: {error.message[:300]}")
        if len(found) == 10:
            break
    return found
