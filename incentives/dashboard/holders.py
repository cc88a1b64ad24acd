"""How many users hold each badge or have reached each milestone."""

from incenta.accounts.models import App
from incenta.database import sql

MOST_HOLDERS = 1_000
"""Counted up to here; beyond, the page says that there are more."""

_HOLDERS = """
SELECT asked.key, (SELECT count(*) FROM (
    SELECT FROM incentives_grant g WHERE g.app_id = %(app_id)s AND g.kind = %(kind)s AND g.key = asked.key AND g.revoked_at IS NULL
    LIMIT %(most)s) held)
FROM unnest(%(keys)s::text[]) AS asked(key)
"""


def holders(app: App, kind: str, keys: list[str]) -> dict[str, int]:
    """By key, one more than ``MOST_HOLDERS`` where there are more. One statement."""
    return dict(sql.rows(_HOLDERS, {"app_id": app.pk, "kind": kind, "keys": keys, "most": MOST_HOLDERS + 1}))


def shown(count: int) -> str:
    """``234``, ``1,000+``"""
    return f"{count:,}" if count <= MOST_HOLDERS else f"{MOST_HOLDERS:,}+"
