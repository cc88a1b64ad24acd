"""The plan of what moves in locked wallets: pure, in memory, refused before anything is written."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from incenta.ids import new_id
from incenta.money import POINTS, display

from . import statements
from .kinds import (
    CAPTURE,
    EXPIRE,
    GRANT,
    KINDS,
    OPEN,
    RELEASE,
    REVERSE,
    Kind,
)
from .refusals import (
    BalanceTooLarge,
    HoldClosed,
    HoldExceeded,
    InsufficientBalance,
    LotsNotLoaded,
    ReversalExceeded,
)
from .states import HoldState, LotState, TransferState, Use, WalletState

LARGEST_BALANCE = 2**63 - 1


class Wallets:
    """The locked wallets of some users of one app, and what is planned to move in them.

    Made by ``lock``. ``wallets[user_id]`` is the ``WalletState`` as the plan so far leaves it. ``move`` plans, ``save`` writes;
    or splice ``WRITE`` and ``parameters()`` into a bigger statement. A plan that is neither saved nor spliced never happened.
    """

    __slots__ = ("app_id", "now", "_wallets", "_lots", "transfers", "_holds", "_touched_lots", "_uses", "_touched")

    def __init__(self, app_id: str, now: datetime, wallets: Iterable[WalletState]):
        self.app_id = app_id
        self.now = now
        """The app's present moment, read after the lock: ``recorded_at`` of what is planned, and what lots are due by."""
        self._wallets = {wallet.user_id: wallet for wallet in wallets}
        self._lots: dict[str, LotState] = {}
        self._forget()

    def _forget(self) -> None:
        self.transfers: list[TransferState] = []
        """What is planned and not saved, in order."""
        self._holds: dict[str, HoldState] = {}
        self._touched_lots: dict[str, LotState] = {}
        self._uses: list[tuple[str, str, int]] = []
        self._touched: dict[str, WalletState] = {}

    def __getitem__(self, user_id: str) -> WalletState:
        return self._wallets[user_id]

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._wallets

    def __iter__(self) -> Iterator[WalletState]:
        return iter(self._wallets.values())

    def __len__(self) -> int:
        return len(self._wallets)

    # --- planning ---------------------------------------------------------------------------------------------------
    def move(
        self,
        user_id: str,
        kind: str,
        asset: str,
        amount: int | None,
        *,
        cause: str,
        cause_type: str,
        occurred_at: datetime,
        hold: HoldState | None = None,
        reverses: TransferState | str | None = None,
        rule_version: int | None = None,
        idem: str | None = None,
        expires_at: datetime | None = None,
    ) -> TransferState:
        """Plans one transfer and answers it; its id is final (for GRANT and RESERVE it is the hold's id too).

        ``amount``: minor units, over zero. ``None`` means all of it where ``hold`` or ``reverses`` says how much that is.

        ``hold`` (POST, VOID, CAPTURE, RELEASE): the state that ``holds()`` read after the lock, or ``transfer.hold`` of a
        hold planned here. VOID and RELEASE may take a part; POST and CAPTURE take all that is open.

        ``reverses`` (REVERSE of EARN, POST or SETTLE_IN; REFUND of SPEND or CAPTURE; SETTLE_IN of SETTLE_OUT): the state that
        ``transfers()`` read after the lock, or a transfer planned here. It bounds the amount, and points go back to the lots they came
        from. For money an id will do: then the bound is checked at commit only, where breaking it is an ``IntegrityError``.

        ``expires_at`` (EARN, POST, SETTLE_IN of points): opens a lot.

        Points in lots: due lots are expired first, by EXPIRE transfers of their own; a debit takes the lots that expire soonest, then
        what never expires; a REVERSE takes the lot of what it reverses before all others. What is returned to a lot that is due
        expires at once. Call ``load_lots`` before a debit of points.

        Only REVERSE may leave a debt: of money always, of points where the app allows negative points.

        Raises ``InsufficientBalance``, ``HoldClosed``, ``HoldExceeded``, ``ReversalExceeded``, ``BalanceTooLarge``, each with nothing
        planned but the expiry of due lots; ``LotsNotLoaded`` and ``ValueError`` for mistakes of ours.
        """
        raise NotImplementedError

    def expire_due(self, user_id: str, asset: str, *, occurred_at: datetime | None = None) -> list[TransferState]:
        """Plans an EXPIRE for each lot that is due (its cause is the lot). Needs ``load_lots``. Nothing due: an empty list."""
        raise NotImplementedError

    # --- reading and writing ----------------------------------------------------------------------------------------
    def load_lots(self, user_ids: Iterable[str], asset: str) -> None:
        """Reads the live lots of these users: one statement, or none where no lot is in play."""
        raise NotImplementedError

    def parameters(self) -> dict[str, object]:
        """The plan as the parameters of ``WRITE``; every name begins with ``ledger_``. Changes nothing; write it once."""
        raise NotImplementedError

    def save(self) -> None:
        """Writes the plan in one statement (none where nothing is planned) and empties it. The wallets stay usable.

        Raises ``IdemMismatch`` where an ``idem`` of the plan was taken meanwhile through another wallet; the transaction is then lost.
        """
        raise NotImplementedError
