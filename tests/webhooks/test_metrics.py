"""What Prometheus is told, and who else is not."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from webhooks import queue
from webhooks.doorbell import CountingDoorbell
from webhooks.models import EndpointHealth, WebhookDelivery, count
from webhooks.pump import Pump

from .conftest import dispatch, endpoint_of, happen, make_due, pump, send_all
from .test_pump import wait_until


def figures(**headers) -> dict[tuple, float]:
    """(name, labels…) to value, as Prometheus reads it."""
    answer = Client(REMOTE_ADDR="127.0.0.1").get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_a_new_installation_is_all_zeros(shop):
    told = figures()

    for name in ("webhook_pending", "webhook_oldest_pending_seconds", "webhook_breaker_open", "webhook_reclaims_total"):
        assert told[(name,)] == 0
    assert told[("webhook_doorbell_errors_total",)] == told[("webhook_latency_seconds_count",)] == 0


def test_what_pumps_did_is_told(shop, receiver):
    endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: 500 if len(receiver.received) == 1 else 200
    happen(shop, count=3)
    send_all()
    told = figures()

    assert told["webhook_attempts_total", "delivered"] == 2
    assert told["webhook_attempts_total", "status"] == 1
    assert told["webhook_latency_seconds_bucket", "+Inf"] == told[("webhook_latency_seconds_count",)] == 3
    assert told[("webhook_pending",)] == 1
    assert told[("webhook_oldest_pending_seconds",)] == 0, "its retry is not due"
    WebhookDelivery.objects.filter(state="pending").update(next_at=Now() - timedelta(minutes=5))
    EndpointHealth.objects.update(breaker="open")
    told = figures()
    assert told[("webhook_oldest_pending_seconds",)] >= 300
    assert told[("webhook_breaker_open",)] == 1


def test_what_was_taken_back_from_the_dead_is_counted(shop, receiver):
    endpoint_of(shop, receiver.url())
    happen(shop, count=2)
    dispatch()
    queue.claim(10, Pump().lease)
    WebhookDelivery.objects.update(lease_until=Now() - timedelta(seconds=1))
    pump()
    make_due()
    pump()

    assert figures()[("webhook_reclaims_total",)] == 2


def test_counters_add_up_over_their_rows(transactional_db):
    for _ in range(3):
        count.add({("doorbell_errors", ""): 2, ("attempts", "delivered"): 1})

    assert figures()[("webhook_doorbell_errors_total",)] == 6
    assert figures()["webhook_attempts_total", "delivered"] == 3


def test_a_ring_that_the_broker_does_not_take_is_counted(transactional_db, free_port):
    bell = CountingDoorbell("webhooks.drain", broker=f"amqp://guest:guest@127.0.0.1:{free_port}//")
    bell.ring()
    wait_until(lambda: bell.errors == 1)

    assert figures()[("webhook_doorbell_errors_total",)] == 1


def test_a_scrape_costs_the_same_few_statements(db, django_assert_num_queries):
    figures()
    with django_assert_num_queries(9):
        figures()


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("203.0.113.9", {}, 404),
        ("", {}, 404),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, 404),
        ("127.0.0.1", {"x-real-ip": "203.0.113.9"}, 404),
        ("203.0.113.9", {"authorization": "Bearer for-prometheus"}, 200),
        ("203.0.113.9", {"authorization": "Bearer for-prometheus-not"}, 404),
        ("203.0.113.9", {"authorization": "Bearer "}, 404),
        ("203.0.113.9", {"authorization": "Basic for-prometheus"}, 404),
        ("203.0.113.9", {"authorization": "Bearer für"}, 404),
    ],
)
def test_only_this_machine_and_whoever_has_the_token_is_answered(db, settings, address, headers, status):
    settings.METRICS_TOKEN = "for-prometheus"

    assert Client(REMOTE_ADDR=address).get("/metrics", headers=headers).status_code == status


def test_without_a_token_in_the_settings_none_opens_it(db, settings):
    settings.METRICS_TOKEN = ""

    assert Client(REMOTE_ADDR="203.0.113.9").get("/metrics", headers={"authorization": "Bearer "}).status_code == 404
