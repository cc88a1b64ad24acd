"""An endpoint that is moved, paused or deleted while its deliveries are claimed; clocks that are wrong; databases that take nothing."""

import time
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models.functions import Now

from incenta.database import sql
from webhooks import drain as draining
from webhooks import queue
from webhooks.models import PumpCount, State, WebhookAttempt, WebhookDelivery
from webhooks.pump import Pump

from .conftest import dispatch, endpoint_of, happen, make_due, on_own_connection, pump, send_all
from .test_pump import result_of


# -- endpoints that change under a claim -------------------------------------------------------------------------------------
@pytest.fixture
def between(monkeypatch):
    """Does something after a claim is committed, right before its requests would leave."""
    found = queue._as_they_are

    def set_up(act):
        def first_act(jobs):
            if jobs:
                on_own_connection(act)
                monkeypatch.setattr(queue, "_as_they_are", found)
            return found(jobs)

        monkeypatch.setattr(queue, "_as_they_are", first_act)

    return set_up


def test_what_is_claimed_when_the_url_changes_goes_to_the_new_one_only(shop, receiver, between):
    endpoint, _ = endpoint_of(shop, receiver.url("/old"))
    happen(shop, count=3)
    dispatch()
    between(lambda: endpoint.change(url=receiver.url("/new")))
    assert pump() == 0, "put back, it is the next one's"
    pump()

    assert {request.path for request in receiver.received} == {"/new"}
    assert len(receiver.received) == 3
    delivery = WebhookDelivery.objects.first()
    assert (delivery.state, delivery.sends, delivery.failures, delivery.reclaims) == (State.DELIVERED, 2, 0, 0)
    assert [attempt.error for attempt in delivery.attempts.order_by("n")] == ["withdrawn", None]


def test_what_is_claimed_when_it_is_paused_is_held(shop, receiver, between):
    endpoint, _ = endpoint_of(shop, receiver.url())
    happen(shop, count=3)
    dispatch()
    between(lambda: endpoint.change(active=False))
    pump()
    queue.hold()

    assert receiver.received == []
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {State.HELD}
    endpoint.change(active=True)
    assert pump() == 3


def test_what_is_claimed_when_it_is_deleted_is_not_sent(shop, receiver, between):
    endpoint, _ = endpoint_of(shop, receiver.url())
    happen(shop, count=3)
    dispatch()
    between(endpoint.remove)

    assert pump() == 0
    assert receiver.received == []


def test_a_410_of_the_old_place_does_not_disable_the_new_one(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url("/old"))
    receiver.answer = lambda request: (on_own_connection(lambda: endpoint.change(url=receiver.url("/new"))), 410)[1]
    happen(shop)
    send_all()
    endpoint.refresh_from_db()

    assert endpoint.is_active


def test_a_new_place_is_not_held_to_what_the_old_one_did(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url("/old"))
    receiver.answer = lambda request: 500 if request.path == "/old" else 200
    happen(shop, count=12)
    send_all()
    endpoint.health.refresh_from_db()
    assert endpoint.health.breaker == "open"
    endpoint.change(url=receiver.url("/new"))
    waiting = WebhookDelivery.objects.filter(failures=0).count()

    assert pump() == waiting > 0
    endpoint.health.refresh_from_db()
    assert (endpoint.health.breaker, endpoint.health.open_s, endpoint.health.consecutive_failures) == ("closed", 0, 0)


# -- clocks ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("skew_s", [-600, 600])
def test_a_pump_whose_clock_is_wrong_keeps_to_the_databases(shop, receiver, monkeypatch, skew_s):
    endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: 500
    true = time.time
    monkeypatch.setattr("webhooks.pump.time.time", lambda: true() + skew_s)
    happen(shop)
    send_all()
    monkeypatch.undo()
    [request] = receiver.received
    delivery = WebhookDelivery.objects.get()

    assert abs(int(request.headers["webhook-timestamp"]) - delivery.attempts.get().started_at.timestamp()) < 60
    assert 59 < (delivery.next_at - delivery.attempts.get().ended_at).total_seconds() < 66
    assert PumpCount.objects.get(name="clock_skews").value >= 1


# -- a database that takes nothing ---------------------------------------------------------------------------------------------
def test_while_results_are_not_taken_nothing_is_sent(shop, receiver, monkeypatch):
    """The disk is full for the results; once it is not, they are there, and nothing was sent twice."""
    endpoint_of(shop, receiver.url(), max_concurrency=2)
    happen(shop, count=6)
    dispatch()
    sql.execute(
        """CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"""
    )
    sql.execute(
        """CREATE TRIGGER full_disk BEFORE UPDATE ON webhooks_webhookdelivery FOR EACH ROW
        WHEN (NEW.state = 'delivered') EXECUTE FUNCTION full_disk()"""
    )
    refused = []
    record = queue.record

    def watched(results):
        try:
            record(results)
        except Exception:
            refused.append(len(receiver.received))
            if len(refused) == 4:
                connection.close()
                sql.execute("DROP FUNCTION full_disk CASCADE")
            raise

    monkeypatch.setattr(queue, "record", watched)
    try:
        assert pump() == 6
    finally:
        sql.execute("DROP FUNCTION IF EXISTS full_disk CASCADE")

    assert len(refused) == 4
    assert max(refused) <= 2, "nothing more was sent while the results waited"
    assert set(WebhookDelivery.objects.values_list("state", "sends")) == {(State.DELIVERED, 1)}


def test_a_batch_that_takes_too_long_is_recorded_in_parts(shop, receiver, monkeypatch):
    endpoint_of(shop, receiver.url())
    happen(shop, count=3)
    dispatch()
    record = queue.record

    def slow(results):
        if len(results) > 1:
            with transaction.atomic():
                sql.execute("SET LOCAL statement_timeout = 1")
                sql.execute("SELECT pg_sleep(1)")
        record(results)

    monkeypatch.setattr(queue, "record", slow)
    receiver.answer = lambda request: time.sleep(0.03) or 200
    assert pump() == 3

    assert set(WebhookDelivery.objects.values_list("state", "sends")) == {(State.DELIVERED, 1)}


def test_a_result_that_comes_after_its_lease_counts_while_nobody_has_sent_again(shop, receiver):
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    [late] = queue.claim(10, uuid4())
    WebhookDelivery.objects.update(lease_until=Now())
    time.sleep(0.01)
    assert queue.reap() == 1
    queue.record([result_of(late)])
    make_due()

    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.sends) == (State.DELIVERED, 1)
    assert pump() == 0


# -- starting and stopping -----------------------------------------------------------------------------------------------------
def test_a_pump_whose_leases_could_end_before_its_requests_does_not_start(monkeypatch):
    monkeypatch.setattr(queue, "GRACE_S", 4)

    with pytest.raises(ImproperlyConfigured, match="lease"):
        Pump()


def test_a_drain_whose_worker_is_told_to_stop_finishes_what_is_out(shop, receiver):
    """The worker's parent process tells; the drain, in a child of it, sees it in the memory they share."""
    endpoint_of(shop, receiver.url(), max_concurrency=2)
    receiver.answer = lambda request: (draining._end(), time.sleep(0.2), 200)[-1]
    happen(shop, count=10)
    dispatch()
    try:
        sent = on_own_connection(draining.drain)
        assert on_own_connection(draining.drain) == 0, "a new one does not begin"
    finally:
        draining._begin()

    assert 1 <= sent <= 4
    states = list(WebhookDelivery.objects.values_list("state", flat=True))
    assert (states.count(State.DELIVERED), states.count(State.PENDING)) == (sent, 10 - sent)
    assert WebhookAttempt.objects.filter(ended_at=None).count() == 0
    receiver.answer = lambda request: 200
    assert on_own_connection(draining.drain) == 10 - sent, "nothing is lost, and nothing sent twice"


def test_housekeeping_that_fails_does_not_stop_the_sending(shop, receiver, monkeypatch):
    endpoint_of(shop, receiver.url())
    happen(shop)
    dispatch()
    monkeypatch.setattr(queue, "_HOLD", "SELECT nonsense")

    assert pump() == 1
