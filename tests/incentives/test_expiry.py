"""Points that expire: when, in which order they are spent, and what comes back where."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incentives import expiring
from incentives.book import Expiry
from tests.cast import at_once
from tests.incentives.game import action, books, did, points, sound
from tests.referrals.moments import at

UTC_ZONE, KATHMANDU, NEW_YORK = ZoneInfo("UTC"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/New_York")


def ends(text: str, count: int, unit: str, round: str = "none", zone: ZoneInfo = UTC_ZONE) -> str:
    return Expiry(count, unit, round).of(datetime.fromisoformat(text), zone).isoformat()


@pytest.mark.parametrize(
    ("earned", "months", "end"),
    [
        ("2026-01-31T10:00:00Z", 1, "2026-03-01T00:00:00+00:00"),  # to the end of February
        ("2024-01-31T10:00:00Z", 1, "2024-03-01T00:00:00+00:00"),  # which has 29 days
        ("2024-01-29T10:00:00Z", 1, "2024-02-29T10:00:00+00:00"),
        ("2026-01-15T10:00:00Z", 1, "2026-02-15T10:00:00+00:00"),
        ("2026-05-31T10:00:00Z", 1, "2026-07-01T00:00:00+00:00"),
        ("2026-12-31T10:00:00Z", 2, "2027-03-01T00:00:00+00:00"),
        ("2026-12-31T23:59:59Z", 12, "2027-12-31T23:59:59+00:00"),
        ("2024-02-29T10:00:00Z", 12, "2025-03-01T00:00:00+00:00"),
    ],
)
def test_a_month_ends_in_the_next_month(earned, months, end):
    assert ends(earned, months, "month") == end


def test_rounding_goes_to_the_end_of_the_day_or_month_of_the_apps_zone():
    # half past five in the afternoon in London is quarter past eleven at night in Kathmandu
    assert ends("2026-03-10T17:30:00Z", 1, "day", "day", KATHMANDU) == "2026-03-11T18:15:00+00:00"
    assert ends("2026-03-10T18:30:00Z", 1, "day", "day", KATHMANDU) == "2026-03-12T18:15:00+00:00"
    assert ends("2026-01-31T18:30:00Z", 1, "month", "month", KATHMANDU) == "2026-03-31T18:15:00+00:00"
    assert ends("2026-03-10T17:30:00Z", 30, "day", "month") == "2026-05-01T00:00:00+00:00"


def test_a_day_is_a_day_also_when_the_clocks_change():
    # New York is an hour ahead from 8 March 2026 on, and back from 1 November on
    assert ends("2026-03-07T17:00:00Z", 1, "day", zone=NEW_YORK) == "2026-03-08T16:00:00+00:00"
    assert ends("2026-10-31T16:00:00Z", 1, "day", zone=NEW_YORK) == "2026-11-01T17:00:00+00:00"
    assert (
        ends("2026-03-07T07:30:00Z", 1, "day", zone=NEW_YORK) == "2026-03-08T07:30:00+00:00"
    )  # half past two does not exist
    assert ends("2026-03-07T17:00:00Z", 1, "day", "day", NEW_YORK) == "2026-03-09T04:00:00+00:00"


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 40),
    st.sampled_from(["day", "month"]),
    st.sampled_from(["none", "day", "month"]),
    st.sampled_from(
        [ZoneInfo("UTC"), KATHMANDU, NEW_YORK, ZoneInfo("America/Havana"), ZoneInfo("Australia/Lord_Howe")]
    ),
)
def test_nothing_expires_early_and_rounding_only_lengthens(earned, count, unit, round, zone):
    end = Expiry(count, unit, round).of(earned, zone)
    exact = Expiry(count, unit, "none").of(earned, zone)
    assert end >= exact > earned and end.tzinfo == UTC
    days = count if unit == "day" else 28 * count
    assert end - earned >= timedelta(days=days) - timedelta(hours=1)
    assert end - earned <= timedelta(days=(count if unit == "day" else 31 * count) + 33)
    if round != "none":
        local = end.astimezone(zone)
        assert (local.hour, local.minute) == (0, 0) or (local.hour, local.minute) == (1, 0)  # where midnight is skipped
        assert round == "day" or local.day == 1


# --- the job --------------------------------------------------------------------------------------------------------
@pytest.fixture
def shop(sandbox):
    """Where coins end after thirty days, and tokens never."""
    assert sandbox.patch("/incentives/settings", {"coinsExpireAfter": 30})["version"] == 2
    action(sandbox, coins=50, tokens=3)
    return sandbox


@pytest.mark.django_db
def test_coins_end_when_their_time_has_come_and_not_before(shop):
    did(shop)
    at(shop, "2026-03-11T12:00:00Z")
    did(shop)
    assert shop.get("/incentives/balances/asha")["expiring"] == [
        {"amount": 50, "asset": "coins", "at": "2026-03-31T12:00:00.000Z"},
        {"amount": 50, "asset": "coins", "at": "2026-04-10T12:00:00.000Z"},
    ]
    at(shop, "2026-03-31T11:59:59Z")
    assert expiring.expire_all() == 0 and points(shop) == (20, 100, 6)
    at(shop, "2026-03-31T12:00:00Z")
    assert expiring.expire_all() == 1 and expiring.expire_all() == 0
    assert points(shop) == (20, 50, 6)
    entry = shop.get("/incentives/balances/asha/entries?asset=coins")["entries"][0]
    assert (entry["kind"], entry["amount"], entry["balance"], entry["cause"]["type"]) == ("EXPIRE", -50, 50, "lot")
    at(shop, "2027-01-01T00:00:00Z")
    assert expiring.expire_all() == 1 and points(shop) == (20, 0, 6)
    sound(shop)


@pytest.mark.django_db
def test_what_expires_soonest_is_spent_first_and_comes_back_where_it_was(shop):
    for day in ("2026-03-01", "2026-03-05", "2026-03-09"):
        at(shop, f"{day}T12:00:00Z")
        did(shop)
    mug = shop.post("/incentives/catalog", {"name": "Mug", "coinCost": 70})["id"]
    redeemed = shop.post("/incentives/redeem", {"userId": "asha", "itemId": mug})
    assert [(each["amount"], each["at"][:10]) for each in shop.get("/incentives/balances/asha")["expiring"]] == [
        (30, "2026-04-04"),
        (50, "2026-04-08"),
    ]
    shop.patch(f"/incentives/redemptions/{redeemed['redemptionId']}", {"status": "CANCELLED"})
    assert [(each["amount"], each["at"][:10]) for each in shop.get("/incentives/balances/asha")["expiring"]] == [
        (50, "2026-03-31"),
        (50, "2026-04-04"),
        (50, "2026-04-08"),
    ]
    sound(shop)


@pytest.mark.django_db
def test_what_has_expired_cannot_be_spent_even_before_the_job_has_come(shop):
    did(shop)
    at(shop, "2026-04-01T12:00:00Z")
    before = books(shop)
    refused = shop.post("/incentives/adjustments", {"userId": "asha", "coins": -10, "reason": "Late"})
    assert (refused.status, refused["code"]) == (409, "insufficient_balance")
    assert books(shop) == before


@pytest.mark.django_db
def test_a_setting_counts_for_what_is_earned_from_then_on(shop):
    did(shop)
    shop.patch("/incentives/settings", {"coinsExpireAfter": 1, "coinsExpireUnit": "month", "coinsExpireRound": "month"})
    did(shop)
    shop.patch("/incentives/settings", {"coinsExpireAfter": None})
    did(shop)
    assert shop.get("/incentives/balances/asha")["expiring"] == [
        {"amount": 50, "asset": "coins", "at": "2026-03-31T12:00:00.000Z"},
        {"amount": 50, "asset": "coins", "at": "2026-05-01T00:00:00.000Z"},
    ]
    assert shop.get("/incentives/settings")["version"] == 5
    changes = list(shop.app.rule_changes.filter(noun="settings").order_by("version").values_list("after", flat=True))
    assert [change["coinsExpireAfter"] for change in changes] == [30, 1, None]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"coinsExpireAfter": 0},
        {"coinsExpireAfter": 10**6},
        {"coinsExpireAfter": 1.5},
        {"coinsExpireUnit": "week"},
        {"streakFreezes": -1},
        {"version": 9},
    ],
)
def test_what_no_setting_can_be(shop, wrong):
    before = books(shop)
    assert shop.patch("/incentives/settings", wrong).status == 400
    assert books(shop) == before


@pytest.mark.django_db
def test_an_event_of_long_ago_gives_coins_that_have_ended_already(shop):
    assert did(shop, occurredAt="2026-01-01T00:00:00Z")["balances"] == {"xp": 10, "coins": 0, "tokens": 3}
    sound(shop)


@pytest.mark.django_db(transaction=True)
def test_two_jobs_at_once_expire_each_lot_once(shop):
    for place in range(30):
        did(shop, f"user {place}")
    at(shop, "2026-06-01T12:00:00Z")
    assert sum(at_once(4, lambda _: expiring.expire_all())) == 30
    assert points(shop, "user 3") == (10, 0, 3)
    sound(shop)
