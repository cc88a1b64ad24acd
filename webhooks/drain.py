"""The pump in a Celery worker: for a short while, and no more of them at once than there are slots for.

Without that limit every ring during a backlog would take another of the worker's processes for the whole of a drain.

A worker that is told to stop waits for its tasks without telling them, so they look: the parent notes it in memory that it
shares with the processes it forks, and a drain then claims no more and waits only for what is out.
"""

import asyncio
import mmap
from collections.abc import Iterator
from contextlib import contextmanager

from celery.signals import worker_init, worker_shutting_down

from incenta.database import places

from .pump import Pump

BUDGET_S = 25.0
IDLE_S = 0.3
MOST_AT_ONCE = 2
_LOCK = 0x77686B  # "whk"
_told_to_stop = mmap.mmap(-1, 1)
"""One byte, made before the worker forks: 1 once it is shutting down."""


@worker_init.connect
def _begin(**_) -> None:
    _told_to_stop[0] = 0


@worker_shutting_down.connect
def _end(**_) -> None:
    _told_to_stop[0] = 1


def is_told_to_stop() -> bool:
    return _told_to_stop[0] == 1


def drain() -> int:
    """Answers how many requests were made; 0 at once where enough drains run already."""
    with _place() as is_ours:
        if not is_ours or is_told_to_stop():
            return 0
        pump = Pump(budget_s=BUDGET_S, leaves_when_idle_s=IDLE_S, is_told_to_stop=is_told_to_stop)
        return asyncio.run(pump.run())


@contextmanager
def _place() -> Iterator[bool]:
    """One of the places for a drain. A process that dies gives its place back."""
    with places.held(_LOCK, range(MOST_AT_ONCE)) as is_ours:
        yield is_ours
