"""What the frame of every page shows may be a minute old: each process keeps it in memory, so that a page pays nothing for it."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
SECONDS = 60.0
MOST_KEPT = 5_000

_kept: dict[str, tuple[float, object]] = {}
_lock = threading.Lock()


def kept(key: str, make: Callable[[], T]) -> T:
    """What ``make`` answered within the last minute, under a key that begins with what it is and names whose."""
    found = _kept.get(key)
    if found is not None and found[0] > time.monotonic():
        return found[1]  # type: ignore[return-value]
    made = make()
    with _lock:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[key] = time.monotonic() + SECONDS, made
    return made


def forget(key: str) -> None:
    """The next page makes it anew; other processes do within a minute."""
    _kept.pop(key, None)
