"""From an event to the merchant's server: what arrives, and what is kept of it."""

import hashlib
import hmac
import json
import subprocess
from datetime import timedelta

import pytest
import standardwebhooks
import svix
from django.db import transaction
from django.utils import timezone

from incenta import clock, events
from incenta.events.models import Event
from webhooks import retention
from webhooks.fanout import fan_out
from webhooks.models import State, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage, WebhookSecret

from .conftest import dispatch, endpoint_of, happen, make_due, pump, send_all

JSON_STRINGIFY = """
const [secret, body] = JSON.parse(require('fs').readFileSync(0, 'utf8'))
process.stdout.write(require('crypto').createHmac('sha256', secret).update(JSON.stringify(JSON.parse(body))).digest('hex'))
"""


def test_an_event_arrives_with_the_promised_body_and_headers(shop, receiver):
    _, secret = endpoint_of(shop, receiver.url())
    [event_id] = happen(shop, data={"rewardId": "rew_1", "amount": 5.0, "10": "b", "2": "é"})

    assert send_all() == 1

    [request] = receiver.received
    event = Event.objects.get(pk=event_id)
    assert list(request.json) == ["event", "data", "timestamp", "id"]
    assert request.json["id"] == event_id
    assert request.json["timestamp"] == clock.iso(event.occurred_at)
    assert '"data":{"2":"é","10":"b","rewardId":"rew_1","amount":5}' in request.body.decode()
    assert request.headers["x-webhook-id"] == request.headers["webhook-id"] == event_id
    assert request.headers["x-webhook-attempt"] == "1"
    assert request.headers["x-webhook-event"] == "REWARD_CREATED"
    assert request.headers["user-agent"] == "Incenta-Webhooks/1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-webhook-signature"] == hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    assert standardwebhooks.Webhook(secret).verify(request.body.decode(), request.headers)
    svix.webhooks.Webhook(secret).verify(request.body.decode(), request.headers)


@pytest.mark.node
def test_the_documented_verifier_accepts_it(shop, receiver, node):
    _, secret = endpoint_of(shop, receiver.url())
    happen(shop, data={"amount": 1e-6, "big": 2**60, "10": [1.0, -0.0], "9": {"b": "\u2028", "1": None}, "é": "\x7f"})
    send_all()

    [request] = receiver.received
    told = subprocess.run(
        [node, "-e", JSON_STRINGIFY],
        input=json.dumps([secret, request.body.decode()]).encode(),
        capture_output=True,
        check=True,
    )
    assert request.headers["x-webhook-signature"] == told.stdout.decode()


def test_what_is_kept_of_a_delivery(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: (200, {"X-Powered-By": "asha"}, b"thanks")
    happen(shop)
    send_all()

    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.sends, delivery.failures, delivery.last_status) == (State.DELIVERED, 1, 0, 200)
    assert delivery.lease is None
    assert delivery.done_at
    attempt = delivery.attempts.get()
    assert (attempt.n, attempt.status, attempt.error, attempt.ip, attempt.response_body) == (
        1,
        200,
        None,
        "127.0.0.1",
        "thanks",
    )
    assert attempt.response_headers["X-Powered-By"] == "asha"
    assert attempt.request_headers["webhook-id"] == delivery.message_id
    assert attempt.started_at <= attempt.ended_at
    endpoint.health.refresh_from_db()
    assert endpoint.health.last_success_at


def test_only_endpoints_that_asked_are_told(shop, rival, receiver):
    endpoint_of(shop, receiver.url("/all"))
    endpoint_of(shop, receiver.url("/rewards"), ["REWARD_CREATED", "REWARD_CLAIMED"])
    endpoint_of(shop, receiver.url("/referrals"), ["REFERRAL_CREATED"])
    endpoint_of(shop, receiver.url("/disabled"), is_active=False)
    endpoint_of(rival.app, receiver.url("/rival"))
    happen(shop)
    send_all()

    assert sorted(request.path for request in receiver.received) == ["/all", "/rewards"]
    assert len({request.id for request in receiver.received}) == 1
    assert WebhookMessage.objects.count() == 1


def test_without_a_subscriber_no_body_is_made(shop):
    happen(shop, count=3)
    dispatch()

    assert WebhookMessage.objects.count() == 0
    assert Event.objects.filter(dispatched_at=None).count() == 0


def test_what_was_rolled_back_is_never_sent(shop, receiver):
    endpoint_of(shop, receiver.url())
    for n in range(20):
        try:
            with transaction.atomic():
                events.record(shop, "REWARD_CREATED", {"n": n}, subject=("reward", f"rew_{n}"))
                if n % 2:
                    raise RuntimeError
        except RuntimeError:
            pass
    send_all()

    assert sorted(request.json["data"]["n"] for request in receiver.received) == list(range(0, 20, 2))


def test_an_event_without_a_transaction_is_refused(shop):
    with pytest.raises(transaction.TransactionManagementError):
        events.record(shop, "REWARD_CREATED", {}, subject=("reward", "rew_1"))

    assert Event.objects.count() == 0


def test_fanning_out_twice_makes_one_delivery_and_keeps_the_first_bytes(shop, receiver):
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    first = bytes(WebhookMessage.objects.get().body)
    event = Event.objects.get()
    event.data = {"changed": True}
    fan_out([event, event])

    assert WebhookDelivery.objects.count() == 1
    assert bytes(WebhookMessage.objects.get().body) == first


def test_an_event_too_large_to_push_is_sent_thin(shop, receiver):
    endpoint_of(shop, receiver.url())
    [event_id] = happen(
        shop,
        data={
            "rewardId": "rew_1",
            "amount": 5,
            "metadata": {"pad": "x" * 70_000},
            "list": [{"note": "y" * 7_000}] * 70,
        },
    )
    send_all()

    [request] = receiver.received
    assert request.json["data"] == {
        "rewardId": "rew_1",
        "amount": 5,
        "metadata": {"pad": "x" * 500},
        "list": [{"note": "y" * 500}] * 50,
        "truncated": True,
    }
    assert request.id == event_id


# -- retries -------------------------------------------------------------------------------------------------------------
def test_a_failing_receiver_is_asked_six_times_on_the_promised_schedule(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: (500, {}, b"oops \0 \xff")
    happen(shop)
    dispatch()
    for promised in [60, 300, 900, 3600, 7200]:
        assert pump() == 1
        delivery = WebhookDelivery.objects.get()
        ended = delivery.attempts.latest("n").ended_at
        assert delivery.state == State.PENDING
        assert timedelta(seconds=promised) <= delivery.next_at - ended + timedelta(seconds=0.01)
        assert delivery.next_at - ended <= timedelta(seconds=promised * 1.10)
        assert pump() == 0, "never earlier"
        make_due()
    assert pump() == 1

    delivery.refresh_from_db()
    assert (delivery.state, delivery.failures, delivery.sends) == (State.FAILED, 6, 6)
    assert len({(request.id, request.body) for request in receiver.received}) == 1
    assert [request.headers["x-webhook-attempt"] for request in receiver.received] == list("123456")
    assert delivery.attempts.filter(status=500, error="status", response_body="oops  \ufffd").count() == 6
    make_due()
    assert pump() == 0
    endpoint.health.refresh_from_db()
    assert endpoint.health.consecutive_failures == 6
    assert endpoint.health.first_failure_at


def test_a_receiver_that_recovers_gets_it_once_more(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: 503 if len(receiver.received) < 3 else 204
    happen(shop)
    dispatch()
    for _ in range(3):
        pump()
        make_due()

    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.failures, delivery.last_status) == (State.DELIVERED, 2, 204)
    endpoint.health.refresh_from_db()
    assert endpoint.health.consecutive_failures == 0


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry-After": "100"}, 100, 105),
        ({"Retry-After": "864000"}, 120, 120),
        ({"Retry-After": "1"}, 60, 63),
        ({"Retry-After": "later"}, 60, 63),
    ],
)
def test_retry_after_moves_the_next_request(shop, receiver, headers, least, most):
    endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: (429, headers, b"")
    happen(shop)
    send_all()

    delivery = WebhookDelivery.objects.get()
    wait = (delivery.next_at - delivery.attempts.get().ended_at).total_seconds()
    assert least - 0.01 <= wait <= most + 0.01


def test_410_disables_the_endpoint_at_once_and_keeps_what_waits(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url(), max_concurrency=1)
    receiver.answer = lambda request: 410
    happen(shop, count=3)
    send_all()

    endpoint.refresh_from_db()
    assert not endpoint.is_active
    assert endpoint.disabled_reason == "gone"
    assert len(receiver.received) == 1
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) <= {State.HELD, State.PENDING}
    pump(leaves_when_idle_s=1.3)
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {State.HELD}
    assert len(receiver.received) == 1


def test_a_change_made_meanwhile_does_not_bring_a_gone_endpoint_back(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    as_it_was = WebhookEndpoint.objects.get()
    receiver.answer = lambda request: 410
    happen(shop)
    send_all()
    as_it_was.change(description="our shop")

    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_reason, endpoint.description) == (False, "gone", "our shop")


# -- pausing, moving, deleting ---------------------------------------------------------------------------------------------
def test_a_paused_endpoint_keeps_what_waits_and_gets_it_when_resumed(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    happen(shop, count=2)
    dispatch()
    endpoint.change(active=False)
    assert pump() == 0
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {State.HELD}

    endpoint.change(active=True)
    assert pump() == 2
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {State.DELIVERED}


def test_a_deleted_endpoint_gets_nothing_more_and_upsets_nobody(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url("/gone"))
    endpoint_of(shop, receiver.url("/here"))
    happen(shop)
    dispatch()
    endpoint.remove()
    pump()

    assert [request.path for request in receiver.received] == ["/here"]


def test_after_a_change_of_url_retries_go_to_the_new_one(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url("/old"))
    receiver.answer = lambda request: 500 if request.path == "/old" else 200
    happen(shop)
    send_all()
    endpoint.change(url=receiver.url("/new"))
    make_due()
    pump()

    assert [request.path for request in receiver.received] == ["/old", "/new"]
    assert WebhookAttempt.objects.order_by("n").values_list("url", flat=True)[1].endswith("/new")


# -- secrets -------------------------------------------------------------------------------------------------------------
def signs(request, secret: str) -> bool:
    return request.headers["x-webhook-signature"] == hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()


def test_a_secret_rotates_without_a_refused_delivery(shop, receiver):
    endpoint, old = endpoint_of(shop, receiver.url())
    new = endpoint.rotate_secret()
    happen(shop)
    send_all()
    endpoint.promote_secret()
    happen(shop)
    send_all()
    WebhookSecret.objects.filter(endpoint=endpoint).exclude(expires_at=None).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )
    happen(shop)
    send_all()

    during, promoted, after = receiver.received
    assert signs(during, old)
    assert during.headers["x-webhook-signature-next"] == hmac.new(new.encode(), during.body, hashlib.sha256).hexdigest()
    assert signs(promoted, new)
    assert signs(after, new)
    for held, requests in ((old, [during, promoted]), (new, [during, promoted, after])):
        for request in requests:
            standardwebhooks.Webhook(held).verify(request.body.decode(), request.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(old).verify(after.body.decode(), after.headers)


def test_a_rotation_without_a_promote_ends_with_the_overlap(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    second = endpoint.rotate_secret()
    WebhookSecret.objects.exclude(expires_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))
    happen(shop)
    send_all()
    third = endpoint.rotate_secret()
    happen(shop)
    send_all()

    assert [signs(request, second) for request in receiver.received] == [True, True]
    assert not signs(receiver.received[1], third)


def test_a_leaked_secret_is_dropped_at_once(shop, receiver):
    endpoint, leaked = endpoint_of(shop, receiver.url())
    fresh = endpoint.rotate_secret(timedelta(0))
    happen(shop)
    send_all()

    [request] = receiver.received
    assert signs(request, fresh)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(leaked).verify(request.body.decode(), request.headers)


def test_secrets_are_encrypted_where_they_lie(shop, receiver):
    _, secret = endpoint_of(shop, receiver.url())

    [sealed] = WebhookSecret.objects.values_list("sealed", flat=True)
    assert secret not in sealed
    assert secret.removeprefix("whsec_") not in sealed


# -- again ---------------------------------------------------------------------------------------------------------------
def test_a_replay_keeps_the_message_and_leaves_the_first_delivery_its_story(shop, receiver):
    endpoint_of(shop, receiver.url())
    happen(shop)
    send_all()
    first = WebhookDelivery.objects.get()
    again = first.replay()
    pump()

    assert again.pk != first.pk
    assert again.trigger == "manual"
    assert len({(request.id, request.body) for request in receiver.received}) == 1
    assert len(receiver.received) == 2


def test_replaying_one_that_waits_sends_it_now_and_not_twice(shop, receiver):
    endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: 500 if len(receiver.received) < 2 else 200
    happen(shop)
    send_all()
    waiting = WebhookDelivery.objects.get()
    assert waiting.replay().pk == waiting.pk
    pump()

    assert len(receiver.received) == 2
    assert WebhookDelivery.objects.get().state == State.DELIVERED


def test_a_test_goes_through_the_real_pipeline_and_is_not_retried(shop, receiver):
    endpoint, secret = endpoint_of(shop, receiver.url(), ["REFERRAL_CREATED"])
    receiver.answer = lambda request: 500
    delivery = WebhookDelivery.objects.send_test(endpoint, "REWARD_CLAIMED")
    pump()
    make_due()
    pump()

    [request] = receiver.received
    assert request.json["event"] == "REWARD_CLAIMED"
    assert signs(request, secret)
    delivery.refresh_from_db()
    assert delivery.state == State.FAILED


def test_the_purge_takes_the_old_and_leaves_the_rest(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url("/old"))
    happen(shop, count=2)
    send_all()
    old = timezone.now() - timedelta(days=31)
    kept, gone = WebhookDelivery.objects.order_by("id")
    WebhookDelivery.objects.filter(pk=gone.pk).update(created_at=old)
    WebhookMessage.objects.filter(pk=gone.message_id).update(created_at=old)
    assert retention.purge() == 2
    assert [delivery.pk for delivery in WebhookDelivery.objects.all()] == [kept.pk]
    assert WebhookAttempt.objects.count() == WebhookMessage.objects.count() == 1

    endpoint.remove()
    retention.purge()
    assert WebhookDelivery.objects.count() == WebhookEndpoint.with_deleted.count() == 0
