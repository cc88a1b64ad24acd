"""The plans of what the pump asks at every moment: served by the indexes, however long the past and the backlog."""

import re
from uuid import uuid4

import pytest
from django.db import connection, transaction

from incenta.database import sql
from webhooks import pace, queue, trouble

from .conftest import endpoint_of

_ROWS = """
INSERT INTO webhooks_webhookdelivery (id, app_id, message_id, endpoint_id, type, trigger, state, failures, next_at)
SELECT 'dlv_' || %(state)s::text || n, %(app)s, 'msg_' || n, (%(endpoints)s::text[])[1 + n %% 20], 'REWARD_CREATED', 'replay', %(state)s,
  n %% 3, clock_timestamp() - make_interval(secs => n %% 1000)
FROM generate_series(1, %(count)s::int) AS n
"""


@pytest.fixture
def crowded(shop, receiver):
    """Twenty endpoints with a long past and a backlog. Answers their ids."""
    endpoints = [endpoint_of(shop, receiver.url(f"/{n}"))[0].pk for n in range(20)]
    for state, count in (("delivered", 20_000), ("pending", 4_000), ("leased", 100)):
        sql.execute(_ROWS, {"app": shop.pk, "endpoints": endpoints, "state": state, "count": count})
    sql.execute(
        """INSERT INTO webhooks_webhookmessage (id, app_id, type, body, is_test)
        SELECT 'msg_' || n, %(app)s, 'REWARD_CREATED', '{}', FALSE FROM generate_series(1, 20000) AS n""",
        {"app": shop.pk},
    )
    sql.execute(
        "ANALYZE webhooks_webhookdelivery, webhooks_webhookmessage, webhooks_endpointhealth, webhooks_webhookendpoint"
    )
    return endpoints


PARAMETERS = {
    "slots": ("int", "256"),
    "suspects": ("int", "64"),
    "lease": ("uuid", f"'{uuid4()}'"),
    "app": ("text", "'app_1'"),
}


def plan_of(statement: str, endpoints: list[str], mode: str) -> str:
    """How the server would run it, as a prepared statement: planned anew (custom) or once for all values (generic)."""
    known = PARAMETERS | {"endpoints": ("text[]", "ARRAY[" + ",".join(f"'{each}'" for each in endpoints) + "]")}
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
    for place, name in enumerate(names, 1):
        statement = statement.replace(f"%({name})s", f"${place}")
    types = ", ".join(known[name][0] for name in names)
    values = ", ".join(known[name][1] for name in names)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL plan_cache_mode = force_{mode}_plan")
        cursor.execute(f"PREPARE asked{f'({types})' if types else ''} AS {statement.replace('%%', '%')}")
        cursor.execute(f"EXPLAIN EXECUTE asked{f'({values})' if values else ''}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("DEALLOCATE asked")
    return plan


@pytest.mark.parametrize("mode", ["custom", "generic"])
def test_nothing_that_is_asked_every_moment_reads_the_finished_past(crowded, mode):
    for name, statement in sorted(
        {
            "lock": queue._LOCK,
            "claim": queue._CLAIM,
            "reap": queue._REAP,
            "hold": queue._HOLD,
            "pace": pace._STANDING,
            "hours": pace._HOURS,
            "trouble": trouble.IN_TROUBLE,
            "hopeless": trouble._HOPELESS,
        }.items()
    ):
        plan = plan_of(statement, crowded, mode)
        assert "Seq Scan on webhooks_webhookdelivery" not in plan, f"{name}\n{plan}"
        assert "Seq Scan on webhooks_webhookmessage" not in plan, f"{name}\n{plan}"


@pytest.mark.parametrize("mode", ["custom", "generic"])
def test_a_claim_finds_first_tries_by_their_own_index(crowded, mode):
    plan = plan_of(queue._CLAIM, crowded, mode)

    assert "webhook_delivery_first" in plan, plan
    assert "webhook_delivery_due" in plan, plan
    assert "webhook_delivery_leased" in plan, plan
    assert plan.count("AND (next_at <= statement_timestamp())") == 2, plan


def test_a_claim_of_many_is_four_statements(crowded, django_assert_max_num_queries):
    with django_assert_max_num_queries(
        5
    ):  # BEGIN and COMMIT are not among them: lock, claim, and the endpoints as they are
        assert len(queue.claim(256, uuid4())) == 60, "three each: five are out"
