"""Who is sent to first: lanes, caps, fairness among those nobody knows, first tries before retries."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from django.db.models.functions import Now

from webhooks import queue
from webhooks.models import EndpointHealth, State, WebhookDelivery
from webhooks.pump import Pump

from .conftest import dispatch, endpoint_of, happen, make_due, pump, send_all
from .test_pump import result_of, wait_until


def claimed(slots: int, **options) -> Counter:
    """Endpoint id to how many were claimed."""
    return Counter(job.endpoint_id for job in queue.claim(slots, uuid4(), **options))


def turn_suspect(*endpoints) -> None:
    EndpointHealth.objects.filter(endpoint__in=endpoints).update(lane="suspect")


def test_a_suspect_has_one_request_out_at_a_time(shop, receiver):
    slow, _ = endpoint_of(shop, receiver.url("/slow"))
    well, _ = endpoint_of(shop, receiver.url("/well"))
    turn_suspect(slow)
    happen(shop, count=20)
    dispatch()

    assert claimed(100) == {slow.pk: 1, well.pk: 8}
    assert claimed(100) == {}, "their caps are used up"


def test_suspects_have_their_share_and_no_more(shop, receiver):
    endpoints = [endpoint_of(shop, receiver.url(f"/{n}"))[0] for n in range(9)]
    slow, well = endpoints[:6], endpoints[6:]
    turn_suspect(*slow)
    happen(shop, count=4)
    dispatch()
    taken = claimed(12, suspects=2)

    assert sum(taken[endpoint.pk] for endpoint in slow) == 2
    assert sum(taken[endpoint.pk] for endpoint in well) == 12
    assert sum(claimed(0, suspects=9).values()) == 4, "and theirs is not taken by the others"


def test_who_has_least_on_its_way_comes_first(shop, receiver):
    hanging = [endpoint_of(shop, receiver.url(f"/hung/{n}"))[0] for n in range(3)]
    happen(shop, count=8)
    dispatch()
    assert sorted(claimed(12).values()) == [4, 4, 4], "nobody is served whole before the others"
    well, _ = endpoint_of(shop, receiver.url("/well"))
    happen(shop, count=8)
    dispatch()

    assert claimed(4) == {well.pk: 4}
    assert sum(claimed(4)[endpoint.pk] for endpoint in hanging) == 3


def test_first_tries_go_before_retries(shop, receiver):
    endpoint_of(shop, receiver.url(), max_concurrency=3)
    happen(shop, count=4)
    dispatch()
    WebhookDelivery.objects.update(failures=2)
    make_due()
    [fresh] = happen(shop)
    dispatch()
    jobs = queue.claim(3, uuid4())

    assert len(jobs) == 3
    assert fresh in {job.message_id for job in jobs}, "though it became due last"


def test_answers_move_an_endpoint_between_the_lanes(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    happen(shop, count=7)
    dispatch()
    first, *others = queue.claim(7, uuid4())
    queue.record(
        [result_of(first, state=State.PENDING, wait_s=60, failures=1, status=None, error="timeout", ms=15_000)]
    )
    endpoint.health.refresh_from_db()
    assert (endpoint.health.lane, endpoint.health.effective_cap) == ("suspect", 4)

    queue.record([result_of(job, ms=20) for job in others[:5]])
    endpoint.health.refresh_from_db()
    assert (endpoint.health.lane, endpoint.health.effective_cap) == ("healthy", 1000)
    assert endpoint.health.recent_ms == [20] * 5


def test_requests_that_are_out_for_long_make_suspect_before_they_are_answered(shop, receiver, monkeypatch):
    """With the bound for slow at nothing, what is out is slow."""
    monkeypatch.setattr("webhooks.pump.SLOW_MS", 0)
    monkeypatch.setattr("webhooks.pump.HOUSEKEEPING_S", 0.05)
    hung, _ = endpoint_of(shop, receiver.url("/hung"), max_concurrency=2)
    release = threading.Event()
    receiver.answer = lambda request: (release.wait(30) and 200) or 200
    happen(shop, count=2)
    dispatch()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(pump)
        wait_until(lambda: EndpointHealth.objects.get(endpoint=hung).lane == "suspect")
        assert WebhookDelivery.objects.filter(state=State.LEASED).count() == 2
        release.set()
        assert running.result() == 2


def test_hanging_requests_are_counted_with_the_suspect():
    """They give their slots back to the healthy, up to what a pump may have out in all."""
    pump = Pump(slots=100)
    assert pump._room() == (100, 25)
    pump._out = {n: job(is_suspect=n < 60) for n in range(60)}
    assert pump._room() == (75, -35), "three quarters stay for the healthy"
    pump._out = {n: job(is_suspect=False) for n in range(80)}
    assert pump._room() == (20, 20)
    pump._claimed_at = time.monotonic() + 60
    assert pump._room() is None, "so few wait a moment for more"
    pump._claimed_at = 0
    pump._out = {n: job(is_suspect=True) for n in range(400)}
    assert pump._room() is None


def job(**fields) -> queue.Job:
    plain = {
        "id": "dlv_1", "app_id": "app_1", "endpoint_id": "whk_1", "message_id": "msg_1", "type": "REWARD_CREATED", "trigger": "auto",
        "n": 1, "failures": 0, "reclaims": 0, "url": "https://example.com/", "timeout_s": 15, "is_suspect": False, "version": "1",
        "claimed_at": 0.0, "body": b"{}", "heard_at": 0.0,
    }  # fmt: skip
    return queue.Job(**plain | fields)


def test_one_slot_is_enough_for_everybody(shop, receiver):
    slow, _ = endpoint_of(shop, receiver.url("/slow"))
    endpoint_of(shop, receiver.url("/well"))
    turn_suspect(slow)
    happen(shop, count=3)
    send_all(slots=1)

    assert Counter(request.path for request in receiver.received) == {"/slow": 3, "/well": 3}


def test_who_waited_longest_is_served_first(shop, receiver):
    early, _ = endpoint_of(shop, receiver.url("/early"))
    late, _ = endpoint_of(shop, receiver.url("/late"))
    EndpointHealth.objects.filter(endpoint=early).update(last_served_at=Now())
    happen(shop)
    dispatch()

    assert claimed(1) == {late.pk: 1}
