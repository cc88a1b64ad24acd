"""The request log's writer. A request only puts a line into memory; one thread a process writes lines in batches on a
connection of its own, and with them when and from where each key was last used.

The queue is bounded: when the database is away, lines are dropped and counted, never requests.
"""

import json
import logging
import os
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from multiprocessing.util import Finalize

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ulid import ULID

from incenta.api import metering
from incenta.api.authentication import caller_ip
from incenta.api.models import RequestLog
from incenta.database import sql
from incenta.masking import masked

logger = logging.getLogger("incenta.api")

MOST_QUEUED = 20_000
BATCH = 250
EVERY = 1.0
"""Seconds between two writes."""
LONGEST_BODY = 4096
OF_STRANGERS = 10
"""Refusals of calls without a valid key that a process keeps in a second, without bodies: nobody reads more of them, and a stranger
must not fill our disk."""

_queue: deque = deque()
_writing = threading.Lock()
_thread: threading.Thread | None = None
dropped = 0


def note(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """Puts one call into the queue. Never raises, never waits."""
    global dropped
    key = getattr(request, "api_key", None)
    if key is None and (response.status_code < 400 or not _has_room_for_a_stranger()):
        return
    if len(_queue) >= MOST_QUEUED:
        dropped += 1
        return
    match = request.resolver_match
    sent = answered = b""
    if key is not None:
        answered = response.content[: LONGEST_BODY * 2] if not response.streaming else b""
        with suppress(Exception):  # over the limit, or the client hung up
            sent = request.body[: LONGEST_BODY * 2] if request.method not in ("GET", "HEAD", "OPTIONS") else b""
    query = request.META.get("QUERY_STRING", "")
    _queue.append(
        (
            request.request_id,
            key.app_id if key is not None else None,
            key.id if key is not None else None,
            request.method,
            f"{request.path_info}?{query}" if query else request.path_info,
            getattr(match, "route", ""),
            response.status_code,
            round(seconds * 1000, 2),
            getattr(response, "error_code", ""),
            sent,
            answered,
            caller_ip(request),
            request.META.get("HTTP_USER_AGENT", ""),
            time.time(),
        )
    )


_strangers = [0, 0]
"""A second, and how many strangers were refused in it. Threads that count at once may let in one more."""


def _has_room_for_a_stranger() -> bool:
    second = int(time.monotonic())
    if _strangers[0] != second:
        _strangers[:] = second, 0
    _strangers[1] += 1
    return _strangers[1] <= OF_STRANGERS


def _storable(text: str) -> str:
    """What PostgreSQL takes: no NUL, no half characters."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "�")


def _text(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    if "\\u" in text:  # an address may hide behind escapes
        with suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), ensure_ascii=False)
    return masked(_storable(text))[:LONGEST_BODY]


@lru_cache(maxsize=1024)
def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _line(entry: tuple) -> dict:
    (request_id, app, key, method, path, route, status, ms, code, sent, answered, remote, agent, at) = entry
    return {
        "id": request_id,
        "app": app,
        "key": key,
        "method": method[:10],
        "path": masked(_storable(path))[:500],
        "route": route[:200],
        "status": status,
        "ms": ms,
        "code": code[:60],
        "sent": _text(sent),
        "answered": _text(answered),
        "ip": _address(remote),
        "agent": masked(_storable(agent))[:200],
        "at": at,
    }


_WRITE = """
INSERT INTO api_requestlog (id, app_id, api_key_id, method, path, route, status, milliseconds, error_code, request_body,
  response_body, remote_ip, user_agent, created_at)
SELECT id, app, key, method, path, route, status, ms, code, sent, answered, ip, agent, to_timestamp(at)
FROM json_to_recordset(%(lines)s::json) AS line(id text, app text, key text, method text, path text, route text,
  status smallint, ms double precision, code text, sent text, answered text, ip inet, agent text, at double precision)
ON CONFLICT DO NOTHING
"""
_USED = """
UPDATE accounts_apikey AS key SET last_used_at = to_timestamp(used.at), last_used_ip = used.ip
FROM json_to_recordset(%(keys)s::json) AS used(id text, at double precision, ip inet)
WHERE key.id = used.id AND (key.last_used_at IS NULL OR key.last_used_at < to_timestamp(used.at))
"""
_COUNTED = """
INSERT INTO api_callday AS d (app_id, day, endpoint, calls, failed, limited)
SELECT app, day, endpoint, calls, failed, limited
FROM json_to_recordset(%(days)s::json) AS line(app text, day date, endpoint text, calls bigint, failed bigint, limited bigint)
ON CONFLICT (app_id, day, endpoint) DO UPDATE
SET calls = d.calls + EXCLUDED.calls, failed = d.failed + EXCLUDED.failed, limited = d.limited + EXCLUDED.limited
"""


def _days(lines: list[dict]) -> list[dict]:
    """The lines summed by app, day (UTC, as months of plans are) and endpoint, in the order of their keys."""
    days: dict[tuple[str, str, str], list[int]] = {}
    for line in lines:
        if line["app"]:
            day = datetime.fromtimestamp(line["at"], UTC).date().isoformat()
            endpoint = f"{line['method']} /{line['route'].removeprefix('api/')}"[:200]
            sums = days.setdefault((line["app"], day, endpoint), [0, 0, 0])
            is_limited = line["status"] == 429
            for place, more in enumerate((not is_limited, line["status"] >= 500, is_limited)):
                sums[place] += more
    return [
        {"app": app, "day": day, "endpoint": endpoint, "calls": calls, "failed": failed, "limited": limited}
        for (app, day, endpoint), (calls, failed, limited) in sorted(days.items())
    ]


def _write(entries: list[tuple]) -> None:
    lines = [_line(entry) for entry in entries]
    used = {line["key"]: {"id": line["key"], "at": line["at"], "ip": line["ip"]} for line in lines if line["key"]}
    with transaction.atomic():
        sql.execute(_WRITE, {"lines": sql.as_rows(lines)})
        if used:
            # in the order of their ids, so that two processes cannot wait for each other
            sql.execute(_USED, {"keys": sql.as_rows(sorted(used.values(), key=lambda row: row["id"]))})
        if days := _days(lines):
            sql.execute(_COUNTED, {"days": sql.as_rows(days)})


def flush() -> int:
    """Writes what is queued, in this thread. Answers how many lines.

    Raises ``OperationalError`` while the database is away; the lines then stay in the queue.
    """
    global dropped
    written = 0
    with _writing:
        while _queue:
            batch = [_queue.popleft() for _ in range(min(BATCH, len(_queue)))]
            try:
                _write(batch)
            except (OperationalError, InterfaceError):
                _queue.extendleft(reversed(batch))
                raise
            except Exception as error:  # a line that cannot be written must not stop those after it
                logger.error("Lines of the request log could not be written.", exc_info=error)
                dropped += len(batch)
            else:
                written += len(batch)
    return written


def _work() -> None:
    global dropped
    while True:
        time.sleep(EVERY)
        try:
            flush()
            metering.meter.give_back(metering.IDLE_AFTER)
            if dropped:
                logger.warning("%s lines of the request log were dropped.", dropped)
                dropped = 0
        except Exception as error:
            logger.warning("The request log could not be written: %s", error)
            connection.close()


def start() -> None:
    """Starts this process's writer; the server calls it. Repeating it changes nothing."""
    global _thread
    if _thread is None or not _thread.is_alive():
        _thread = threading.Thread(target=_work, name="request-log", daemon=True)
        _thread.start()
        # unlike atexit, this also runs in the children of multiprocessing, which granian's workers are
        Finalize(None, _end, exitpriority=10)


def _end() -> None:
    try:
        flush()
        metering.meter.give_back()
    except Exception as error:
        logger.warning("The request log could not be written at the end: %s", error)


def _forget() -> None:
    """In a forked child: the parent's lines and thread are the parent's."""
    global _thread, _writing, dropped
    _queue.clear()
    _thread, _writing, dropped = None, threading.Lock(), 0


os.register_at_fork(after_in_child=_forget)


def purge(batch: int = 5_000) -> int:
    """Deletes lines older than ``REQUEST_LOG_KEEP_DAYS``, in batches. Answers how many."""
    # ids begin with their time in milliseconds, so the primary key finds the old ones without a scan
    cutoff = timezone.now() - timedelta(days=settings.REQUEST_LOG_KEEP_DAYS)
    first_kept = "req_" + str(ULID.from_timestamp(cutoff.timestamp())).lower()[:10]
    total = 0
    while True:
        old = RequestLog.objects.filter(id__lt=first_kept).order_by("id").values("pk")[:batch]
        deleted, _ = RequestLog.objects.filter(pk__in=old).delete()
        total += deleted
        if deleted < batch:
            return total
