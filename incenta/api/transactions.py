"""How a handler runs: one transaction for what writes, again after a deadlock, and once more on a fresh connection.

PostgreSQL may restart at any time. A request whose connection died before its COMMIT was sent has done nothing, so it
runs again on a new connection; one whose COMMIT was under way may or may not have happened, so it runs again only where
its ``Idempotency-Key`` tells which.
"""

import logging
import random
import select
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import HttpResponse

from incenta.api import errors, idempotency
from incenta.errors import DomainError, Overtaken

logger = logging.getLogger("incenta.api")

MOST_RUNS = 4
"""The first run and three more."""
COLLISIONS = {"40P01", "40001"}
"""SQL states of a deadlock and of a serialization failure: PostgreSQL has undone everything and asks to try again."""


def _state(error: Exception) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)


def _is_collision(error: Exception) -> bool:
    return _state(error) in COLLISIONS


def _is_lost(error: Exception) -> bool:
    """Whether the connection is gone: closed under us, the server shutting down, or not to be reached."""
    state = _state(error)
    return isinstance(error, InterfaceError) or state is None or state.startswith(("08", "57P"))


def _is_outermost() -> bool:
    """Whether the transaction is ours to repeat (a test may hold one around us)."""
    return not connection.in_atomic_block


def read(call: Callable, *given):
    """``call(*given)``, which only reads; once more if the persistent connection turns out to be dead.

    Raises ``Unavailable`` where the second connection is no better.
    """
    try:
        return call(*given)
    except (OperationalError, InterfaceError) as error:
        if not _is_outermost() or not (_is_lost(error) or _is_collision(error)):
            raise
        if _is_lost(error):
            connection.close()
    try:
        return call(*given)
    except (OperationalError, InterfaceError) as error:
        connection.close_if_unusable_or_obsolete()
        raise errors.Unavailable from error


def _check_connection() -> None:
    """Raises ``OperationalError`` where the server has hung up already: better known before COMMIT than after it.

    A server says nothing unasked, except that it is going. Looking for that costs no statement.
    """
    if connection.connection is None:
        return  # closed in the handler: Django tells so at the end of the block
    poll = select.poll()
    poll.register(connection.connection.fileno(), select.POLLIN)
    if poll.poll(0):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")


class _Run:
    """How far one run has come."""

    __slots__ = ("committed", "committing")

    def __init__(self) -> None:
        self.committing = self.committed = False

    def commit(self) -> None:
        self.committed = True


def write(request, call: Callable, handler: Callable, *, answers_secret: bool = False) -> HttpResponse:
    """Runs a handler inside one transaction, and keeps its answer in it where the request has an idempotency key.

    Raises what the handler raises; ``Unavailable`` when the database stays away; ``idempotency.InProgress`` or
    ``idempotency.Reused``.
    """
    claim = idempotency.claim(request, is_secret=answers_secret)
    reconnected = False
    for attempt in range(1, MOST_RUNS + 1):
        run = _Run()
        response = None
        try:
            with transaction.atomic():
                transaction.on_commit(run.commit)  # the first hook, so that it runs even if another one fails
                if claim is not None and (replay := claim.replay()) is not None:
                    return replay
                response = call(handler)
                if claim is not None and idempotency.is_final(response.status_code) and not claim.keep(response):
                    raise Overtaken
                _check_connection()
                run.committing = True
            return response
        except Overtaken:
            continue  # somebody has committed since we looked: the next run finds what they did
        except (OperationalError, InterfaceError) as error:
            if run.committed:
                logger.error("A hook failed after the commit of a request.", exc_info=error)
                return response
            if not _is_outermost():
                raise
            if _is_collision(error) and attempt < MOST_RUNS:
                time.sleep(random.uniform(0.005, 0.03) * attempt)
                continue
            if not _is_lost(error):
                raise
            connection.close()
            if reconnected:
                raise errors.Unavailable from error
            if run.committing and claim is None:
                logger.error("The connection died during COMMIT.", exc_info=error)
                raise errors.Unavailable(
                    "The connection to the database broke while this request was being stored: it may have happened "
                    "or not. Requests with an Idempotency-Key can be sent again safely."
                ) from error
            reconnected = True
        except Exception as error:
            if run.committed:
                logger.error("A hook failed after the commit of a request.", exc_info=error)
                return response
            told = errors.as_domain_error(error)
            if claim is None or told is None or not idempotency.is_remembered(told):
                raise
            if (refusal := _keep_refusal(claim, told, request)) is not None:
                return refusal
    raise errors.Unavailable("Too many requests touch the same data at once. Try again in a moment.")


def _keep_refusal(claim: "idempotency.Claim", told: DomainError, request) -> HttpResponse | None:
    """Stores a refusal after the rollback of what was refused; ``None`` where another request was first."""
    response = errors.answer(told, request.request_id)
    try:
        return response if claim.keep(response) else None
    except (OperationalError, InterfaceError) as error:
        logger.warning("A refusal could not be kept for its idempotency key.", exc_info=error)
        return response
