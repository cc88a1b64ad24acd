"""The answers of webhooks by example, for the API's description."""

from incenta.api.examples import Choice, Face, Free, Nullable, Number, Operation
from incenta.events.catalogue import EVENT_TYPES

from .. import checking
from .deliveries import STATUSES

AT = "2026-11-23T01:47:00.123Z"
WEBHOOK_ID = "whk_01m831b2qts05fen4vdq67f4qp"
DELIVERY_ID = "dlv_01m831b2qts05fen4vdq67f4qq"
REPLAY_ID = "rpl_01m831b2qts05fen4vdq67f4qs"
PUBLIC_KEY = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
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
    "filter": Free({"currency": "USD", "amount": {"gte": 10}}),
    "publicKeys": [PUBLIC_KEY],
    "consecutiveFailures": 0,
    "lastSuccessAt": Nullable(AT),
    "lastFailureAt": Nullable(AT, shown=False),
    "stats": {
        "successRate24h": Nullable(Number(0.998)),
        "p50Ms": Nullable(84),
        "p95Ms": Nullable(210),
        "pending": 3,
        "held": 0,
        "oldestPendingAt": Nullable(AT, shown=False),
        "nextProbeAt": Nullable(AT, shown=False),
        "lane": Choice("healthy", "suspect"),
        "breaker": Choice("closed", "open", "half_open"),
    },
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
    "apiVersion": "1",
    "lastStatus": Nullable(200),
    "lastError": Nullable("timeout", shown=False),
    "nextAttemptAt": Nullable(AT, shown=False),
    "createdAt": AT,
    "finishedAt": Nullable(AT),
    "replayId": Nullable(REPLAY_ID, shown=False),
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
_REPLAY = {
    "id": REPLAY_ID,
    "webhookId": WEBHOOK_ID,
    "kind": Choice("STATE", "RECOVER", "MISSING"),
    "status": Nullable("FAILED"),
    "events": ["REWARD_CREATED"],
    "since": "2026-11-22T00:00:00.000Z",
    "until": AT,
    "state": Choice("RUNNING", "DONE", "CANCELLED"),
    "queued": 500,
    "hasMore": True,
    "progress": {"waiting": 120, "delivered": 380, "failed": 0},
    "createdAt": AT,
    "endedAt": Nullable(AT, shown=False),
}
REPLAY = Face("WebhookReplay", _REPLAY)
WINDOW = {"since": "2026-11-22T00:00:00Z"}
OF_REPLAY = {"replayId": REPLAY_ID}
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
            "filter": {"currency": "USD", "amount": {"gte": 10}},
        },
        description="`filter` says what `data` must be for the endpoint to be told, by field: a value, a list of values, or "
        "`gte`, `gt`, `lte`, `lt`, `exists`. `apiVersion` pins the payload version.",
        codes={409: ("too_many_webhooks",)},
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
        codes=ABSENT | {409: ("too_many_secrets",)},
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
        "The job that sends again",
        REPLAY,
        status=202,
        path=OF_ENDPOINT,
        body=WINDOW | {"status": "FAILED", "events": ["REWARD_CREATED"]},
        description="Up to 500 deliveries are made at once, the rest (`hasMore`) in the background. Message ids stay as they were.",
        codes=ABSENT | {409: ("webhook_disabled", "too_many_replays")},
        id="replayWebhookDeliveries",
    ),
    ("Recover", "post"): Operation(
        "The job that sends again what failed for good",
        _REPLAY | {"kind": "RECOVER", "status": None, "events": []},
        status=202,
        path=OF_ENDPOINT,
        body=WINDOW,
        codes=ABSENT | {409: ("webhook_disabled", "too_many_replays")},
        id="recoverWebhookDeliveries",
    ),
    ("ReplayMissing", "post"): Operation(
        "The job that sends what the endpoint was never sent",
        _REPLAY | {"kind": "MISSING", "status": None, "events": []},
        status=202,
        path=OF_ENDPOINT,
        body=WINDOW,
        description="Events of the feed that the endpoint subscribes to and was never sent: from before it was there, or while it "
        "was disabled or wanted less. `since` is at most 29 days ago.",
        codes=ABSENT | {409: ("webhook_disabled", "too_many_replays")},
        id="replayMissingWebhookEvents",
    ),
    ("Replays", "get"): Operation("The endpoint's replays, newest first", item=REPLAY, path=OF_ENDPOINT, codes=ABSENT),
    ("ShownReplay", "get"): Operation(
        "How a replay stands", REPLAY, path=OF_REPLAY, codes={404: ("replay_not_found",)}
    ),
    ("CancelReplay", "post"): Operation(
        "The replay, ended",
        REPLAY,
        path=OF_REPLAY,
        description="What no request was made for is taken back.",
        codes={404: ("replay_not_found",)},
        id="cancelWebhookReplay",
    ),
    ("AsymmetricKey", "post"): Operation(
        "The endpoint with its new public key",
        _ENDPOINT | {"publicKey": PUBLIC_KEY},
        path=OF_ENDPOINT,
        body={"overlapHours": 24},
        description="`webhook-signature` has a `v1a` entry of this Ed25519 key from now on, beside those of the secrets.",
        codes=ABSENT | {409: ("too_many_keys",)},
        id="rotateWebhookKey",
    ),
    ("AsymmetricKey", "delete"): Operation("Signs with no Ed25519 key any more", path=OF_ENDPOINT, codes=ABSENT),
    ("CheckSignature", "post"): Operation(
        "Whether the signature is right, or why not",
        {
            "ok": False,
            "code": Choice("body_reserialised", *(code for code in checking.MESSAGES if code != "body_reserialised")),
            "message": checking.MESSAGES["body_reserialised"],
            "checks": [
                {
                    "header": "webhook-signature",
                    "scheme": Choice("standard", "documented", "ed25519"),
                    "ok": False,
                    "code": "body_reserialised",
                    "message": checking.MESSAGES["body_reserialised"],
                    "secretId": Nullable("whs_01m831b2qts05fen4vdq67f4qt"),
                }
            ],
        },
        path=OF_ENDPOINT,
        body={
            "body": '{"event": "REWARD_CREATED"}',
            "headers": {
                "webhook-id": "msg_01m831b2qts05fen4vdq67f4qr",
                "webhook-timestamp": "1795398420",
                "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            },
        },
        description="`body` as your program read it. Changes nothing.",
        codes=ABSENT,
        id="checkWebhookSignature",
    ),
    ("AppDeliveries", "get"): Operation(
        "The deliveries of all endpoints with every attempt, newest first",
        item=_DELIVERY | {"attempts": [_ATTEMPT]},
        id="listAllWebhookDeliveries",
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
            "attempts": [
                _ATTEMPT
                | {
                    "requestHeaders": _HEADERS,
                    "responseHeaders": _HEADERS,
                    "signedContent": Nullable('msg_01m8.1795398420.{"event":"REWARD_CREATED"}'),
                    "curl": Nullable("curl -i -X POST https://shop.example.com/hooks/incenta --data-binary '{}'"),
                }
            ],
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
        codes={404: ("delivery_not_found",), 409: ("delivery_in_progress", "webhook_disabled")},
    ),
    ("EventTypes", "get"): Operation(
        "What an endpoint can be told",
        {
            "eventTypes": [
                {
                    "name": "REWARD_CREATED",
                    "description": EVENT_TYPES["REWARD_CREATED"].description,
                    "example": Free(EVENT_TYPES["REWARD_CREATED"].example),
                    "schema": Free({"type": "object", "required": ["event", "data", "timestamp", "id"]}),
                    "version": "1",
                }
            ]
        },
        description="`schema` is JSON Schema (draft 2020-12) of the whole body, `example` an example of its `data`.",
        id="listEventTypes",
    ),
}
