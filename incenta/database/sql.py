"""Hand-written statements for the hot paths, on Django's own connection, so that Django logs and counts them.

The connection binds on the server and prepares (see ``DATABASES`` in settings): a repeated statement is planned once.
Many rows travel as one JSON text and are unfolded with ``json_to_recordset``: one prepared statement for any number.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import partial

import psycopg._queries
from django.db import connection, connections, transaction

from incenta.database import replica

# psycopg reads the placeholders of a statement anew each time where it is longer than this, for fear of programs that make up
# endless long statements. Ours are few and constant, and the longest are the hottest: reading one takes a tenth of an event.
psycopg._queries.MAX_CACHED_STATEMENT_LENGTH = 16_384

transaction_joined = partial(transaction.atomic, savepoint=False)
"""Opens a transaction, or joins the caller's: a verb owns its transaction, and a dry run may own the verb's."""


def rows(statement: str, params: Mapping | None = None) -> list[tuple]:
    with connections[replica.alias()].cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


def row(statement: str, params: Mapping | None = None) -> tuple | None:
    with connections[replica.alias()].cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone()


def execute(statement: str, params: Mapping | None = None) -> int:
    """Runs a statement that returns nothing; answers how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        # microseconds are kept here: this goes to the database, not to a client
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} does not travel as JSON")


def as_rows(records: list[dict]) -> str:
    """The rows of one table as the JSON text that ``json_to_recordset`` unfolds."""
    return json.dumps(records, default=_plain, separators=(",", ":"), ensure_ascii=False)


__all__ = ["as_rows", "execute", "row", "rows", "transaction_joined"]
