"""The ledger's rows as plain objects: what the planning in ``wallets`` reads and changes. No Django, no SQL.

They are slotted and have no behaviour of their own beyond answering for a balance: thousands are made in a bulk call.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True, eq=False)
class LotState:
    """Points that expire together: ``remaining`` of ``amount`` are still in the available balance."""

    id: str
    wallet_id: str
    asset: str
    transfer_id: str
    amount: int
    remaining: int
    expires_at: datetime
    is_new: bool = False

    def is_due(self, now: datetime) -> bool:
        return self.expires_at <= now


Use = tuple[LotState, int]
"""What a debit took from one lot."""


@dataclass(slots=True, eq=False)
class HoldState:
    """An amount in the held balance. Its id is the id of the transfer that opened it (GRANT or RESERVE).

    ``open_amount`` is what still waits; ``state`` is OPEN, POSTED (posted or captured) or VOIDED (voided or released whole).
    ``uses`` are the lots that a RESERVE drew from, soonest expiring first.
    """

    id: str
    wallet_id: str
    asset: str
    kind: str
    amount: int
    open_amount: int
    state: str
    cause: str
    uses: list[Use] = field(default_factory=list)
    resolved_at: datetime | None = None
    is_new: bool = False


@dataclass(slots=True, eq=False)
class TransferState:
    """One movement, planned or recorded. Amounts in minor units (points: whole points); ``id`` is known before it is written.

    ``available_after`` and ``held_after`` are the balances of (wallet, asset) once it has happened.
    ``hold`` is the hold that a GRANT or RESERVE opens; its id is this transfer's id.
    ``taken_back`` is what REVERSE or REFUND took back of it; ``lot`` the lot it opened; ``uses`` the lots that it (for a
    CAPTURE: its RESERVE) drew from, soonest expiring first.
    """

    id: str
    wallet_id: str
    user_id: str
    seq: int
    asset: str
    kind: str
    amount: int
    available_after: int
    held_after: int
    cause: str
    cause_type: str
    occurred_at: datetime
    recorded_at: datetime
    hold_id: str | None = None
    reverses_id: str | None = None
    rule_version: int | None = None
    idem: str | None = None
    expires_at: datetime | None = None
    hold: HoldState | None = None
    taken_back: int = 0
    lot: LotState | None = None
    uses: list[Use] = field(default_factory=list)
    is_replay: bool = False
    """Set by the verbs: the first transfer of a repeated ``idem``."""


@dataclass(slots=True, eq=False)
class WalletState:
    """A locked wallet, as the plan so far leaves it."""

    id: str
    user_id: str
    seq: int
    may_owe: bool
    balances: dict[str, list[int]]
    """asset -> [available, held], minor units."""
    dated: dict[str, int]
    """Of the available points, those in lots; the rest never expires."""
    lots: dict[str, list[LotState]]
    """asset -> its lots; an asset is absent while it has lots that ``load_lots`` has not read."""
    saved_seq: int = 0

    def available(self, asset: str) -> int:
        """What may be spent (points whose lot is due count until an EXPIRE takes them). Below zero: a debt."""
        balance = self.balances.get(asset)
        return balance[0] if balance else 0

    def held(self, asset: str) -> int:
        """What is promised or reserved: granted and not posted, or reserved and not captured. Never below zero."""
        balance = self.balances.get(asset)
        return balance[1] if balance else 0
