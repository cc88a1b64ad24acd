"""What a user can spend now, for whoever asks before spending."""

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql

_SPENDABLE = """
SELECT w.xp, w.coins - due.coins, w.tokens - due.tokens FROM incentives_wallet w CROSS JOIN LATERAL (
  SELECT coalesce(sum(remaining) FILTER (WHERE asset = 'COIN'), 0)::bigint AS coins,
    coalesce(sum(remaining) FILTER (WHERE asset = 'TOKEN'), 0)::bigint AS tokens
  FROM incentives_lot l WHERE l.wallet_id = w.id AND (w.coins_dated > 0 OR w.tokens_dated > 0)
    AND l.remaining > 0 AND l.expires_at <= %(now)s) due
WHERE w.app_id = %(app_id)s AND w.user_id = %(user_id)s
"""


def of(app: App, user_id: str) -> dict | None:
    """What a user can spend now, ``{xp, coins, tokens}``: without points whose time has come, which the sweep has yet to take.

    ``None`` for a user without a wallet. One statement.
    """
    found = sql.row(_SPENDABLE, {"app_id": app.pk, "user_id": user_id, "now": clock.now(app)})
    return None if found is None else dict(zip(("xp", "coins", "tokens"), found, strict=True))
