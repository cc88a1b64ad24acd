"""Usage: calls by day and endpoint are what was called; the forecast follows the pace; the meter stands in every page's top bar."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incenta.accounts.models import Role
from incenta.api import request_log
from incenta.api.dashboard.usage import forecast, month_of, stacked
from incenta.api.models import CallDay
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db

MAY = month_of(date(2026, 5, 11), date(2026, 5, 11))


def test_a_month_ends_where_the_next_begins():
    assert (MAY.start, MAY.end, len(MAY.days)) == (date(2026, 5, 1), date(2026, 6, 1), 31)
    december = month_of(date(2026, 12, 31), date(2026, 12, 31))
    assert (december.end, december.is_running) == (date(2027, 1, 1), True)
    assert not month_of(date(2026, 4, 30), date(2026, 5, 1)).is_running


@pytest.mark.parametrize(
    ("today", "by_day", "told"),
    [
        (11, {}, None),
        (11, {10: 70}, (70 + 10 + 20 * 10, 10.0)),
        (11, {4: 700, 11: 100}, (800 + 20 * 100, 100.0)),
        (11, {3: 700, 11: 40}, (740, 0.0)),
        (1, {1: 30}, (30 + 30 * 30, 30)),
        (31, {30: 7, 31: 5}, (12, 1.0)),
    ],
)
def test_the_forecast_follows_the_last_whole_days(today, by_day, told):
    month = month_of(date(2026, 5, 1), date(2026, 5, today))
    days = {date(2026, 5, day): calls for day, calls in by_day.items()}
    assert forecast(month, sum(by_day.values()), days) == told


@pytest.mark.parametrize(
    ("today", "by_day", "told"),
    [
        (11, {10: 70}, (70 + 21 * 70, 70.0)),  # the day on which it was made, at whatever hour, is no whole one
        (9, {9: 40}, (40 + 22 * 40, 40)),
        (11, {9: 500, 10: 70}, (570 + 21 * 70, 70.0)),
    ],
)
def test_days_before_the_app_was_there_are_no_days_without_calls(today, by_day, told):
    month = month_of(date(2026, 5, 1), date(2026, 5, today))
    days = {date(2026, 5, day): calls for day, calls in by_day.items()}
    assert forecast(month, sum(by_day.values()), days, since=date(2026, 5, 9)) == told


def test_a_month_that_is_over_has_no_forecast():
    assert forecast(month_of(date(2026, 4, 1), date(2026, 5, 1)), 9, {date(2026, 4, 3): 9}) is None


def test_the_picture_says_what_it_shows_and_draws_nothing_else():
    picture = stacked(MAY, [("GET /v1/<x>", {date(2026, 5, 2): 30}), ("all others", {date(2026, 5, 2): 10})], 4.0)
    assert "40 in all, at most 40 in a day" in picture
    assert picture.count("<rect") == 2
    assert "<x>" not in picture and "style=" not in picture
    assert 'class="pace"' in picture


def test_calls_are_counted_by_day_and_endpoint(himal, owner, url):
    today = datetime.now(UTC).date()
    for _ in range(3):
        himal.get("/campaigns")
    himal.get("/campaigns/camp_unknown")
    himal.campaign()
    request_log.flush()
    himal.get("/campaigns")
    request_log.flush()
    counted = dict(himal.app.call_days.filter(day__gte=today).values_list("endpoint", "calls"))
    assert counted["GET /v1/campaigns"] == 4
    assert counted["POST /v1/campaigns"] == 1
    assert sum(counted.values()) == 6
    page = body(owner.get(url("usage/")))
    assert "GET /v1/campaigns (4)" in page
    assert "GET /v1/campaigns/{campaign_id} (1)" in page
    assert "At this pace by" in page
    assert 'class="i-gauge"' in body(owner.get(url("campaigns/")))
    assert "No calls" in body(owner.get(url("usage/?month=last")))
    assert "No calls" in body(owner.get(url("usage/", himal.app.sandbox)))


def test_refused_calls_are_told_apart_and_failures_too(himal, owner, url):
    line = {"app": himal.app.pk, "method": "GET", "route": "api/v1/stats", "at": 1_700_000_000.5}
    days = request_log._days(
        [line | {"status": status} for status in (200, 429, 503)] + [line | {"app": None, "status": 401}]
    )
    assert days == [
        {"app": himal.app.pk, "day": "2023-11-14", "endpoint": "GET /v1/stats", "calls": 2, "failed": 1, "limited": 1}
    ]


def test_last_month_is_told_apart_and_costs_the_same(himal, owner, url):
    first = datetime.now(UTC).date().replace(day=1)

    def cost() -> int:
        owner.get(url("usage/"))
        with CaptureQueriesContext(connection) as captured:
            owner.get(url("usage/"))
        return len(captured)

    CallDay.objects.create(app=himal.app, day=first - timedelta(days=1), endpoint="GET /v1/old", calls=1234)
    CallDay.objects.create(app=himal.app, day=first, endpoint="GET /v1/new", calls=5)
    few = cost()
    CallDay.objects.bulk_create(
        CallDay(app=himal.app, day=first, endpoint=f"GET /v1/more{number}", calls=1) for number in range(30)
    )
    assert cost() == few <= 12
    page = body(owner.get(url("usage/?month=last")))
    assert "1,234" in page and "/v1/new" not in page
    assert "/v1/old" not in body(owner.get(url("usage/")))


@pytest.mark.parametrize("role", sorted(Role))
def test_everybody_of_the_merchant_sees_it_and_nobody_else(himal, rival, url, role):
    CallDay.objects.create(app=himal.app, day=datetime.now(UTC).date(), endpoint="GET /v1/ours", calls=5)
    assert "/v1/ours" in body(sign_in(himal.app.merchant, role).get(url("usage/")))
    browser = sign_in(rival.app.merchant)
    assert browser.get(url("usage/")).status_code == 404
    assert "/v1/ours" not in body(browser.get(url("usage/", rival.app)))
