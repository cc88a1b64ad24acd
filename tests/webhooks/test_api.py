"""``/v1/webhooks`` as a merchant's developer uses it."""

import json
import shlex
from datetime import timedelta
from itertools import pairwise

import pytest
import standardwebhooks
from django.db import connection
from django.utils import timezone

from incenta import clock
from incenta.encryption import decrypt
from incenta.events.catalogue import EVENT_TYPES
from webhooks import signing
from webhooks.models import State, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret

from .conftest import dispatch, endpoint_of, happen, pump, send_all

HOOK = {"url": "https://example.com/hooks", "events": ["REWARD_CREATED"]}


def test_an_endpoint_is_made_and_its_secret_shown_once(himal):
    made = himal.post("/webhooks", HOOK | {"description": "our shop"})

    assert made.status == 201
    assert made["secret"].startswith("whsec_")
    assert made["id"].startswith("whk_")
    assert (made["url"], made["events"], made["description"], made["active"]) == (
        HOOK["url"],
        ["REWARD_CREATED"],
        "our shop",
        True,
    )
    shown = himal.get(f"/webhooks/{made['id']}")
    listed = himal.get("/webhooks")
    assert shown.json == {name: value for name, value in made.json.items() if name != "secret"}
    assert listed["webhooks"] == [shown.json]
    assert listed["pagination"]["totalItems"] == 1
    assert made["secret"] not in str(himal.patch(f"/webhooks/{made['id']}", {"description": ""}).json)


def test_a_repeated_request_makes_one_endpoint_and_shows_the_same_secret(himal):
    first, again = (himal.post("/webhooks", HOOK, idempotency_key="one") for _ in range(2))

    assert first.json == again.json
    assert WebhookEndpoint.objects.count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM api_idempotencyrecord WHERE body LIKE %s", [f"%{first['secret']}%"])
        assert cursor.fetchone() == (0,), "what is kept for the replay is encrypted"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"events": ["NO_SUCH"]}, "events"),
        ({"events": ["REWARD_CREATED", "REWARD"]}, "events"),
        ({"events": []}, "events"),
        ({"events": "REWARD_CREATED"}, "events"),
        ({"events": [1]}, "events.0"),
        ({"events": None}, "events"),
        ({"url": "http://example.com/hooks"}, "url"),
        ({"url": "https://127.0.0.1/hooks"}, "url"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "url"),
        ({"url": "https://localhost/"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "https://user:password@example.com/"}, "url"),
        ({"url": "not a url"}, "url"),
        ({"url": 5}, "url"),
        ({"url": ""}, "url"),
        ({"url": "https://example.com/" + "a" * 3000}, "url"),
        ({"description": "x" * 256}, "description"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused(himal, change, field):
    made = himal.post("/webhooks", HOOK | change)

    assert made.status == 400, made
    assert field in made["details"]
    assert WebhookEndpoint.objects.count() == WebhookSecret.objects.count() == 0


def test_the_same_rules_hold_for_a_change(himal):
    made = himal.post("/webhooks", HOOK)
    for change in ({"url": "https://10.0.0.1/"}, {"events": ["NO_SUCH"]}, {"nothing": 1}):
        assert himal.patch(f"/webhooks/{made['id']}", change).status == 400

    assert himal.get(f"/webhooks/{made['id']}")["url"] == HOOK["url"]


def test_an_endpoint_is_changed_paused_resumed_and_deleted(himal):
    path = f"/webhooks/{himal.post('/webhooks', HOOK)['id']}"

    assert himal.patch(path, {"url": "https://example.com/new", "events": ["REWARD_CLAIMED", "*"]})["events"] == ["*"]
    paused = himal.patch(path, {"active": False})
    assert (paused["active"], paused["disabledReason"]) == (False, "merchant")
    assert himal.post(f"{path}/test", {"event": "REWARD_CREATED"})["code"] == "webhook_disabled"
    resumed = himal.patch(path, {"active": True})
    assert (resumed["active"], resumed["disabledReason"], resumed["url"]) == (True, None, "https://example.com/new")
    assert himal.delete(path).status == 204
    assert himal.get(path).status == himal.delete(path).status == himal.patch(path, {}).status == 404
    assert himal.get("/webhooks")["webhooks"] == []


def test_another_merchants_endpoint_does_not_exist(shop, himal, rival, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    happen(shop)
    send_all()
    delivery = WebhookDelivery.objects.get()
    sent = len(receiver.received)
    since = {"since": "2026-01-01T00:00:00Z"}
    for method, path, body in [
        ("GET", "", None),
        ("PATCH", "", {"url": "https://rival.example/"}),
        ("DELETE", "", None),
        ("POST", "/test", {"event": "REWARD_CREATED"}),
        ("POST", "/rotate-secret", {}),
        ("POST", "/promote-secret", {}),
        ("POST", "/replay", since),
        ("POST", "/recover", since),
        ("POST", "/replay-missing", {"since": clock.iso(timezone.now())}),
        ("GET", "/replays", None),
        ("POST", "/asymmetric-key", {}),
        ("DELETE", "/asymmetric-key", None),
        ("POST", "/check-signature", {"body": "{}", "headers": {}}),
        ("GET", "/deliveries", None),
    ]:
        foreign, absent = (
            rival(method, f"/webhooks/{endpoint.pk}{path}", body),
            rival(method, f"/webhooks/whk_none{path}", body),
        )
        assert foreign.status == absent.status == 404
        assert (foreign["error"], foreign["code"]) == (absent["error"], absent["code"])
    for method, path in [("GET", ""), ("POST", "/replay")]:
        foreign = rival(method, f"/webhooks/deliveries/{delivery.pk}{path}", {} if method == "POST" else None)
        absent = rival(method, f"/webhooks/deliveries/dlv_none{path}", {} if method == "POST" else None)
        assert foreign.status == absent.status == 404
        assert foreign["error"] == absent["error"]

    replay = himal.post(f"/webhooks/{endpoint.pk}/recover", since)["id"]
    for method, path in [("GET", ""), ("POST", "/cancel")]:
        foreign, absent = (rival(method, f"/webhooks/replays/{name}{path}") for name in (replay, "rpl_none"))
        assert foreign.status == absent.status == 404
        assert foreign["error"] == absent["error"]

    pump()
    assert len(receiver.received) == sent
    assert rival.get("/webhooks")["webhooks"] == rival.get("/webhooks/deliveries")["deliveries"] == []
    assert rival.get(f"/webhooks/deliveries?webhookId={endpoint.pk}")["deliveries"] == []
    assert himal.get(f"/webhooks/{endpoint.pk}")["url"] == receiver.url()


def test_a_secret_rotates_and_is_promoted(himal):
    made = himal.post("/webhooks", HOOK)
    path = f"/webhooks/{made['id']}"
    rotated = himal.post(f"{path}/rotate-secret")

    assert rotated.status == 200
    assert rotated["secret"] != made["secret"]
    ends = clock.parse(rotated["previousSecretExpiresAt"], "at")
    assert timedelta(hours=23, minutes=59) < ends - timezone.now() < timedelta(hours=24, minutes=1)
    assert himal.post(f"{path}/promote-secret").status == himal.post(f"{path}/promote-secret").status == 200
    assert himal.post(f"{path}/rotate-secret", {"overlapHours": 1}).status == 200
    refused = himal.post(f"{path}/rotate-secret")
    assert (refused.status, refused["code"]) == (409, "too_many_secrets")
    assert WebhookSecret.objects.count() == 3
    dropped = himal.post(f"{path}/rotate-secret", {"overlapHours": 0})
    assert dropped.status == 200
    assert dropped["previousSecretExpiresAt"] is None
    assert WebhookSecret.objects.live().count() == 1
    assert himal.post(f"{path}/rotate-secret", {"overlapHours": -1}).status == 400


def test_a_test_is_delivered_and_logged(shop, himal, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: (200, {}, b"got it")
    sent = himal.post(f"/webhooks/{endpoint.pk}/test", {"event": "REWARD_CLAIMED"})
    assert (sent.status, sent["status"], sent["trigger"]) == (201, "PENDING", "TEST")
    assert pump() == 1

    assert receiver.received[0].json["data"] == EVENT_TYPES["REWARD_CLAIMED"].example
    [logged] = himal.get(f"/webhooks/{endpoint.pk}/deliveries")["deliveries"]
    assert (logged["id"], logged["status"], logged["lastStatus"]) == (sent["id"], "DELIVERED", 200)
    [attempt] = logged["attempts"]
    assert (attempt["attempt"], attempt["status"], attempt["error"], attempt["responseBody"]) == (
        1,
        200,
        None,
        "got it",
    )
    whole = himal.get(f"/webhooks/deliveries/{sent['id']}")
    assert whole["body"].encode() == receiver.received[0].body
    assert whole["attempts"][0]["requestHeaders"]["webhook-id"] == sent["messageId"]
    assert himal.post(f"/webhooks/{endpoint.pk}/test", {"event": "*"}).status == 400
    assert himal.post(f"/webhooks/{endpoint.pk}/test", {}).status == 400


def test_the_log_is_told_in_a_bounded_number_of_statements(shop, himal, receiver, django_assert_max_num_queries):
    endpoint, _ = endpoint_of(shop, receiver.url())
    happen(shop, count=20)
    dispatch()
    WebhookAttempt.objects.bulk_create(
        WebhookAttempt(app=shop, delivery=delivery, n=n, url=endpoint.url, response_body="x" * 2000)
        for delivery in WebhookDelivery.objects.all()
        for n in (1, 2)
    )
    himal.get("/webhooks")  # the key is known from now on

    with django_assert_max_num_queries(8):
        logged = himal.get(f"/webhooks/{endpoint.pk}/deliveries?status=PENDING&limit=20")["deliveries"]
    assert [len(delivery["attempts"]) for delivery in logged] == [2] * 20
    assert all(delivery["nextAttemptAt"] for delivery in logged)
    assert himal.get(f"/webhooks/{endpoint.pk}/deliveries?status=DELIVERED")["deliveries"] == []
    assert himal.get(f"/webhooks/{endpoint.pk}/deliveries?status=NOPE").status == 400
    assert (
        himal.get(f"/webhooks/{endpoint.pk}/deliveries?event=REWARD_CREATED&trigger=AUTO")["pagination"]["totalItems"]
        == 20
    )


def test_deliveries_are_sent_again(shop, himal, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    [event_id] = happen(shop)
    send_all()
    first = WebhookDelivery.objects.get()
    again = himal.post(f"/webhooks/deliveries/{first.pk}/replay")
    assert (again.status, again["trigger"], again["messageId"]) == (201, "MANUAL", event_id)
    assert himal.post(f"/webhooks/deliveries/{again['id']}/replay").status == 200, "it waits already"
    pump()
    assert [request.id for request in receiver.received] == [event_id] * 2

    WebhookDelivery.objects.update(state=State.FAILED)
    since = clock.iso(timezone.now() - timedelta(hours=1))
    queued = himal.post(f"/webhooks/{endpoint.pk}/replay", {"since": since, "status": "FAILED"})
    assert (queued.status, queued["queued"], queued["hasMore"]) == (202, 1, False)
    assert himal.post(f"/webhooks/{endpoint.pk}/replay", {"since": since})["queued"] == 0
    pump()
    assert [request.id for request in receiver.received] == [event_id] * 3
    for body in ({}, {"since": "yesterday"}, {"since": since, "until": since}, {"since": since, "status": "PENDING"}):
        assert himal.post(f"/webhooks/{endpoint.pk}/replay", body).status == 400


def test_what_is_being_sent_is_not_sent_again(shop, himal, receiver):
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    WebhookDelivery.objects.update(state=State.LEASED, lease_until=timezone.now() + timedelta(seconds=30))
    refused = himal.post(f"/webhooks/deliveries/{WebhookDelivery.objects.get().pk}/replay")

    assert (refused.status, refused["code"]) == (409, "delivery_in_progress")
    assert WebhookDelivery.objects.count() == 1


def test_the_catalogue_is_listed_with_examples(himal):
    types = himal.get("/webhooks/event-types")["eventTypes"]

    assert {"REFERRAL_CREATED", "REWARD_CREATED", "MARKETPLACE_PROMOTION_CREATED"} <= {kind["name"] for kind in types}
    assert all(kind["description"] and kind["example"] for kind in types)


def test_a_reader_may_look_and_not_touch(himal):
    from tests.cast import caller

    made = himal.post("/webhooks", HOOK)
    reader = caller(himal.app, "read")
    browser = caller(himal.app, "publishable")

    assert reader.get(f"/webhooks/{made['id']}").status == 200
    assert reader.post("/webhooks", HOOK).status == reader.delete(f"/webhooks/{made['id']}").status == 403
    assert browser.get("/webhooks").status == 403
    assert WebhookEndpoint.objects.count() == 1


def test_a_sandbox_has_endpoints_of_its_own(himal):
    from tests.cast import caller

    made = himal.post("/webhooks", HOOK)
    sandbox = caller(himal.app.sandbox)

    assert sandbox.get("/webhooks")["webhooks"] == []
    assert sandbox.get(f"/webhooks/{made['id']}").status == 404


def test_an_app_has_fifty_endpoints_at_most(himal):
    WebhookEndpoint.objects.bulk_create(
        [WebhookEndpoint(app=himal.app, url=HOOK["url"], events=["*"]) for _ in range(50)]
    )
    refused = himal.post("/webhooks", HOOK)

    assert (refused.status, refused["code"]) == (409, "too_many_webhooks")


# -- the log of everything, and what is told of an attempt ---------------------------------------------------------------
def test_the_log_of_all_endpoints_is_narrowed_by_what_came_back(shop, himal, receiver):
    answers = {"/ok": 204, "/gone": 404, "/busy": 503}
    receiver.answer = lambda request: answers[request.path]
    endpoints = {path: endpoint_of(shop, receiver.url(path))[0].pk for path in answers}
    [event_id] = happen(shop)
    send_all()
    [waiting] = happen(shop)
    dispatch()

    def found(query: str) -> list[str]:
        return sorted(each["lastStatus"] or 0 for each in himal.get(f"/webhooks/deliveries?{query}")["deliveries"])

    assert found("limit=100") == [0, 0, 0, 204, 404, 503]
    for asked, told in {"2xx": [204], "4xx": [404], "5xx": [503], "3xx": [], "404": [404], "none": [0, 0, 0]}.items():
        assert found(f"httpStatus={asked}") == told, asked
    assert found(f"messageId={event_id}") == [204, 404, 503]
    assert found(f"messageId={waiting}&webhookId={endpoints['/ok']}") == [0]
    assert found("httpStatus=5xx&status=PENDING&trigger=AUTO&event=REWARD_CREATED") == [503]
    assert himal.get(f"/webhooks/{endpoints['/busy']}/deliveries?httpStatus=503")["pagination"]["totalItems"] == 1
    for asked in ("6xx", "0xx", "99", "600", "2XX", "two", "200.0", "-1"):
        assert himal.get(f"/webhooks/deliveries?httpStatus={asked}").status == 400, asked
    assert himal.get(f"/webhooks/{endpoints['/ok']}/deliveries?webhookId=x").status == 400


def test_an_attempt_tells_what_was_signed_and_how_to_repeat_it(shop, himal, receiver):
    _, secret = endpoint_of(shop, receiver.url())
    happen(shop, data={"rewardId": "rew_1", "note": 'it\'s "quoted" $HOME `ls` \u00e9'})
    send_all()
    delivery = WebhookDelivery.objects.get()
    [attempt] = himal.get(f"/webhooks/deliveries/{delivery.pk}")["attempts"]
    sent = receiver.received[0]

    assert attempt["signedContent"] == f"{sent.id}.{sent.headers['webhook-timestamp']}.{sent.body.decode()}"
    assert signing.standard(sent.id, int(sent.headers["webhook-timestamp"]), sent.body, secret) in attempt["curl"]
    words = shlex.split(attempt["curl"])
    assert words[:5] == ["curl", "-i", "-X", "POST", receiver.url()]
    assert words[-2:] == ["--data-binary", sent.body.decode()]
    repeated = dict(word.split(": ", 1) for flag, word in pairwise(words) if flag == "-H")
    assert {name.lower(): value for name, value in repeated.items()}.items() <= sent.headers.items()
    standardwebhooks.Webhook(secret).verify(words[-1], repeated)


def test_an_attempt_whose_worker_died_tells_nothing(shop, himal, receiver):
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    delivery = WebhookDelivery.objects.get()
    WebhookAttempt.objects.create(app=shop, delivery=delivery, n=1, url=receiver.url(), error="abandoned")

    [attempt] = himal.get(f"/webhooks/deliveries/{delivery.pk}")["attempts"]
    assert (attempt["signedContent"], attempt["curl"]) == (None, None)


def test_a_secret_is_shown_once_and_stands_nowhere_else(shop, himal, receiver, caplog):
    """Nor do the old ones, nor the private half of a key: not in any list, log, attempt, or the database."""
    made = himal.post("/webhooks", {"url": receiver.url(), "events": ["*"]})
    path = f"/webhooks/{made['id']}"
    secrets = [made["secret"], himal.post(f"{path}/rotate-secret")["secret"]]
    himal.post(f"{path}/asymmetric-key")
    himal.post(f"{path}/test", {"event": "REWARD_CREATED"})
    happen(shop)
    send_all()
    secrets += [decrypt(text) for text in WebhookSecret.objects.keys().values_list("sealed", flat=True)]
    delivery = himal.get(f"{path}/deliveries")["deliveries"][0]["id"]
    checked = {"body": receiver.received[0].body.decode(), "headers": receiver.received[0].headers}

    told = [
        himal.get("/webhooks"),
        himal.get(path),
        himal.patch(path, {"description": "x"}),
        himal.post(f"{path}/promote-secret"),
        himal.get("/webhooks/deliveries"),
        himal.get(f"{path}/deliveries"),
        himal.get(f"/webhooks/deliveries/{delivery}"),
        himal.post(f"{path}/recover", {"since": "2026-01-01T00:00:00Z"}),
        himal.post(f"{path}/check-signature", checked),
    ]
    assert all(answer.status in (200, 202) for answer in told)
    assert told[-1]["ok"] is True, told[-1]
    with connection.cursor() as cursor:
        cursor.execute("SELECT request_headers::text, response_body, url FROM webhooks_webhookattempt")
        written = str(cursor.fetchall())
        cursor.execute("SELECT body FROM webhooks_webhookmessage")
        written += str([bytes(row[0]) for row in cursor.fetchall()])
    everything = "".join(str(answer.json) for answer in told) + written + caplog.text
    for secret in secrets:
        assert secret not in everything
        assert secret.partition("_")[2] not in everything, "nor without its prefix"


def test_the_checker_knows_the_apps_secrets_and_what_was_sent(shop, himal, receiver):
    made, other = (himal.post("/webhooks", {"url": receiver.url(path), "events": ["*"]}) for path in ("/a", "/b"))
    happen(shop)
    send_all()
    sent = next(request for request in receiver.received if request.path == "/a")

    def code(endpoint, body: str, headers: dict = sent.headers) -> str:
        answer = himal.post(f"/webhooks/{endpoint['id']}/check-signature", {"body": body, "headers": headers})
        assert answer.status == 200, answer
        assert answer["ok"] == (answer["code"] == "ok")
        return answer["code"]

    body = sent.body.decode()
    assert code(made, body) == "ok"
    assert code(other, body) == "other_endpoint"
    assert code(made, json.dumps(json.loads(body))) == "body_reserialised"
    assert code(made, body.replace("asha", "mallory")) == "body_changed"
    assert code(made, body, {}) == "no_signature"
    himal.post(f"/webhooks/{made['id']}/rotate-secret", {"overlapHours": 0})
    assert code(made, body) == "old_secret"
    for wrong in (
        {"body": 5, "headers": {}},
        {"body": "", "headers": []},
        {"body": "", "headers": {"a": 1}},
        {"body": ""},
    ):
        assert himal.post(f"/webhooks/{made['id']}/check-signature", wrong).status == 400


def test_an_endpoint_tells_how_it_fares(shop, himal, receiver):
    made = himal.post("/webhooks", {"url": receiver.url(), "events": ["*"]})
    assert made["stats"] == {
        "successRate24h": None,
        "p50Ms": None,
        "p95Ms": None,
        "pending": 0,
        "held": 0,
        "oldestPendingAt": None,
        "nextProbeAt": None,
        "lane": "healthy",
        "breaker": "closed",
    }
    happen(shop, count=3)
    send_all()
    happen(shop, count=2)
    dispatch()

    stats = himal.get(f"/webhooks/{made['id']}")["stats"]
    assert (stats["successRate24h"], stats["pending"]) == (1, 2)
    assert stats["p95Ms"] >= stats["p50Ms"] >= 0
    assert stats["oldestPendingAt"] is not None
    assert himal.get("/webhooks")["webhooks"][0]["stats"] == stats
