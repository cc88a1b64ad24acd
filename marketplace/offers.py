"""What an app's users see in the marketplace, and what it costs them now.

The clauses stand here once; lists, ``verify`` and ``redeem`` are made of them, so that nobody is shown what he cannot have
or is refused what he was shown. All take ``scope``: the app, its clock, its world (live apps meet live businesses; a sandbox
meets the sandboxes of its own merchant).
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime

from django.db.models.expressions import RawSQL

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import NotFound

FROM = """
FROM marketplace_listing l
JOIN marketplace_profile b ON b.id = l.business_id
JOIN accounts_app a ON a.id = l.app_id
LEFT JOIN marketplace_participation j ON j.app_id = %(app_id)s
LEFT JOIN (
  SELECT DISTINCT ON (listing_id) listing_id, id, percent_off, ends_at FROM marketplace_promotion
  WHERE deleted_at IS NULL AND starts_at <= %(now)s AND ends_at > %(now)s
  ORDER BY listing_id, percent_off DESC, id
) p ON p.listing_id = l.id
"""
_PRICE = "((l.{cost} * (100 - coalesce(p.percent_off, 0)) + 50) / 100)"
COIN_PRICE, TOKEN_PRICE = _PRICE.format(cost="coin_cost"), _PRICE.format(cost="token_cost")
"""Cost × (100 - percent off) / 100, rounded half up."""

IN_REACH = """(l.deleted_at IS NULL AND (a.sandbox_of_id IS NOT NULL) = %(is_sandbox)s
  AND (NOT %(is_sandbox)s OR a.merchant_id = %(merchant_id)s))"""
JOINED = "coalesce(j.joined, false)"
IS_VERIFIED = "(b.status = 'VERIFIED' AND a.status = 'ACTIVE')"
HAS_STARTED = "(l.starts_at IS NULL OR l.starts_at <= %(now)s)"
HAS_ENDED = "(l.ends_at IS NOT NULL AND l.ends_at <= %(now)s)"
_RATE_IS_AGREED = """(j.{most} IS NULL OR l.{cost} = 0 OR l.{rate} = 0
    OR (l.currency = %(currency)s AND l.{rate} <= j.{most}))"""
# an app owes itself nothing, so its own rates are no matter
IS_AGREED = f"""coalesce(NOT b.id = ANY(j.blocked) AND (cardinality(j.allowed) = 0 OR b.id = ANY(j.allowed))
  AND (cardinality(j.countries) = 0 OR cardinality(l.countries) = 0 OR j.countries && l.countries)
  AND (l.app_id = %(app_id)s OR ({_RATE_IS_AGREED.format(most="most_a_coin", cost="coin_cost", rate="coin_rate")}
    AND {_RATE_IS_AGREED.format(most="most_a_token", cost="token_cost", rate="token_rate")})), false)"""
IN_STOCK = """((NOT l.limited OR EXISTS (SELECT FROM marketplace_listingstock s WHERE s.listing_id = l.id AND s."left" > 0))
  AND (l.code_source <> 'POOL' OR EXISTS (
    SELECT FROM marketplace_listingcode c WHERE c.listing_id = l.id AND c.redemption_id IS NULL)))"""
IS_SHOWN = (
    f"{IN_REACH} AND {JOINED} AND {IS_VERIFIED} AND l.published AND {HAS_STARTED} AND NOT {HAS_ENDED} AND {IS_AGREED}"
)

COUNTS_AS_HAD = "(status <> 'CANCELLED' AND (status <> 'EXPIRED' OR on_expiry = 'KEEP'))"
"""Which redemptions of a user count towards a listing's limit: those whose coins are spent."""

_COLUMNS = f"""l.id AS listing_id, l.title, l.description, l.category, l.image_url, l.terms, {COIN_PRICE} AS coins, {TOKEN_PRICE} AS tokens,
  l.coin_cost, l.token_cost, p.id AS promotion_id, p.percent_off, p.ends_at AS promotion_ends_at, l.discount, l.currency, l.valid_days,
  l.max_per_user, l.ends_at,
  {IN_STOCK} AS in_stock, b.id AS business_id, b.name, b.url, b.logo_url"""

_SHOWN_IDS = f"SELECT l.id {FROM} WHERE {IS_SHOWN} AND {COIN_PRICE} <= %(most_coins)s"
_PARAMETER = re.compile(r"%\((\w+)\)s")
_SHOWN = f"SELECT {_COLUMNS} {FROM} WHERE {IS_SHOWN} AND l.id = ANY(%(ids)s)"
_NOW = f"SELECT {_COLUMNS} {FROM} WHERE l.id = ANY(%(ids)s)"
_AFFORDABLE = f"""
WITH affordable AS MATERIALIZED (
  SELECT l.id, {COIN_PRICE} AS coins, {TOKEN_PRICE} AS tokens {FROM}
  LEFT JOIN (
    SELECT listing_id, count(*) AS times FROM marketplace_redemption
    WHERE app_id = %(app_id)s AND user_id = %(user_id)s AND {COUNTS_AS_HAD} GROUP BY listing_id
  ) had ON had.listing_id = l.id
  WHERE {IS_SHOWN} AND {COIN_PRICE} <= %(coins)s AND {TOKEN_PRICE} <= %(tokens)s
    AND (l.max_per_user IS NULL OR coalesce(had.times, 0) < l.max_per_user) AND {IN_STOCK}
), page AS (
  SELECT * FROM affordable ORDER BY coins, tokens, id LIMIT %(limit)s OFFSET %(offset)s
)
SELECT counted.n, offer.* FROM (SELECT count(*) AS n FROM affordable) counted
LEFT JOIN (SELECT {_COLUMNS} {FROM} WHERE l.id IN (SELECT id FROM page)) offer ON true
ORDER BY offer.coins, offer.tokens, offer.listing_id
"""


@dataclass(slots=True)
class Offer:
    """A listing as a user sees it: ``coins`` and ``tokens`` are what it costs now, ``coin_cost`` and ``token_cost`` otherwise."""

    listing_id: str
    title: str
    description: str
    category: str
    image_url: str
    terms: str
    coins: int
    tokens: int
    coin_cost: int
    token_cost: int
    promotion_id: str | None
    percent_off: int | None
    promotion_ends_at: datetime | None
    discount: dict | None
    currency: str
    valid_days: int | None
    max_per_user: int | None
    ends_at: datetime | None
    in_stock: bool
    business_id: str
    business_name: str
    business_url: str
    business_logo_url: str

    def __post_init__(self) -> None:
        if isinstance(self.discount, str):
            self.discount = json.loads(self.discount)

    @property
    def business(self) -> dict:
        return {"id": self.business_id, "name": self.business_name, "url": self.business_url}


def scope(app: App) -> dict:
    """The parameters that every clause takes."""
    return {
        "app_id": app.pk,
        "is_sandbox": app.is_sandbox,
        "merchant_id": app.merchant_id,
        "currency": app.currency,
        "now": clock.now(app),
    }


def shown(app: App, ids: list[str]) -> dict[str, Offer]:
    """Those of these listings that the app's users see now, by id. One statement."""
    return {row[0]: Offer(*row) for row in sql.rows(_SHOWN, scope(app) | {"ids": ids})}


def shown_ids(app: App, *, most_coins: int) -> RawSQL:
    """The ids of all that the app's users see now for at most so many coins, to narrow a list by."""
    asked = scope(app) | {"most_coins": most_coins}
    return RawSQL(  # noqa: S611 - of constants
        _PARAMETER.sub("%s", _SHOWN_IDS), [asked[name] for name in _PARAMETER.findall(_SHOWN_IDS)]
    )


def now(app: App, ids: list[str]) -> dict[str, Offer]:
    """These listings as they cost now, whether they are shown to anybody or not: for the business's own eyes. One statement."""
    return {row[0]: Offer(*row) for row in sql.rows(_NOW, scope(app) | {"ids": ids})}


def get(app: App, listing_id: str) -> Offer:
    """One that the app's users see now. Raises ``NotFound`` ``listing_not_found``."""
    found = shown(app, [listing_id]).get(listing_id)
    if found is None:
        raise NotFound("listing_not_found", "Listing not found.")
    return found


def affordable(app: App, user_id: str, *, coins: int, tokens: int, limit: int, offset: int) -> tuple[list[Offer], int]:
    """What a user with so many coins and tokens can redeem now, cheapest first, and how many there are. One statement."""
    asked = {"user_id": user_id, "coins": coins, "tokens": tokens, "limit": limit, "offset": offset}
    rows = sql.rows(_AFFORDABLE, scope(app) | asked)
    return [Offer(*row[1:]) for row in rows if row[1] is not None], rows[0][0]


def discount_face(discount: dict | None, currency: str) -> dict | None:
    """A discount as everybody sees it: an amount says of which money."""
    if discount is None:
        return None
    return discount | {"currency": currency if discount["type"] == "FIXED_AMOUNT" else None}


def face(offer: Offer) -> dict:
    """As everybody sees it."""
    return {
        "listingId": offer.listing_id,
        "title": offer.title,
        "description": offer.description,
        "category": offer.category,
        "imageUrl": offer.image_url,
        "terms": offer.terms,
        "coinCost": offer.coins,
        "tokenCost": offer.tokens,
        "regularCoinCost": offer.coin_cost,
        "regularTokenCost": offer.token_cost,
        "promotion": None
        if offer.promotion_id is None
        else {
            "id": offer.promotion_id,
            "percentOff": offer.percent_off,
            "endsAt": clock.iso(offer.promotion_ends_at),
        },
        "discount": discount_face(offer.discount, offer.currency),
        "validDays": offer.valid_days,
        "maxPerUser": offer.max_per_user,
        "endsAt": clock.iso(offer.ends_at),
        "inStock": offer.in_stock,
        "business": offer.business | {"logoUrl": offer.business_logo_url},
    }
