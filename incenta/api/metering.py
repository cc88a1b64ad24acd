"""How many calls may still be made: a month's by plan and app, a minute's by key. One mechanism for both.

A process takes calls from the database in blocks (*leases*) and hands them out from memory. Blocks shrink to one near
the limit, and the database gives out no more than the limit, so no race lets more calls through; a warm call pays no
statement. What a process does not use it gives back: when a lease lies idle, and when the process ends.
"""

import json
import logging
import os
import threading
import time
from datetime import UTC, datetime

from django.db import connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from incenta.accounts.models import ApiKey, App
from incenta.clock import iso
from incenta.database import sql
from incenta.errors import TooManyRequests

logger = logging.getLogger("incenta.api")

LARGEST_BLOCK = 500
IDLE_AFTER = 10.0
"""Seconds after which an unused lease goes back, so that another process can use it."""
ASK_AGAIN_AFTER = 1.0
"""Seconds for which an exhausted allotment is believed: another process may have given something back."""

_LEASE = """
INSERT INTO api_allotment AS a (scope, window_start, leased, granted)
VALUES (%(scope)s, %(window)s, %(first)s, %(first)s)
ON CONFLICT (scope, window_start) DO UPDATE
SET granted = LEAST(GREATEST((%(limit)s::bigint - a.leased) / %(share)s::bigint, 1), %(largest)s::bigint),
    leased = a.leased + LEAST(GREATEST((%(limit)s::bigint - a.leased) / %(share)s::bigint, 1), %(largest)s::bigint)
WHERE a.leased < %(limit)s::bigint
RETURNING granted, leased
"""
_GIVE_BACK = """
UPDATE api_allotment AS a SET leased = a.leased - back.calls
FROM json_to_recordset(%(rows)s::json) AS back(scope text, window_start timestamptz, calls bigint)
WHERE a.scope = back.scope AND a.window_start = back.window_start AND a.leased >= back.calls
"""
_FIRST_REFUSAL = """
INSERT INTO api_allotment AS a (scope, window_start, leased, granted, exceeded_at)
VALUES (%(scope)s, %(window)s, 0, 0, clock_timestamp())
ON CONFLICT (scope, window_start) DO UPDATE SET exceeded_at = EXCLUDED.exceeded_at WHERE a.exceeded_at IS NULL
"""


class _Lease:
    """What this process still holds of one scope."""

    __slots__ = ("exhausted_until", "leased", "left", "limit", "lock", "used_at", "window")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.window = self.limit = self.left = self.leased = 0
        self.exhausted_until = self.used_at = 0.0


def _moment(window: int) -> datetime:
    return datetime.fromtimestamp(window, UTC)


class Meter:
    """The leases of one process. ``share``: a block is at most this part of what remains."""

    def __init__(self) -> None:
        self.leases: dict[str, _Lease] = {}
        self.lock = threading.Lock()

    def take(self, scope: str, limit: int, window: int, share: int) -> int | None:
        """Takes one call from the window that began at ``window`` (seconds since 1970).

        Answers how many remain as far as this process knows, or ``None`` where none is left.
        """
        lease = self.leases.get(scope)
        if lease is None:
            with self.lock:
                lease = self.leases.setdefault(scope, _Lease())
        with lease.lock:
            if lease.window != window or lease.limit != limit:
                if lease.left:
                    self._return([(scope, lease.window, lease.left)])
                lease.window, lease.limit, lease.left, lease.leased, lease.exhausted_until = window, limit, 0, 0, 0.0
            if lease.left == 0:
                if limit <= 0 or lease.exhausted_until > time.monotonic():
                    return None
                granted = sql.row(
                    _LEASE,
                    {
                        "scope": scope,
                        "window": _moment(window),
                        "first": min(max(limit // share, 1), LARGEST_BLOCK),
                        "limit": limit,
                        "share": share,
                        "largest": LARGEST_BLOCK,
                    },
                )
                if granted is None:
                    lease.exhausted_until = time.monotonic() + ASK_AGAIN_AFTER
                    return None
                lease.left, lease.leased = granted
            lease.left -= 1
            lease.used_at = time.monotonic()
            return max(0, limit - lease.leased) + lease.left

    def put_back(self, scope: str, window: int) -> None:
        """Undoes one ``take``: that call failed by our fault."""
        lease = self.leases.get(scope)
        if lease is not None:
            with lease.lock:
                if lease.window == window:
                    lease.left += 1

    def give_back(self, idle_for: float = 0.0) -> int:
        """Returns leases that were not used for so many seconds to the database. Answers how many calls."""
        returned = []
        before = time.monotonic() - idle_for
        for scope, lease in list(self.leases.items()):
            with lease.lock:
                if lease.left and lease.used_at <= before:
                    returned.append((scope, lease.window, lease.left))
                    lease.left = 0
        with self.lock:
            for scope, lease in list(self.leases.items()):
                if not lease.left and lease.used_at < time.monotonic() - 3600 and not lease.lock.locked():
                    del self.leases[scope]
        if returned:
            self._return(returned)
        return sum(calls for _, _, calls in returned)

    def _return(self, returned: list[tuple[str, int, int]]) -> None:
        rows = [
            {"scope": scope, "window_start": _moment(window).isoformat(), "calls": calls}
            for scope, window, calls in sorted(returned)
        ]
        sql.execute(_GIVE_BACK, {"rows": json.dumps(rows)})

    def forget(self) -> None:
        """Drops all leases without giving them back (a forked child, a test)."""
        self.lock = threading.Lock()
        self.leases = {}


meter = Meter()
os.register_at_fork(after_in_child=meter.forget)

_month = (0, 0)


def month_of(moment: float) -> tuple[int, int]:
    """Start and end of the calendar month (UTC) in seconds since 1970."""
    global _month
    if not _month[0] <= moment < _month[1]:
        now = datetime.fromtimestamp(moment, UTC)
        start = datetime(now.year, now.month, 1, tzinfo=UTC)
        end = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
        _month = int(start.timestamp()), int(end.timestamp())
    return _month


def admit(key: ApiKey, request: HttpRequest) -> None:
    """Counts one call. Sets ``request.rate`` to (limit, remaining, seconds to reset).

    Raises ``TooManyRequests`` ``rate_limited`` or ``monthly_limit_exceeded``.
    """
    plan = key.app.merchant.plan
    now = time.time()
    minute = int(now) // 60 * 60
    reset = max(1, minute + 60 - int(now))
    limit = plan.calls_per_minute
    remaining = meter.take("rate:" + key.id, limit, minute, 10)
    request.rate = (limit, remaining or 0, reset)
    if remaining is None:
        raise TooManyRequests("rate_limited", f"This key may make {limit} calls a minute.", retry_after=reset)
    start, end = month_of(now)
    limit = plan.monthly_calls
    scope = "calls:" + key.app_id
    if meter.take(scope, limit, start, 50) is None:
        reset = max(1, end - int(now))
        request.rate = (limit, 0, reset)
        _tell(key.app, scope, limit, start, end)
        raise month_used_up(f"This app has made the {limit} calls that its plan allows in a month.", limit, now)
    request.metered = scope, start


def month_used_up(told: str, limit: int, now: float) -> TooManyRequests:
    """The refusal of a call beyond so many of this month."""
    end = month_of(now)[1]
    return TooManyRequests(
        "monthly_limit_exceeded",
        told,
        retry_after=max(1, end - int(now)),
        details={"limit": limit, "resetsAt": iso(_moment(end))},
    )


def forgive(request: HttpRequest) -> None:
    """A call that failed by our fault does not count to the month; it still counts to the rate."""
    metered = getattr(request, "metered", None)
    if metered is not None:
        meter.put_back(*metered)


_told: dict[str, int] = {}


def _tell(app: App, scope: str, limit: int, start: int, end: int) -> None:
    """Records ``USAGE_LIMIT_EXCEEDED`` once an app and month, whatever processes ask. Never fails the caller."""
    if _told.get(scope) == start:
        return
    from incenta import events

    try:
        with transaction.atomic():
            if sql.execute(_FIRST_REFUSAL, {"scope": scope, "window": _moment(start)}):
                events.record(
                    app,
                    "USAGE_LIMIT_EXCEEDED",
                    {"appId": app.id, "currentUsage": limit, "limit": limit, "resetsAt": iso(_moment(end))},
                    subject=("app", app.id),
                    occurred_at=timezone.now(),
                )
        _told[scope] = start
    except Exception as error:
        logger.error("USAGE_LIMIT_EXCEEDED could not be recorded.", exc_info=error)


def usage(app: App) -> dict:
    """This month's calls of an app: ``{calls, limit, resetsAt}``. Calls that a process has leased count as made."""
    start, end = month_of(time.time())
    found = sql.row(
        "SELECT leased FROM api_allotment WHERE scope = %(scope)s AND window_start = %(window)s",
        {"scope": f"calls:{app.id}", "window": _moment(start)},
    )
    return {"calls": found[0] if found else 0, "limit": app.merchant.plan.monthly_calls, "resetsAt": iso(_moment(end))}


def purge() -> int:
    """Deletes the windows of minutes that are over a day old; months stay. Answers how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM api_allotment WHERE scope LIKE 'rate:%%' AND window_start < now() - interval '1 day'", []
        )
        return cursor.rowcount
