"""What is told of how an endpoint fares."""

from datetime import timedelta

import pytest
from django.utils import timezone

from webhooks import pace, retention
from webhooks.models import EndpointHealth, EndpointHour, State, WebhookDelivery
from webhooks.models.health import LATENCY_BOUNDS_MS

from .conftest import dispatch, endpoint_of, happen, pump, send_all

BUCKETS = len(LATENCY_BOUNDS_MS) + 1


def counts(**by_bound: int) -> list[int]:
    """``_100=3``: three in the bucket up to 100 ms."""
    made = [0] * BUCKETS
    for name, count in by_bound.items():
        made[LATENCY_BOUNDS_MS.index(int(name.removeprefix("_")))] = count
    return made


@pytest.mark.parametrize(
    ("latency", "share", "ms"),
    [
        ([0] * BUCKETS, 0.5, None),
        (counts(_50=1), 0.5, 25),
        (counts(_100=10), 0.5, 75),
        (counts(_50=50, _100=50), 0.5, 50),
        (counts(_50=95, _1000=5), 0.95, 50),
        (counts(_50=90, _1000=10), 0.95, 750),
        ([0] * (BUCKETS - 1) + [3], 0.5, 30_000),
    ],
)
def test_percentiles_are_interpolated_within_their_bucket(latency, share, ms):
    assert pace.percentile(latency, share) == ms


def test_an_endpoint_that_was_sent_nothing_has_no_figures(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    told = pace.health_of(endpoint)

    assert (told.success_rate, told.p50_ms, told.p95_ms, told.good, told.bad) == (None, None, None, 0, 0)
    assert (told.pending, told.waiting_since, told.held, told.next_probe_at) == (0, None, 0, None)
    assert (told.lane, told.breaker) == ("healthy", "closed")
    assert len(told.hours) == 24
    assert {(hour.good, hour.bad) for hour in told.hours} == {(0, 0)}


def test_the_figures_agree_with_the_attempts_to_the_request(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: 500 if len(receiver.received) == 1 else 200
    happen(shop, count=4)
    send_all()
    told = pace.health_of(endpoint)

    assert (told.good, told.bad, told.success_rate) == (3, 1, 0.75)
    assert 0 <= told.p50_ms <= told.p95_ms
    assert sum(hour.good + hour.bad for hour in told.hours[-2:]) == 4, "the hour may have struck"
    assert (told.pending, told.waiting_since) == (1, None), "its retry waits for its time"


def test_hours_that_are_over_still_count_for_a_day(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    EndpointHour.objects.bulk_create(
        EndpointHour(app=shop, endpoint=endpoint, hour=now - timedelta(hours=ago), good=ago, bad=1, latency=counts(_100=ago + 1))
        for ago in (3, 22, 24, 30)
    )  # fmt: skip
    told = pace.health_of(endpoint)

    assert (told.good, told.bad) == (25, 2)
    assert [hour.good for hour in told.hours if hour.good] == [22, 3]
    assert [later.hour - hour.hour for hour, later in zip(told.hours, told.hours[1:], strict=False)] == [
        timedelta(hours=1)
    ] * 23


def test_a_backlog_is_told_with_how_long_it_waits(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    happen(shop, count=3)
    dispatch()
    due = timezone.now() - timedelta(minutes=5)
    first = WebhookDelivery.objects.order_by("id").first()
    WebhookDelivery.objects.filter(pk=first.pk).update(next_at=due)
    WebhookDelivery.objects.exclude(pk=first.pk).update(state=State.HELD)
    told = pace.health_of(endpoint)

    assert (told.pending, told.waiting_since, told.held) == (1, due, 2)


def test_an_open_breaker_tells_when_it_asks_again(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    until = timezone.now() + timedelta(seconds=30)
    EndpointHealth.objects.update(breaker="open", open_until=until)

    assert (pace.health_of(endpoint).breaker, pace.health_of(endpoint).next_probe_at) == ("open", until)


def test_any_number_of_endpoints_costs_two_statements(shop, rival, receiver, django_assert_num_queries):
    ours = [endpoint_of(shop, receiver.url(f"/{n}"))[0] for n in range(3)]
    theirs, _ = endpoint_of(rival.app, receiver.url("/rival"))
    happen(shop)
    dispatch()
    pump()
    with django_assert_num_queries(2):
        told = pace.paces(shop, [*ours, theirs])

    assert sorted(told) == sorted(endpoint.pk for endpoint in ours), "another app's is not told"
    assert {one.good for one in told.values()} == {1}
    with django_assert_num_queries(0):
        assert pace.paces(shop, []) == {}


def test_hours_are_kept_for_ninety_days(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    now = timezone.now()
    for days in (89, 91):
        EndpointHour.objects.create(
            app=shop, endpoint=endpoint, hour=now - timedelta(days=days), good=1, latency=counts(_50=1)
        )
    retention.purge()

    assert [(now - hour.hour).days for hour in EndpointHour.objects.all()] == [89]
