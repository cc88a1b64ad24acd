"""``/v1/webhooks`` as a merchant's developer uses it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from incenta import clock
from incenta.events.catalogue import EVENT_TYPES
from webhooks.models import State, WebhookDelivery, WebhookEndpoint, WebhookSecret

from .conftest import dispatch, endpoint_of, happen, make_due, pump, send_all

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

    pump()
    assert len(receiver.received) == sent
    assert rival.get("/webhooks")["webhooks"] == []
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
    receiver.answer = lambda request: 500
    happen(shop, count=20)
    dispatch()
    pump()
    make_due()
    pump()
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
