"""The answers of webhooks by example, for the API's description."""

from incenta.api.examples import Choice, Face, Free, Nullable, Operation

from .deliveries import STATUSES

AT = "2026-11-23T01:47:00.123Z"
WEBHOOK_ID = "whk_01m831b2qts05fen4vdq67f4qp"
DELIVERY_ID = "dlv_01m831b2qts05fen4vdq67f4qq"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

_ENDPOINT = {
    "id": WEBHOOK_ID,
    "url": "https://shop.example.com/hooks/incenta",
    "events": ["REWARD_CREATED", "REWARD_CLAIMED"],
    "description": "The shop's mailer",
    "active": True,
    "disabledReason": Nullable("gone", shown=False),
    "disabledAt": Nullable(AT, shown=False),
    "apiVersion": "1",
    "consecutiveFailures": 0,
    "lastSuccessAt": Nullable(AT),
    "lastFailureAt": Nullable(AT, shown=False),
    "createdAt": AT,
    "updatedAt": AT,
}
ENDPOINT = Face("WebhookEndpoint", _ENDPOINT)
_DELIVERY = {
    "id": DELIVERY_ID,
    "webhookId": WEBHOOK_ID,
    "messageId": "msg_01m831b2qts05fen4vdq67f4qr",
    "event": "REWARD_CREATED",
    "trigger": Choice("AUTO", "MANUAL", "REPLAY", "TEST"),
    "status": Choice("DELIVERED", *(name for name in STATUSES.values() if name != "DELIVERED")),
    "attemptCount": 1,
    "lastStatus": Nullable(200),
    "lastError": Nullable("timeout", shown=False),
    "nextAttemptAt": Nullable(AT, shown=False),
    "createdAt": AT,
    "finishedAt": Nullable(AT),
}
DELIVERY = Face("WebhookDelivery", _DELIVERY)
_ATTEMPT = {
    "attempt": 1,
    "startedAt": AT,
    "endedAt": Nullable(AT),
    "url": "https://shop.example.com/hooks/incenta",
    "ip": Nullable("203.0.113.9"),
    "status": Nullable(200),
    "error": Nullable("timeout", shown=False),
    "durationMs": Nullable(84),
    "responseBody": "ok",
}
_HEADERS = Free({"content-type": "application/json"})
OF_ENDPOINT = {"webhookId": WEBHOOK_ID}
OF_DELIVERY = {"deliveryId": DELIVERY_ID}
ABSENT = {404: ("webhook_not_found",)}

OPERATIONS = {
    ("Endpoints", "get"): Operation("Endpoints, newest first", item=ENDPOINT),
    ("Endpoints", "post"): Operation(
        "The endpoint with its secret, shown this once",
        _ENDPOINT | {"secret": SECRET},
        status=201,
        body={
            "url": "https://shop.example.com/hooks/incenta",
            "events": ["REWARD_CREATED", "REWARD_CLAIMED"],
            "description": "The shop's mailer",
        },
    ),
    ("Endpoint", "get"): Operation("One endpoint", ENDPOINT, path=OF_ENDPOINT, codes=ABSENT),
    ("Endpoint", "patch"): Operation(
        "The changed endpoint",
        ENDPOINT,
        path=OF_ENDPOINT,
        body={"active": False},
        description="`active: false` pauses: what is pending is held, and sent when the endpoint is resumed.",
        codes=ABSENT,
    ),
    ("Endpoint", "delete"): Operation("Removes the endpoint", path=OF_ENDPOINT, codes=ABSENT),
    ("RotateSecret", "post"): Operation(
        "The new secret, shown this once",
        _ENDPOINT | {"secret": SECRET, "previousSecretExpiresAt": Nullable(AT)},
        path=OF_ENDPOINT,
        body={"overlapHours": 24},
        description="Both secrets sign until the present one expires.",
        codes=ABSENT,
        id="rotateWebhookSecret",
    ),
    ("PromoteSecret", "post"): Operation(
        "The endpoint; X-Webhook-Signature is now of the newest secret",
        ENDPOINT,
        path=OF_ENDPOINT,
        codes=ABSENT,
        id="promoteWebhookSecret",
    ),
    ("Test", "post"): Operation(
        "The delivery of an example",
        DELIVERY,
        status=201,
        path=OF_ENDPOINT,
        body={"event": "REWARD_CREATED"},
        codes=ABSENT,
    ),
    ("Replay", "post"): Operation(
        "How many are sent again",
        {"queued": 12, "hasMore": False},
        status=202,
        path=OF_ENDPOINT,
        body={"since": "2026-11-22T00:00:00Z", "status": "FAILED"},
        description="Repeating it goes on where it stopped.",
        codes=ABSENT,
        id="replayWebhookDeliveries",
    ),
    ("Deliveries", "get"): Operation(
        "The endpoint's deliveries with every attempt, newest first",
        item=_DELIVERY | {"attempts": [_ATTEMPT]},
        path=OF_ENDPOINT,
        codes=ABSENT,
    ),
    ("Delivery", "get"): Operation(
        "One delivery in full",
        _DELIVERY
        | {
            "body": '{"event":"REWARD_CREATED","data":{},"timestamp":"2026-11-23T01:47:00.123Z","id":"msg_01m8"}',
            "attempts": [_ATTEMPT | {"requestHeaders": _HEADERS, "responseHeaders": _HEADERS}],
        },
        path=OF_DELIVERY,
        codes={404: ("delivery_not_found",)},
    ),
    ("ReplayDelivery", "post"): Operation(
        "The new delivery of the same message",
        DELIVERY,
        status=201,
        also={200: "It had been waiting, and goes out now."},
        path=OF_DELIVERY,
        codes={404: ("delivery_not_found",)},
    ),
    ("EventTypes", "get"): Operation(
        "What an endpoint can be told",
        {
            "eventTypes": [
                {
                    "name": "REWARD_CREATED",
                    "description": "Somebody earned a reward.",
                    "example": Free(
                        {"rewardId": "rew_01m831b2qts05fen4vdq67f4qs", "userId": "customer_42", "amount": 5}
                    ),
                }
            ]
        },
        id="listEventTypes",
    ),
}
