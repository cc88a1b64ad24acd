"""What a test leaves is removed after it, also where the last request of its page is still at work."""

import threading
import time

import psycopg
import pytest
from django.db import connection

from incenta.accounts.models import User
from tests import emptying

WAITING = """
SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database
WHERE NOT granted AND relation = %s::regclass AND d.datname = current_database()
"""


@pytest.mark.timeout(60)
@pytest.mark.django_db(transaction=True)
def test_who_is_ended_for_waiting_in_a_ring_tries_again():
    User.objects.create_user("asha@himal.example")
    here = connection.connection.info
    at = {"host": here.host, "port": here.port, "user": here.user, "dbname": here.dbname}
    answered = []

    def until_somebody_waits_for(table: str) -> None:
        with psycopg.connect(**at, autocommit=True) as looking:
            while not looking.execute(WAITING, [table]).fetchone():
                time.sleep(0.01)

    def close_the_ring() -> None:
        """The page waits for a table of the first; then a third lets that one go on to the table that the page has."""
        until_somebody_waits_for("django_session")
        asking = threading.Thread(target=ask)
        asking.start()
        until_somebody_waits_for("accounts_app")
        third.rollback()
        asking.join()

    def ask() -> None:
        page.execute("LOCK TABLE accounts_app IN ROW EXCLUSIVE MODE")
        answered.append("yes")
        page.rollback()

    with psycopg.connect(**at) as page, psycopg.connect(**at) as third:
        page.execute("SET deadlock_timeout = '1h'")  # it does not notice
        page.execute("LOCK TABLE webhooks_webhookdelivery IN ROW EXCLUSIVE MODE")
        third.execute("LOCK TABLE django_session IN ROW EXCLUSIVE MODE")
        other = threading.Thread(target=close_the_ring)
        other.start()
        emptying.empty()
        other.join()
    assert answered == ["yes"]
    assert not User.objects.exists()
