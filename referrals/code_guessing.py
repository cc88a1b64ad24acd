"""Guessing at discount codes: a key may ask for so many that do not exist, and then waits for the next minute.

Only misses count, so a till that is busy is never refused. The count is one for all processes: each miss takes one
from the meter's allotment of the minute.
"""

import time

from incenta.accounts.models import ApiKey
from incenta.api.metering import meter
from incenta.errors import TooManyRequests

MISSES_PER_MINUTE = 20
_MOST_KEPT = 10_000

_waiting: dict[str, int] = {}
"""Key → the minute in which this process has seen it run out."""


def refuse_guesser(key: ApiKey) -> None:
    """Raises ``TooManyRequests`` ``too_many_unknown_codes`` while the key has no miss left. Hits are not told apart
    then."""
    if _waiting.get(key.pk) == _minute():
        raise _refusal()


def count_miss(key: ApiKey) -> None:
    """Counts a code that does not exist. Raises ``TooManyRequests`` where it was one too many.

    The count is kept in the caller's transaction: commit it, whatever is answered.
    """
    minute = _minute()
    if meter.take(f"rate:codes:{key.pk}", MISSES_PER_MINUTE, minute * 60, MISSES_PER_MINUTE) is None:
        if len(_waiting) >= _MOST_KEPT:
            _waiting.clear()
        _waiting[key.pk] = minute
        raise _refusal()


def _minute() -> int:
    return int(time.time()) // 60


def _refusal() -> TooManyRequests:
    return TooManyRequests(
        "too_many_unknown_codes",
        f"This key has asked for {MISSES_PER_MINUTE} codes that do not exist within a minute.",
        retry_after=60 - int(time.time()) % 60,
    )
