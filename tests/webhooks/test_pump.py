"""The pump under trouble: pumps that race, die, lose their database, or meet rows that they cannot handle."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections
from django.db.models.functions import Now

from incenta.database import sql
from webhooks import drain as draining
from webhooks import queue
from webhooks.models import EndpointHealth, State, WebhookAttempt, WebhookDelivery, WebhookSecret
from webhooks.pump import Pump, judge
from webhooks.transport import Outcome

from .conftest import dispatch, endpoint_of, happen, make_due, on_own_connection, pump, send_all

ROOT = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    """What another process needs to work on the database of this test."""
    database = connection.settings_dict
    host = database["HOST"] or database["OPTIONS"].get("host", "")
    place = f":{database['PORT']}" if database["PORT"] else ""
    url = f"postgresql://{quote(database['USER'])}:{quote(database['PASSWORD'])}@{place}/{database['NAME']}?host={quote(host, safe='')}"
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "incenta.settings",
        "DEBUG": "true",
        "SECRET_KEY": django_settings.SECRET_KEY,
        "INCENTA_ALLOW_PRIVATE_WEBHOOKS": "true",
        "DATABASE_URL": url,
    } | more  # fmt: skip


@contextmanager
def pump_process():
    process = subprocess.Popen([sys.executable, "manage.py", "webhook_pump"], cwd=ROOT, env=environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(probe, seconds=60):
    end = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.03)


def states() -> Counter:
    return Counter(WebhookDelivery.objects.values_list("state", flat=True))


# -- side by side ----------------------------------------------------------------------------------------------------------
def test_pumps_that_race_send_each_delivery_once_and_keep_to_the_caps(shop, receiver):
    endpoints = [endpoint_of(shop, receiver.url(f"/{n}"), max_concurrency=3)[0] for n in range(4)]
    busy: Counter = Counter()
    highest: Counter = Counter()
    lock = threading.Lock()

    def slow(request):
        with lock:
            busy[request.path] += 1
            highest[request.path] = max(highest[request.path], busy[request.path])
        time.sleep(0.02)
        with lock:
            busy[request.path] -= 1
        return 200

    receiver.answer = slow
    happen(shop, count=60)
    dispatch()
    with ThreadPoolExecutor(3) as pool:
        sent = list(pool.map(lambda _: pump(leaves_when_idle_s=0.4), range(3)))

    assert sum(sent) == len(receiver.received) == 60 * len(endpoints)
    assert states() == {State.DELIVERED: 240}
    assert max(Counter((request.path, request.id) for request in receiver.received).values()) == 1
    assert max(highest.values()) <= 3


def test_one_hung_receiver_does_not_hold_up_the_others(shop, receiver):
    hung, _ = endpoint_of(shop, receiver.url("/hung"), max_concurrency=4, timeout_s=30)
    endpoint_of(shop, receiver.url("/well"))
    release = threading.Event()
    receiver.answer = lambda request: (release.wait(29) and 200) or 200 if request.path == "/hung" else 200
    happen(shop, count=50)
    dispatch()
    with ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        running = pool.submit(pump)
        wait_until(lambda: sum(request.path == "/well" for request in receiver.received) == 50, 25)
        took = time.monotonic() - started
        waiting = sum(request.path == "/hung" for request in receiver.received)
        WebhookDelivery.objects.filter(endpoint=hung, state=State.PENDING).delete()
        release.set()
        running.result()

    assert took < 25
    assert waiting <= 4


# -- death -----------------------------------------------------------------------------------------------------------------
@pytest.mark.faults
def test_a_pump_killed_while_it_sends_loses_nothing(shop, receiver):
    """SIGKILL with the request on its way: the lease ends, and the same message is sent again."""
    endpoint_of(shop, receiver.url())
    hold = threading.Event()
    receiver.answer = lambda request: (hold.wait(10) and 200) or 200
    [event_id] = happen(shop)
    dispatch()
    with pump_process() as process:
        wait_until(lambda: receiver.received)
        process.kill()
        process.wait()
    hold.set()

    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.sends, delivery.failures) == (State.LEASED, 1, 0)
    assert delivery.attempts.get().ended_at is None, "the request left with its row"
    assert pump() == 0, "its lease still runs"

    WebhookDelivery.objects.update(lease_until=Now())
    time.sleep(0.01)
    assert pump() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.sends, delivery.failures, delivery.reclaims) == (State.DELIVERED, 2, 0, 1)
    assert [attempt.error for attempt in delivery.attempts.order_by("n")] == ["abandoned", None]
    first, second = receiver.received
    assert first.id == second.id == event_id
    assert first.body == second.body


@pytest.mark.faults
def test_a_pump_told_to_stop_finishes_what_is_out(shop, receiver):
    endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: time.sleep(0.5) or 200
    happen(shop, count=8)
    dispatch()
    with pump_process() as process:
        wait_until(lambda: len(receiver.received) == 8)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0

    assert states() == {State.DELIVERED: 8}
    assert len(receiver.received) == 8


@pytest.mark.faults
def test_a_result_outlives_the_loss_of_the_database(shop, receiver):
    """Every session is cut while a request is out; the result waits for a new one, and nothing is sent twice."""
    endpoint_of(shop, receiver.url())

    def cut(request):
        with connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connections.close_all()
        return 200

    receiver.answer = cut
    happen(shop)
    dispatch()
    assert pump() == 1
    connection.close()

    assert states() == {State.DELIVERED: 1}
    assert len(receiver.received) == 1


def test_a_late_result_does_not_overwrite_what_was_done_since(shop, receiver):
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    [late] = queue.claim(10, Pump().lease)
    WebhookDelivery.objects.update(lease_until=Now())
    time.sleep(0.01)
    assert queue.reap() == 1
    [job] = queue.claim(10, Pump().lease)
    assert job.n == 2
    queue.record([result_of(late, state=State.FAILED, failures=6, status=500, error="status")])

    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.failures) == (State.LEASED, 0)
    assert delivery.attempts.get(n=1).status == 500, "what it saw is still told"


def test_a_delivery_under_which_workers_die_is_set_aside(shop, receiver):
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    for _ in range(queue.MOST_RECLAIMS):
        make_due()
        assert len(queue.claim(10, Pump().lease)) == 1
        WebhookDelivery.objects.update(lease_until=Now())
        time.sleep(0.01)
        queue.reap()

    assert states() == {State.QUARANTINED: 1}
    assert WebhookDelivery.objects.get().failures == 0
    make_due()
    assert pump() == 0


# -- rows and secrets that cannot be handled ---------------------------------------------------------------------------------
def result_of(job: queue.Job, **fields) -> queue.Result:
    plain = {
        "id": job.id, "n": job.n, "state": State.DELIVERED, "failures": job.failures, "reclaims": job.reclaims, "wait_s": None,
        "status": 200, "error": None, "ms": 1, "ip": None, "request_headers": {}, "response_headers": {}, "response_body": "",
    }  # fmt: skip
    return queue.Result(**plain | fields)


def test_one_result_that_will_not_go_in_does_not_take_the_others_with_it(shop, receiver):
    endpoint_of(shop, receiver.url())
    happen(shop, count=3)
    dispatch()
    one = Pump()
    results = [result_of(job) for job in queue.claim(10, one.lease)]
    results[1].ip = "x" * 100

    async def record():
        one._thread = ThreadPoolExecutor(1)
        try:
            await one._record(results)
        finally:
            await one._call(lambda: connection.close())

    asyncio.run(record())

    assert states() == {State.DELIVERED: 3}
    assert WebhookAttempt.objects.filter(ended_at=None).count() == 0


def test_our_own_trouble_uses_up_none_of_the_receivers_chances(shop, receiver):
    poisoned, _ = endpoint_of(shop, receiver.url("/poisoned"))
    endpoint_of(shop, receiver.url("/well"))
    WebhookSecret.objects.filter(endpoint=poisoned).update(sealed="not for our keys")
    happen(shop)
    dispatch()
    for _ in range(queue.MOST_FAULTS):
        pump()
        make_due()

    delivery = WebhookDelivery.objects.get(endpoint=poisoned)
    assert (delivery.state, delivery.failures, delivery.last_error) == (State.QUARANTINED, 0, "fault")
    assert EndpointHealth.objects.get(endpoint=poisoned).consecutive_failures == 0
    assert [request.path for request in receiver.received] == ["/well"]


def test_a_receiver_that_closes_idle_connections_is_not_blamed(shop, receiver):
    """The first reuse of a connection that the receiver has closed costs no wait and no chance."""
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    [job] = queue.claim(1, Pump().lease)
    stale = judge(job, {}, Outcome(error="disconnected", was_stale=True))
    job.n = 2
    again = judge(job, {}, Outcome(error="disconnected", was_stale=True))

    assert (stale.state, stale.failures, stale.wait_s) == (State.PENDING, 0, 0.0)
    assert (again.state, again.failures) == (State.PENDING, 1)
    assert again.wait_s >= 60


def test_an_endpoint_deleted_while_its_request_is_out_upsets_nobody(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: (on_own_connection(endpoint.remove), 500)[1]
    happen(shop)
    send_all()
    make_due()

    assert pump() == 0
    assert len(receiver.received) == 1


# -- the drain -------------------------------------------------------------------------------------------------------------
def test_a_drain_leaves_at_once_where_enough_are_at_work(shop, receiver, monkeypatch):
    monkeypatch.setattr(draining, "MOST_AT_ONCE", 1)
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    with draining._place() as is_ours:
        assert is_ours
        assert on_own_connection(draining.drain) == 0
    assert on_own_connection(draining.drain) == 1
    assert sql.row(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %(lock)s", {"lock": draining._LOCK}
    ) == (0,)


def test_a_drain_ends_with_its_budget(shop, receiver):
    endpoint_of(shop, receiver.url(), max_concurrency=1)
    receiver.answer = lambda request: time.sleep(0.1) or 200
    happen(shop, count=50)
    dispatch()
    started = time.monotonic()
    sent = pump(budget_s=0.5)

    assert 1 <= sent < 50
    assert time.monotonic() - started < 4.5, "all fifty take five seconds"
    assert states()[State.LEASED] == 0
