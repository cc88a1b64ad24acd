"""The pump: claims what is due, sends it, records what came of it. One process, one event loop, many requests at a time.

It runs as the Celery task ``webhooks.drain`` for short stretches, and as ``manage.py webhook_pump`` for ever; any number of
them may run at once. Nothing of it is needed to survive: a killed pump is missed, and others take what it held.

Its slots are shared: three quarters at least are for healthy endpoints, a quarter at most for suspect ones. A request that
has been out for long is counted with the suspect, so that receivers that hang give their slots back before they time out.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from psycopg.errors import QueryCanceled

from . import metrics, queue, retries, signing
from .models import count
from .models.delivery import State, Trigger
from .queue import Job, Result
from .standing import SLOW_MS
from .transport import Outcome, Sender

logger = logging.getLogger("webhooks.pump")
T = TypeVar("T")

SLOTS = 256
BATCH = 64
FLUSH_S = 0.05
POLL_S = 0.05
IDLE_POLL_S = 0.25
SCARCE_S = 0.1
HOUSEKEEPING_S = 1.0
BEAT_S = 1.0
PATIENCE_S = 30.0
"""How long a pump that is told to stop waits for a database that takes no results; then their deliveries are left to their
leases, and sent again. One that is not told to stop waits for ever, and sends nothing meanwhile."""
FAULT_WAIT_S = 30.0
MOST_HANGING = 2
"""With so many requests out for longer than is slow, an endpoint is suspect before any of them is answered."""
MOST_OUT = 4
"""Times ``slots``: requests out at most, those that hang included."""


class Pump:
    """``slots``: requests at a time. ``budget_s``: stop claiming after so long (None: never). ``leaves_when_idle_s``: return
    when there has been nothing to do for so long, or at once where there never was (None: never). ``is_told_to_stop``: asked
    often; once it says yes, the pump claims no more."""

    def __init__(
        self,
        *,
        slots: int = SLOTS,
        budget_s: float | None = None,
        leaves_when_idle_s: float | None = None,
        is_told_to_stop: Callable[[], bool] = lambda: False,
        sender: Sender | None = None,
    ):
        queue.check_lease()
        self.slots = slots
        self.budget_s = budget_s
        self.leaves_when_idle_s = leaves_when_idle_s
        self.lease = uuid4()
        self.sent = 0
        self._is_told_to_stop = is_told_to_stop
        self._sender = sender
        self._stopping = False
        self._results: list[Result] = []
        self._out: dict[asyncio.Task, Job] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._claimed_at = 0.0

    def stop(self) -> None:
        """Claims no more; :meth:`run` returns once what is out has come back and is recorded. Safe in a signal handler."""
        self._stopping = True

    async def run(self) -> int:
        """Pumps. Answers how many requests were made."""
        self._woken = asyncio.Event()
        # the database driver blocks, so it has a thread, and the thread the one connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="webhook-pump-db")
        try:
            await self._beat()  # before anything is claimed
            beating = asyncio.create_task(self._keep_beating())
            try:
                async with self._sender or Sender() as sender:
                    await self._loop(sender)
            finally:
                beating.cancel()
            await self._tell_counts()
            with suppress(DatabaseError, InterfaceError):
                await self._call(lambda: queue.leave(self.lease))
        finally:
            await self._call(_hang_up)
            self._thread.shutdown()
        return self.sent

    async def _loop(self, sender: Sender) -> None:
        started = idle_since = time.monotonic()
        kept_house = 0.0
        while True:
            now = time.monotonic()
            if (self.budget_s is not None and now - started > self.budget_s) or self._is_told_to_stop():
                self._stopping = True
            if not self._stopping and now - kept_house > HOUSEKEEPING_S:
                await self._keep_house()
                kept_house = time.monotonic()
            if self._results:
                batch, self._results = self._results[:BATCH], self._results[BATCH:]
                await self._record(batch)
            jobs = [] if self._stopping else await self._claim()
            for job in jobs:
                task = asyncio.create_task(self._deliver(sender, job))
                self._out[task] = job
                task.add_done_callback(self._out.pop)
            # one that was rung for nothing, for another was faster, leaves at once: rings must not pile up
            patience = self.leaves_when_idle_s if self.sent or self.leaves_when_idle_s is None else 0.0
            if jobs or self._results or self._out:
                idle_since = time.monotonic()
            elif self._stopping or (patience is not None and time.monotonic() - idle_since >= patience):
                return
            if len(self._results) < BATCH:
                await self._pause(POLL_S if self._out or self.leaves_when_idle_s is not None else IDLE_POLL_S)

    async def _pause(self, seconds: float) -> None:
        """Waits for a batch of results, or a moment for a few."""
        self._woken.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), FLUSH_S if self._out or self._results else seconds)

    # -- one delivery ------------------------------------------------------------------------------------------------
    async def _deliver(self, sender: Sender, job: Job) -> None:
        headers: dict[str, str] = {}
        try:
            primary, *others = job.secrets()
            headers = signing.headers(
                message_id=job.message_id,
                event=job.type,
                attempt=job.n,
                timestamp=int(job.now()),
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
        self._counts.update(metrics.counts_of(result))
        self._results.append(result)
        if len(self._results) >= BATCH or len(self._out) <= 1:
            self._woken.set()

    # -- the database ------------------------------------------------------------------------------------------------
    async def _claim(self) -> list[Job]:
        room = self._room()
        if room is None:
            return []
        self._claimed_at = time.monotonic()
        try:
            jobs = await self._persist(lambda: queue.claim(room[0], self.lease, suspects=room[1])) or []
        except DatabaseError:
            logger.exception("claim failed")
            await asyncio.sleep(1)
            return []
        if jobs and abs(jobs[0].now() - time.time()) > metrics.WRONG_CLOCK_S:
            logger.warning("this machine's clock is %.0f s behind the database's", jobs[0].now() - time.time())
            self._counts[metrics.CLOCK_SKEWS, ""] += 1
        return jobs

    def _room(self) -> tuple[int, int] | None:
        """How many deliveries of healthy and of suspect endpoints to claim now; None while it is not worth a question."""
        suspects = sum(job.is_suspect for job in self._out.values())
        share = max(self.slots // 4, 1)
        free = min(
            self.slots - (len(self._out) - suspects) - min(suspects, share), self.slots * MOST_OUT - len(self._out)
        )
        room = free, min(share - suspects, free)
        # a claim costs about the same for one as for a hundred, so a few free slots wait for more, but not for long: when those
        # that hang hold the rest, there will be no more
        is_worth_it = free >= share or (free > 0 and time.monotonic() - self._claimed_at > SCARCE_S)
        return room if is_worth_it else None

    async def _record(self, batch: list[Result]) -> None:
        """Records a batch; where one row will not go in, the others do. While the database takes none, nothing is claimed."""
        try:
            await self._persist(lambda: queue.record(batch))
        except DatabaseError:
            if len(batch) > 1:
                for result in batch:
                    await self._record([result])
                return
            logger.exception("the result of delivery %s is recorded without its details", batch[0].id)
            await self._record_bare(batch[0].without_details())

    async def _record_bare(self, result: Result) -> None:
        """The last resort. A database that is too slow even for this is waited for: sending on would only send again."""
        while True:
            try:
                await self._persist(lambda: queue.record([result]))
                return
            except DatabaseError as error:
                if self._is_ending() or not isinstance(error, OperationalError):
                    logger.exception(
                        "the result of delivery %s is lost; it is sent again when its lease ends", result.id
                    )
                    return
                await asyncio.sleep(1)

    async def _keep_beating(self) -> None:
        """Beside the loop, which may be waiting for a database that takes its beats but not its results."""
        while True:
            await asyncio.sleep(BEAT_S)
            await self._beat()

    async def _beat(self) -> None:
        try:
            await self._call(lambda: queue.beat(self.lease))
        except (DatabaseError, InterfaceError) as error:
            logger.warning("a sign of life was not taken: %s", error)
            await self._call(_hang_up)

    async def _keep_house(self) -> None:
        hanging = self._hanging()
        try:
            reclaimed = await self._persist(lambda: _keep_house(hanging)) or 0
        except DatabaseError:
            logger.exception("housekeeping failed")
            return
        if reclaimed:
            self._counts[metrics.RECLAIMS, ""] += reclaimed
        for job in self._out.values():
            job.is_suspect = job.is_suspect or job.endpoint_id in hanging
        await self._tell_counts()

    def _hanging(self) -> list[str]:
        """The endpoints that have several requests out for longer than is slow, and are not known as suspect."""
        slow_since = time.monotonic() - SLOW_MS / 1000
        hanging = Counter(
            job.endpoint_id for job in self._out.values() if job.heard_at < slow_since and not job.is_suspect
        )
        return [endpoint_id for endpoint_id, requests in hanging.items() if requests >= MOST_HANGING]

    async def _tell_counts(self) -> None:
        """What was counted goes into the database. It is not worth a wait: where that is away, it is lost."""
        counts, self._counts = dict(self._counts), Counter()
        if counts:
            with suppress(DatabaseError, InterfaceError):
                await self._call(lambda: count.add(counts))

    async def _persist(self, work: Callable[[], T]) -> T | None:
        """``work`` on the database's thread, again (on a new connection) while the server is away or takes nothing. None
        after long patience, once the pump is to stop. Raises ``DatabaseError`` where it is the work that cannot be done.
        """
        waited_until = time.monotonic() + PATIENCE_S
        delay = 0.1
        while True:
            try:
                return await self._call(work)
            except (OperationalError, InterfaceError) as error:
                if isinstance(error.__cause__, QueryCanceled) and delay > 0.1:
                    raise  # it takes too long, and would again: less may be done in time
                logger.warning("the database is away: %s", error)
                await self._call(_hang_up)
                has_nothing_to_tell = not self._results and not self._out and delay > 1
                if self._is_ending() and (time.monotonic() > waited_until or has_nothing_to_tell):
                    logger.error("the database has been away for too long")
                    self._stopping = True
                    return None
                await asyncio.sleep(delay)
                delay = min(2.0, delay * 2)

    def _is_ending(self) -> bool:
        # a drain has its budget: it must not wait for ever in a process that others need
        return self._stopping or self._is_told_to_stop() or self.budget_s is not None

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
    is_poison = reclaims >= queue.MOST_FAULTS
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


def _keep_house(hanging: list[str]) -> int:
    """Answers how many deliveries were taken back from the dead."""
    if hanging:
        queue.suspect(hanging)
    queue.hold()
    return queue.reap()
