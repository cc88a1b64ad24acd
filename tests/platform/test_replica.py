"""What the replica may read, and that the primary does it wherever the replica is not sure to know everything.

No standby is started here: the same database under another alias, which says of itself what a standby would say, by functions
of its own in front of PostgreSQL's. ``python -m tests.scale_out`` does the same with a real one.
"""

import copy
from collections.abc import Iterator

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from incenta.accounts.models import App
from incenta.database import replica, sql

KNOWS_ALL, LAGS, NO_REPLICA = ("true", "'FFFFFFFF/0'"), ("true", "'0/0'"), ("false", "NULL")


pytestmark = pytest.mark.django_db(transaction=True, databases=["default", replica.ALIAS])


@pytest.fixture(scope="module", autouse=True)
def another_alias(django_db_setup) -> Iterator[dict]:
    known = copy.deepcopy(connection.settings_dict)
    known["OPTIONS"]["options"] = "-c search_path=standby,pg_catalog,public -c default_transaction_read_only=on"
    known["TEST"]["MIRROR"] = "default"
    connections.settings[replica.ALIAS] = known
    yield known
    del connections.settings[replica.ALIAS]


@pytest.fixture
def standby(another_alias, settings, monkeypatch) -> Iterator[type]:
    """``standby.says(KNOWS_ALL)``"""
    assert settings.DATABASES[replica.ALIAS] is another_alias
    monkeypatch.setattr(replica, "_away_until", 0.0)
    settings.DATABASE_ROUTERS = ["incenta.database.replica.Router"]

    class Standby:
        @staticmethod
        def says(told: tuple[str, str]) -> None:
            sql.execute(
                "CREATE SCHEMA IF NOT EXISTS standby; "
                f"CREATE OR REPLACE FUNCTION standby.pg_is_in_recovery() RETURNS bool LANGUAGE sql RETURN {told[0]}; "
                f"CREATE OR REPLACE FUNCTION standby.pg_last_wal_replay_lsn() RETURNS pg_lsn LANGUAGE sql RETURN {told[1]}::pg_lsn"
            )

    Standby.says(KNOWS_ALL)
    try:
        yield Standby
    finally:
        connections[replica.ALIAS].close()
        sql.execute("DROP SCHEMA standby CASCADE")


def asked(call) -> tuple[int, int]:
    """How many statements of ``call`` the primary and the replica were asked."""
    with CaptureQueriesContext(connection) as primary, CaptureQueriesContext(connections[replica.ALIAS]) as other:
        call()
    return len(primary), len(other)


def test_lists_and_statistics_are_read_from_the_replica(standby, himal):
    code = himal.code(himal.campaign(), "asha")
    himal.convert(code, "bikram", 20)
    for path in ("/conversions", "/rewards", "/stats", "/users/asha/stats"):
        primary, other = asked(lambda path=path: himal.get(path))
        assert other > 1, path
        assert primary >= 1, f"{path}: how far the log has come is the primary's to say"
    assert himal.get("/conversions")["pagination"]["totalItems"] == 1
    assert himal.get("/stats")["totalConversions"] == 1


def test_balances_leaderboards_and_single_rows_stay_on_the_primary(standby, himal):
    conversion = himal.convert(himal.code(himal.campaign(), "asha"), "bikram", 20)
    assert conversion["success"]
    for path in (
        "/incentives/balances",
        "/incentives/balances/asha",
        "/incentives/balances/asha/entries",
        "/incentives/leaderboard",
        f"/conversions/{conversion['conversionId']}",
    ):
        assert asked(lambda path=path: himal.get(path))[1] == 0, path


@pytest.mark.parametrize("told", [LAGS, NO_REPLICA])
def test_what_does_not_know_everything_answers_nothing(standby, himal, told):
    standby.says(told)
    himal.convert(himal.code(himal.campaign(), "asha"), "bikram", 20)
    assert himal.get("/conversions")["pagination"]["totalItems"] == 1
    assert replica.source() == "default"


def test_one_that_is_away_is_left_alone_for_a_while(standby, himal, monkeypatch):
    with monkeypatch.context() as gone:
        gone.setitem(connections[replica.ALIAS].settings_dict, "HOST", "/nowhere")
        assert replica.source() == "default"
    assert asked(replica.source) == (0, 0), "nobody waits for it, though it is back"
    assert himal.get("/conversions")["conversions"] == []


def test_what_the_replica_does_not_finish_the_primary_does_from_the_start(standby):
    places = []

    def call() -> int:
        places.append(replica.alias())
        if places == ["replica"]:
            sql.row("SELECT 1 / 0")
        return 7

    assert replica.read(call) == 7
    assert places == ["replica", "default"]


def test_a_transaction_and_whoever_writes_stay_on_the_primary(standby, himal):
    with replica.reading():
        assert App.objects.db == "replica"
        app = App.objects.get(pk=himal.app.pk)
        assert app._state.db == "replica"
        with transaction.atomic():
            assert App.objects.db == replica.source() == "default"
        app.save()
    assert app.campaigns.all().db == "default", "a row from the replica leads nobody there later"
