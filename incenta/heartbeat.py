"""When each task of the schedule last ended well, noted by the workers for ``/metrics``.

A broker that is down, a beat that died, a worker that hangs and a task that always fails look the same from the outside: the
task has not ended well for a while. So this one figure stands for all of them.
"""

import logging
import time
from collections import Counter
from typing import Any

from celery.signals import task_failure, task_success
from django.db import DatabaseError, InterfaceError

logger = logging.getLogger(__name__)

SUCCEEDED, FAILED = "task_succeeded", "task_failed"
EVERY_S = 1.0
"""A bell may ring five times a second; its row is written once."""

_tasks: set[str] = set()
_waiting: Counter[tuple[str, str]] = Counter()
_written: dict[tuple[str, str], float] = {}


def listen(tasks: set[str]) -> None:
    """From now on these tasks are noted in this process and in those that it forks."""
    _tasks.update(tasks)
    task_success.connect(_succeeded, dispatch_uid=SUCCEEDED)
    task_failure.connect(_failed, dispatch_uid=FAILED)


def _succeeded(sender: Any = None, **_: Any) -> None:
    note(SUCCEEDED, sender.name)


def _failed(sender: Any = None, **_: Any) -> None:
    note(FAILED, sender.name)


def note(outcome: str, task: str) -> None:
    """Adds one, and writes at most once a second. Never raises: a task does not fail for its heartbeat."""
    from incenta.events import vital_signs  # this module is loaded with the Celery app, before there are models

    if task not in _tasks:
        return
    _waiting[outcome, task] += 1
    now = time.monotonic()
    if (last := _written.get((outcome, task))) is not None and now - last < EVERY_S:
        return
    _written[outcome, task] = now
    signs = {(outcome, task): _waiting.pop((outcome, task))}
    try:
        vital_signs.add(signs)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the heartbeat of %s could not be written: %s", task, error)
