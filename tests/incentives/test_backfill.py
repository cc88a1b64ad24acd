"""New rules for old users: a preview counts and changes nothing, a backfill grants, in batches that may die at any moment."""

import os
import subprocess
import sys
import time

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction

from incentives import backfilling
from incentives.models import Backfill, Grant
from tests.cast import at_once
from tests.incentives.game import action, badge, books, did, level, made, milestone, points, sound

pytestmark = pytest.mark.django_db

RULES = {
    "a level": ("/levels", {"level": 11, "name": "Eleven", "xpThreshold": 15, "coins": 7}),
    "a badge by XP": ("/badges", {"key": "medal", "name": "Medal", "criteria": {"xp": 20}, "coins": 7}),
    "a badge by level": ("/badges", {"key": "medal", "name": "Medal", "criteria": {"level": 7}, "coins": 7}),
    "a badge by an action": (
        "/badges",
        {"key": "medal", "name": "Medal", "criteria": {"actionKey": "visit", "count": 2}, "coins": 7},
    ),
    "a badge by streak": ("/badges", {"key": "medal", "name": "Medal", "criteria": {"streakDays": 2}, "coins": 7}),
    "a milestone by XP": ("/milestones/rules", {"key": "far", "metric": "xp", "threshold": 20, "coins": 7}),
    "a milestone by coins": ("/milestones/rules", {"key": "far", "metric": "coinsEarned", "threshold": 10, "coins": 7}),
    "a milestone by events": ("/milestones/rules", {"key": "far", "metric": "events", "threshold": 2, "coins": 7}),
}


@pytest.fixture
def old_users(himal):
    """Five did it twice, on two days; three did it once."""
    action(himal)
    level(himal, 9, 14)
    for place in range(8):
        did(himal, f"user {place}", occurredAt="2026-01-01T12:00:00Z")
        if place < 5:
            did(himal, f"user {place}", occurredAt="2026-01-02T12:00:00Z")
    return himal


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_previewed_made_and_backfilled(old_users, rule):
    path, body = RULES[rule]
    before = books(old_users)
    preview = old_users.post(f"/incentives{path}", body | {"preview": True})
    assert preview.status == 200 and (preview["preview"], preview["qualifying"]) == (True, 5), preview
    assert books(old_users) == before
    asked = made(old_users, path, body | {"backfill": True})["backfill"]
    assert (asked["state"], asked["total"], asked["done"]) == ("QUEUED", 5, 0)
    assert points(old_users, "user 0") == (20, 10, 0)
    assert backfilling.run_all() == 5
    done = old_users.get(f"/incentives/backfills/{asked['id']}")
    assert (done["state"], done["total"], done["done"], done["granted"]) == ("DONE", 5, 5, 5) and done["finishedAt"]
    assert [points(old_users, f"user {place}")[1] for place in range(8)] == [17] * 5 + [5] * 3
    entry = old_users.get("/incentives/balances/user 0/entries")["entries"][0]
    assert entry["amount"] == 7 and entry["cause"]["id"] == asked["id"]
    assert backfilling.run_all() == 0
    # who reaches it now is given it by the event; nobody is given it twice
    did(old_users, "user 6", occurredAt="2026-01-02T12:00:00Z")
    assert points(old_users, "user 6") == (20, 17, 0)
    assert Grant.objects.filter(app=old_users.app, kind__in=("badge", "milestone", "level"), coins=7).count() == 6
    key = body.get("key", body.get("level"))
    again = old_users.patch(f"/incentives{path}/{key}", {"coins": 9, "backfill": True})
    assert (again["backfill"]["total"], again["backfill"]["state"]) == (0, "DONE")
    sound(old_users)


def test_without_being_asked_nothing_is_granted(old_users):
    level(old_users, 1, 10, coins=7)
    badge(old_users, "medal", {"xp": 10}, coins=7)
    milestone(old_users, "far", "xp", 10, coins=7)
    assert backfilling.run_all() == 0
    assert did(old_users, "user 0")["bonus"] == {"xp": 0, "coins": 0, "tokens": 0}
    assert did(old_users, "someone new")["bonus"]["coins"] == 21


def test_a_change_is_previewed_as_it_would_be(old_users):
    badge(old_users, "medal", {"xp": 1000})
    before = books(old_users)
    for changes, qualifying in (
        ({}, 0),
        ({"criteria": {"xp": 20}}, 5),
        ({"criteria": {"xp": 10}}, 8),
        ({"criteria": None}, 0),
        ({"active": False}, 0),
    ):
        preview = old_users.patch("/incentives/badges/medal", changes | {"preview": True})
        assert (preview.status, preview["qualifying"]) == (200, qualifying), changes
    assert books(old_users) == before and old_users.get("/incentives/badges/medal")["criteria"] == {"xp": 1000}


def test_what_a_backfill_gives_may_reach_the_next_thing(old_users):
    level(old_users, 20, 100, coins=1)
    made(old_users, "/badges", {"key": "medal", "name": "Medal", "criteria": {"xp": 20}, "xp": 80, "backfill": True})
    backfilling.run_all()
    assert points(old_users, "user 0") == (100, 11, 0)
    assert old_users.get("/incentives/balances/user 0")["level"] == 20
    told = old_users.app.events.filter(type="INCENTIVE_LEVEL_UP").order_by("id").values_list("data", flat=True)
    assert [data["level"] for data in told if data["userId"] == "user 0"] == [9, 20]


def test_a_worker_that_dies_between_batches_and_in_one(old_users, monkeypatch):
    monkeypatch.setattr(backfilling, "BATCH", 2)
    asked = made(
        old_users, "/badges", {"key": "medal", "name": "Medal", "criteria": {"xp": 20}, "coins": 7, "backfill": True}
    )["backfill"]
    assert backfilling._batch(asked["id"]) == 2
    progress = old_users.get(f"/incentives/backfills/{asked['id']}")
    assert (progress["state"], progress["done"], progress["total"]) == ("RUNNING", 2, 5)
    with transaction.atomic():  # a batch that is killed before it commits
        assert backfilling._batch(asked["id"]) == 2
        transaction.set_rollback(True)
    assert old_users.get(f"/incentives/backfills/{asked['id']}").json == progress.json
    assert backfilling.run_all() == 3
    assert [points(old_users, f"user {place}")[1] for place in range(8)] == [17] * 5 + [5] * 3
    sound(old_users)


WORKER = """
import django
django.setup()
from incentives import backfilling
backfilling.BATCH = 2
backfilling.run_all()
"""


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_is_taken_over_from(himal):
    for place in range(60):
        himal.post("/incentives/adjustments", {"userId": f"user {place}", "xp": 20, "reason": "Import"})
    rule = {"key": "medal", "name": "Medal", "criteria": {"xp": 20}, "coins": 7, "backfill": True}
    asked = made(himal, "/badges", rule)["backfill"]
    database = connection.connection.info
    where = f"host={database.host}&port={database.port}"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "incenta.settings",
        "DATABASE_URL": f"postgresql://{database.user}:{database.password}@/{database.dbname}?{where}",
    }
    worker = subprocess.Popen([sys.executable, "-c", WORKER], env=environment, cwd=django_settings.BASE_DIR)
    try:
        while (done := Backfill.objects.get(pk=asked["id"]).done) < 4:
            assert worker.poll() is None, "The worker ended before it could be killed."
            time.sleep(0.001)
    finally:
        worker.kill()
        worker.wait()
    assert done < 60 and Backfill.objects.get(pk=asked["id"]).state == "RUNNING"
    # the server may hold the dead worker's lock for a moment yet, and then the bell that rings now finds nothing to do
    for _ in range(100):
        backfilling.run_all()
        found = himal.get(f"/incentives/backfills/{asked['id']}")
        if found["state"] == "DONE":
            break
        time.sleep(0.1)
    assert (found["state"], found["done"], found["granted"]) == ("DONE", 60, 60)
    assert [points(himal, f"user {place}") for place in range(60)] == [(20, 7, 0)] * 60
    sound(himal)


def test_a_rule_that_is_gone_ends_its_backfill(old_users):
    asked = made(
        old_users, "/milestones/rules", {"key": "far", "metric": "xp", "threshold": 20, "coins": 7, "backfill": True}
    )["backfill"]
    old_users.delete("/incentives/milestones/rules/far")
    assert backfilling.run_all() == 0
    assert old_users.get(f"/incentives/backfills/{asked['id']}")["state"] == "CANCELLED"
    assert points(old_users, "user 0") == (20, 10, 0)


def test_who_no_longer_qualifies_when_the_batch_comes_is_passed_over(old_users):
    made(old_users, "/badges", {"key": "medal", "name": "Medal", "criteria": {"xp": 20}, "coins": 7, "backfill": True})
    assert old_users.post("/incentives/adjustments", {"userId": "user 0", "xp": -1, "reason": "Mistake"}).status == 201
    backfilling.run_all()
    backfill = Backfill.objects.get(app=old_users.app)
    assert (backfill.done, backfill.granted, backfill.state) == (4, 4, "DONE")
    assert points(old_users, "user 0") == (19, 10, 0)


def test_a_backfill_is_of_its_own_app(old_users, rival):
    asked = made(old_users, "/badges", {"key": "medal", "name": "Medal", "criteria": {"xp": 20}, "backfill": True})[
        "backfill"
    ]
    assert rival.get(f"/incentives/backfills/{asked['id']}")["code"] == "backfill_not_found"
    assert rival.get("/incentives/backfills")["backfills"] == []
    assert len(old_users.get("/incentives/backfills?noun=badge&state=QUEUED")["backfills"]) == 1


@pytest.mark.django_db(transaction=True)
def test_four_workers_and_the_users_themselves_at_once(himal, monkeypatch):
    monkeypatch.setattr(backfilling, "BATCH", 3)
    action(himal)
    for place in range(24):
        did(himal, f"user {place:02}")
    made(himal, "/levels", {"level": 1, "name": "One", "xpThreshold": 10, "coins": 7, "backfill": True})

    def act(place: int):
        return (
            backfilling.run_all()
            if place < 4
            else [did(himal, f"user {user:02}").status for user in range(place - 4, 24, 4)]
        )

    results = at_once(8, act)
    assert not [each for each in results if isinstance(each, BaseException)], results
    backfilling.run_all()  # a worker that found another at it has left
    assert [points(himal, f"user {place:02}") for place in range(24)] == [(20, 17, 0)] * 24
    assert Grant.objects.filter(app=himal.app).count() == 24
    sound(himal)
