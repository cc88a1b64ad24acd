"""A sandbox's clock: stopped, moved, and everything that has a date with it."""

from datetime import timedelta

import pytest

from incenta import clock
from incenta.accounts import test_clock
from incenta.accounts.models import App
from tests.cast import at_once, caller

pytestmark = pytest.mark.django_db(transaction=True)

START = "2026-03-01T12:00:00.000Z"


@pytest.fixture
def sandbox(himal):
    return caller(App.objects.get(sandbox_of=himal.app))


def days_on(days: float) -> str:
    return clock.iso(clock.parse(START, "at") + timedelta(days=days))


def test_only_a_sandbox_has_one_and_time_goes_forward(himal, sandbox):
    for method, path, body in (
        ("POST", "/test-clock", {"frozenAt": START}),
        ("POST", "/test-clock/advance", {"to": START}),
        ("DELETE", "/test-clock", None),
    ):
        refused = himal(method, path, body)
        assert (refused.status, refused["code"]) == (403, "sandbox_only")
    assert himal.get("/test-clock")["frozenAt"] is None

    assert sandbox.post("/test-clock/advance", {"to": START})["code"] == "clock_runs"
    assert sandbox.post("/test-clock", {"frozenAt": START}).json == {"frozenAt": START, "now": START}
    assert sandbox.post("/test-clock/advance", {"to": days_on(-1)})["code"] == "clock_backwards"
    assert sandbox.post("/test-clock", {"frozenAt": days_on(-1)})["code"] == "clock_backwards"
    for wrong in ("soon", "2026-03-01T12:00:00", 5, None, "9999-12-31T23:59:59Z"):
        assert sandbox.post("/test-clock/advance", {"to": wrong}).status == 400, wrong
    assert sandbox.get("/test-clock")["now"] == START
    assert sandbox.delete("/test-clock").status == 204
    assert sandbox.get("/test-clock")["frozenAt"] is None


def test_holds_mature_windows_close_and_lots_expire_when_it_moves(sandbox):
    assert sandbox.post("/test-clock", {"frozenAt": START}).status == 200
    campaign = sandbox.campaign(
        rewardModel="FIXED", rewardValue=5, fulfillmentType="COINS", holdDays=14, conversionWindowDays=30
    )
    asha = sandbox.code(campaign)
    made = sandbox.convert(asha, "bikram")
    assert sandbox.get(f"/conversions/{made['conversionId']}")["convertedAt"] == START
    rules = {"coinsExpireAfter": 30, "coinsExpireUnit": "day"}
    assert sandbox.patch("/incentives/settings", rules).status == 200

    assert sandbox.post("/test-clock/advance", {"to": days_on(13)}).status == 200
    assert sandbox.get(f"/rewards/{made['rewardId']}")["status"] == "PENDING"
    assert sandbox.get("/incentives/balances/asha")["coins"] == 0

    assert sandbox.post("/test-clock/advance", {"to": days_on(14.5)}).status == 200
    assert sandbox.get(f"/rewards/{made['rewardId']}")["status"] == "PAID"
    assert sandbox.get("/incentives/balances/asha")["coins"] == 5
    paid = sandbox.app.events.filter(type="REWARD_REDEEMED").latest("id")
    assert clock.iso(paid.occurred_at) == days_on(14)  # its own moment, and so says the webhook

    assert sandbox.post("/test-clock/advance", {"to": days_on(31)}).status == 200
    assert sandbox.convert(asha, "devi")["code"] == "conversion_window_expired"
    assert sandbox.post("/test-clock/advance", {"to": days_on(45)}).status == 200
    assert sandbox.get("/incentives/balances/asha")["coins"] == 0
    assert sandbox.get("/incentives/ledger/verify")["ok"]


def test_a_deadline_decides_and_a_board_begins_anew(sandbox):
    assert sandbox.post("/test-clock", {"frozenAt": START}).status == 200
    campaign = sandbox.campaign(fraudMode="hold", fraudDeadlineHours=48, fraudDeadlineOutcome="RELEASE")
    flagged = sandbox.convert(sandbox.code(campaign), "asha")
    assert flagged["status"] == "FLAGGED"
    assert sandbox.post("/incentives/actions", {"key": "visit", "name": "V", "type": "STANDARD", "xp": 5}).status == 201
    assert sandbox.post("/incentives/events", {"userId": "asha", "actionKey": "visit"}).status == 201
    assert sandbox.get("/incentives/leaderboard?period=daily").json != []

    assert sandbox.post("/test-clock/advance", {"to": days_on(3)}).status == 200
    assert sandbox.get(f"/conversions/{flagged['conversionId']}")["status"] == "CONVERTED"
    assert sandbox.get("/incentives/leaderboard?period=daily").json == []


def test_on_the_way_each_thing_happens_at_its_time(sandbox):
    assert sandbox.post("/test-clock", {"frozenAt": START}).status == 200
    for days in (3, 10):
        campaign = sandbox.campaign(fulfillmentType="COINS", rewardModel="FIXED", rewardValue=5, holdDays=days)
        assert sandbox.convert(sandbox.code(campaign), f"friend {days}").status == 201
    assert sandbox.post("/test-clock/advance", {"to": days_on(400)}).json == {
        "frozenAt": days_on(400),
        "now": days_on(400),
    }
    assert sandbox.get("/test-clock")["now"] == days_on(400)
    paid = sandbox.app.events.filter(type="REWARD_REDEEMED").order_by("id")
    assert [clock.iso(event.occurred_at) for event in paid] == [days_on(3), days_on(10)]


def test_a_way_with_more_stops_than_one_request_makes_ends_in_strides(sandbox, monkeypatch):
    monkeypatch.setattr(test_clock, "MOST_STOPS", 3)
    monkeypatch.setattr(test_clock, "STRIDES", 2)
    assert sandbox.post("/test-clock", {"frozenAt": START}).status == 200
    for days in range(1, 11):
        campaign = sandbox.campaign(fulfillmentType="COINS", rewardModel="FIXED", rewardValue=5, holdDays=days)
        assert sandbox.convert(sandbox.code(campaign), f"friend {days}").status == 201
    assert sandbox.post("/test-clock/advance", {"to": days_on(12)}).status == 200
    assert sandbox.get("/test-clock")["now"] == days_on(12)
    paid = sandbox.app.events.filter(type="REWARD_REDEEMED").order_by("id")
    # two stops at what is due, then from day two on two strides of five days
    assert [clock.iso(event.occurred_at) for event in paid] == [
        days_on(day) for day in (1, 2, 7, 7, 7, 7, 7, 12, 12, 12)
    ]


def test_two_who_move_it_at_once_lose_nothing(sandbox):
    assert sandbox.post("/test-clock", {"frozenAt": START}).status == 200
    campaign = sandbox.campaign(fulfillmentType="COINS", rewardModel="FIXED", rewardValue=5, holdDays=3)
    code = sandbox.code(campaign)
    for place in range(5):
        assert sandbox.convert(code, f"friend {place}").status == 201
    answers = at_once(6, lambda place: sandbox.post("/test-clock/advance", {"to": days_on(2 + place)}))
    assert {answer.status for answer in answers} <= {200, 409}
    assert sandbox.get("/test-clock")["now"] == days_on(7)
    assert sandbox.get("/incentives/balances/asha")["coins"] == 25
    assert sandbox.get("/incentives/ledger/verify")["ok"]


def test_no_number_of_moves_leads_out_of_the_calendar(sandbox):
    assert sandbox.post("/test-clock", {"frozenAt": START}).status == 200
    App.objects.filter(pk=sandbox.app.pk).update(clock_frozen_at="2120-01-01T00:00:00Z")
    refused = sandbox.post("/test-clock/advance", {"to": "2129-06-01T00:00:00Z"})
    assert (refused.status, refused["code"]) == (400, "invalid_input")
    assert refused["details"] == {"to": ["Must lie within a hundred years of the present."]}
