"""When a failed delivery is tried again. Pure: the database holds the schedule, this page knows the numbers.

Contract, section 9: the first send and five retries, after 60 s, 5 min, 15 min, 60 min and 120 min, never earlier and at
most 10 % later; ``Retry-After`` is honoured up to twice the wait.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

WAITS_S = (60, 300, 900, 3600, 7200)
REQUESTS = len(WAITS_S) + 1
"""How many requests a delivery makes before it is FAILED."""
SPREAD = 0.05
"""Jitter. Half of the promised 10 %: the other half is for the pump to get round to it."""


def wait_s(failures: int, retry_after: float | None, random: Callable[[], float]) -> float | None:
    """Seconds from the ``failures``-th failure (1 is the first) to the next request; None when that was the last.

    ``random`` gives a number in [0, 1).
    """
    if failures < 1:
        raise ValueError("a wait follows a failure")
    if failures >= REQUESTS:
        return None
    wait = WAITS_S[failures - 1]
    return min(max(wait, retry_after or 0) * (1 + SPREAD * random()), 2 * wait)


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, or None where it is absent, in the past or nonsense."""
    if not header:
        return None
    header = header.strip()
    if header.isascii() and header.isdigit():
        return float(header[:12])
    try:
        until = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    seconds = (until - now).total_seconds()
    return seconds if seconds > 0 and math.isfinite(seconds) else None
