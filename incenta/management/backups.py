"""Dumps of the whole database, and what a restored one needs before anybody may write to it.

Beside each dump stands what it must hold, counted in the very snapshot that was dumped: the rows of every table, and what every
app's ledger adds up to. So a restore is not believed but compared.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from incenta.accounts.models import App
from incenta.database import programs, sql
from incenta.events import feed_offset
from incentives import ledger
from incentives.models import LedgerCheck

_TABLES = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname
"""
_THINGS = """
SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm')
"""
_FEED = "SELECT (SELECT last_value FROM incenta_feed_offset), (SELECT coalesce(max(position), -1) FROM events_event)"
_EVENTS = "SELECT count(*), max(recorded_at), count(*) FILTER (WHERE dispatched_at IS NULL) FROM events_event"


class Pooled(RuntimeError):
    """What needs a whole session was asked of a pooler that lends one for a transaction."""


class NotEmpty(RuntimeError):
    """There is something in the database that was to be restored into."""


# --- making one -----------------------------------------------------------------------------------------------------
def dump(file: Path) -> dict[str, Any]:
    """Writes a dump of the database to ``file`` and what it must hold to ``file`` + ``.json``, each whole or not at all.

    Reads beside writers. Raises ``Pooled``, ``ProgramMissing`` and ``CalledProcessError``.
    """
    _refuse_a_pooler()
    draft = file.with_name(f"{file.name}.part")
    with transaction.atomic():
        sql.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = sql.row("SELECT pg_export_snapshot()")[0]
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        programs.run(
            programs.find("pg_dump", _release()), "--format=custom", "--no-owner", "--no-privileges",
            f"--snapshot={snapshot}", f"--file={draft}", database=connection.settings_dict,
        )  # fmt: skip
        held = _held()
    held |= {"madeAt": timezone.now().isoformat(), "bytes": draft.stat().st_size, "sha256": digest(draft)}
    manifest = manifest_of(file)
    half = manifest.with_name(f"{manifest.name}.part")
    half.write_text(json.dumps(held, indent=1) + "\n")
    draft.rename(file)
    half.rename(manifest)
    return held


def _refuse_a_pooler() -> None:
    if settings.DATABASE_POOLED:
        raise Pooled(
            "A dump needs a session of its own: name the server itself in DATABASE_URL, and DATABASE_POOLED=false."
        )


def manifest_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _release() -> int:
    return connection.connection.info.server_version // 10_000 if connection.connection else _ask_release()


def _ask_release() -> int:
    connection.ensure_connection()
    return connection.connection.info.server_version // 10_000


def _held() -> dict[str, Any]:
    """What the database holds, in the present snapshot."""
    offset, last = sql.row(_FEED)
    ledgers = {app.pk: ledger.verify(app)["totals"] for app in App.objects.order_by("pk")}
    return {"feed": {"offset": offset, "last": last}, "rows": _rows(), "ledgers": ledgers}


def _rows() -> dict[str, int]:
    count = "SELECT count(*) FROM {}"
    return {name: sql.row(count.format(connection.ops.quote_name(name)))[0] for (name,) in sql.rows(_TABLES)}


# --- putting it back ------------------------------------------------------------------------------------------------
def restore(file: Path, expected: dict[str, Any] | None = None) -> list[str]:
    """Restores the dump into the present database, which must be empty, whole or not at all. Answers in which tables there are
    not as many rows as ``expected`` says.

    Raises ``NotEmpty``, ``Pooled``, ``ProgramMissing`` and ``CalledProcessError``. :func:`settle` comes next.
    """
    _refuse_a_pooler()
    if sql.row(_THINGS)[0]:
        raise NotEmpty(f"The database {connection.settings_dict['NAME']} is not empty.")
    programs.run(
        programs.find("pg_restore", _release()), "--no-owner", "--no-privileges", "--exit-on-error",
        "--single-transaction", f"--dbname={connection.settings_dict['NAME']}", str(file),
        database=connection.settings_dict,
    )  # fmt: skip
    connection.close()  # its prepared statements are of before
    sql.execute("ANALYZE")
    found = {} if expected is None else _rows()
    return [
        f"{name} has {found.get(name)} rows and should have {rows}"
        for name, rows in (expected or {"rows": {}})["rows"].items()
        if found.get(name) != rows
    ]


@dataclass
class Settled:
    """What :func:`settle` found and did."""

    events: int
    last_event_at: Any
    undispatched: int
    feed: feed_offset.Raised
    ledgers: int = 0
    drifting: dict[str, list[dict]] = field(default_factory=dict)
    different: list[str] = field(default_factory=list)
    """Where a ledger adds up to something else than what stands beside the dump."""

    @property
    def ok(self) -> bool:
        return not self.drifting and not self.different and not feed_offset.is_behind()


def settle(expected: dict[str, Any] | None = None) -> Settled:
    """What a database needs after any restore, before anything else writes to it: the feed goes on after its last event, every
    ledger is recounted, and compared with ``expected``, where there is a dump that says so. May be repeated."""
    raised = feed_offset.raise_past_the_last()
    settled = Settled(*sql.row(_EVENTS), raised)
    totals = {} if expected is None else expected["ledgers"]
    for app in App.objects.order_by("pk"):
        found = ledger.verify(app)
        settled.ledgers += 1
        if not found["ok"]:
            settled.drifting[app.pk] = found["drift"]
        if found["totals"] != totals.get(app.pk, found["totals"]):
            settled.different.append(
                f"the ledger of {app.pk} adds up to {found['totals']} and should to {totals[app.pk]}"
            )
        told = {"ok": found["ok"], "findings": found["drift"], "checked_at": timezone.now()}
        LedgerCheck.objects.update_or_create(app=app, defaults=told)
    return settled


# --- somewhere else -------------------------------------------------------------------------------------------------
@contextmanager
def in_fresh_database(name: str) -> Iterator[None]:
    """Within, the connection is to a new, empty database of the same server, which is dropped at the end."""
    before = connection.settings_dict["NAME"]
    quoted = connection.ops.quote_name(name)
    with connection._nodb_cursor() as server:
        server.execute(f"CREATE DATABASE {quoted} TEMPLATE template0")
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
        with connection._nodb_cursor() as server:
            server.execute(f"DROP DATABASE {quoted} WITH (FORCE)")
