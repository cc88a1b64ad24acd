"""A request is one transaction: after a deadlock it runs again, after a lost connection too, and never twice."""

import time

import psycopg
import pytest
from django.db import connection, connections, transaction

from incenta.accounts.models import Participant
from incenta.api import transactions

from . import routes
from .conftest import caller, statements, together

pytestmark = [pytest.mark.urls("tests.api.routes"), pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _nothing_before_commit():
    yield
    routes.before_commit.clear()


def kill_connections() -> None:
    """What a restart of PostgreSQL does to every other session on our database."""
    options = connection.get_connection_params()
    options.pop("cursor_factory", None)
    options.pop("context", None)
    plain = {name: value for name, value in options.items() if name in ("dbname", "user", "password", "host", "port")}
    with psycopg.connect(**plain, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [plain["dbname"]],
        )
    time.sleep(0.05)


def test_a_get_survives_one_dead_connection(himal):
    assert himal.get("/v1/people").status_code == 200
    kill_connections()
    assert himal.get("/v1/people").status_code == 200


def test_looking_up_the_key_survives_it_too(himal, sandbox):
    assert sandbox.get("/v1/people").status_code == 200
    kill_connections()
    assert sandbox.get("/v1/people").status_code == 200


def test_a_post_survives_one_dead_connection(himal):
    himal.post("/v1/echo", {})
    kill_connections()
    assert himal.post("/v1/people", {"userId": "asha"}).status_code == 201
    assert Participant.objects.count() == 1


def test_a_connection_lost_in_the_middle_is_one_row_all_the_same(himal):
    lost = []

    def lose(request):
        if not lost:
            lost.append(True)
            kill_connections()

    routes.before_commit.append(lose)
    answer = himal.post("/v1/people", {"userId": "asha"})
    assert answer.status_code == 201, answer.content
    assert Participant.objects.count() == 1


def test_a_database_that_stays_away_is_a_503(himal):
    himal.post("/v1/echo", {})
    routes.before_commit.append(lambda request: kill_connections())
    answer = himal.post("/v1/people", {"userId": "asha"})
    assert answer.status_code == 503
    assert answer.json()["code"] == "temporarily_unavailable"
    assert answer.headers["Retry-After"] == "2"
    assert not Participant.objects.exists()


def dies_in_commit(request) -> None:
    """Arms a deferred trigger that ends the session while it commits."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE doom (n int)")
        cursor.execute(
            "CREATE FUNCTION pg_temp.die() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END $$"
        )
        cursor.execute(
            "CREATE CONSTRAINT TRIGGER doom AFTER INSERT ON doom DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION pg_temp.die()"
        )
        cursor.execute("INSERT INTO doom VALUES (1)")


def test_a_commit_whose_end_nobody_saw_is_told_honestly(himal):
    routes.before_commit.append(dies_in_commit)
    answer = himal.post("/v1/people", {"userId": "asha"})
    assert answer.status_code == 503
    assert "Idempotency-Key" in answer.json()["error"]


def test_with_an_idempotency_key_it_is_found_out(himal):
    armed = [dies_in_commit]
    routes.before_commit.append(lambda request: armed and armed.pop()(request))
    answer = himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k")
    assert answer.status_code == 201, answer.content
    assert Participant.objects.count() == 1


def test_a_failing_hook_does_not_turn_a_commit_into_a_failure(himal):
    answer = himal.post("/v1/hook", {})
    assert answer.status_code == 201
    assert Participant.objects.count() == 1


def test_a_deadlock_is_tried_again(himal):
    now = "2026-11-23T00:00:00Z"
    for name in ("asha", "bikram"):
        himal.app.participants.create(external_id=name, first_seen_at=now, last_seen_at=now)
    update = "UPDATE accounts_participant SET username = username || 'x' WHERE external_id = '{}'"
    names = [("asha", "bikram"), ("bikram", "asha")]

    def cross(index: int) -> int:
        one, other = names[index]
        return himal.post(
            "/v1/sql", {"sql": [update.format(one), "SELECT pg_sleep(0.3)", update.format(other)]}
        ).status_code

    assert together(2, cross) == [200, 200]
    assert set(Participant.objects.values_list("username", flat=True)) == {"xx"}


def test_a_serialization_failure_is_tried_again(himal, monkeypatch):
    now = "2026-11-23T00:00:00Z"
    himal.app.participants.create(external_id="asha", first_seen_at=now, last_seen_at=now)
    sql = [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SELECT count(*) FROM accounts_participant",
        "SELECT pg_sleep(0.1)",
        "UPDATE accounts_participant SET username = username || 'x'",
    ]
    assert together(3, lambda _: himal.post("/v1/sql", {"sql": sql}).status_code) == [200, 200, 200]
    assert Participant.objects.get().username == "xxx"


def test_endless_collisions_end_in_a_503(himal, monkeypatch):
    monkeypatch.setattr(transactions.time, "sleep", lambda seconds: None)
    raising = ["DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"]
    sent = statements(lambda: himal.post("/v1/sql", {"sql": raising}))
    answer = himal.post("/v1/sql", {"sql": raising})
    assert answer.status_code == 503
    assert answer.json()["code"] == "temporarily_unavailable"
    assert sum("40P01" in one for one in sent) == transactions.MOST_RUNS


def test_what_runs_in_a_view_runs_in_one_transaction(himal):
    assert himal.post("/v1/sql", {"sql": []}).json() == {"inTransaction": True}
    assert not connection.in_atomic_block


def test_threads_do_not_share_a_transaction(himal):
    keys = [caller(himal.app) for _ in range(4)]
    answers = together(8, lambda n: keys[n % 4].post("/v1/people", {"userId": f"user_{n}"}).status_code)
    assert answers == [201] * 8
    assert Participant.objects.count() == 8
    transaction.get_connection().close()
    connections.close_all()
