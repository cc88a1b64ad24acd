"""Pumps say every second that they live: what a dead one held is sent by another in seconds, what a living one holds never is."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now

from incenta.database import sql
from webhooks import queue, retention
from webhooks.models import Pump as SignOfLife
from webhooks.models import State, WebhookDelivery
from webhooks.pump import Pump

from .conftest import dispatch, endpoint_of, happen, make_due, on_own_connection, pump
from .test_pump import pump_process, result_of, wait_until


def goes_by(seconds: float) -> None:
    """As if so much time had gone by for all that pumps have said of each other; leases run as they are."""
    back = f"make_interval(secs => {seconds})"
    sql.execute(f"UPDATE webhooks_pump SET seen_at = seen_at - {back}, silent_since = silent_since - {back}")


def claimed(shop, receiver, lease):
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    queue.beat(lease)
    [job] = queue.claim(10, lease)
    return job


def test_what_a_dead_pump_held_is_taken_back_before_its_lease_ends(shop, receiver):
    dead, other = uuid4(), uuid4()
    claimed(shop, receiver, dead)
    goes_by(queue.SILENCE_S + 1)
    queue.beat(other)
    assert SignOfLife.objects.get(silent_since=None).pk == other
    assert queue.reap() == 0, "silent, but it may be that nobody could be heard"
    queue.beat(other)
    assert queue.reap() == 0, "the doubt has its time, however often others look"
    goes_by(queue.DOUBT_S + 0.1)
    queue.beat(other)

    assert queue.reap() == 1
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.sends, delivery.failures, delivery.reclaims) == (State.PENDING, 1, 0, 1)
    assert pump() == 1
    assert [attempt.error for attempt in delivery.attempts.order_by("n")] == ["abandoned", None]


def test_after_a_pause_of_everything_the_living_keep_what_they_hold(shop, receiver):
    """The database stood still for a minute: all are silent when it is back, and whoever is heard again keeps its leases."""
    lease, other = uuid4(), uuid4()
    claimed(shop, receiver, lease)
    goes_by(60)
    queue.beat(other)
    queue.beat(lease)
    goes_by(queue.DOUBT_S + 0.1)
    queue.beat(lease)
    queue.beat(other)

    assert queue.reap() == 0
    assert WebhookDelivery.objects.get().state == State.LEASED


def test_a_pump_that_was_only_thought_dead_overwrites_nothing(shop, receiver):
    """It stood still for as long as it takes to be given up, and then its answer comes in after all."""
    slept = uuid4()
    late = claimed(shop, receiver, slept)
    goes_by(queue.SILENCE_S + 1)
    queue.beat(uuid4())
    goes_by(queue.DOUBT_S + 0.1)
    assert queue.reap() == 1
    make_due()
    [again] = queue.claim(10, uuid4())
    queue.beat(slept)
    queue.record([result_of(late, state=State.FAILED, failures=6, status=500, error="status")])
    assert WebhookDelivery.objects.get().state == State.LEASED

    queue.record([result_of(again)])
    assert WebhookDelivery.objects.get().state == State.DELIVERED
    assert SignOfLife.objects.get(pk=slept).silent_since is None


def test_leases_of_a_release_that_gave_no_signs_end_in_time_only(shop, receiver):
    """While an upgrade rolls, pumps of the former release have no row."""
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    queue.claim(10, uuid4())
    queue.beat(uuid4())
    assert queue.reap() == 0

    WebhookDelivery.objects.update(lease_until=Now())
    time.sleep(0.01)
    assert queue.reap() == 1


def test_thirty_pumps_that_note_each_others_silence_do_not_wait_in_a_ring(transactional_db):
    """After a pause all are silent, and all are heard again at once."""
    pumps = [uuid4() for _ in range(30)]
    for one in pumps:
        queue.beat(one)
    start = threading.Barrier(30, action=lambda: on_own_connection(lambda: goes_by(queue.SILENCE_S + 1)))

    def beats(one):
        try:
            for _ in range(10):
                start.wait(30)
                queue.beat(one)
        finally:
            connection.close()

    with ThreadPoolExecutor(30) as pool:
        for done in [pool.submit(beats, one) for one in pumps]:
            done.result()

    assert SignOfLife.objects.filter(seen_at__gte=Now() - timedelta(seconds=queue.SILENCE_S)).count() == 30


@pytest.mark.faults
def test_a_killed_process_is_missed_within_seconds(shop, receiver):
    """SIGKILL with the request on its way, and no clock moved: the second request comes before the lease could have ended."""
    endpoint_of(shop, receiver.url(), timeout_s=30)
    hold = threading.Event()
    receiver.answer = lambda request: (hold.wait(60) and 200) or 200
    happen(shop)
    dispatch()
    with pump_process() as process:
        wait_until(lambda: receiver.received)
        process.kill()
        process.wait()
    hold.set()
    wait_until(lambda: pump() == 1, 40)

    delivery = WebhookDelivery.objects.get()
    first, second = receiver.received
    assert (delivery.state, delivery.sends, delivery.reclaims) == (State.DELIVERED, 2, 1)
    assert first.id == second.id
    assert second.at - first.at >= queue.SILENCE_S, "nobody is given up at once"
    assert second.at - first.at < 30 + queue.GRACE_S, "the lease would have run longer"


def test_a_pump_lives_while_it_is_told_to_stop_and_while_its_results_are_not_taken(shop, receiver, monkeypatch):
    """The two times when it claims nothing, and still holds something."""
    monkeypatch.setattr("webhooks.pump.BEAT_S", 0.05)
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    one = Pump()
    signs = SignOfLife.objects.filter(pk=one.lease)
    record, refused = queue.record, []

    def answer(request):
        one.stop()
        before = on_own_connection(signs.get).seen_at
        wait_until(lambda: on_own_connection(signs.filter(seen_at__gt=before).exists), 20)
        return 200

    def refuses_until_it_is_heard_again(results):
        refused.append(signs.get().seen_at)
        if refused[-1] == refused[0]:
            raise OperationalError("the database system is in recovery mode")
        record(results)

    receiver.answer = answer
    monkeypatch.setattr(queue, "record", refuses_until_it_is_heard_again)

    assert on_own_connection(lambda: asyncio.run(one.run())) == 1
    assert len(refused) >= 2
    assert WebhookDelivery.objects.get().state == State.DELIVERED
    assert not SignOfLife.objects.exists(), "it says good-bye"


def test_a_sign_that_is_not_taken_does_not_stop_the_sending(shop, receiver, monkeypatch):
    endpoint_of(shop, receiver.url())
    happen(shop, count=3)
    dispatch()
    monkeypatch.setattr("webhooks.pump.BEAT_S", 0.01)
    monkeypatch.setattr(queue, "_BEAT", "SELECT nonsense FROM nowhere WHERE id = %(pump)s")

    assert pump() == 3
    assert set(WebhookDelivery.objects.values_list("state", "sends")) == {(State.DELIVERED, 1)}


def test_rows_of_the_dead_do_not_stay(transactional_db):
    long_dead, dead, living = uuid4(), uuid4(), uuid4()
    queue.beat(long_dead)
    goes_by(5)
    queue.beat(dead)
    goes_by(3600)
    queue.beat(dead)
    goes_by(5)
    queue.beat(living)
    retention.purge()

    assert set(SignOfLife.objects.values_list("pk", flat=True)) == {dead, living}
