"""The verbs for cold callers: lock, plan, save, in one transaction or in the caller's.

Each takes ``idem``, a key that lands once for ever in the app: the same verb with the same key answers the first transfer
(``is_replay`` is true) and moves nothing; another request under the key is ``IdemMismatch``. ``occurred_at`` is now by default.
Amounts are minor units (points: whole points). All raise what ``Wallets.move`` raises; ``NotFound`` for an unknown hold or transfer.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from incenta.database.sql import transaction_joined
from incenta.errors import NotFound

from . import kinds, locking, statements
from .kinds import KINDS
from .refusals import IdemMismatch
from .states import HoldState, TransferState

if TYPE_CHECKING:
    from incenta.accounts.models import App


def earn(
    app: "App",
    user_id: str,
    asset: str,
    amount: int,
    *,
    cause: str,
    cause_type: str,
    occurred_at: datetime | None = None,
    rule_version: int | None = None,
    idem: str | None = None,
    expires_at: datetime | None = None,
) -> TransferState:
    """Issues to the available balance; with ``expires_at`` as a lot."""
    return _move(
        app,
        user_id,
        kinds.EARN,
        asset,
        amount,
        cause=cause,
        cause_type=cause_type,
        occurred_at=occurred_at,
        rule_version=rule_version,
        idem=idem,
        expires_at=expires_at,
    )


def grant(app: "App", user_id: str, asset: str, amount: int, *, cause: str, cause_type: str, **more) -> TransferState:
    """Issues to the held balance: a promise that is posted or voided later. The answer's id is the hold's id."""
    return _move(app, user_id, kinds.GRANT, asset, amount, cause=cause, cause_type=cause_type, **more)


def post(
    app: "App", user_id: str, hold_id: str, *, cause: str, cause_type: str, expires_at: datetime | None = None, **more
) -> TransferState:
    """Makes all that is open of a grant available; the clock of ``expires_at`` starts here."""
    return _move(
        app,
        user_id,
        kinds.POST,
        None,
        None,
        hold_id=hold_id,
        cause=cause,
        cause_type=cause_type,
        expires_at=expires_at,
        **more,
    )


def void(
    app: "App", user_id: str, hold_id: str, amount: int | None = None, *, cause: str, cause_type: str, **more
) -> TransferState:
    """Takes back a grant, in part or (without ``amount``) what is open of it."""
    return _move(app, user_id, kinds.VOID, None, amount, hold_id=hold_id, cause=cause, cause_type=cause_type, **more)


def spend(app: "App", user_id: str, asset: str, amount: int, *, cause: str, cause_type: str, **more) -> TransferState:
    """Spends, soonest-expiring lots first."""
    return _move(app, user_id, kinds.SPEND, asset, amount, cause=cause, cause_type=cause_type, **more)


def reserve(app: "App", user_id: str, asset: str, amount: int, *, cause: str, cause_type: str, **more) -> TransferState:
    """Sets aside for a purchase that is captured or released later. The answer's id is the hold's id."""
    return _move(app, user_id, kinds.RESERVE, asset, amount, cause=cause, cause_type=cause_type, **more)


def capture(app: "App", user_id: str, hold_id: str, *, cause: str, cause_type: str, **more) -> TransferState:
    """Spends all that is open of a reservation."""
    return _move(app, user_id, kinds.CAPTURE, None, None, hold_id=hold_id, cause=cause, cause_type=cause_type, **more)


def release(
    app: "App", user_id: str, hold_id: str, amount: int | None = None, *, cause: str, cause_type: str, **more
) -> TransferState:
    """Gives back a reservation, in part or whole, to the lots it came from."""
    return _move(app, user_id, kinds.RELEASE, None, amount, hold_id=hold_id, cause=cause, cause_type=cause_type, **more)


def payout(app: "App", user_id: str, asset: str, amount: int, *, cause: str, cause_type: str, **more) -> TransferState:
    """Takes out what was paid to the user outside."""
    return _move(app, user_id, kinds.PAYOUT, asset, amount, cause=cause, cause_type=cause_type, **more)


def reverse(
    app: "App",
    user_id: str,
    asset: str,
    amount: int,
    *,
    reverses: str | None = None,
    cause: str,
    cause_type: str,
    **more,
) -> TransferState:
    """Takes back what was earned: of the transfer ``reverses`` (its own lot first), or of the balance at large."""
    return _move(
        app, user_id, kinds.REVERSE, asset, amount, reverses=reverses, cause=cause, cause_type=cause_type, **more
    )


def refund(
    app: "App", user_id: str, reverses: str, amount: int | None = None, *, cause: str, cause_type: str, **more
) -> TransferState:
    """Gives back what the SPEND or CAPTURE ``reverses`` spent, in part or what is left of it, to the lots it came from."""
    return _move(
        app, user_id, kinds.REFUND, None, amount, reverses=reverses, cause=cause, cause_type=cause_type, **more
    )


def expire(app: "App", user_id: str, asset: str) -> list[TransferState]:
    """Expires the lots that are due, one transfer a lot. Safe to repeat."""
    with transaction_joined():
        wallets = locking.lock(app, [user_id], create=False)
        if user_id not in wallets:
            return []
        wallets.load_lots([user_id], asset)
        expired = wallets.expire_due(user_id, asset)
        wallets.save()
        return expired


def _move(
    app: "App",
    user_id: str,
    kind: str,
    asset: str | None,
    amount: int | None,
    *,
    cause: str,
    cause_type: str,
    occurred_at: datetime | None = None,
    hold_id: str | None = None,
    reverses: str | None = None,
    rule_version: int | None = None,
    idem: str | None = None,
    expires_at: datetime | None = None,
) -> TransferState:
    with transaction_joined():
        wallets = locking.lock(app, [user_id])
        if idem is not None:
            first = statements.transfer_by_idem(app.id, idem)
            if first:
                return _replayed(first, (user_id, kind, asset, amount, hold_id, reverses, cause, cause_type))
        wallet = wallets[user_id]
        hold = _of_wallet(wallet.id, locking.holds(app, [hold_id]).get(hold_id), "hold") if hold_id else None
        known = (
            _of_wallet(wallet.id, locking.transfers(app, [reverses]).get(reverses), "transfer") if reverses else None
        )
        named = hold or known
        asset = asset or named.asset
        if KINDS[kind].available < 0:
            wallets.load_lots([user_id], asset)
        transfer = wallets.move(
            user_id,
            kind,
            asset,
            amount,
            cause=cause,
            cause_type=cause_type,
            occurred_at=occurred_at or wallets.now,
            hold=hold,
            reverses=known,
            rule_version=rule_version,
            idem=idem,
            expires_at=expires_at,
        )
        wallets.save()
        return transfer


def _of_wallet(wallet_id: str, found: HoldState | TransferState | None, noun: str):
    if found is None or found.wallet_id != wallet_id:
        raise NotFound(f"{noun}_not_found", f"This user has no such {noun}.")
    return found


def _replayed(first: TransferState, request: tuple) -> TransferState:
    """The first transfer of a key, where the request is the same; a request without an amount or asset means whatever it was."""
    done = (
        first.user_id,
        first.kind,
        first.asset,
        first.amount,
        first.hold_id,
        first.reverses_id,
        first.cause,
        first.cause_type,
    )
    if any(
        asked != was
        for asked, was, is_named in zip(request, done, (1, 1, 0, 0, 1, 1, 1, 1), strict=True)
        if is_named or asked is not None
    ):
        raise IdemMismatch(
            message="This idempotency key was used before, for another transfer.", details={"transferId": first.id}
        )
    first.is_replay = True
    return first
