"""The test clock of a sandbox: time that stands still until it is moved, contract section 10.

Everything that has a date reads ``incenta.clock.now(app)``, so a moved clock is the whole of it. What the passing of time does to rows
(holds mature, lots and codes expire, deadlines decide) is each room's sweep, which beat rings anyway: moving the clock rings them for
the one app at once, so that a test need not wait. Killed in between, the next bell does the rest.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from incenta import clock
from incenta.database import sql
from incenta.errors import Conflict, Forbidden, InvalidInput

from .models import App

logger = logging.getLogger(__name__)

LONGEST_MOVE = timedelta(days=3660)
"""Ten years at once, from where the clock stands or from now: what is further is a slip."""
FURTHEST = timedelta(days=36525)
"""A century from now, in however many moves: dates are reckoned on from here, and none may leave the calendar."""
MOST_STOPS = 60
"""On the way the clock stops at each moment at which something is due; after so many it takes ``STRIDES`` equal strides to its end,
and what is due within one happens at the end of it. A move is one request: no number of rows makes it an hour."""
STRIDES = 20
MOST_PASSES = 10
Sweep = Callable[[App], int]
Next = Callable[[App], datetime | None]


@dataclass(frozen=True)
class Room:
    """What the passing of time does in one room. ``sweep`` does what is due by the app's clock and answers how much moved; ``next``
    says when the next of it is due after the clock's moment."""

    place: int
    sweep: Sweep
    next: Next


_rooms: list[Room] = []


def sweep_with(sweep: Sweep, *, place: int, next: Next = lambda app: None) -> None:
    """A room tells what the passing of time does in it. Lower places go first. Called from ``AppConfig.ready``."""
    _rooms.append(Room(place, sweep, next))
    _rooms.sort(key=lambda room: room.place)


def freeze(app: App, at: datetime) -> App:
    """Stops the sandbox's clock at ``at``. Raises ``Forbidden`` for a live app, ``Conflict`` where it stands later already."""
    return _set(app, at)


def advance(app: App, to: datetime) -> App:
    """Moves a clock that stands. Raises ``Conflict`` ``clock_runs`` where it does not stand, ``clock_backwards`` for the past."""
    return _set(app, to, is_move=True)


def release(app: App) -> App:
    """Lets the clock run with everybody's again. What was done in the future stays there."""
    _must_be_sandbox(app)
    with sql.transaction_joined():
        held = App.objects.select_for_update(no_key=True).get(pk=app.pk)
        held.clock_frozen_at = None
        held.save(update_fields=["clock_frozen_at"])
        return held


def _set(app: App, at: datetime, *, is_move: bool = False) -> App:
    _must_be_sandbox(app)
    with sql.transaction_joined():
        held = App.objects.select_for_update(no_key=True).get(pk=app.pk)
        if is_move and held.clock_frozen_at is None:
            raise Conflict("clock_runs", "This sandbox's clock runs. Stop it first: POST /v1/test-clock.")
        if held.clock_frozen_at and at < held.clock_frozen_at:
            raise Conflict(
                "clock_backwards",
                f"The clock stands at {clock.iso(held.clock_frozen_at)}, and time goes forward only.",
            )
        if abs(at - clock.now(held)) > LONGEST_MOVE:
            raise InvalidInput({"to" if is_move else "frozenAt": ["Must lie within ten years."]})
        if at > timezone.now() + FURTHEST:
            raise InvalidInput({"to" if is_move else "frozenAt": ["Must lie within a hundred years of the present."]})
        if held.clock_frozen_at is None:
            held.clock_frozen_at = at
            held.save(update_fields=["clock_frozen_at"])
        # each sweep on the way has transactions and locks of its own
        transaction.on_commit(lambda: _walk(held.pk, at), robust=True)
        held.clock_frozen_at = at
        return held


def _walk(app_id: str, to: datetime) -> None:
    """Goes to ``to`` by way of the moments at which something is due, so that each thing happens at its time and in its order."""
    app = App.objects.get(pk=app_id)
    catch_up(app)
    stops, least = 0, timedelta(0)
    while (due := _next_due(app, to)) is not None:
        stops += 1
        if stops == MOST_STOPS:
            least = (to - app.clock_frozen_at) / STRIDES
        _move(app, min(max(due, app.clock_frozen_at + least), to))
    _move(app, to)


def _next_due(app: App, to: datetime) -> datetime | None:
    """When the next thing is due between where the clock stands and ``to``."""
    here = app.clock_frozen_at
    dues = [due for room in _rooms if (due := room.next(app)) is not None]
    return min((due for due in dues if here is not None and here < due < to), default=None)


def _move(app: App, to: datetime) -> None:
    # forward only, whoever else moves it
    App.objects.filter(pk=app.pk, clock_frozen_at__lt=to).update(clock_frozen_at=to)
    app.refresh_from_db(fields=["clock_frozen_at"])
    catch_up(app)


def catch_up(app: App) -> int:
    """Does what is due in one app by its clock, until nothing more is. Answers how much moved."""
    total = 0
    for _ in range(MOST_PASSES):
        moved = 0
        for room in _rooms:
            try:
                moved += room.sweep(app)
            except (OperationalError, InterfaceError):
                raise
            except Exception:
                logger.exception("the sandbox %s could not catch up with its clock", app.pk)
        total += moved
        if not moved:
            break
    return total


def _must_be_sandbox(app: App) -> None:
    if not app.is_sandbox:
        raise Forbidden("sandbox_only", "Only a sandbox has a test clock. Call it with the sandbox's key.")
