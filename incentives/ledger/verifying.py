"""The recount: everything again from the transfers alone, in blocks of wallets, each block in one statement (one snapshot)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from incenta.database import sql

from .kinds import BUCKETS

if TYPE_CHECKING:
    from incenta.accounts.models import App

WALLETS_A_BLOCK = 5_000
FINDINGS_NAMED = 100

_recounts: list[Callable[["App"], list[dict]]] = []

RECOUNT = """
WITH w AS MATERIALIZED (
    SELECT * FROM incentives_wallet WHERE app_id = %(app)s AND user_id > %(after)s ORDER BY user_id LIMIT %(block)s
), t AS MATERIALIZED (
    SELECT m.*,
        sum(available_moved) OVER (PARTITION BY wallet_id, asset ORDER BY seq) AS available_sum,
        sum(held_moved) OVER (PARTITION BY wallet_id, asset ORDER BY seq) AS held_sum,
        row_number() OVER (PARTITION BY wallet_id ORDER BY seq) AS place
    FROM (
        SELECT t.*, w.app_id AS wallet_app_id,
            t.amount * ((t.target = 'AVAILABLE')::int - (t.source = 'AVAILABLE')::int) AS available_moved,
            t.amount * ((t.target = 'HELD')::int - (t.source = 'HELD')::int) AS held_moved
        FROM w JOIN incentives_transfer t ON t.wallet_id = w.id
    ) m
), h AS MATERIALIZED (
    SELECT h.* FROM t JOIN incentives_hold h ON h.id = t.id WHERE t.target = 'HELD'
    UNION SELECT h.* FROM w JOIN incentives_hold h ON h.wallet_id = w.id WHERE h.state = 'OPEN'
), l AS MATERIALIZED (
    SELECT l.*, (SELECT coalesce(sum(u.amount), 0) FROM incentives_lotuse u WHERE u.lot_id = l.id) AS used
    FROM (
        SELECT l.* FROM t JOIN incentives_lot l ON l.transfer_id = t.id
        UNION SELECT l.* FROM w JOIN incentives_lot l ON l.wallet_id = w.id WHERE l.remaining > 0
    ) l
), told AS (
    SELECT w.id, asset, available, held, dated
    FROM w CROSS JOIN LATERAL (
        VALUES ('XP', xp, xp_held, xp_dated), ('COIN', coins, coins_held, coins_dated), ('TOKEN', tokens, tokens_held, tokens_dated)
    ) points (asset, available, held, dated)
    UNION ALL
    SELECT w.id, key, (value ->> 'available')::bigint, (value ->> 'held')::bigint, 0 FROM w CROSS JOIN LATERAL jsonb_each(money)
), summed AS (
    SELECT wallet_id AS id, asset, sum(available_moved) AS available, sum(held_moved) AS held FROM t GROUP BY 1, 2
), settled AS (
    SELECT hold_id, sum(amount) AS amount, count(*) FILTER (WHERE kind IN ('POST', 'CAPTURE')) AS posts
    FROM t WHERE hold_id IS NOT NULL GROUP BY 1
), taken_back AS (
    SELECT reverses_id, wallet_id, asset, sum(amount) AS amount FROM t WHERE reverses_id IS NOT NULL GROUP BY 1, 2, 3
), drift (found_by, id, asset, expected, found) AS (
    SELECT 'wallet_seq', w.id, NULL, coalesce(n.count, 0)::numeric, w.seq::numeric
        FROM w LEFT JOIN (SELECT wallet_id, count(*) FROM t GROUP BY 1) n ON n.wallet_id = w.id WHERE w.seq <> coalesce(n.count, 0)
    UNION ALL SELECT 'seq', id, asset, place, seq FROM t WHERE seq <> place
    UNION ALL SELECT 'running_available', id, asset, available_sum, available_after FROM t WHERE available_after <> available_sum
    UNION ALL SELECT 'running_held', id, asset, held_sum, held_after FROM t WHERE held_after <> held_sum
    UNION ALL SELECT 'foreign', id, asset, 0, 1 FROM t WHERE app_id <> wallet_app_id
    UNION ALL SELECT 'available', id, asset, coalesce(summed.available, 0), coalesce(told.available, 0)
        FROM told FULL JOIN summed USING (id, asset) WHERE coalesce(summed.available, 0) <> coalesce(told.available, 0)
    UNION ALL SELECT 'held', id, asset, coalesce(summed.held, 0), coalesce(told.held, 0)
        FROM told FULL JOIN summed USING (id, asset) WHERE coalesce(summed.held, 0) <> coalesce(told.held, 0)
    UNION ALL SELECT 'open_holds', id, asset, coalesce(told.held, 0), coalesce(open.amount, 0)
        FROM told FULL JOIN (SELECT wallet_id AS id, asset, sum(open_amount) AS amount FROM h GROUP BY 1, 2) open USING (id, asset)
        WHERE coalesce(told.held, 0) <> coalesce(open.amount, 0)
    UNION ALL SELECT 'hold', h.id, h.asset, h.amount - coalesce(settled.amount, 0), h.open_amount
        FROM h LEFT JOIN settled ON settled.hold_id = h.id
        WHERE h.open_amount <> h.amount - coalesce(settled.amount, 0)
    UNION ALL SELECT 'hold_state', h.id, h.asset, coalesce(settled.posts, 0), (h.state = 'POSTED')::int
        FROM h LEFT JOIN settled ON settled.hold_id = h.id
        WHERE h.state <> CASE WHEN h.open_amount > 0 THEN 'OPEN' WHEN settled.posts = 1 THEN 'POSTED' ELSE 'VOIDED' END
            OR settled.posts > 1
    UNION ALL SELECT 'hold_opened', id, asset, coalesce(t.amount, 0), coalesce(h.amount, 0)
        FROM (SELECT * FROM t WHERE target = 'HELD') t FULL JOIN h USING (id, asset)
        WHERE t.amount IS DISTINCT FROM h.amount OR t.kind <> h.kind OR t.wallet_id <> h.wallet_id
    UNION ALL SELECT 'hold_missing', s.hold_id, NULL, s.amount, 0
        FROM settled s WHERE NOT EXISTS (SELECT FROM h WHERE h.id = s.hold_id)
    UNION ALL SELECT 'lot', id, asset, amount - used, remaining FROM l WHERE remaining <> amount - used
    UNION ALL SELECT 'lot_opened', coalesce(l.id, t.id), coalesce(l.asset, t.asset), coalesce(t.amount, 0), coalesce(l.amount, 0)
        FROM (SELECT * FROM t WHERE expires_at IS NOT NULL) t FULL JOIN l ON l.transfer_id = t.id
        WHERE (t.wallet_id, t.asset, t.amount, t.expires_at) IS DISTINCT FROM (l.wallet_id, l.asset, l.amount, l.expires_at)
    UNION ALL SELECT 'dated', id, asset, coalesce(lots.remaining, 0), coalesce(told.dated, 0)
        FROM told FULL JOIN (SELECT wallet_id AS id, asset, sum(remaining) AS remaining FROM l GROUP BY 1, 2) lots USING (id, asset)
        WHERE coalesce(lots.remaining, 0) <> coalesce(told.dated, 0)
    UNION ALL SELECT 'dated_over_available', id, asset, available, dated FROM told WHERE dated > greatest(available, 0)
    UNION ALL SELECT 'taken_back', b.reverses_id, b.asset, coalesce(t.amount, 0), b.amount
        FROM taken_back b LEFT JOIN t ON t.id = b.reverses_id AND (t.wallet_id, t.asset) = (b.wallet_id, b.asset)
        WHERE b.amount > coalesce(t.amount, 0)
)
SELECT found_by, id, asset, expected, found FROM drift
UNION ALL SELECT '#accounts', max(user_id), NULL, count(*), NULL FROM w
UNION ALL SELECT '#entries', NULL, NULL, count(*), NULL FROM t
UNION ALL SELECT '#' || target, NULL, asset, sum(amount), NULL FROM t GROUP BY target, asset
UNION ALL SELECT '#' || source, NULL, asset, -sum(amount), NULL FROM t GROUP BY source, asset"""


def verify_with(recount: Callable[["App"], list[dict]]) -> None:
    """Has ``verify`` ask a room above for the drift of books that it keeps itself, in the same shape; once, when it is ready."""
    if recount not in _recounts:
        _recounts.append(recount)


def verify(app: "App") -> dict:
    """Recomputes every balance, hold and lot of the app, and what other rooms recount with it (``verify_with``).

    Answers ``{"ok": bool, "accounts": wallets, "entries": transfers, "drift": [{"check", "id", "asset", "expected", "found"}, …],
    "totals": {asset: {bucket: minor}}}``. ``drift`` names at most 100 findings. ``totals`` are what each bucket holds, the issuer
    below zero by what it issued: they sum to zero for each asset. Reads everything and changes nothing; safe beside writers.
    """
    accounts = entries = 0
    drift: list[dict] = []
    totals: dict[str, dict[str, int]] = {}
    after: str | None = ""
    while after is not None:
        found = sql.rows(RECOUNT, {"app": app.id, "after": after, "block": WALLETS_A_BLOCK})
        after = None
        for check, id, asset, expected, value in found:
            if check == "#accounts":
                accounts += int(expected)
                after = id if expected == WALLETS_A_BLOCK else None
            elif check == "#entries":
                entries += int(expected)
            elif check.startswith("#"):
                of_asset = totals.setdefault(asset, dict.fromkeys(BUCKETS, 0))
                of_asset[check[1:]] += int(expected)
            else:
                drift.append({"check": check, "id": id, "asset": asset, "expected": int(expected), "found": int(value)})
    drift += [
        {"check": "conservation", "id": app.id, "asset": asset, "expected": 0, "found": sum(buckets.values())}
        for asset, buckets in totals.items()
        if sum(buckets.values())
    ]
    for recount in _recounts:
        drift += recount(app)
    return {
        "ok": not drift,
        "accounts": accounts,
        "entries": entries,
        "drift": drift[:FINDINGS_NAMED],
        "totals": totals,
    }
