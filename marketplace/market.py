"""What anybody may see of the marketplace: the listings on offer of verified live businesses, and nothing of who takes part."""

from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import NotFound

from . import offers
from .offers import Offer

ANYBODY = App(pk="")
"""Who looks without an app: lives now, in the live world, and has settled nothing."""

_IS_OPEN = (
    f"{offers.IN_REACH} AND {offers.IS_VERIFIED} AND l.published AND {offers.HAS_STARTED} AND NOT {offers.HAS_ENDED}"
)
_PAGE = f"""
WITH found AS MATERIALIZED (
  SELECT l.id, {offers.COIN_PRICE} AS coins, {offers.TOKEN_PRICE} AS tokens {offers.FROM}
  WHERE {_IS_OPEN} AND {offers.IN_STOCK}
    AND (%(category)s::text = '' OR lower(l.category) = lower(%(category)s::text))
    AND (%(search)s::text = '' OR l.title ILIKE %(search)s::text OR l.description ILIKE %(search)s::text
      OR b.name ILIKE %(search)s::text)
)
SELECT (SELECT count(*) FROM found), array(SELECT id FROM found ORDER BY coins, tokens, id LIMIT %(limit)s OFFSET %(offset)s)
"""
_ONE = f"SELECT l.id {offers.FROM} WHERE {_IS_OPEN} AND l.id = %(listing_id)s"
_CATEGORIES = f"""
SELECT min(l.category) {offers.FROM} WHERE {_IS_OPEN} AND l.category <> '' GROUP BY lower(l.category) ORDER BY 1 LIMIT 40
"""


def page(*, search: str = "", category: str = "", limit: int, offset: int) -> tuple[list[Offer], int]:
    """Listings cheapest first, and how many there are. Sold-out ones are left out. Two statements."""
    told = search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    asked = {"search": f"%{told}%" if told else "", "category": category, "limit": limit, "offset": offset}
    count, ids = sql.row(_PAGE, offers.scope(ANYBODY) | asked)
    found = offers.now(ANYBODY, ids) if ids else {}
    return [found[listing_id] for listing_id in ids if listing_id in found], count


def get(listing_id: str) -> Offer:
    """One listing on offer, sold out or not. Raises ``NotFound`` ``listing_not_found``."""
    asked = offers.scope(ANYBODY) | {"listing_id": listing_id}
    found = offers.now(ANYBODY, [listing_id]) if sql.row(_ONE, asked) else {}
    if listing_id not in found:
        raise NotFound("listing_not_found", "Listing not found.")
    return found[listing_id]


def categories() -> list[str]:
    """Those that something is on offer in."""
    return [category for (category,) in sql.rows(_CATEGORIES, offers.scope(ANYBODY))]
