"""What happened. A verb records events in its own transaction; ``subscribers.py`` says what follows from them.

Cold paths call :func:`record`. Hot paths splice :data:`INSERT` into their one write statement and pass :func:`as_rows`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from incenta import clock
from incenta.database import sql
from incenta.ids import new_id

_INSERT = """event AS (
  INSERT INTO events_event (id, app_id, type, subject_type, subject_id, actor, data, occurred_at)
  SELECT id, app_id, type, subject_type, subject_id, actor, data, occurred_at
  FROM json_to_recordset(%(events)s::json) AS e(id text, app_id text, type text, subject_type text, subject_id text,
    actor text, data json, occurred_at timestamptz){condition}
)"""
INSERT = _INSERT.format(condition="")
"""A CTE that writes the events of the parameter ``events``; splice it into the statement that writes what they tell."""


def insert_when(condition: str) -> str:
    """:data:`INSERT` that writes only where ``condition`` holds, such as that another CTE has made its row."""
    return _INSERT.format(condition=f"\n  WHERE {condition}")


_ring: Callable[[], None] = lambda: None  # noqa: E731 - replaced by the dispatcher's doorbell when the app is ready


def install_doorbell(ring: Callable[[], None]) -> None:
    """Names what wakes the dispatcher after a commit. It must return at once and raise nothing."""
    global _ring
    _ring = ring


def event(
    app, type: str, data: dict, *, subject: tuple[str, str], actor: str = "", occurred_at: datetime | None = None
) -> dict:
    """One event as a row, not yet written. ``data`` is JSON as :mod:`json` writes it: no decimals, no datetimes.

    Raises ``NotAsPromised`` in tests, where it is not what the catalogue says.
    """
    if settings.EVENT_CHECK == "raise":
        from .checking import require

        require(type, data)
    return {
        "id": new_id("msg"),
        "app_id": app.pk,
        "type": type,
        "subject_type": subject[0],
        "subject_id": subject[1],
        "actor": actor or "system",
        "data": data,
        "occurred_at": occurred_at or clock.now(app),
    }


def as_rows(events: list[dict]) -> dict[str, str]:
    """The parameter of :data:`INSERT`."""
    return {"events": sql.as_rows(events)}


def write(events: list[dict]) -> None:
    """Writes events in the caller's transaction and has the dispatcher woken after its commit.

    Raises ``TransactionManagementError`` outside a transaction: an event alone would tell of nothing.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An event is recorded in the transaction of what it tells.")
    if events:
        sql.execute(f"WITH {INSERT} SELECT 1", as_rows(events))
        nudge()


def record(
    app,
    type: str,
    data: dict[str, Any],
    *,
    subject: tuple[str, str],
    actor: str = "",
    occurred_at: datetime | None = None,
) -> dict:
    """Records one event; answers its row."""
    made = event(app, type, data, subject=subject, actor=actor, occurred_at=occurred_at)
    write([made])
    return made


def nudge() -> None:
    """Wakes the dispatcher once the present transaction has committed. A lost nudge costs a sweep's wait, nothing more."""
    transaction.on_commit(_doorbell, robust=True)


def _doorbell() -> None:
    _ring()
