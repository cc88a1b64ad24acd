"""Events: rewarded once, told why not, replayed for ever; one alone or a thousand at once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incentives.models import Activity
from tests.incentives.game import action, badge, books, did, level, milestone, points, sound, standing
from tests.referrals.moments import at

pytestmark = pytest.mark.django_db


def test_the_seed_is_played(himal):
    for key, xp, coins in (("signed_up", 10, 5), ("complete_profile", 100, 50), ("first_project", 200, 100)):
        action(himal, key, xp=xp, coins=coins, maxRepeats=1)
        first = did(himal, key=key, idempotencyKey=f"asha_{key}")
        assert first.status == 201 and first["awarded"] == {"xp": xp, "coins": coins, "tokens": 0}
        again = did(himal, key=key, idempotencyKey=f"asha_{key}")
        assert again.status == 200 and again.json == first.json | {"idempotentReplay": True}
    assert points(himal) == (310, 155, 0)
    sound(himal)


def test_the_answer_says_all_that_an_event_brought(himal):
    action(himal, xp=100, coins=50)
    level(himal, 2, 100, coins=20, badgeKey=badge(himal, "second", xp=5)["key"])
    milestone(himal, "hundred", "xp", 100, tokens=1)
    answer = did(himal, metadata={"plan": "pro"})
    assert answer.json == {
        "eventId": answer["eventId"],
        "userId": "asha",
        "actionKey": "visit",
        "awarded": {"xp": 100, "coins": 50, "tokens": 0},
        "balances": {"xp": 105, "coins": 70, "tokens": 1},
        "bonus": {"xp": 5, "coins": 20, "tokens": 1},
        "level": 2,
        "leveledUp": True,
        "levelsReached": [2],
        "badgesEarned": ["second"],
        "milestonesReached": ["hundred"],
        "streak": 1,
        "notAwarded": None,
        "withheld": None,
        "riskScore": None,
        "idempotentReplay": False,
    }
    told = himal.app.events.order_by("id").values_list("type", flat=True)
    assert list(told) == [
        "INCENTIVE_EVENT_RECORDED", "INCENTIVE_LEVEL_UP", "INCENTIVE_BADGE_EARNED", "INCENTIVE_MILESTONE_REACHED",
    ]  # fmt: skip
    listed = himal.get("/incentives/events?userId=asha")["events"]
    assert [event["eventId"] for event in listed] == [answer["eventId"]]
    assert listed[0]["metadata"] == {"plan": "pro"} and listed[0]["balances"] == answer["balances"]
    sound(himal)


# --- limits ---------------------------------------------------------------------------------------------------------
def test_max_repeats(himal):
    action(himal, maxRepeats=2)
    assert [did(himal)["notAwarded"] for _ in range(3)] == [None, None, {"code": "max_repeats", "retryAt": None}]
    assert points(himal) == (20, 10, 0) and did(himal, "bikram")["notAwarded"] is None


def test_cooldown_counts_from_what_was_rewarded(sandbox):
    action(sandbox, cooldown=60)
    assert did(sandbox)["notAwarded"] is None
    at(sandbox, "2026-03-01T12:00:59Z")
    assert did(sandbox)["notAwarded"] == {"code": "cooldown", "retryAt": "2026-03-01T12:01:00.000Z"}
    at(sandbox, "2026-03-01T12:01:00Z")
    assert did(sandbox)["notAwarded"] is None
    assert points(sandbox) == (20, 10, 0)


def test_a_late_event_is_held_to_the_cooldown_of_its_own_time(sandbox):
    action(sandbox, cooldown=3600)
    for moment, code in (
        ("2026-03-01T10:00:00Z", None),
        ("2026-03-01T11:30:00Z", None),
        ("2026-03-01T10:59:00Z", "cooldown"),  # after the first, and before the second
        ("2026-03-01T09:00:01Z", "cooldown"),
        ("2026-03-01T09:00:00Z", None),
    ):
        refused = did(sandbox, occurredAt=moment)["notAwarded"]
        assert (refused and refused["code"]) == code, moment
    bulk = sandbox.post(
        "/incentives/events/bulk",
        {
            "events": [
                {"userId": "bikram", "actionKey": "visit", "occurredAt": f"2026-03-01T0{hour}:00:00Z"}
                for hour in (5, 3, 3, 4, 5)
            ]
        },
    )
    assert [event["notAwarded"] and event["notAwarded"]["code"] for event in bulk["results"]] == [
        None,
        None,
        "cooldown",
        None,
        "cooldown",
    ]


def test_a_day_is_a_day_of_the_users_zone(sandbox):
    action(sandbox, maxPerDay=1)
    sandbox.patch("/incentives/users/asha", {"timezone": "Asia/Kathmandu"})  # 5 h 45 min ahead
    assert did(sandbox, occurredAt="2026-02-10T18:00:00Z")["notAwarded"] is None
    refused = did(sandbox, occurredAt="2026-02-10T18:14:59Z")["notAwarded"]
    assert refused == {"code": "max_per_day", "retryAt": "2026-02-10T18:15:00.000Z"}
    assert did(sandbox, occurredAt="2026-02-10T18:15:00Z")["notAwarded"] is None
    assert did(sandbox, occurredAt="2026-02-09T18:15:00Z")["notAwarded"]["code"] == "max_per_day"
    assert did(sandbox, "bikram", occurredAt="2026-02-10T18:00:00Z")["notAwarded"] is None
    assert (
        did(sandbox, "bikram", occurredAt="2026-02-10T18:20:00Z")["notAwarded"]["retryAt"] == "2026-02-11T00:00:00.000Z"
    )


# --- keys -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "other",
    [
        {"userId": "mallory"},
        {"actionKey": "other"},
        {"metadata": {"a": 2}},
        {"occurredAt": "2026-01-01T00:00:00Z"},
        {"metadata": {}},
    ],
)
def test_a_key_used_for_another_event_names_the_first(himal, other):
    action(himal)
    action(himal, "other")
    first = did(himal, idempotencyKey="k", metadata={"a": 1})
    before = books(himal)
    refused = himal.post(
        "/incentives/events",
        {"userId": "asha", "actionKey": "visit", "idempotencyKey": "k", "metadata": {"a": 1}} | other,
    )
    assert (refused.status, refused["code"]) == (422, "idempotency_key_reused")
    assert refused["details"]["eventId"] == first["eventId"]
    # mallory's empty wallet is rolled back with the rest
    assert books(himal) == before


def test_a_key_is_the_apps_own(himal, rival):
    for merchant in (himal, rival):
        action(merchant)
        assert did(merchant, idempotencyKey="k").status == 201
    assert Activity.objects.count() == 2


def test_an_event_that_was_not_rewarded_keeps_its_key_too(himal):
    action(himal, maxRepeats=1)
    did(himal)
    first = did(himal, idempotencyKey="k")
    himal.patch("/incentives/actions/visit", {"maxRepeats": None})
    again = did(himal, idempotencyKey="k")
    assert again.status == 200 and again.json == first.json | {"idempotentReplay": True}
    assert points(himal) == (10, 5, 0)


@pytest.mark.parametrize(
    "wrong",
    [{"userId": ""}, {"userId": "a" * 256}, {"userId": 5}, {"userId": None}, {"actionKey": None}, {"idempotencyKey": "k" * 256},
     {"occurredAt": "yesterday"}, {"occurredAt": "2026-01-01T00:00:00"}, {"occurredAt": "0001-01-01T00:00:00Z"},
     {"occurredAt": "9999-12-31T23:59:59Z"}, {"metadata": []}, {"context": {"ip": "here"}}, {"xp": 10**6}],
)  # fmt: skip
def test_what_no_event_can_be_is_refused_and_nothing_moves(himal, wrong):
    action(himal)
    before = books(himal)
    refused = himal.post("/incentives/events", {"userId": "asha", "actionKey": "visit"} | wrong)
    assert (refused.status == 400 and refused["code"] == "invalid_input") or refused["code"] == "unknown_field", refused
    assert books(himal) == before


def test_an_unknown_action_is_404_and_leaves_no_wallet(himal):
    before = books(himal)
    refused = did(himal, key="nothing")
    assert (refused.status, refused["code"]) == (404, "action_not_found")
    assert books(himal) == before


# --- bulk -----------------------------------------------------------------------------------------------------------
def test_what_is_refused_leaves_no_wallet_behind(himal):
    action(himal)
    action(himal, "off", active=False)
    refused = [
        {"userId": "nobody", "actionKey": "unheard of"},
        {"userId": "nobody", "actionKey": "off"},
        {"userId": "early", "actionKey": "visit", "occurredAt": "1969-01-01T00:00:00Z"},
    ]
    answer = himal.post("/incentives/events/bulk", {"events": [*refused, {"userId": "asha", "actionKey": "visit"}]})
    assert [each["status"] for each in answer["results"]] == [404, 400, 400, 201]
    assert list(himal.app.wallets.values_list("user_id", flat=True)) == ["asha"]
    assert himal.post("/incentives/events/bulk", {"events": refused})["failed"] == 3
    assert himal.app.wallets.count() == 1


def test_a_thousand_events_each_stand_alone(himal):
    action(himal, maxRepeats=1)
    action(himal, "off", active=False)
    did(himal, "replayed", idempotencyKey="replayed")
    did(himal, "someone", idempotencyKey="taken")
    good = [{"userId": f"user {place}", "actionKey": "visit", "idempotencyKey": f"key {place}"} for place in range(989)]
    others: list = [
        ({"userId": "replayed", "actionKey": "visit", "idempotencyKey": "replayed"}, 200),
        ({"userId": "user 0", "actionKey": "visit", "idempotencyKey": "key 0"}, 200),  # twice in one request
        ({"userId": "user 0", "actionKey": "visit"}, 201),  # recorded, and not rewarded
        ({"userId": "user 1", "actionKey": "visit", "idempotencyKey": "key 0"}, 422),
        ({"userId": "else", "actionKey": "visit", "idempotencyKey": "taken"}, 422),
        ({"userId": "asha", "actionKey": "nothing"}, 404),
        ({"userId": "asha", "actionKey": "off"}, 400),
        ({"userId": "asha"}, 400),
        ({"userId": "asha", "actionKey": "visit", "occurredAt": "2999-01-01T00:00:00Z"}, 400),
        ("not an event", 400),
        (None, 400),
    ]
    sent = good + [event for event, _ in others]
    assert len(sent) == 1000
    answer = himal.post("/incentives/events/bulk", {"events": sent})
    results = answer["results"]
    assert [result["index"] for result in results] == list(range(1000))
    assert [result["status"] for result in results] == [201] * 989 + [status for _, status in others]
    assert (answer["recorded"], answer["replayed"], answer["failed"]) == (990, 2, 8)
    assert results[991]["notAwarded"]["code"] == "max_repeats"
    assert (
        results[990]["eventId"] == results[0]["eventId"] and results[992]["details"]["eventId"] == results[0]["eventId"]
    )
    assert all(result["error"] and result["code"] for result in results if result["status"] >= 400)
    assert Activity.objects.filter(app=himal.app, not_awarded=None).count() == 991
    again = himal.post("/incentives/events/bulk", {"events": good})
    assert again["replayed"] == 989 and [each["eventId"] for each in again["results"]] == [
        each["eventId"] for each in results[:989]
    ]
    sound(himal)


@pytest.mark.parametrize(
    "body", [{}, {"events": []}, {"events": [{}] * 1001}, {"events": {}}, {"events": [{}], "more": 1}, []]
)
def test_what_is_no_list_of_events_is_refused_whole(himal, body):
    assert himal.post("/incentives/events/bulk", body).status == 400


@pytest.mark.parametrize("count", [1, 2, 50])
def test_any_number_of_events_is_five_statements_also_late_and_held_to_every_rule(himal, count):
    action(himal, cooldown=60, maxPerDay=3, maxRepeats=5)
    level(himal, 1, 10, coins=1)
    badge(himal, "streaker", {"streakDays": 2}, xp=3)
    days = [f"2026-01-{place % 28 + 1:02}T{place % 24:02}:00:00Z" for place in range(count)][::-1]
    events = [
        {"userId": f"user {place % 7}", "actionKey": "visit", "occurredAt": day} for place, day in enumerate(days)
    ]
    himal.post("/incentives/events/bulk", {"events": events})  # wallets and rules are known from here on
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = himal.post("/incentives/events/bulk", {"events": events})
    statements = [
        query["sql"]
        for query in captured.captured_queries
        if "api_" not in query["sql"] and "accounts_" not in query["sql"]
    ]
    assert answer["recorded"] == count
    # lock, read, write; BEGIN and COMMIT are savepoints of the test's own transaction
    assert len([each for each in statements if "SAVEPOINT" not in each]) == 3, "\n".join(
        each[:200] for each in statements
    )


# --- streaks --------------------------------------------------------------------------------------------------------
def test_a_streak_grows_day_by_day_and_breaks(sandbox):
    action(sandbox)
    days = [("2026-02-01", 1), ("2026-02-01", 1), ("2026-02-02", 2), ("2026-02-03", 3), ("2026-02-05", 1)]
    assert [did(sandbox, occurredAt=f"{day}T12:00:00Z")["streak"] for day, _ in days] == [streak for _, streak in days]
    assert (standing(sandbox).streak, standing(sandbox).longest_streak) == (1, 3)


def test_a_freeze_covers_a_missed_day_and_is_earned_again(sandbox):
    sandbox.patch("/incentives/settings", {"streakFreezes": 1, "streakFreezeEvery": 4, "streakFreezesMost": 2})
    action(sandbox)
    days = [("01", 1), ("03", 2), ("04", 3), ("05", 4), ("07", 5), ("09", 1)]  # one to begin with, one after four days
    assert [did(sandbox, occurredAt=f"2026-02-{day}T12:00:00Z")["streak"] for day, _ in days] == [
        streak for _, streak in days
    ]


def test_a_day_that_comes_late_joins_a_broken_streak_and_gives_its_badge(sandbox):
    action(sandbox)
    badge(sandbox, "five", {"streakDays": 5}, coins=100)
    for day in ("01", "02", "04", "05"):
        did(sandbox, occurredAt=f"2026-02-{day}T12:00:00Z")
    late = did(sandbox, occurredAt="2026-02-03T12:00:00Z")
    assert (late["streak"], late["badgesEarned"]) == (5, ["five"])
    # the same long after, for a streak that has ended
    did(sandbox, occurredAt="2026-02-20T12:00:00Z")
    for day in ("01", "02", "04", "05"):
        did(sandbox, "bikram", occurredAt=f"2026-02-{day}T12:00:00Z")
    did(sandbox, "bikram", occurredAt="2026-02-20T12:00:00Z")
    late = did(sandbox, "bikram", occurredAt="2026-02-03T12:00:00Z")
    assert (late["streak"], late["badgesEarned"]) == (1, ["five"])
    assert standing(sandbox, "bikram").longest_streak == 5


def test_the_streak_that_is_shown_is_over_when_a_day_was_missed(sandbox):
    action(sandbox)
    for day in ("2026-02-26", "2026-02-27", "2026-02-28"):
        did(sandbox, occurredAt=f"{day}T12:00:00Z")
    assert sandbox.get("/incentives/balances/asha")["streak"] == 3  # today may still come
    at(sandbox, "2026-03-02T00:00:01Z")
    assert (
        sandbox.get("/incentives/balances/asha")["streak"],
        sandbox.get("/incentives/users/asha")["longestStreak"],
    ) == (0, 3)
