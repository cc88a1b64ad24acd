"""Locking wallets, and reading what may only be read once they are locked."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from django.db import connection

from incenta import clock
from incenta.accounts import people
from incenta.ids import new_id

from . import statements
from .states import HoldState, TransferState
from .wallets import Wallets

if TYPE_CHECKING:
    from incenta.accounts.models import App

_welcomes: list[Callable[["App", str, dict], None]] = []


def welcome_with(welcome: Callable[["App", str, dict], None]) -> None:
    """Has a room above told of each new wallet whose owner was here before and was erased: app, user id, and what his tombstone says
    is used up. In the transaction that makes the wallet, while nobody else can see it."""
    if welcome not in _welcomes:
        _welcomes.append(welcome)


def lock(app: "App", user_ids: Iterable[str], *, create: bool = True) -> Wallets:
    """Locks the wallets of these users until the transaction ends, creates the missing ones, and answers them with their balances.

    One statement; three where a wallet is new. Must run inside a transaction, before every other lock, and once for all users of
    the transaction: wallets are locked in the order of their ids, so two calls that overlap never wait for each other in a circle.
    With ``create=False`` users without a wallet are simply not in the answer (``user_id in wallets``).
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a wallet is locked until the end of a transaction: open one")
    wanted = sorted(set(user_ids))
    may_owe = app.allows_negative_points
    found = statements.locked_wallets(app.id, wanted, may_owe, only_if_all=create)
    if create and len(found) < len(wanted):
        ids, stones = [new_id("wal") for _ in wanted], [people.tombstone_key(app, user_id) for user_id in wanted]
        for user_id, used_up in statements.create_wallets(app.id, ids, wanted, stones, clock.now(app)):
            for welcome in _welcomes:
                welcome(app, user_id, used_up)
        found = statements.locked_wallets(app.id, wanted, may_owe, only_if_all=False)
    return Wallets(app.id, clock.now(app), found)


def holds(app: "App", ids: Iterable[str]) -> dict[str, HoldState]:
    """These holds by id; unknown ones are absent. One statement; only after ``lock`` of their wallets."""
    return statements.holds(app.id, list(ids))


def transfers(app: "App", ids: Iterable[str]) -> dict[str, TransferState]:
    """These transfers by id, with what was taken back of them; unknown ones are absent. One statement; only after ``lock``."""
    return statements.transfers(app.id, list(ids))
