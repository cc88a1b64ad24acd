"""Every statement the ledger sends, on Django's connection, but those of the recount."""

import json
from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError

from incenta.accounts import people
from incenta.database import sql
from incenta.money import COIN, TOKEN, XP

from .kinds import KINDS
from .refusals import IdemMismatch
from .states import HoldState, LotState, TransferState, Use, WalletState

COLUMNS = {XP: "xp", COIN: "coins", TOKEN: "tokens"}

WALLET_COLUMNS = """id, user_id, seq, xp, xp_held, xp_dated, coins, coins_held, coins_dated,
    tokens, tokens_held, tokens_dated, money"""

# By equality, not by a list of one: PostgreSQL then keeps one plan, where it would plan a list anew each time.
LOCK_ONE = f"""
SELECT {WALLET_COLUMNS} FROM incentives_wallet WHERE app_id = %(app)s AND user_id = %(user)s FOR UPDATE"""

LOCK = f"""
SELECT {WALLET_COLUMNS} FROM incentives_wallet
WHERE app_id = %(app)s AND user_id = ANY(%(users)s) ORDER BY id FOR UPDATE"""

# Locks nothing unless every wallet is there: whoever holds a wallet must never wait for one that is being created,
# since its creator may be waiting for the wallet held.
LOCK_IF_ALL = f"""
SELECT {WALLET_COLUMNS} FROM incentives_wallet
WHERE app_id = %(app)s AND user_id = ANY(%(users)s)
  AND (SELECT count(*) FROM incentives_wallet WHERE app_id = %(app)s AND user_id = ANY(%(users)s)) = cardinality(%(users)s::text[])
ORDER BY id FOR UPDATE"""

# Tells which of the new owners was here before and was erased: who comes back is no newcomer (see ledger.welcome_with).
CREATE = f"""
WITH arrived AS MATERIALIZED (
  {people.ARRIVES}),
made AS (
INSERT INTO incentives_wallet (id, app_id, user_id, seq, xp, coins, tokens, xp_held, coins_held, tokens_held,
    xp_dated, coins_dated, tokens_dated, money, may_owe, created_at)
SELECT id, %(app)s::text, user_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '{{}}', false, %(now)s::timestamptz
FROM unnest(%(ids)s::text[], %(users)s::text[]) AS new (id, user_id)
WHERE (SELECT count(*) FROM arrived) > 0
ORDER BY user_id COLLATE "C"
ON CONFLICT (app_id, user_id) DO NOTHING RETURNING user_id)
SELECT made.user_id, t.used_up FROM made JOIN unnest(%(users)s::text[], %(stones)s::bytea[]) AS asked (user_id, stone) USING (user_id)
JOIN accounts_tombstone t ON t.app_id = %(app)s AND t.key = asked.stone"""

WRITE = """
ledger_transfers AS (
    INSERT INTO incentives_transfer (id, app_id, wallet_id, seq, asset, kind, source, target, amount, available_after, held_after,
        hold_id, reverses_id, cause, cause_type, rule_version, idem, expires_at, occurred_at, recorded_at)
    SELECT id, %(ledger_app)s::text, wallet_id, seq, asset, kind, source, target, amount, available_after, held_after,
        hold_id, reverses_id, cause, cause_type, rule_version, idem, expires_at, occurred_at, recorded_at
    FROM json_to_recordset(%(ledger_transfers)s::json) AS r (id text, wallet_id text, seq bigint, asset text, kind text,
        source text, target text, amount bigint, available_after bigint, held_after bigint, hold_id text, reverses_id text,
        cause text, cause_type text, rule_version int, idem text, expires_at timestamptz, occurred_at timestamptz,
        recorded_at timestamptz)
), ledger_wallets AS (
    UPDATE incentives_wallet AS w SET seq = r.seq, may_owe = r.may_owe, xp = r.xp, xp_held = r.xp_held, xp_dated = r.xp_dated,
        coins = r.coins, coins_held = r.coins_held, coins_dated = r.coins_dated,
        tokens = r.tokens, tokens_held = r.tokens_held, tokens_dated = r.tokens_dated, money = r.money
    FROM json_to_recordset(%(ledger_wallets)s::json) AS r (id text, seq bigint, may_owe bool, xp bigint, xp_held bigint,
        xp_dated bigint, coins bigint, coins_held bigint, coins_dated bigint, tokens bigint, tokens_held bigint,
        tokens_dated bigint, money jsonb)
    WHERE w.id = r.id
), ledger_new_holds AS (
    INSERT INTO incentives_hold (id, app_id, wallet_id, asset, kind, amount, open_amount, state, cause, resolved_at)
    SELECT id, %(ledger_app)s::text, wallet_id, asset, kind, amount, open_amount, state, cause, resolved_at
    FROM json_to_recordset(%(ledger_new_holds)s::json) AS r (id text, wallet_id text, asset text, kind text, amount bigint,
        open_amount bigint, state text, cause text, resolved_at timestamptz)
), ledger_settled_holds AS (
    UPDATE incentives_hold AS h SET open_amount = r.open_amount, state = r.state, resolved_at = r.resolved_at
    FROM json_to_recordset(%(ledger_settled_holds)s::json) AS r (id text, open_amount bigint, state text, resolved_at timestamptz)
    WHERE h.id = r.id
), ledger_new_lots AS (
    INSERT INTO incentives_lot (id, app_id, wallet_id, asset, transfer_id, amount, remaining, expires_at)
    SELECT id, %(ledger_app)s::text, wallet_id, asset, transfer_id, amount, remaining, expires_at
    FROM json_to_recordset(%(ledger_new_lots)s::json) AS r (id text, wallet_id text, asset text, transfer_id text,
        amount bigint, remaining bigint, expires_at timestamptz)
), ledger_touched_lots AS (
    UPDATE incentives_lot AS l SET remaining = r.remaining
    FROM json_to_recordset(%(ledger_touched_lots)s::json) AS r (id text, remaining bigint) WHERE l.id = r.id
), ledger_lot_uses AS (
    INSERT INTO incentives_lotuse (transfer_id, lot_id, amount)
    SELECT transfer_id, lot_id, amount
    FROM json_to_recordset(%(ledger_lot_uses)s::json) AS r (transfer_id text, lot_id text, amount bigint)
)"""
"""Comma-separated CTEs, without WITH, that write a plan: ``f"WITH {WRITE}, mine AS (…) SELECT …"`` with ``wallets.parameters()``."""

USES = """(SELECT json_agg(json_build_array(l.id, l.transfer_id, l.amount, l.remaining, l.expires_at, u.amount)
    ORDER BY l.expires_at, l.id) FROM incentives_lotuse u JOIN incentives_lot l ON l.id = u.lot_id
    WHERE u.amount > 0 AND u.transfer_id = {opener})"""

HOLDS = f"""
SELECT h.id, h.wallet_id, h.asset, h.kind, h.amount, h.open_amount, h.state, h.cause, h.resolved_at,
    CASE WHEN h.kind = 'RESERVE' THEN {USES.format(opener="h.id")} END
FROM incentives_hold h WHERE h.app_id = %(app)s AND h.id = ANY(%(ids)s)"""

TRANSFERS = f"""
SELECT t.id, t.wallet_id, w.user_id, t.seq, t.asset, t.kind, t.amount, t.available_after, t.held_after, t.cause, t.cause_type,
    t.occurred_at, t.recorded_at, t.hold_id, t.reverses_id, t.rule_version, t.idem, t.expires_at,
    (SELECT coalesce(sum(b.amount), 0)::bigint FROM incentives_transfer b WHERE b.reverses_id = t.id),
    (SELECT json_build_array(l.id, l.transfer_id, l.amount, l.remaining, l.expires_at) FROM incentives_lot l WHERE l.transfer_id = t.id),
    {USES.format(opener="CASE t.kind WHEN 'CAPTURE' THEN t.hold_id ELSE t.id END")}
FROM incentives_transfer t JOIN incentives_wallet w ON w.id = t.wallet_id
WHERE t.app_id = %(app)s AND """

LIVE_LOTS = """
SELECT id, wallet_id, asset, transfer_id, amount, remaining, expires_at FROM incentives_lot
WHERE wallet_id = ANY(%(wallets)s) AND asset = %(asset)s AND remaining > 0"""


# --- reading --------------------------------------------------------------------------------------------------------
def locked_wallets(app_id: str, user_ids: list[str], may_owe: bool, *, only_if_all: bool) -> list[WalletState]:
    """Locks the wallets that there are, in the order of their ids; none of them, where ``only_if_all`` and one is missing."""
    if len(user_ids) == 1:
        found = sql.rows(LOCK_ONE, {"app": app_id, "user": user_ids[0]})
    else:
        found = sql.rows(LOCK_IF_ALL if only_if_all else LOCK, {"app": app_id, "users": user_ids})
    return [_wallet(row, may_owe) for row in found]


def create_wallets(
    app_id: str, ids: list[str], user_ids: list[str], stones: list[bytes], now: datetime
) -> list[tuple[str, dict]]:
    """Answers who of them was here before and was erased, with what his tombstone says."""
    made = sql.rows(CREATE, {"app": app_id, "ids": ids, "users": user_ids, "stones": stones, "now": now})
    return [(user_id, _parsed(used_up)) for user_id, used_up in made]


def _wallet(row: tuple, may_owe: bool) -> WalletState:
    (
        id,
        user_id,
        seq,
        xp,
        xp_held,
        xp_dated,
        coins,
        coins_held,
        coins_dated,
        tokens,
        tokens_held,
        tokens_dated,
        money,
    ) = row
    balances = {XP: [xp, xp_held], COIN: [coins, coins_held], TOKEN: [tokens, tokens_held]}
    if money != "{}":
        for asset, balance in (json.loads(money) if isinstance(money, str) else money).items():
            balances[asset] = [balance["available"], balance["held"]]
    dated = {XP: xp_dated, COIN: coins_dated, TOKEN: tokens_dated}
    lots = {asset: [] for asset, amount in dated.items() if not amount}
    # an app that no longer allows debts leaves the ones that are there
    return WalletState(id, user_id, seq, may_owe or xp < 0 or coins < 0 or tokens < 0, balances, dated, lots)


def live_lots(wallet_ids: list[str], asset: str) -> list[LotState]:
    return [LotState(*row) for row in sql.rows(LIVE_LOTS, {"wallets": wallet_ids, "asset": asset})]


def _lot(wallet_id: str, asset: str, found: list) -> LotState:
    id, transfer_id, amount, remaining, expires_at = found
    return LotState(id, wallet_id, asset, transfer_id, amount, remaining, datetime.fromisoformat(expires_at))


def _uses(wallet_id: str, asset: str, found: object) -> list[Use]:
    return [(_lot(wallet_id, asset, use[:5]), use[5]) for use in _parsed(found) or ()]


def _parsed(value: object) -> list | None:
    return json.loads(value) if isinstance(value, str) else value


def holds(app_id: str, ids: list[str]) -> dict[str, HoldState]:
    found = {}
    for *row, resolved_at, uses in sql.rows(HOLDS, {"app": app_id, "ids": ids}):
        hold = HoldState(*row, resolved_at=resolved_at)
        hold.uses = _uses(hold.wallet_id, hold.asset, uses)
        found[hold.id] = hold
    return found


def transfers(app_id: str, ids: list[str]) -> dict[str, TransferState]:
    rows = sql.rows(f"{TRANSFERS} t.id = ANY(%(ids)s)", {"app": app_id, "ids": ids})
    return {transfer.id: transfer for transfer in map(_transfer, rows)}


def transfer_by_idem(app_id: str, idem: str) -> TransferState | None:
    row = sql.row(f"{TRANSFERS} t.idem = %(idem)s", {"app": app_id, "idem": idem})
    return _transfer(row) if row else None


def _transfer(row: tuple) -> TransferState:
    *columns, taken_back, lot, uses = row
    transfer = TransferState(*columns)
    transfer.taken_back = taken_back
    lot = _parsed(lot)
    transfer.lot = _lot(transfer.wallet_id, transfer.asset, lot) if lot else None
    transfer.uses = _uses(transfer.wallet_id, transfer.asset, uses)
    return transfer


# --- writing --------------------------------------------------------------------------------------------------------
def parameters(
    app_id: str,
    transfers: Iterable[TransferState],
    holds: Iterable[HoldState],
    lots: Iterable[LotState],
    uses: Iterable[tuple[str, str, int]],
    wallets: Iterable[WalletState],
) -> dict[str, object]:
    """The plan as the parameters of ``WRITE``: the app, and one JSON text a table."""
    new_holds, settled_holds, new_lots, touched_lots = [], [], [], []
    for hold in holds:
        row = {
            "id": hold.id,
            "open_amount": hold.open_amount,
            "state": hold.state,
            "resolved_at": _iso(hold.resolved_at),
        }
        if hold.is_new:
            row |= {
                "wallet_id": hold.wallet_id,
                "asset": hold.asset,
                "kind": hold.kind,
                "amount": hold.amount,
                "cause": hold.cause,
            }
            new_holds.append(row)
        else:
            settled_holds.append(row)
    for lot in lots:
        row = {"id": lot.id, "remaining": lot.remaining}
        if lot.is_new:
            row |= {
                "wallet_id": lot.wallet_id,
                "asset": lot.asset,
                "transfer_id": lot.transfer_id,
                "amount": lot.amount,
            }
            row["expires_at"] = _iso(lot.expires_at)
            new_lots.append(row)
        else:
            touched_lots.append(row)
    return {
        "ledger_app": app_id,
        "ledger_transfers": _text([_transfer_row(transfer) for transfer in transfers]),
        "ledger_wallets": _text([_wallet_row(wallet) for wallet in wallets]),
        "ledger_new_holds": _text(new_holds),
        "ledger_settled_holds": _text(settled_holds),
        "ledger_new_lots": _text(new_lots),
        "ledger_touched_lots": _text(touched_lots),
        "ledger_lot_uses": _text([{"transfer_id": t, "lot_id": lot, "amount": amount} for t, lot, amount in uses]),
    }


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _text(records: list[dict]) -> str:
    return _encode(records) if records else "[]"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _transfer_row(transfer: TransferState) -> dict:
    kind = KINDS[transfer.kind]
    row = {
        "id": transfer.id,
        "wallet_id": transfer.wallet_id,
        "seq": transfer.seq,
        "asset": transfer.asset,
        "kind": transfer.kind,
        "source": kind.source,
        "target": kind.target,
        "amount": transfer.amount,
        "available_after": transfer.available_after,
        "held_after": transfer.held_after,
        "cause": transfer.cause,
        "cause_type": transfer.cause_type,
        "occurred_at": transfer.occurred_at.isoformat(),
        "recorded_at": transfer.recorded_at.isoformat(),
    }
    # an absent key is a null
    if transfer.hold_id is not None:
        row["hold_id"] = transfer.hold_id
    if transfer.reverses_id is not None:
        row["reverses_id"] = transfer.reverses_id
    if transfer.rule_version is not None:
        row["rule_version"] = transfer.rule_version
    if transfer.idem is not None:
        row["idem"] = transfer.idem
    if transfer.expires_at is not None:
        row["expires_at"] = transfer.expires_at.isoformat()
    return row


def _wallet_row(wallet: WalletState) -> dict:
    row: dict[str, object] = {"id": wallet.id, "seq": wallet.seq, "may_owe": wallet.may_owe}
    money = {}
    for asset, (available, held) in wallet.balances.items():
        column = COLUMNS.get(asset)
        if column:
            row[column], row[f"{column}_held"], row[f"{column}_dated"] = available, held, wallet.dated[asset]
        else:
            money[asset] = {"available": available, "held": held}
    row["money"] = money
    return row


def write(params: dict[str, object]) -> None:
    try:
        sql.execute(f"WITH {WRITE} SELECT 1", params)
    except IntegrityError as error:
        if getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) == "transfer_idem":
            raise IdemMismatch(message="This idempotency key was used for another user's transfer.") from error
        raise
