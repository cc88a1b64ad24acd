"""The plan of what moves in locked wallets: pure, in memory, refused before anything is written."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from incenta.errors import Overtaken
from incenta.ids import new_id
from incenta.money import POINTS, display

from . import statements
from .kinds import CAPTURE, EARN, EXPIRE, KINDS, OPEN, POST, POSTED, REVERSE, SETTLE_IN, Kind
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
OPENS_LOT = (EARN, POST, SETTLE_IN)

Facts = tuple[str, str, datetime, int | None, str | None, datetime | None]
"""cause, cause_type, occurred_at, rule_version, idem, expires_at."""


class Wallets:
    """The locked wallets of some users of one app, and what is planned to move in them.

    Made by ``lock``. ``wallets[user_id]`` is the ``WalletState`` as the plan so far leaves it. ``move`` plans, ``save`` writes;
    or splice ``WRITE`` and ``parameters()`` into a bigger statement. A plan that is neither saved nor spliced never happened.
    """

    __slots__ = ("_holds", "_lots", "_touched", "_touched_lots", "_uses", "_wallets", "app_id", "now", "transfers")

    def __init__(self, app_id: str, now: datetime, wallets: Iterable[WalletState]):
        self.app_id = app_id
        self.now = now
        """The app's present moment, read after the lock: ``recorded_at`` of what is planned, and what lots are due by."""
        self._wallets = {wallet.user_id: wallet for wallet in wallets}
        self._lots: dict[str, LotState] = {}
        self._begin_plan()

    def _begin_plan(self) -> None:
        self.transfers: list[TransferState] = []
        """What is planned and not saved, in order."""
        self._holds: dict[str, HoldState] = {}
        self._touched_lots: dict[str, LotState] = {}
        self._uses: list[tuple[str, str, int]] = []
        self._touched: dict[str, WalletState] = {}

    def __getitem__(self, user_id: str) -> WalletState:
        """Raises ``Overtaken`` for somebody who is not among them: a row that was read before the lock names another person now, for
        whoever it was of has been erased meanwhile."""
        try:
            return self._wallets[user_id]
        except KeyError:
            raise Overtaken from None

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
        ``transfers()`` read after the lock, or a transfer planned here. It bounds the amount, and points go back to the lots
        they came from. For money an id will do: then the database checks the bound, and breaking it is an ``IntegrityError`` of the write.

        ``expires_at`` (EARN, POST, SETTLE_IN of points): opens a lot.

        Points in lots: due lots are expired first, by EXPIRE transfers of their own; a debit takes the lots that expire soonest,
        then what never expires; a REVERSE takes the lot of what it reverses before all others. What is returned to a lot that is
        due expires at once. Call ``load_lots`` before a debit of points.

        Only REVERSE may leave a debt: of money always, of points where the app allows negative points.

        Raises ``InsufficientBalance``, ``HoldClosed``, ``HoldExceeded``, ``ReversalExceeded``, ``BalanceTooLarge``, each with
        nothing planned but the expiry of due lots; ``LotsNotLoaded`` and ``ValueError`` for mistakes of ours.
        """
        wallet = self[user_id]
        rule = KINDS[kind]
        is_points = asset in POINTS
        if rule.settles:
            amount = self._open_amount(rule, wallet, asset, amount, hold)
        elif hold is not None:
            raise ValueError(f"{kind} settles no hold")
        known = None
        if reverses is not None:
            if isinstance(reverses, TransferState):
                known = reverses
                amount = self._left_to_take_back(rule, wallet, asset, amount, known)
            elif is_points or not rule.takes_back:
                raise ValueError(f"{kind} of {asset} needs the state of the transfer it takes back")
        if type(amount) is not int or amount <= 0:
            raise ValueError(f"an amount is a whole number over zero, not {amount!r}")
        opens_lot = expires_at is not None
        if opens_lot and (not is_points or kind not in OPENS_LOT or reverses is not None):
            raise ValueError(f"{kind} of {asset} opens no lot")

        facts = (cause, cause_type, occurred_at, rule_version, idem, expires_at)
        if is_points and rule.available < 0:
            return self._debit_points(wallet, rule, asset, amount, known, facts)
        if rule.available < 0 and not rule.may_owe and wallet.available(asset) < amount:
            raise self._insufficient(wallet, asset, amount)
        before = wallet.available(asset)
        transfer = self._append(wallet, rule, asset, amount, facts, hold, reverses)
        if is_points and rule.available > 0:
            if opens_lot:
                self._open_lot(wallet, transfer, max(0, -before))
            elif hold is not None and hold.uses:
                self._give_back(wallet, transfer, hold.uses, hold.open_amount + amount, before)
            elif known is not None and known.uses:
                self._give_back(wallet, transfer, known.uses, known.amount - (known.taken_back - amount), before)
        return transfer

    def expire_due(self, user_id: str, asset: str, *, occurred_at: datetime | None = None) -> list[TransferState]:
        """Plans an EXPIRE for each lot that is due (its cause is the lot). Needs ``load_lots``. Nothing due: an empty list."""
        wallet = self[user_id]
        return [
            self._expire_lot(wallet, lot, occurred_at)
            for lot in self._live(wallet, asset)
            if lot.expires_at <= self.now
        ]

    def _open_amount(
        self, rule: Kind, wallet: WalletState, asset: str, amount: int | None, hold: HoldState | None
    ) -> int:
        if hold is None or hold.wallet_id != wallet.id or hold.asset != asset or hold.kind != rule.settles:
            raise ValueError(f"{rule.name} needs a {rule.settles} hold of this wallet in {asset}")
        if hold.state != OPEN:
            raise HoldClosed(message=f"This hold was {hold.state.lower()} before.", details={"state": hold.state})
        if amount is None:
            return hold.open_amount
        if type(amount) is int and amount > hold.open_amount:
            raise HoldExceeded(
                message=f"Only {display(hold.open_amount, asset)} of this hold are open.",
                details={"openAmount": hold.open_amount},
            )
        if amount != hold.open_amount and rule.leaves_hold == POSTED:
            raise ValueError(f"{rule.name} takes all that is open: void or release the rest first")
        return amount

    def _left_to_take_back(
        self, rule: Kind, wallet: WalletState, asset: str, amount: int | None, known: TransferState
    ) -> int:
        if known.wallet_id != wallet.id or known.asset != asset or known.kind not in rule.takes_back:
            raise ValueError(
                f"{rule.name} takes back {' or '.join(rule.takes_back) or 'nothing'} of this wallet in {asset}"
            )
        left = known.amount - known.taken_back
        if amount is None:
            amount = left
        if left == 0 or (type(amount) is int and amount > left):
            raise ReversalExceeded(
                message=f"Only {display(left, asset)} are left to take back.", details={"left": left}
            )
        return amount

    def _insufficient(self, wallet: WalletState, asset: str, amount: int) -> InsufficientBalance:
        has = wallet.available(asset)
        return InsufficientBalance(
            message=f"The balance is {display(has, asset)}, which does not cover {display(amount, asset)}.",
            details={"available": has, "required": amount, "asset": asset},
        )

    def _append(
        self,
        wallet: WalletState,
        rule: Kind,
        asset: str,
        amount: int,
        facts: Facts,
        hold: HoldState | None = None,
        reverses: TransferState | str | None = None,
    ) -> TransferState:
        cause, cause_type, occurred_at, rule_version, idem, expires_at = facts
        balance = wallet.balances.get(asset)
        if balance is None:
            balance = [0, 0]
        available = balance[0] + rule.available * amount
        held = balance[1] + rule.held * amount
        if not -LARGEST_BALANCE <= available <= LARGEST_BALANCE or held > LARGEST_BALANCE:
            raise BalanceTooLarge(message="The balance would become too large to count.")
        balance[0], balance[1] = available, held
        wallet.balances[asset] = balance
        wallet.seq += 1
        self._touched[wallet.id] = wallet
        transfer = TransferState(
            new_id("trf"),
            wallet.id,
            wallet.user_id,
            wallet.seq,
            asset,
            rule.name,
            amount,
            available,
            held,
            cause,
            cause_type,
            occurred_at,
            self.now,
            hold.id if hold is not None else None,
            None,
            rule_version,
            idem,
            expires_at,
        )
        if reverses is not None:
            if isinstance(reverses, str):
                transfer.reverses_id = reverses
            else:
                transfer.reverses_id = reverses.id
                reverses.taken_back += amount
        if rule.opens_hold:
            transfer.hold = HoldState(
                transfer.id, wallet.id, asset, rule.name, amount, amount, OPEN, cause, is_new=True
            )
            self._holds[transfer.id] = transfer.hold
        elif hold is not None:
            hold.open_amount -= amount
            if not hold.open_amount:
                hold.state, hold.resolved_at = rule.leaves_hold, self.now
            self._holds[hold.id] = hold
            if rule.name == CAPTURE:
                transfer.uses = hold.uses
        self.transfers.append(transfer)
        return transfer

    # --- lots -------------------------------------------------------------------------------------------------------
    def _live(self, wallet: WalletState, asset: str) -> list[LotState]:
        """Its lots with something left, soonest expiring first."""
        lots = wallet.lots.get(asset)
        if lots is None:
            raise LotsNotLoaded(f"load_lots([{wallet.user_id!r}], {asset!r}) first: some of these points expire")
        return sorted((lot for lot in lots if lot.remaining), key=lambda lot: (lot.expires_at, lot.id)) if lots else []

    def _debit_points(
        self, wallet: WalletState, rule: Kind, asset: str, amount: int, known: TransferState | None, facts: Facts
    ) -> TransferState:
        live = self._live(wallet, asset)
        own: list[Use] = []
        if rule.name == EXPIRE:
            live = [lot for lot in live if lot.expires_at <= self.now]
            if sum(lot.remaining for lot in live) < amount:
                raise self._insufficient(wallet, asset, amount)
        elif live:
            if known is not None and known.lot is not None and rule.name == REVERSE:
                lot = self._know(wallet, known.lot)
                if lot.remaining:
                    own = [(lot, min(lot.remaining, amount))]
            due = [lot for lot in live if lot.expires_at <= self.now]
            if due:
                kept = {lot.id: taken for lot, taken in own}
                for lot in due:
                    if lot.remaining > kept.get(lot.id, 0):
                        self._expire_lot(wallet, lot, None, keep=kept.get(lot.id, 0))
        may_owe = rule.may_owe and wallet.may_owe
        if not may_owe and wallet.available(asset) < amount:
            raise self._insufficient(wallet, asset, amount)
        transfer = self._append(wallet, rule, asset, amount, facts, None, known)
        uses = [(lot, self._draw(wallet, lot, taken)) for lot, taken in own]
        left = amount - sum(taken for _, taken in uses)
        for lot in live:
            if not left:
                break
            if lot.remaining:
                taken = min(left, lot.remaining)
                self._draw(wallet, lot, taken)
                left -= taken
                uses.append((lot, taken))
        for lot, taken in uses:
            self._uses.append((transfer.id, lot.id, taken))
        transfer.uses = uses
        if transfer.hold is not None:
            transfer.hold.uses = uses
        return transfer

    def _draw(self, wallet: WalletState, lot: LotState, amount: int) -> int:
        """Takes from a lot (gives back, where below zero)."""
        lot.remaining -= amount
        wallet.dated[lot.asset] = wallet.dated.get(lot.asset, 0) - amount
        self._touched_lots[lot.id] = lot
        return amount

    def _open_lot(self, wallet: WalletState, transfer: TransferState, debt: int) -> None:
        lot = LotState(
            new_id("lot"), wallet.id, transfer.asset, transfer.id, transfer.amount, 0, transfer.expires_at, is_new=True
        )
        transfer.lot = self._lots[lot.id] = lot
        if transfer.asset in wallet.lots:
            wallet.lots[transfer.asset].append(lot)
        self._draw(wallet, lot, -transfer.amount)
        paid = min(debt, transfer.amount)
        if paid:
            self._uses.append((transfer.id, lot.id, self._draw(wallet, lot, paid)))
        if lot.remaining and lot.expires_at <= self.now:
            self._expire_lot(wallet, lot, None)

    def _give_back(self, wallet: WalletState, transfer: TransferState, uses: list[Use], end: int, before: int) -> None:
        """Returns ``transfer.amount`` to the lots of ``uses``, from its position ``end`` backwards: last taken, first returned.

        What lies behind the lots came from points that never expire. A debt is paid before any lot gets something back.
        """
        start, position = end - transfer.amount, 0
        stretch: list[Use] = []
        for lot, taken in uses:
            part = min(end, position + taken) - max(start, position)
            if part > 0:
                stretch.append((lot, part))
            position += taken
        room = max(0, before + transfer.amount) if before < 0 else transfer.amount
        for lot, part in reversed(stretch):
            part = min(part, room)
            if not part:
                break
            lot = self._know(wallet, lot)
            self._draw(wallet, lot, -part)
            self._uses.append((transfer.id, lot.id, -part))
            room -= part
        for lot, _ in stretch:
            lot = self._know(wallet, lot)
            if lot.remaining and lot.expires_at <= self.now:
                self._expire_lot(wallet, lot, None)

    def _know(self, wallet: WalletState, lot: LotState) -> LotState:
        """The one state of this lot: several reads may have brought it."""
        known = self._lots.get(lot.id)
        if known is None:
            known = self._lots[lot.id] = lot
            if lot.asset in wallet.lots:
                wallet.lots[lot.asset].append(lot)
        return known

    def _expire_lot(
        self, wallet: WalletState, lot: LotState, occurred_at: datetime | None, keep: int = 0
    ) -> TransferState:
        amount = lot.remaining - keep
        transfer = self._append(
            wallet, KINDS[EXPIRE], lot.asset, amount, (lot.id, "lot", occurred_at or lot.expires_at, None, None, None)
        )
        self._draw(wallet, lot, amount)
        self._uses.append((transfer.id, lot.id, amount))
        transfer.uses = [(lot, amount)]
        return transfer

    # --- reading and writing ----------------------------------------------------------------------------------------
    def load_lots(self, user_ids: Iterable[str], asset: str) -> None:
        """Reads the live lots of these users: one statement, or none where no lot is in play."""
        unread = {w.id: w for w in map(self.__getitem__, user_ids) if asset in POINTS and asset not in w.lots}
        if not unread:
            return
        found: dict[str, list[LotState]] = {wallet_id: [] for wallet_id in unread}
        for lot in statements.live_lots(list(unread), asset):
            self._lots.setdefault(lot.id, lot)
        for lot in self._lots.values():
            if lot.asset == asset and lot.wallet_id in found:
                found[lot.wallet_id].append(lot)
        for wallet_id, lots in found.items():
            unread[wallet_id].lots[asset] = lots

    def parameters(self) -> dict[str, object]:
        """The plan as the parameters of ``WRITE``; every name begins with ``ledger_``. Changes nothing; write it once."""
        return statements.parameters(
            self.app_id,
            self.transfers,
            self._holds.values(),
            self._touched_lots.values(),
            self._uses,
            self._touched.values(),
        )

    def save(self) -> None:
        """Writes the plan in one statement (none where nothing is planned) and empties it. The wallets stay usable.

        Raises ``IdemMismatch`` where an ``idem`` of the plan was taken meanwhile through another wallet; the transaction is
        then lost.
        """
        if not self.transfers:
            return
        statements.write(self.parameters())
        self.written()

    def written(self) -> None:
        """Notes that ``parameters()`` were written by a bigger statement, and empties the plan. The wallets stay usable."""
        for hold in self._holds.values():
            hold.is_new = False
        for lot in self._touched_lots.values():
            lot.is_new = False
        self._begin_plan()
