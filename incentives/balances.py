"""What users have: points, level, streak, what expires next; now, or at any past moment."""

from datetime import datetime
from zoneinfo import ZoneInfo

from incenta import clock, money
from incenta.accounts.models import App
from incenta.database import sql
from incenta.money import COIN, TOKEN, XP

from . import book as rulebook
from . import progress
from .book import Book
from .models import Standing, Wallet

NAMES = {XP: "xp", COIN: "coins", TOKEN: "tokens"}
"""What the API calls the points; money is called by its currency."""
EXPIRIES_LISTED, EXPIRIES_SHOWN = 5, 100

_EXPIRING = """
SELECT w.id, l.asset, l.expires_at, l.amount FROM unnest(%(wallets)s::text[]) AS w(id)
CROSS JOIN LATERAL (
  SELECT asset, expires_at, sum(remaining)::bigint AS amount FROM incentives_lot
  WHERE wallet_id = w.id AND remaining > 0 GROUP BY asset, expires_at ORDER BY expires_at, asset LIMIT %(most)s) l
ORDER BY l.expires_at, l.asset
"""

# what the last entries by then say of each asset, and the lots as they were: opened by then, less what had been taken from them by then
_AS_OF = """
(SELECT DISTINCT ON (asset) false AS is_lot, asset, NULL::timestamptz AS expires_at, available_after, held_after
 FROM incentives_transfer WHERE wallet_id = %(wallet_id)s AND recorded_at <= %(as_of)s ORDER BY asset, seq DESC)
UNION ALL
(SELECT true, l.asset, l.expires_at, sum(l.amount - coalesce(u.used, 0))::bigint, 0
 FROM incentives_lot l JOIN incentives_transfer t ON t.id = l.transfer_id
 LEFT JOIN LATERAL (SELECT sum(u.amount) AS used FROM incentives_lotuse u JOIN incentives_transfer m ON m.id = u.transfer_id
   WHERE u.lot_id = l.id AND m.recorded_at <= %(as_of)s) u ON true
 WHERE l.wallet_id = %(wallet_id)s AND t.recorded_at <= %(as_of)s
 GROUP BY l.asset, l.expires_at HAVING sum(l.amount - coalesce(u.used, 0)) > 0
 ORDER BY l.expires_at, l.asset LIMIT %(most)s)
"""


def amount_of(minor: int, asset: str) -> int | float:
    return minor if asset in NAMES else money.to_number(minor, asset)


def balance(app: App, user_id: str, *, as_of: datetime | None = None, wallet: Wallet | None = None) -> dict:
    """One user's balance; zeros for a user who is not known. ``as_of``: as the ledger stood then, by when it was recorded.

    ``wallet`` is the user's, where the caller has read it.
    """
    wallet = wallet or app.wallets.filter(user_id=user_id).first()
    if wallet is None:
        wallet = Wallet(app=app, user_id=user_id)
    if as_of is None:
        return faces(app, [wallet], expiries=EXPIRIES_SHOWN)[0]
    asked = {"wallet_id": wallet.pk, "as_of": as_of, "most": EXPIRIES_SHOWN}
    found = sql.rows(_AS_OF, asked)
    then = {asset: (available, held) for is_lot, asset, _, available, held in found if not is_lot}
    expiring = sorted((at, asset, amount) for is_lot, asset, at, amount, _ in found if is_lot)
    book = rulebook.current(app)
    return {"userId": user_id, "asOf": clock.iso(as_of)} | _points(then) | _level(book, then.get(XP, (0, 0))[0]) | {
        "expiring": [_expiry(asset, at, amount) for at, asset, amount in expiring]
    }  # fmt: skip


def faces(app: App, wallets: list[Wallet], *, expiries: int = EXPIRIES_LISTED) -> list[dict]:
    """The balances of some wallets, in three statements."""
    book = rulebook.current(app)
    standings = {
        each.user_id: each for each in app.standings.filter(user_id__in=[wallet.user_id for wallet in wallets])
    }
    expiring: dict[str, list[dict]] = {}
    for wallet_id, *row in sql.rows(_EXPIRING, {"wallets": [wallet.pk for wallet in wallets], "most": expiries}):
        expiring.setdefault(wallet_id, []).append(_expiry(*row))
    now = clock.now(app)
    return [_face(book, wallet, standings.get(wallet.user_id), expiring.get(wallet.pk, []), now) for wallet in wallets]


def _face(book: Book, wallet: Wallet, standing: Standing | None, expiring: list[dict], now: datetime) -> dict:
    has = {
        XP: (wallet.xp, wallet.xp_held),
        COIN: (wallet.coins, wallet.coins_held),
        TOKEN: (wallet.tokens, wallet.tokens_held),
    }
    has |= {asset: (each["available"], each["held"]) for asset, each in wallet.money.items()}
    return (
        {"userId": wallet.user_id}
        | _points(has)
        | _level(book, wallet.xp)
        | {"expiring": expiring}
        | standing_face(book, standing, now)
    )


def _points(has: dict[str, tuple[int, int]]) -> dict:
    points = {name: has.get(asset, (0, 0)) for asset, name in NAMES.items()}
    return {
        **{name: available for name, (available, _) in points.items()},
        "held": {name: held for name, (_, held) in points.items()},
        "money": {
            asset: {"available": amount_of(available, asset), "held": amount_of(held, asset)}
            for asset, (available, held) in sorted(has.items())
            if asset not in NAMES
        },
    }


def _level(book: Book, xp: int) -> dict:
    """Level is what lifetime XP has reached by the rules of today."""
    above = book.next_level(xp)
    return {
        "level": book.level_of(xp),
        "nextLevel": above
        and {"level": above.level, "name": above.name, "xpThreshold": above.threshold, "xpToGo": above.threshold - xp},
    }


def _expiry(asset: str, at: datetime, amount: int) -> dict:
    return {"amount": amount, "asset": NAMES[asset], "at": clock.iso(at)}


def standing_face(book: Book, standing: Standing | None, now: datetime) -> dict:
    """Where a user stands beside the points."""
    standing = standing or Standing(freezes=book.freezes)
    zone = ZoneInfo(standing.timezone) if standing.timezone else book.zone
    state = progress.State(streak=standing.streak, streak_day=standing.streak_day, freezes=standing.freezes)
    return {
        "streak": progress.streak_now(state, now.astimezone(zone).date()),
        "longestStreak": standing.longest_streak,
        "freezes": standing.freezes,
        "badges": standing.badges,
        "milestones": standing.milestones,
        "timezone": zone.key,
        "visible": standing.visible,
        "onHold": standing.on_hold,
    }
