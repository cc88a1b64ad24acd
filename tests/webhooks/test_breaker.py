"""The breaker: after five failures in a row nothing is sent for a while, then one probe at a time; nothing is used up by waiting."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from webhooks import queue
from webhooks.models import EndpointHealth, EndpointHour, State, WebhookDelivery

from .conftest import dispatch, endpoint_of, happen, on_own_connection, pump, send_all
from .test_pump import result_of


def open_window(**fields) -> None:
    """The time of the probe comes."""
    EndpointHealth.objects.update(open_until=Now(), **fields)


@pytest.fixture
def broken(shop, receiver):
    """An endpoint whose breaker has opened, with five deliveries that failed and twenty that wait."""
    endpoint, _ = endpoint_of(shop, receiver.url(), max_concurrency=5)
    receiver.answer = lambda request: 500
    happen(shop, count=25)
    send_all()
    endpoint.health.refresh_from_db()
    return endpoint


def test_it_opens_after_five_failures_and_what_waits_uses_up_nothing(broken, receiver):
    sent = len(receiver.received)
    health = broken.health

    assert 5 <= sent <= 9, "what was on its way when it opened"
    assert (health.breaker, health.open_s) == ("open", 30)
    assert health.open_until - timezone.now() <= timedelta(seconds=30)
    assert pump() == 0
    assert WebhookDelivery.objects.filter(state=State.PENDING, failures=0, sends=0).count() == 25 - sent


def test_one_probe_a_window_and_the_window_doubles(broken, receiver):
    for open_s in (60, 120, 240, 300, 300):
        sent = len(receiver.received)
        open_window()
        assert pump() == 1
        assert len(receiver.received) == sent + 1
        broken.health.refresh_from_db()
        assert (broken.health.breaker, broken.health.open_s) == ("open", open_s)


def test_a_probe_that_succeeds_closes_it_and_all_of_it_drains(broken, receiver):
    waiting = WebhookDelivery.objects.filter(failures=0).count()
    receiver.answer = lambda request: 200
    open_window()

    assert pump() == waiting
    assert WebhookDelivery.objects.filter(failures=0, state=State.DELIVERED).count() == waiting
    broken.health.refresh_from_db()
    assert (broken.health.breaker, broken.health.open_until, broken.health.open_s) == ("closed", None, 0)
    assert set(WebhookDelivery.objects.exclude(failures=0).values_list("failures", flat=True)) == {1}


def test_pumps_that_race_for_the_probe_send_one(broken):
    open_window()
    ready = threading.Barrier(4)

    def race(_):
        ready.wait()
        return on_own_connection(lambda: len(queue.claim(50, uuid4())))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(race, range(4))) == 1
    broken.health.refresh_from_db()
    assert broken.health.breaker == "half_open"
    assert queue.claim(50, uuid4()) == [], "the probe is out"


def test_a_probe_whose_pump_dies_is_sent_anew(broken, receiver):
    open_window()
    assert len(queue.claim(50, uuid4())) == 1
    WebhookDelivery.objects.filter(state=State.LEASED).update(lease_until=Now() - timedelta(seconds=1))
    queue.reap()
    receiver.answer = lambda request: 200

    assert pump() > 1, "and after it the others"


def test_our_own_trouble_says_nothing_about_the_receiver(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    happen(shop, count=8)
    dispatch()
    jobs = queue.claim(8, uuid4())
    queue.record([result_of(job, state=State.PENDING, wait_s=30, error="fault", is_ours=True) for job in jobs])
    endpoint.health.refresh_from_db()

    assert (endpoint.health.breaker, endpoint.health.consecutive_failures) == ("closed", 0)
    assert EndpointHour.objects.count() == 0


def test_results_recorded_at_once_lose_none_of_the_tally(shop, receiver):
    """Batches that share endpoints, in different orders, from different sessions."""
    endpoints = [endpoint_of(shop, receiver.url(f"/{n}"), max_concurrency=64)[0] for n in range(3)]
    happen(shop, count=40)
    dispatch()
    jobs = queue.claim(120, uuid4())
    assert len(jobs) == 120
    batches = [jobs[place::6] if place % 2 else jobs[place::6][::-1] for place in range(6)]
    ready = threading.Barrier(6)

    def record(batch):
        ready.wait()
        on_own_connection(lambda: queue.record([result_of(job, ms=60) for job in batch]))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(record, batches))

    heard = Counter()
    for hour in EndpointHour.objects.all():
        heard[hour.endpoint_id] += hour.good
        assert hour.latency[1] == hour.good
    assert heard == {endpoint.pk: 40 for endpoint in endpoints}
