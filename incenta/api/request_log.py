"""The request log's writer. A request only puts a line into memory; one thread a process writes lines in batches on a
connection of its own, and with them when and from where each key was last used.

The queue is bounded: when the database is away, lines are dropped and counted, never requests.
"""

import json
import logging
import os
import re
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from multiprocessing.util import Finalize

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from incenta.api import metering
from incenta.api.authentication import caller_ip
from incenta.api.models import RequestLog
from incenta.database import sql

logger = logging.getLogger("incenta.api")

MOST_QUEUED = 20_000
BATCH = 500
EVERY = 1.0
"""Seconds between two writes."""
LONGEST_BODY = 4096

_queue: deque = deque()
_wake = threading.Event()
_writing = threading.Lock()
_thread: threading.Thread | None = None
dropped = 0

# a value is masked to its end, or to the end of the text where the text was cut
_SECRETS = re.compile(
    r'("(?:[a-z_]*(?:secret|password|token|api_?key|authorization)|phone)"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|$)'
    r"|\b(?:inc_(?:live|test|pub)_|whsec_)[\w+/=-]+",
    re.IGNORECASE,
)
_EMAILS = re.compile(r"[^\s\"'\\<>(),:;/?&=@]+(?:@|%40)[^\s\"'\\<>(),:;/?&=@]+", re.IGNORECASE)


def masked(text: str) -> str:
    """The text without secrets, e-mail addresses and telephone numbers."""
    text = _SECRETS.sub(lambda found: f'{found[1]}"***"' if found[1] else "***", text)
    return _EMAILS.sub("***@***", text) if "@" in text or "%40" in text else text


def note(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """Puts one call into the queue. Never raises, never waits."""
    global dropped
    if len(_queue) >= MOST_QUEUED:
        dropped += 1
        return
    key = getattr(request, "api_key", None)
    match = request.resolver_match
    try:
        sent = request.body[: LONGEST_BODY * 2] if request.method not in ("GET", "HEAD", "OPTIONS") else b""
    except Exception:  # over the limit, or the client hung up
        sent = b""
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
            response.content[: LONGEST_BODY * 2] if not response.streaming else b"",
            caller_ip(request),
            request.META.get("HTTP_USER_AGENT", ""),
            time.time(),
        )
    )


def _storable(text: str) -> str:
    """What PostgreSQL takes: no NUL, no half characters."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "�")


def _text(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    if "\\u" in text:  # an address may hide behind escapes
        with suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), ensure_ascii=False)
    return masked(_storable(text))[:LONGEST_BODY]


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _line(entry: tuple) -> RequestLog:
    (request_id, app, key, method, path, route, status, ms, code, sent, answered, remote, agent, at) = entry
    return RequestLog(
        id=request_id,
        app_id=app,
        api_key_id=key,
        method=method[:10],
        path=masked(_storable(path))[:500],
        route=route[:200],
        status=status,
        milliseconds=ms,
        error_code=code[:60],
        request_body=_text(sent),
        response_body=_text(answered),
        remote_ip=_address(remote),
        user_agent=masked(_storable(agent))[:200],
        created_at=datetime.fromtimestamp(at, UTC),
    )


_USED = """
UPDATE accounts_apikey AS key SET last_used_at = used.at, last_used_ip = used.ip::inet
FROM json_to_recordset(%(rows)s::json) AS used(id text, at timestamptz, ip text)
WHERE key.id = used.id AND (key.last_used_at IS NULL OR key.last_used_at < used.at)
"""


def flush() -> int:
    """Writes what is queued, in this thread. Answers how many lines."""
    written = 0
    with _writing:
        while _queue:
            batch = [_queue.popleft() for _ in range(min(BATCH, len(_queue)))]
            lines = [_line(entry) for entry in batch]
            RequestLog.objects.bulk_create(lines, ignore_conflicts=True)
            used = {
                line.api_key_id: {"id": line.api_key_id, "at": line.created_at.isoformat(), "ip": line.remote_ip}
                for line in lines
            }
            used.pop(None, None)
            if used:
                sql.execute(_USED, {"rows": json.dumps(sorted(used.values(), key=lambda row: row["id"]))})
            written += len(lines)
    return written


def _work() -> None:
    global dropped
    while True:
        _wake.wait(EVERY)
        _wake.clear()
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
    # the primary key begins with the time in milliseconds, so it finds the old ones
    cutoff = timezone.now() - timedelta(days=settings.REQUEST_LOG_KEEP_DAYS)
    total = 0
    while True:
        old = RequestLog.objects.filter(created_at__lt=cutoff).order_by("id").values("pk")[:batch]
        deleted, _ = RequestLog.objects.filter(pk__in=old).delete()
        total += deleted
        if deleted < batch:
            return total
