"""The pump: claims what is due, sends it, records what came of it. One process, one event loop, many requests at a time.

It runs as the Celery task ``webhooks.drain`` for short stretches, and as ``manage.py webhook_pump`` for ever; any number of
them may run at once. Nothing of it is needed to survive: a killed pump's deliveries come back when their leases end.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from . import queue, retries, signing
from .models.delivery import State, Trigger
from .queue import Job, Result
from .transport import Outcome, Sender

logger = logging.getLogger("webhooks.pump")
T = TypeVar("T")

SLOTS = 256
BATCH = 64
FLUSH_S = 0.05
POLL_S = 0.05
IDLE_POLL_S = 0.25
HOUSEKEEPING_S = 1.0
PATIENCE_S = 30.0
"""How long a result waits for a database that is away before its delivery is left to its lease, and sent again."""
FAULT_WAIT_S = 30.0


class Pump:
    """``slots``: requests at a time. ``budget_s``: stop claiming after so long (None: never). ``leaves_when_idle_s``: return
    when there has been nothing to do for so long, or at once where there never was (None: never)."""

    def __init__(
        self,
        *,
        slots: int = SLOTS,
        budget_s: float | None = None,
        leaves_when_idle_s: float | None = None,
        sender: Sender | None = None,
    ):
        self.slots = slots
        self.budget_s = budget_s
        self.leaves_when_idle_s = leaves_when_idle_s
        self.lease = uuid4()
        self.sent = 0
        self._sender = sender
        self._stopping = False
        self._results: list[Result] = []
        self._in_flight = 0

    def stop(self) -> None:
        """Claims no more; :meth:`run` returns once what is out has come back and is recorded. Safe in a signal handler."""
        self._stopping = True

    async def run(self) -> int:
        """Pumps. Answers how many requests were made."""
        self._woken = asyncio.Event()
        # the database driver blocks, so it has a thread, and the thread the one connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="webhook-pump-db")
        try:
            async with self._sender or Sender() as sender:
                await self._loop(sender)
        finally:
            await self._call(_hang_up)
            self._thread.shutdown()
        return self.sent

    async def _loop(self, sender: Sender) -> None:
        started = idle_since = time.monotonic()
        kept_house = 0.0
        tasks: set[asyncio.Task] = set()
        while True:
            now = time.monotonic()
            if self.budget_s is not None and now - started > self.budget_s:
                self._stopping = True
            if not self._stopping and now - kept_house > HOUSEKEEPING_S:
                await self._persist(_keep_house)
                kept_house = time.monotonic()
            if self._results:
                batch, self._results = self._results[:BATCH], self._results[BATCH:]
                await self._record(batch)
            jobs = [] if self._stopping or self._in_flight > self.slots * 3 // 4 else await self._claim()
            for job in jobs:
                self._in_flight += 1
                task = asyncio.create_task(self._deliver(sender, job))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            # one that was rung for nothing, for another was faster, leaves at once: rings must not pile up
            patience = self.leaves_when_idle_s if self.sent or self.leaves_when_idle_s is None else 0.0
            if jobs or self._results or self._in_flight:
                idle_since = time.monotonic()
            elif self._stopping or (patience is not None and time.monotonic() - idle_since >= patience):
                return
            if len(self._results) < BATCH:
                await self._pause(POLL_S if self._in_flight or self.leaves_when_idle_s is not None else IDLE_POLL_S)

    async def _pause(self, seconds: float) -> None:
        """Waits for a batch of results, or a moment for a few."""
        self._woken.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), FLUSH_S if self._in_flight or self._results else seconds)

    # -- one delivery ------------------------------------------------------------------------------------------------
    async def _deliver(self, sender: Sender, job: Job) -> None:
        headers: dict[str, str] = {}
        try:
            primary, *others = job.secrets()
            headers = signing.headers(
                message_id=job.message_id,
                event=job.type,
                attempt=job.n,
                timestamp=int(time.time()),
                body=job.body,
                primary=primary,
                others=others,
                keys=job.keys(),
            )
            self.sent += 1
            result = judge(job, headers, await sender.post(job.url, job.body, headers, job.timeout_s))
        except Exception:
            logger.exception("delivery %s could not be sent", job.id)
            result = fault(job, headers)
        self._results.append(result)
        self._in_flight -= 1
        if len(self._results) >= BATCH or not self._in_flight:
            self._woken.set()

    # -- the database ------------------------------------------------------------------------------------------------
    async def _claim(self) -> list[Job]:
        try:
            return await self._persist(lambda: queue.claim(self.slots - self._in_flight, self.lease)) or []
        except DatabaseError:
            logger.exception("claim failed")
            await asyncio.sleep(1)
            return []

    async def _record(self, batch: list[Result]) -> None:
        """Records a batch; where one row will not go in, the others do. While the database is away, nothing is claimed."""
        try:
            await self._persist(lambda: queue.record(batch))
        except DatabaseError:
            if len(batch) > 1:
                for result in batch:
                    await self._record([result])
                return
            logger.exception("the result of delivery %s is recorded without its details", batch[0].id)
            try:
                await self._persist(lambda: queue.record([batch[0].without_details()]))
            except DatabaseError:
                logger.exception("the result of delivery %s is lost; it is sent again when its lease ends", batch[0].id)

    async def _persist(self, work: Callable[[], T]) -> T | None:
        """``work`` on the database's thread, again on a new connection while the server is away. None after long patience."""
        waited_until = time.monotonic() + PATIENCE_S
        delay = 0.1
        while True:
            try:
                return await self._call(work)
            except (OperationalError, InterfaceError) as error:
                logger.warning("the database is away: %s", error)
                await self._call(_hang_up)
                if time.monotonic() > waited_until or (
                    self._stopping and not self._results and not self._in_flight and delay > 1
                ):
                    logger.error("the database has been away for %s s", PATIENCE_S)
                    return None
                await asyncio.sleep(delay)
                delay = min(2.0, delay * 2)

    def _call(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._thread, work)


def judge(job: Job, headers: dict[str, str], outcome: Outcome) -> Result:
    """What an outcome means for the delivery. Pure but for the jitter."""
    result = Result(
        id=job.id,
        n=job.n,
        state=State.DELIVERED,
        failures=job.failures,
        reclaims=job.reclaims,
        wait_s=None,
        status=outcome.status,
        error=outcome.error,
        ms=outcome.ms,
        ip=outcome.ip,
        request_headers=headers,
        response_headers=outcome.headers,
        response_body=outcome.body,
    )
    if outcome.is_success:
        return result
    if outcome.was_stale and job.n <= job.failures + job.reclaims + 1:
        # once a delivery: the receiver had closed an idle connection, which is its right; go again on a new one
        result.state, result.wait_s, result.is_ours = State.PENDING, 0.0, True
        return result
    result.failures += 1
    result.wait_s = retries.wait_s(result.failures, outcome.retry_after, random.random)
    if job.trigger == Trigger.TEST or result.wait_s is None:
        result.state, result.wait_s = State.FAILED, None
    elif outcome.status == 410:
        result.state = State.HELD
    else:
        result.state = State.PENDING
    return result


def fault(job: Job, headers: dict[str, str]) -> Result:
    """Our own trouble uses up none of the receiver's chances, but not for ever."""
    reclaims = job.reclaims + 1
    is_poison = reclaims >= queue.MOST_RECLAIMS
    return Result(
        id=job.id,
        n=job.n,
        state=State.QUARANTINED if is_poison else State.PENDING,
        failures=job.failures,
        reclaims=reclaims,
        wait_s=None if is_poison else FAULT_WAIT_S * reclaims,
        status=None,
        error="fault",
        ms=0,
        ip=None,
        request_headers=headers,
        response_headers={},
        response_body="",
        is_ours=True,
    )


def _hang_up() -> None:
    connection.close()  # looked up here: each thread has a connection of its own


def _keep_house() -> None:
    queue.reap()
    queue.hold()
