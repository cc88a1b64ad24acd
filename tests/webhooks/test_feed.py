"""The feed: who follows it sees every event once, in an order that never changes, whoever commits when."""

import random
import threading
import time

from django.db import connections, transaction

from incenta import events
from tests.cast import at_once

from .conftest import happen


def read(caller, after: str = "", **more) -> list[str]:
    query = "&".join(
        f"{name}={value}" for name, value in ({"after": after} if after else {} | more).items() | more.items()
    )
    answer = caller.get(f"/events?{query}" if query else "/events")
    assert answer.status == 200, answer
    return [event["id"] for event in answer["events"]]


def follow(caller, after: str = "", seconds: float = 60, count: int | None = None) -> list[str]:
    """Follows the feed until ``count`` events have come, or the time is over."""
    seen: list[str] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end and (count is None or len(seen) < count):
        page = read(caller, after, limit=100)
        seen += page
        after = page[-1] if page else after
    return seen


def test_an_event_in_the_feed_is_what_a_webhook_would_say(shop, himal):
    [event_id] = happen(shop, data={"z": 1, "a": {"10": "b", "2": None}})
    assert follow(himal, count=1) == [event_id]

    answer = himal.get("/events")
    [event] = answer["events"]
    assert {"id", "event", "data", "timestamp"} <= event.keys()
    assert event["event"] == "REWARD_CREATED"
    assert list(event["data"]) == ["z", "a"]
    assert answer["pagination"] == {"limit": 25, "after": event_id, "hasMore": False}


def test_a_late_commit_is_not_passed_over(shop, himal):
    """Two real transactions: the first to write commits last."""
    wrote, may_commit = threading.Event(), threading.Event()
    late: list[str] = []

    def slow():
        try:
            with transaction.atomic():
                late.append(events.record(shop, "REWARD_CREATED", {"late": True}, subject=("reward", "rew_1"))["id"])
                wrote.set()
                assert may_commit.wait(60)
        finally:
            connections.close_all()

    [first] = happen(shop)
    thread = threading.Thread(target=slow)
    thread.start()
    assert wrote.wait(60)
    [second] = happen(shop)

    assert follow(himal, count=1) == [first]
    assert read(himal, first) == [], "the second is committed, but the one before it is not yet"
    may_commit.set()
    thread.join()
    assert follow(himal, after=first, count=2) == [*late, second]


def test_a_reader_who_follows_misses_nothing_and_sees_nothing_twice(shop, himal):
    """Eight writers with transactions of all lengths, and a reader who follows them all the while."""
    made: list[str] = []
    stop = threading.Event()
    seen: list[str] = []

    def keep_reading():
        try:
            after = ""
            while not stop.is_set():
                page = read(himal, after, limit=7)
                seen.extend(page)
                after = page[-1] if page else after
            seen.extend(follow(himal, after, count=len(made) - len(seen)))
        finally:
            connections.close_all()

    def write(seed: int):
        dice = random.Random(seed)
        for _ in range(15):
            with transaction.atomic():
                ids = []
                for _ in range(dice.randint(1, 3)):
                    ids.append(events.record(shop, "REWARD_CREATED", {}, subject=("reward", "rew_1"))["id"])
                    time.sleep(dice.random() * 0.02)
                if dice.random() < 0.2:
                    transaction.set_rollback(True)
                else:
                    made.extend(ids)

    reader = threading.Thread(target=keep_reading)
    reader.start()
    results = at_once(8, write)
    stop.set()
    reader.join()

    assert [result for result in results if result is not None] == []
    assert len(seen) == len(set(seen)), "nothing twice"
    assert set(seen) == set(made), "nothing missed, nothing that was rolled back"


def test_the_feed_is_narrowed_by_type_and_cut_by_limit(shop, himal):
    created = happen(shop, "REWARD_CREATED", count=3)
    [claimed] = happen(shop, "REWARD_CLAIMED")
    follow(himal, count=4)

    assert read(himal, type="REWARD_CLAIMED") == [claimed]
    assert read(himal, type="REWARD_CLAIMED,REWARD_CREATED") == [*created, claimed]
    assert read(himal, limit=2) == created[:2]
    assert read(himal, after=created[1], limit=2) == [created[2], claimed]
    assert himal.get("/events?limit=2")["pagination"]["hasMore"] is True


def test_another_merchants_events_are_not_there(shop, himal, rival):
    [event_id] = happen(shop)
    follow(himal, count=1)

    assert read(rival) == []
    absent = rival.get("/events?after=msg_01m831b2qts05fen4vdq67f4qp")
    foreign = rival.get(f"/events?after={event_id}")
    assert absent.status == foreign.status == 400
    assert absent["error"] == foreign["error"]


def test_what_cannot_be_asked_is_refused(himal):
    for query in ("type=NO_SUCH", "limit=0", "limit=101", "limit=x", "after=", "since=2026", "after=a%00b", "type=,"):
        assert himal.get(f"/events?{query}").status == 400, query
