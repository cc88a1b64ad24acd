"""Events from a file: read line by line, recorded in batches by the engine, and gone on with where a run was cut off.

How far a file is done stands in a row that is written in the transaction of each batch. So a process that is killed at any moment
has recorded exactly the lines that the row says, and whoever starts it again records the others: once, with and without keys.
"""

import codecs
import csv
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.db import OperationalError, reset_queries, transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from incenta.accounts.models import App
from incenta.api.errors import as_domain_error
from incenta.api.json import loads
from incenta.database import sql
from incenta.errors import DomainError, InvalidInput, Overtaken

from . import boards, engine
from .api.events import EventInput
from .models import EventImport

COLUMNS = ("userId", "actionKey", "idempotencyKey", "occurredAt", "metadata")
NEEDED = COLUMNS[:2]
LINES_AT_ONCE = 500
LONGEST_LINE = 64 * 1024
"""Bytes. Metadata has at most 16 KB, which JSON may write four times as long."""
BATCHES_A_FOLD = 40
MOST_TRIES = 20
COLLISIONS = ("40P01", "40001")
"""SQL states of a deadlock and of a serialization failure."""


class Unreadable(DomainError):
    """400: the file as a whole cannot be imported."""

    status = 400
    code = "unreadable_file"


class UnderWay(DomainError):
    """409: somebody else imports the same file into the same app just now."""

    code = "import_under_way"


@dataclass(slots=True)
class Line:
    """What a line of the file says: a thing that was done, or why it cannot be read. ``end`` is the byte behind it."""

    number: int
    end: int
    doing: engine.Doing | None
    refusal: DomainError | None
    text: str


# --- reading --------------------------------------------------------------------------------------------------------
def columns_of(file: IO[bytes]) -> list[str] | None:
    """The columns that the first line of a CSV names; ``None`` for JSON. Raises ``Unreadable`` where the file is neither."""
    file.seek(0)
    if file.read(1024).removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"{":
        return None
    file.seek(0)
    first = file.readline(LONGEST_LINE).removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    columns = [name.strip() for name in next(csv.reader([first]), [])]
    if unknown := [name for name in columns if name not in COLUMNS]:
        told = ", ".join(unknown)[:200]
        raise Unreadable(
            message=f"The first line must name columns of {', '.join(COLUMNS)}; it names {told or 'none'}."
        )
    if missing := [name for name in NEEDED if name not in columns]:
        raise Unreadable(message=f"There is no column {' and no column '.join(missing)}.")
    if len(set(columns)) != len(columns):
        raise Unreadable(message="A column stands twice in the first line.")
    return columns


def lines_of(file: IO[bytes], columns: list[str] | None, position: int = 0, number: int = 0) -> Iterator[Line]:
    """The file's lines from a position on, without the empty ones and the one that names the columns.

    A line is a record: a quotation mark that nobody closed spoils its own line, not the rest of the file.
    """
    file.seek(position)
    if columns is not None and position == 0:
        file.readline(LONGEST_LINE)
        number = 1
    while raw := file.readline(LONGEST_LINE):
        number += 1
        if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
            while (more := file.readline(LONGEST_LINE)) and not more.endswith(b"\n"):
                pass  # nobody keeps what nobody will read
            refusal = InvalidInput(message=f"The line is over {LONGEST_LINE // 1024} KB.")
            yield Line(number, file.tell(), None, refusal, "")
            continue
        if number == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        if raw.strip():
            yield _line(raw, number, file.tell(), columns)


def _line(raw: bytes, number: int, end: int, columns: list[str] | None) -> Line:
    text = raw.decode("utf-8", "replace").rstrip("\r\n")
    try:
        values = loads(raw) if columns is None else _cells(raw, columns)
        if not isinstance(values, dict):
            raise InvalidInput(message="The line is not a JSON object.")
        return Line(number, end, EventInput.told(values)[0], None, text)
    except csv.Error as error:
        refusal = InvalidInput(message=f"The line is not CSV: {error}.")
    except UnicodeDecodeError:
        refusal = InvalidInput(message="The line is not UTF-8.")
    except (DomainError, ValidationError) as error:
        refusal = as_domain_error(error)
    return Line(number, end, None, refusal, text)


def _cells(raw: bytes, columns: list[str]) -> dict:
    """An empty cell says nothing."""
    record = next(csv.reader([raw.decode()], strict=True))
    if len(record) != len(columns):
        raise InvalidInput(message=f"The line has {len(record)} columns, and the first one names {len(columns)}.")
    values: dict[str, object] = {name: cell for name, cell in zip(columns, record, strict=True) if cell}
    if "metadata" in values:
        values["metadata"] = loads(values["metadata"].encode())
    return values


# --- recording ------------------------------------------------------------------------------------------------------
def digest_of(file: IO[bytes]) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def run(
    app: App,
    path: Path,
    *,
    rejects: Path,
    told: Callable[[EventImport], None] = lambda _: None,
    lines_at_once: int = LINES_AT_ONCE,
) -> EventImport:
    """Imports what is not yet imported of a file; answers the row that says how it went.

    Lines that are refused are written to ``rejects``, one JSON object each: ``{"line", "code", "reason", "details", "text"}``.
    ``told`` hears of each batch. Raises ``Unreadable`` and ``UnderWay``.
    """
    with path.open("rb") as file:
        columns = columns_of(file)
        file.seek(0)
        facts = {"name": path.name[:255], "size": path.stat().st_size, "created_at": timezone.now()}
        known, _ = EventImport.objects.get_or_create(app=app, digest=digest_of(file), defaults=facts)
        if known.finished_at:
            return known
        with _rejects_of(rejects, known.line) as refused:
            batch: list[Line] = []
            batches = 0
            for line in lines_of(file, columns, known.position, known.line):
                batch.append(line)
                if len(batch) == lines_at_once:
                    _take(app, known, batch, refused, end=None)
                    batch = []
                    batches += 1
                    if batches % BATCHES_A_FOLD == 0:
                        boards.fold()
                    told(known)
            _take(app, known, batch, refused, end=file.tell())
    while boards.fold() >= boards.FOLDED_AT_ONCE:
        pass
    told(known)
    return known


def _rejects_of(path: Path, line: int) -> IO[str]:
    """The file of refusals, without those of a batch that was cut off before it was committed."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as kept:
        if line and path.exists():
            with path.open(encoding="utf-8", errors="replace") as before:
                kept.writelines(text for text in before if _is_done(text, line))
    new.replace(path)
    return path.open("a", encoding="utf-8")


def _is_done(text: str, line: int) -> bool:
    try:
        return json.loads(text)["line"] <= line
    except (ValueError, KeyError, TypeError):
        return False  # the process was killed while it wrote this


def _take(app: App, known: EventImport, batch: list[Line], refused: IO[str], *, end: int | None) -> None:
    """Records one batch, and that it is recorded, in one transaction. ``end``: where the file ends, with the last batch."""
    reset_queries()  # with DEBUG on, Django keeps the text of every statement
    readable = [line for line in batch if line.doing is not None]
    mark = refused.tell()
    for attempt in range(1, MOST_TRIES + 1):
        refused.truncate(mark)
        try:
            with transaction.atomic():
                answers = _record(app, [line.doing for line in readable])
                refusals = {line.number: (line, line.refusal) for line in batch if line.refusal is not None}
                for line, answer in zip(readable, answers, strict=True):
                    if isinstance(answer, DomainError):
                        refusals[line.number] = line, answer
                after = _after(known, batch, answers, len(refusals), end)
                if not sql.execute(_MOVE, after | {"id": known.pk, "before": known.position}):
                    raise UnderWay(message="Somebody else is importing this file into this app.")
                # before the commit: a refusal may be written twice, and is taken out again, but none is lost
                refused.writelines(_reject(*refusals[number]) for number in sorted(refusals))
                refused.flush()
            break
        except Overtaken:
            if attempt == MOST_TRIES:
                raise
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in COLLISIONS or attempt == MOST_TRIES:
                raise
            time.sleep(0.01 * attempt)
    for name, value in after.items():
        setattr(known, name, value)


def _record(app: App, doings: list) -> list[dict | DomainError]:
    """What the engine answers. Where it refuses a batch as a whole, its halves are tried, down to the one event that it means."""
    if not doings:
        return []
    try:
        with transaction.atomic():
            return engine.record(app, doings, actor="import")
    except DomainError as refusal:
        if len(doings) == 1:
            return [refusal]
    middle = len(doings) // 2
    return _record(app, doings[:middle]) + _record(app, doings[middle:])


_MOVE = """
UPDATE incentives_eventimport SET position = %(position)s, line = %(line)s, recorded = %(recorded)s, replayed = %(replayed)s,
  failed = %(failed)s, finished_at = %(finished_at)s
WHERE id = %(id)s AND position = %(before)s AND finished_at IS NULL
"""


def _after(known: EventImport, batch: list[Line], answers: list, failed: int, end: int | None) -> dict:
    """What the row says once the batch is recorded."""
    recorded = [answer for answer in answers if not isinstance(answer, DomainError)]
    replayed = sum(answer["idempotentReplay"] for answer in recorded)
    return {
        "position": batch[-1].end if end is None else end,
        "line": batch[-1].number if batch else known.line,
        "recorded": known.recorded + len(recorded) - replayed,
        "replayed": known.replayed + replayed,
        "failed": known.failed + failed,
        "finished_at": None if end is None else timezone.now(),
    }


def _reject(line: Line, refusal: DomainError) -> str:
    told = {
        "line": line.number,
        "code": refusal.code,
        "reason": refusal.message,
        "details": refusal.details,
        "text": line.text,
    }
    return json.dumps(told, ensure_ascii=False, default=str) + "\n"
