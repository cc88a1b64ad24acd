import time
from collections.abc import Iterator

import pytest

from incenta.database import sql
from tests.cast import Caller, caller
from tests.referrals.moments import START, at


@pytest.fixture
def sandbox(himal) -> Caller:
    """Himal's sandbox, where it is noon on the first of March 2026."""
    sandbox = caller(himal.app.sandbox)
    at(sandbox, START)
    return sandbox


@pytest.fixture
def no_deadlocks(transactional_db) -> Iterator[None]:
    """A deadlock is undone and repeated, so no caller sees it: the server's own count tells."""

    def count() -> int:
        sql.row("SELECT pg_stat_clear_snapshot()")
        return sql.row("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0]

    before = count()
    yield
    time.sleep(0.05)  # a backend reports its counts when it ends
    assert count() == before
