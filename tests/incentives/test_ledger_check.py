"""Books that do not add up raise an alarm that stays until they do."""

import logging

import pytest

from incenta.database import sql
from incentives import tasks
from incentives.models import LedgerCheck

pytestmark = pytest.mark.django_db


def test_the_recount_of_the_night_raises_an_alarm_that_stays_until_the_books_add_up(himal, rival, client, caplog):
    for merchant in (himal, rival):
        merchant.post("/incentives/actions", {"key": "read", "name": "Read", "type": "STANDARD", "coins": 10})
        assert merchant.post("/incentives/events", {"userId": "asha", "actionKey": "read"}).status == 201
    tasks.verify_ledgers()
    assert client.get("/readyz").json()["checks"]["ledgers"] == {"ok": True, "drifting": []}

    change = "UPDATE incentives_wallet SET coins = coins + %(by)s WHERE app_id = %(app)s"
    _edit(change, by=5, app=himal.app.pk)
    with caplog.at_level(logging.ERROR, "incentives"):
        tasks.verify_ledgers()
    assert himal.app.pk in caplog.text
    told = client.get("/readyz")
    assert told.status_code == 503
    assert told.json()["checks"]["ledgers"] == {"ok": False, "drifting": [himal.app.pk]}
    (finding,) = LedgerCheck.objects.get(app=himal.app).findings
    assert (finding["check"], finding["expected"], finding["found"]) == ("available", 10, 15)

    _edit(change, by=-5, app=himal.app.pk)
    tasks.verify_ledgers()
    assert client.get("/readyz").status_code == 200


def _edit(statement: str, **values) -> None:
    """By the hand of somebody who may do anything: the proof alone would refuse it."""
    sql.execute("SET LOCAL session_replication_role = replica")
    assert sql.execute(statement, values) == 1
    sql.execute("SET LOCAL session_replication_role = origin")
