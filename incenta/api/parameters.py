"""What the parameters of addresses mean, for the API's description: by their names, which mean the same everywhere, and by
operation where they do not."""

from incenta.api import lists

IN_PATH: dict[str, str] = {
    "backfillId": "The backfill's id.",
    "backtestId": "The backtest's id.",
    "campaignId": "The campaign's id.",
    "caseId": "The case's id.",
    "code": "The referral code, in upper or lower case.",
    "conversionId": "The conversion's id.",
    "decisionId": "The decision's id.",
    "deliveryId": "The delivery's id.",
    "entryId": "The entry's id.",
    "flagId": "The flag's id.",
    "itemId": "The item's id.",
    "key": "The key that you gave it.",
    "level": "The level's number.",
    "listingId": "The listing's id.",
    "muteId": "The mute's id.",
    "promotionId": "The promotion's id.",
    "redemptionId": "The redemption's id.",
    "replayId": "The id of the job that sends again.",
    "rewardId": "The reward's id.",
    "ruleSetId": "The id of the version of the rules.",
    "userId": "Your own id of the person.",
    "webhookId": "The endpoint's id.",
}

IN_QUERY: dict[str, str] = {
    "actionKey": "Only events of this action.",
    "active": "Only those that are active, or only those that are not.",
    "businessId": "Only listings of this business.",
    "campaignId": "Only of this campaign.",
    "caseId": "Only of this case.",
    "category": "Only listings of this category.",
    "code": "Only the redemption of this discount code.",
    "createdAfter": "Only what was created at this moment or later.",
    "createdBefore": "Only what was created before this moment.",
    "event": "Only deliveries of events of this type.",
    "externalId": "Only the conversion of this order of yours.",
    "from": "Only from this moment on.",
    "fulfillmentType": "Only rewards that are handed out in this way.",
    "httpStatus": "Only deliveries whose last attempt was answered so: a status, a class such as `5xx`, or `none`.",
    "isSample": "Only cases that were drawn for review at random, or only the others.",
    "itemId": "Only redemptions of this item.",
    "key": "Only of the rule with this key.",
    "kind": "Only entries of this kind.",
    "listingId": "Only of this listing.",
    "maxScore": "Only of this score or a lower one.",
    "messageId": "Only deliveries of this message.",
    "minScore": "Only of this score or a higher one.",
    "notAwarded": "Only events that earned nothing, for this reason.",
    "noun": "Only backfills of these.",
    "onHold": "Only rewards that are held, or only those that are not.",
    "outcome": "Only cases that came out so.",
    "published": "Only those that are published, or only those that are not.",
    "refereeId": "Only of this friend.",
    "referralCode": "Only of this code, in upper or lower case.",
    "referralType": "Only campaigns of this type.",
    "referrerId": "Only of this referrer.",
    "replayId": "Only deliveries that this job sends again.",
    "ruleSetId": "Only of this version of the rules.",
    "search": "Only those whose words contain this, in upper or lower case.",
    "side": "Only entries that allow, or only those that deny.",
    "signal": "Only where this signal spoke.",
    "since": "Only from this moment on.",
    "state": "Only in this state.",
    "status": "Only in this state.",
    "subject": "Only of this referral, conversion, event or redemption, by its id.",
    "to": "Only before this moment.",
    "trigger": "Only deliveries that were set off by this.",
    "type": "Only of this type.",
    "until": "Only before this moment.",
    "userId": "Only of this person.",
    "value": "Only the entry of this value.",
    "webhookId": "Only deliveries to this endpoint.",
    "verdict": "Only decisions that came out so.",
}

PAGES = [{"$ref": f"#/components/parameters/{name}"} for name in ("Page", "Limit", "Cursor")]
"""What every list takes."""

SHARED = {
    "Page": {
        "name": "page", "in": "query", "description": "Which page, from 1. Without it and without `cursor` it is the first.",
        # no default is told: a client that sent it would contradict its cursor
        "schema": {"type": "integer", "minimum": 1, "maximum": lists.LARGEST_PAGE},
    },
    "Limit": {
        "name": "limit", "in": "query", "description": "Items on a page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": lists.LARGEST_LIMIT, "default": lists.LIMIT},
    },
    "Cursor": {
        "name": "cursor", "in": "query", "schema": {"type": "string"},
        "description": "`pagination.nextCursor` of the answer before, or empty to begin: serves long lists to their end, "
        "counts nothing, and cannot be combined with `page`.",
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key", "in": "header", "example": "order-4711-conversion",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
        "description": "The same key with the same request gets the first answer again, and nothing is done twice.",
    },
}  # fmt: skip


def _delivered(name: str, example: object, description: str) -> dict:
    kind = "integer" if isinstance(example, int) else "string"
    header = {"name": name, "in": "header", "required": True, "schema": {"type": kind}}
    return header | {"description": description, "example": example}


DELIVERED = [
    _delivered("webhook-id", "msg_01m831b2qts05fen4vdq67f4qp", "The message's id: the same at every attempt."),
    _delivered("webhook-timestamp", 1795398420, "Seconds since 1970 of this attempt."),
    _delivered(
        "webhook-signature",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        "Standard Webhooks: one signature or more of `id.timestamp.body`, with spaces between them.",
    ),
    _delivered("X-Webhook-Id", "msg_01m831b2qts05fen4vdq67f4qp", "The message's id."),
    _delivered("X-Webhook-Event", "REWARD_CREATED", "The event's type."),
    _delivered("X-Webhook-Attempt", 1, "1 for the first attempt."),
    _delivered(
        "X-Webhook-Signature",
        "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca7",
        "HMAC-SHA256 of the raw body in hex, with the endpoint's whole secret as the key.",
    ),
]
"""The headers of a delivery."""
