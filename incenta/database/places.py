"""Places of which each is held by one process at a time, and given back however that process ends.

They are PostgreSQL's advisory locks. A session's lock is cheapest, but behind a pooler in transaction mode (``DATABASE_POOLED``)
no session is ours for longer than a transaction: the lock would stay with a connection that others use. There a transaction of
its own holds the place, on a connection of its own. It writes nothing and keeps no snapshot, so it holds up neither vacuum nor
the event feed, and costs the pool one connection while it lasts.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from incenta.database import sql

_FOR_SESSION = "SELECT pg_try_advisory_lock(%(lock)s::int, %(place)s::int)"
_GIVE_BACK = "SELECT pg_advisory_unlock(%(lock)s::int, %(place)s::int)"
_FOR_TRANSACTION = "SELECT pg_try_advisory_xact_lock(%s::int, %s::int)"


@contextmanager
def held(lock: int, places: Iterable[int]) -> Iterator[bool]:
    """Holds the first of ``places`` that is free while the block runs. Yields whether there was one."""
    with (_by_transaction if settings.DATABASE_POOLED else _by_session)(lock, places) as is_held:
        yield is_held


@contextmanager
def _by_session(lock: int, places: Iterable[int]) -> Iterator[bool]:
    for place in places:
        where = {"lock": lock, "place": place}
        if sql.row(_FOR_SESSION, where)[0]:
            break
    else:
        yield False
        return
    try:
        yield True
    finally:
        # the connection may have died meanwhile, and the lock with it
        if connection.connection is not None and not connection.connection.closed:
            sql.row(_GIVE_BACK, where)


@contextmanager
def _by_transaction(lock: int, places: Iterable[int]) -> Iterator[bool]:
    own = connection.copy()
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            yield any(_takes(cursor, lock, place) for place in places)
    finally:
        own.close()


def _takes(cursor, lock: int, place: int) -> bool:
    cursor.execute(_FOR_TRANSACTION, [lock, place])
    return cursor.fetchone()[0]
