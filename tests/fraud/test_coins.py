"""Coin farming: programs that earn by the clock are found, people who like the thing are not."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fraud import deciding
from fraud.models import Flag, KeyKind, Link, PersonHold, Score
from fraud.settings import revise
from incenta.events.dispatch import dispatch
from incentives import earning_patterns, engine, farming
from incentives.earning_patterns import Done, Earning
from incentives.engine import Doing
from tests.cast import at_once
from tests.incentives.game import action, did, points, sound, standing
from tests.referrals.moments import at

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def earning(times, cooldown=HOUR, most=None, keys=None, payload="", key="visit") -> Earning:
    done = [
        Done(at.timestamp(), at.date().isoformat(), True, keys and f"{keys}{place}", payload)
        for place, at in enumerate(times)
    ]
    return Earning(key, cooldown, most, done)


def every(gap: timedelta, count: int) -> list[datetime]:
    return [NOON + place * gap for place in range(count)]


@pytest.mark.parametrize(
    ("gap", "count", "near", "close"),
    [
        (HOUR, 11, 1.0, None),
        (HOUR + timedelta(seconds=4), 30, 1.0, 1.0),
        (HOUR + timedelta(seconds=90), 30, None, 1.0),
        (HOUR + timedelta(minutes=10), 60, None, None),
        (HOUR, 10, None, None),  # nine gaps are too few to tell
    ],
)
def test_a_program_does_not_wait_longer_than_it_must(gap, count, near, close):
    found = earning_patterns.of([earning(every(gap, count))])
    assert (found.get("coin_near"), found.get("coin_close")) == (near, close)


def test_what_is_done_once_a_day_is_a_streak():
    daily = [
        earning(every(timedelta(days=1), 60), cooldown=timedelta(hours=20)),
        earning(every(timedelta(days=1), 60), cooldown=None, most=1),
    ]
    assert earning_patterns.of(daily) == {}


def test_all_limits_of_several_actions_on_most_days():
    full = [NOON + timedelta(days=day, minutes=place) for day in range(6) for place in range(10)]
    assert "coin_full_actions" not in earning_patterns.of([earning(full, None, 20)])
    found = earning_patterns.of([earning(full, None, 10), earning(full, None, 10, key="tap")])
    assert (found["coin_full_actions"], found["coin_full_days"], found["coin_since"]) == (
        2,
        6,
        "2026-03-01T12:00:00+00:00",
    )
    small = [NOON + timedelta(days=day, minutes=place) for day in range(7) for place in range(3)]
    assert earning_patterns.of([earning(small, None, 3), earning(small, None, 3, key="tap")]) == {}


def test_many_keys_at_once_and_a_client_that_retries():
    burst = every(timedelta(seconds=20), 25)
    assert earning_patterns.of([earning(burst, None, keys="k")])["coin_spray"] == 25
    assert earning_patterns.of([earning(burst, None, keys="k", payload="same")])["coin_spray_same"] is True
    assert earning_patterns.of([earning(every(timedelta(minutes=1), 60), None, keys="k")]) == {}


# --- the job --------------------------------------------------------------------------------------------------------
@pytest.fixture
def game(sandbox):
    """``visit`` is rewarded once an hour, ``tap`` once a quarter of an hour; a mug costs 30 coins."""
    action(sandbox, cooldown=3600)
    action(sandbox, "tap", cooldown=900, coins=1)
    sandbox.mug = sandbox.post("/incentives/catalog", {"name": "Mug", "coinCost": 30})["id"]
    return sandbox


def earn(game, user: str, gap: timedelta, count: int, key: str = "visit", **more) -> None:
    engine.record(
        game.app,
        [Doing(user, key, occurred_at=NOON - timedelta(days=6) + place * gap, **more) for place in range(count)],
    )


def farm(game, user: str = "mallory") -> None:
    """Six days of the clock: every reward of two actions, at once when it may be had."""
    earn(game, user, HOUR + timedelta(seconds=2), 140)
    earn(game, user, timedelta(minutes=15, seconds=1), 560, "tap")


def test_a_farmer_is_flagged_and_held_and_who_likes_the_game_is_not(game, rival):
    farm(game)
    earn(game, "asha", timedelta(minutes=97), 80)
    earn(game, "asha", timedelta(minutes=31), 200, "tap")
    assert farming.look(game.app) == 1
    flags = {flag.signal: flag for flag in Flag.objects.filter(app=game.app)}
    assert set(flags) == {"COIN_JUST_UNDER", "COIN_ALL_LIMITS"}
    flag = flags["COIN_JUST_UNDER"]
    assert (flag.subject_type, flag.subject_id, flag.score) == ("USER", "mallory", 45)
    assert flag.evidence["actions"] == ["tap", "visit"] and flag.evidence["since"].startswith("2026-02-2")
    assert PersonHold.objects.filter(app=game.app).values_list("user_id", "case_id").get() == ("mallory", flag.case_id)
    assert did(game, "mallory")["notAwarded"]["code"] == "fraud_hold"
    assert game.post("/incentives/redeem", {"userId": "mallory", "itemId": game.mug})["code"] == "on_hold"
    assert did(game, "asha")["notAwarded"] is None
    assert Score.objects.get(app=game.app).features["extra"]["coin_near"] == 1.0
    # looking again finds the same and says nothing new
    assert farming.look(game.app) == 0
    assert Flag.objects.filter(app=game.app).count() == 2 and Flag.objects.filter(app=game.app, hits=1).count() == 2


def test_a_lone_signal_is_for_review_and_holds_where_the_app_says_so(game):
    earn(game, "mallory", HOUR, 60)
    revise(game.app, {"coin_hold_at": 25}, actor="asha")
    farm_alone = {"coin_near": 1.0, "coin_near_gaps": 59, "coin_near_action": "visit"}
    assert farming.judge(game.app, "bikram", farm_alone) is True
    assert standing(game, "bikram").on_hold
    revise(game.app, {"coin_hold_at": 40}, actor="asha")
    assert farming.look(game.app) == 1
    assert Flag.objects.filter(app=game.app, subject_id="mallory").count() == 1
    assert not standing(game, "mallory").on_hold


def test_rejecting_takes_the_farmed_points_back_and_clearing_gives_what_was_withheld(game):
    action(game, "buy", coins=100)
    did(game, "mallory", "buy")
    farm(game)
    farm(game, "bikram")
    farming.look(game.app)
    did(game, "bikram", "buy")
    cases = {flag.subject_id: flag.case_id for flag in Flag.objects.filter(app=game.app)}
    decided = deciding.decide(game.app, cases["mallory"], "REJECT", actor="asha", note="A program")
    assert points(game, "mallory") == (10, 100, 0) and not standing(game, "mallory").on_hold
    kinds = {effect.kind for effect in decided.effects}
    assert {"points_taken_back", "person_released"} <= kinds
    before = points(game, "bikram")
    deciding.decide(game.app, cases["bikram"], "APPROVE", actor="asha")
    assert points(game, "bikram") == (before[0] + 10, before[1] + 100, 0)
    # what was cleared stays silent
    earn(game, "bikram", HOUR, 3)
    assert farming.look(game.app) == 0
    sound(game)


def test_linked_users_who_all_take_one_thing(game):
    users = [f"sock{place}" for place in range(6)]
    for user in [*users, *(f"honest{place}" for place in range(6))]:
        game.post("/incentives/adjustments", {"userId": user, "coins": 31, "reason": "Start"})
        assert game.post("/incentives/redeem", {"userId": user, "itemId": game.mug}).status == 201
    for user in users:
        Link.objects.create(app=game.app, kind=KeyKind.DEVICE, key=1, user_id=user, first_seen=NOON, last_seen=NOON)
    assert farming.look(game.app) == 6
    flags = Flag.objects.filter(app=game.app, signal="COIN_FUNNEL")
    assert sorted(flag.subject_id for flag in flags) == users
    assert len({flag.case_id for flag in flags}) == 1
    assert farming.look(game.app) == 0


def test_a_spray_of_keys(game):
    action(game, "score", coins=1)
    for place in range(30):
        told = {"metadata": {"level": place}} if place % 2 else {"metadata": {"level": 0}}
        did(game, "mallory", "score", idempotencyKey=f"m{place}", **told)
        did(game, "asha", "score", idempotencyKey=f"a{place}", metadata={"order": 7})
    farming.look(game.app)
    assert list(Flag.objects.filter(app=game.app).values_list("subject_id", "signal")) == [
        ("mallory", "COIN_IDEMPOTENCY_SPRAY")
    ]


def test_it_goes_on_from_where_it_was_and_costs_little(game):
    farm(game)
    farming.look(game.app)
    with CaptureQueriesContext(connection) as sent:
        assert farming.look(game.app) == 0
    assert len(sent) <= 12
    at(game, "2026-03-20T12:00:00Z")
    did(game, "asha")
    with CaptureQueriesContext(connection) as sent:
        farming.look(game.app)
    assert len(sent) <= 12
    dispatch()


@pytest.mark.django_db(transaction=True)
def test_several_workers_at_once_flag_and_hold_once(game):
    for user in ("mallory", "bikram"):
        farm(game, user)
    results = at_once(4, lambda _: farming.look(game.app))
    assert not [each for each in results if isinstance(each, BaseException)], results
    assert Flag.objects.filter(app=game.app).count() == 4
    assert PersonHold.objects.filter(app=game.app, released_at=None).count() == 2
    assert game.app.events.filter(type="FRAUD_FLAG_CREATED").count() == 4
    sound(game)
