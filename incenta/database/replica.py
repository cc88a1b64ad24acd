"""Reads that a streaming replica may answer (``DATABASE_REPLICA_URL``), without anybody noticing that it did.

Only what asks for it by :func:`read` or :func:`source` goes there: lists of the API, statistics, downloads of list pages.
Balances, leaderboards, single rows and everything that decides something stay on the primary.

There is no staleness to reckon with. Before each such read the primary says how far its log has been made safe, which is at
least the last commit that anybody was told of, and the replica is used only once it has replayed that far. Where it has not
within ``PATIENCE_S``, or is away, or is no replica, or ends a statement to get on with its replaying, the primary answers.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection, connections, models

logger = logging.getLogger(__name__)
T = TypeVar("T")

ALIAS = "replica"
PATIENCE_S = 0.05
"""How long a read waits for the replica to catch up before the primary serves it."""
PAUSE_S = 0.005
AWAY_S = 5.0
"""For so long nobody of this process asks a replica that did not answer."""

_is_reading: ContextVar[bool] = ContextVar("reads from the replica", default=False)
_away_until = 0.0


class Router:
    """Django's queries go where :func:`alias` says; writes and migrations always to the primary."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        return alias()

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: models.Model, other: models.Model, **hints: Any) -> bool:
        return True  # both are the same rows

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db != ALIAS


def alias() -> str:
    """The database that answers a query made now. A transaction sees its own writes, so it stays where it is."""
    return ALIAS if _is_reading.get() and not connection.in_atomic_block else DEFAULT_DB_ALIAS


def read(call: Callable[..., T], *given: Any) -> T:
    """``call(*given)``, which only reads, from the replica where that knows all that was committed; else from the primary.

    Where the replica fails midway the primary is asked from the start, so ``call`` may run twice.
    """
    if source() == DEFAULT_DB_ALIAS:
        return call(*given)
    try:
        with reading():
            return call(*given)
    except (DatabaseError, InterfaceError) as error:
        logger.info("the replica did not finish a read, so the primary does it: %s", error)
        connections[ALIAS].close()
    return call(*given)


def source() -> str:
    """The alias for a query that only reads: the replica's where it has caught up, for what is read with ``using`` or
    :func:`reading`, else the primary's. Never fails for the replica's sake."""
    if ALIAS not in settings.DATABASES or connection.in_atomic_block or time.monotonic() < _away_until:
        return DEFAULT_DB_ALIAS
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_flush_lsn()::text")
        (position,) = cursor.fetchone()
    for is_first in (True, False):
        try:
            return ALIAS if _has_replayed(position) else DEFAULT_DB_ALIAS
        except (DatabaseError, InterfaceError) as error:
            connections[ALIAS].close()
            if not is_first:
                _leave_alone(error)
            # a connection that was kept may be of before a restart: once more on a new one
    return DEFAULT_DB_ALIAS


@contextmanager
def reading(where: str = ALIAS) -> Iterator[None]:
    """Queries inside go to ``where``, which :func:`source` has told."""
    token = _is_reading.set(where == ALIAS)
    try:
        yield
    finally:
        _is_reading.reset(token)


def _has_replayed(position: str) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with connections[ALIAS].cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= %s::pg_lsn", [position])
            is_replica, has_replayed = cursor.fetchone()
        if not is_replica:
            raise DatabaseError("DATABASE_REPLICA_URL names no replica.")
        if has_replayed or time.monotonic() > deadline:
            return bool(has_replayed)
        time.sleep(PAUSE_S)


def _leave_alone(error: Exception) -> None:
    global _away_until
    _away_until = time.monotonic() + AWAY_S
    logger.warning("the replica is left alone for %.0f s, the primary reads: %s", AWAY_S, error)
