"""Limits: no race passes them, a warm call pays nothing for them, and the merchant is told once."""

import time
from datetime import UTC, datetime

import pytest

from incenta.accounts.models import App, Plan
from incenta.api import metering
from incenta.api.models import Allotment
from incenta.events.models import Event

from .conftest import caller, send, statements, together

pytestmark = [pytest.mark.urls("tests.api.routes"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def clock(monkeypatch):
    """Real time as a test may set it; it starts in the middle of a minute of November."""

    class Clock:
        at = datetime(2026, 11, 23, 9, 30, 20, tzinfo=UTC).timestamp()

    monkeypatch.setattr(metering.time, "time", lambda: Clock.at)
    return Clock


def limit(who, **limits) -> None:
    plan = Plan.objects.get(pk=who.app.merchant.plan_id)
    for name, value in limits.items():
        setattr(plan, name, value)
    plan.save()


def calls_of(who) -> Allotment:
    return Allotment.objects.get(scope=f"calls:{who.app.pk}")


def test_the_month_is_limited_to_the_call(himal, clock):
    limit(himal, monthly_calls=5)
    answers = [himal.get("/v1/people") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    refused = answers[-1]
    assert refused.json()["code"] == "monthly_limit_exceeded"
    assert refused.json()["details"] == {"limit": 5, "resetsAt": "2026-12-01T00:00:00.000Z"}
    until_december = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp() - clock.at)
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"] == str(until_december)
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert calls_of(himal).leased == 5


def test_the_merchant_is_told_once_a_month(himal, clock):
    limit(himal, monthly_calls=1)
    for _ in range(3):
        himal.get("/v1/people")
    metering._told.clear()  # as in another process
    metering.meter.forget()
    himal.get("/v1/people")
    told = Event.objects.get(type="USAGE_LIMIT_EXCEEDED")
    assert told.app_id == himal.app.pk
    assert told.data == {
        "appId": himal.app.pk,
        "currentUsage": 1,
        "limit": 1,
        "resetsAt": "2026-12-01T00:00:00.000Z",
    }
    clock.at = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert himal.get("/v1/people").status_code == 200
    assert himal.get("/v1/people").status_code == 429
    assert Event.objects.filter(type="USAGE_LIMIT_EXCEEDED").count() == 2


def test_the_merchant_is_told_once_by_threads_at_once(himal, clock):
    limit(himal, monthly_calls=0)
    assert set(together(12, lambda _: himal.get("/v1/people").status_code)) == {429}
    assert Event.objects.filter(type="USAGE_LIMIT_EXCEEDED").count() == 1


def test_sixty_calls_at_once_for_nineteen_that_are_left(himal, clock):
    limit(himal, monthly_calls=20)
    himal.get("/v1/people")
    answers = together(60, lambda _: himal.get("/v1/people").status_code)
    assert sorted(answers) == [200] * 19 + [429] * 41
    assert calls_of(himal).leased == 20


def test_several_processes_share_one_limit(himal, clock):
    """Each thread has a meter of its own, as each process has."""
    window, _ = metering.month_of(clock.at)

    def process(_):
        meter = metering.Meter()
        taken = 0
        for _ in range(120):
            if meter.take("calls:app_shared", 500, window, 50) is not None:
                taken += 1
        return taken, meter.give_back()

    results = together(6, process)
    taken, returned = sum(one for one, _ in results), sum(other for _, other in results)
    assert taken <= 500
    assert Allotment.objects.get(scope="calls:app_shared").leased == taken
    # what one process held and gave back, another may still use
    meter = metering.Meter()
    while meter.take("calls:app_shared", 500, window, 50) is not None:
        taken += 1
    assert taken == 500
    assert returned < 100


def test_blocks_shrink_to_one(clock, db):
    window, _ = metering.month_of(clock.at)
    meter = metering.Meter()
    blocks = []
    while meter.take("calls:app_1", 30_000, window, 50) is not None:
        lease = meter.leases["calls:app_1"]
        blocks.append(lease.left + 1)
        lease.left = 0
    assert sum(blocks) == 30_000
    assert blocks[0] == 500
    assert blocks == sorted(blocks, reverse=True)
    assert blocks[-1] == 1


def test_the_rate_is_a_keys_own_and_starts_anew_each_minute(himal, clock):
    limit(himal, calls_per_minute=3)
    other = caller(himal.app)
    answers = [himal.get("/v1/people") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[3].json()["code"] == "rate_limited"
    assert answers[3].headers["Retry-After"] == answers[3].headers["RateLimit-Reset"] == "40"
    assert other.get("/v1/people").status_code == 200
    clock.at += 40
    assert himal.get("/v1/people").status_code == 200


def test_no_race_passes_the_rate(himal, clock):
    limit(himal, calls_per_minute=25)
    assert sorted(together(60, lambda _: himal.get("/v1/people").status_code)) == [200] * 25 + [429] * 35


def test_failed_calls_count_to_the_rate(himal, clock):
    limit(himal, calls_per_minute=4)
    answers = [himal.post("/v1/people", b"{"), himal.get("/v1/nothing"), himal.send("PUT", "/v1/people")]
    assert [answer.status_code for answer in answers] == [400, 404, 405]
    assert himal.get("/v1/broken").status_code == 500
    assert himal.get("/v1/people").status_code == 429


def test_our_own_faults_do_not_count_to_the_month(himal, clock):
    limit(himal, monthly_calls=2)
    assert [himal.get("/v1/broken").status_code for _ in range(4)] == [500] * 4
    assert [himal.get("/v1/people").status_code for _ in range(3)] == [200, 200, 429]


def test_calls_refused_by_the_rate_do_not_count_to_the_month(himal, clock):
    limit(himal, calls_per_minute=1, monthly_calls=2)
    assert [himal.get("/v1/people").status_code for _ in range(3)] == [200, 429, 429]
    clock.at += 60
    assert himal.get("/v1/people").status_code == 200


def test_a_larger_plan_counts_at_once_in_this_process(himal, clock):
    limit(himal, monthly_calls=1)
    assert [himal.get("/v1/people").status_code for _ in range(2)] == [200, 429]
    limit(himal, monthly_calls=3)
    assert [himal.get("/v1/people").status_code for _ in range(3)] == [200, 200, 429]
    limit(himal, monthly_calls=2)
    assert himal.get("/v1/people").status_code == 429


def test_a_smaller_plan_takes_back_what_was_leased(himal, clock):
    limit(himal, monthly_calls=10_000)
    himal.get("/v1/people")
    assert calls_of(himal).leased == 200
    limit(himal, monthly_calls=1)
    assert himal.get("/v1/people").status_code == 429
    assert calls_of(himal).leased == 1


def test_idle_leases_go_back(himal, clock):
    limit(himal, monthly_calls=10_000)
    himal.get("/v1/people")
    assert calls_of(himal).leased == 200
    assert metering.meter.give_back(idle_for=60) == 0
    assert metering.meter.give_back() > 199
    assert calls_of(himal).leased == 1
    himal.get("/v1/people")
    metering.meter.give_back()
    assert calls_of(himal).leased == 2
    assert metering.usage(App.objects.get(pk=himal.app.pk)) == {
        "calls": 2,
        "limit": 10_000,
        "resetsAt": "2026-12-01T00:00:00.000Z",
    }


def test_a_warm_call_pays_no_statement(himal, clock):
    himal.get("/v1/nothing")
    for _ in range(3):
        assert not statements(lambda: himal.get("/v1/nothing"))


def test_live_and_sandbox_are_counted_apart(himal, sandbox, clock):
    limit(himal, monthly_calls=1)
    assert himal.get("/v1/people").status_code == 200
    assert sandbox.get("/v1/people").status_code == 200
    assert himal.get("/v1/people").status_code == 429


def test_a_refused_call_writes_nothing(himal, clock):
    limit(himal, monthly_calls=1)
    for n in range(3):
        himal.post("/v1/people", {"userId": f"user_{n}"})
    assert himal.app.participants.count() == 1
    sent = statements(lambda: himal.post("/v1/people", {"userId": "user_9"}))
    assert not sent


def test_strangers_make_us_write_nothing(db):
    send("GET", "/v1/people", x_api_key="inc_live_wrong")
    assert not Allotment.objects.exists()


def test_minutes_are_dropped_after_a_day_and_months_are_kept(himal, monkeypatch):
    himal.get("/v1/people")
    Allotment.objects.update(window_start=datetime.fromtimestamp(time.time() - 90_000, UTC))
    assert metering.purge() == 1
    assert Allotment.objects.get().scope.startswith("calls:")


def test_months():
    assert metering.month_of(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) == (
        datetime(2026, 12, 1, tzinfo=UTC).timestamp(),
        datetime(2027, 1, 1, tzinfo=UTC).timestamp(),
    )
    assert (
        metering.month_of(datetime(2028, 2, 29, tzinfo=UTC).timestamp())[1]
        == datetime(2028, 3, 1, tzinfo=UTC).timestamp()
    )
