"""The verbs for cold callers: lock, plan, save, in one transaction or in the caller's.

Each takes ``idem``, a key that lands once for ever in the app: the same verb with the same key answers the first transfer
(``is_replay`` is true) and moves nothing; another request under the key is ``IdemMismatch``. ``occurred_at`` is now by default.
Amounts are minor units (points: whole points). All raise what ``Wallets.move`` raises; ``NotFound`` for an unknown hold or transfer.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from .states import TransferState

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
    raise NotImplementedError


def grant(app: "App", user_id: str, asset: str, amount: int, *, cause: str, cause_type: str, **more) -> TransferState:
    """Issues to the held balance: a promise that is posted or voided later. The answer's id is the hold's id."""
    raise NotImplementedError


def post(app: "App", user_id: str, hold_id: str, *, cause: str, cause_type: str, expires_at: datetime | None = None, **more) -> TransferState:
    """Makes all that is open of a grant available; the clock of ``expires_at`` starts here."""
    raise NotImplementedError


def void(app: "App", user_id: str, hold_id: str, amount: int | None = None, *, cause: str, cause_type: str, **more) -> TransferState:
    """Takes back a grant, in part or (without ``amount``) what is open of it."""
    raise NotImplementedError


def spend(app: "App", user_id: str, asset: str, amount: int, *, cause: str, cause_type: str, **more) -> TransferState:
    """Spends, soonest-expiring lots first."""
    raise NotImplementedError


def reserve(app: "App", user_id: str, asset: str, amount: int, *, cause: str, cause_type: str, **more) -> TransferState:
    """Sets aside for a purchase that is captured or released later. The answer's id is the hold's id."""
    raise NotImplementedError


def capture(app: "App", user_id: str, hold_id: str, *, cause: str, cause_type: str, **more) -> TransferState:
    """Spends all that is open of a reservation."""
    raise NotImplementedError


def release(app: "App", user_id: str, hold_id: str, amount: int | None = None, *, cause: str, cause_type: str, **more) -> TransferState:
    """Gives back a reservation, in part or whole, to the lots it came from."""
    raise NotImplementedError


def payout(app: "App", user_id: str, asset: str, amount: int, *, cause: str, cause_type: str, **more) -> TransferState:
    """Takes out what was paid to the user outside."""
    raise NotImplementedError


def reverse(
    app: "App", user_id: str, asset: str, amount: int, *, reverses: str | None = None, cause: str, cause_type: str, **more
) -> TransferState:
    """Takes back what was earned: of the transfer ``reverses`` (its own lot first), or of the balance at large."""
    raise NotImplementedError


def refund(app: "App", user_id: str, reverses: str, amount: int | None = None, *, cause: str, cause_type: str, **more) -> TransferState:
    """Gives back what the SPEND or CAPTURE ``reverses`` spent, in part or what is left of it, to the lots it came from."""
    raise NotImplementedError


def expire(app: "App", user_id: str, asset: str) -> list[TransferState]:
    """Expires the lots that are due, one transfer a lot. Safe to repeat."""
    raise NotImplementedError
