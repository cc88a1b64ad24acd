"""Listings: made, changed, stocked with codes and taken down by the business that offers them."""

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import Count

from incenta import clock, events, money
from incenta.accounts.models import App
from incenta.code_pool import CodePool, Upload
from incenta.database import sql
from incenta.errors import Conflict, InvalidInput, NotFound

from . import profiles
from .models import CodeSource, Listing, ListingCode, ListingStock
from .participation import rate_number

UNLIMITED = -1
LARGEST_RATE = Decimal(100_000)
"""Major units for a coin: what is owed then always fits its column."""
CODES = CodePool("marketplace_listingcode", "listing_id", given="marketplace_redemption", given_by="business_app_id")


def get(app: App, listing_id: str, *, lock: bool = False) -> Listing:
    """A listing of the app's own business that is not deleted. Raises ``NotFound`` ``listing_not_found``."""
    listings = app.listings.filter(pk=listing_id, deleted_at=None)
    found = (listings.select_for_update() if lock else listings).first()
    if found is None:
        raise NotFound("listing_not_found", "Listing not found.")
    return found


def create(app: App, values: dict, *, actor: str = "") -> Listing:
    """A new listing. ``inventory``: how many there are, -1 for no end; ``codes``: uploaded ones, which then are its stock.

    Raises ``Conflict`` ``profile_missing``; ``InvalidInput``.
    """
    values = dict(values)
    inventory, uploaded = values.pop("inventory", UNLIMITED), values.pop("codes", None)
    now = clock.now(app)
    with sql.transaction_joined():
        business = profiles.of(app)
        if business is None:
            raise Conflict("profile_missing", "Make your business profile first.")
        if uploaded:
            values["code_source"] = CodeSource.POOL
        values.setdefault("currency", app.currency)
        listing = Listing(
            app=app, business=business, created_at=now, updated_at=now, limited=inventory != UNLIMITED, **values
        )
        _check(listing)
        listing.save(force_insert=True)
        if listing.limited:
            ListingStock.objects.create(listing=listing, app=app, left=inventory)
        if uploaded:
            CODES.add(app.pk, listing.pk, uploaded)
        shown = faces(app, [listing])[0]
        data = {"listingId": shown.pop("id")} | shown
        events.record(app, "MARKETPLACE_LISTING_CREATED", data, subject=("listing", listing.pk), actor=actor)
    return listing


def revise(app: App, listing_id: str, changes: dict) -> Listing:
    """Changes a listing; what was redeemed stays as it was. ``inventory`` sets what is left now; ``codes`` adds to the pool.

    Raises ``NotFound`` ``listing_not_found``; ``InvalidInput``.
    """
    changes = dict(changes)
    inventory, uploaded = changes.pop("inventory", None), changes.pop("codes", None)
    with sql.transaction_joined():
        listing = get(app, listing_id, lock=True)
        for name, value in changes.items():
            setattr(listing, name, value)
        if uploaded:
            listing.code_source = CodeSource.POOL
        if inventory is not None:
            listing.limited = inventory != UNLIMITED
        _check(listing)
        listing.updated_at = clock.now(app)
        listing.save()
        if uploaded:
            CODES.add(app.pk, listing.pk, uploaded)
        if inventory is not None and listing.limited:
            # stock is locked last, as redemptions do
            ListingStock.objects.update_or_create(listing=listing, defaults={"app": app, "left": inventory})
    return listing


def delete(app: App, listing_id: str) -> None:
    """Takes a listing down for good; its redemptions stay."""
    with sql.transaction_joined():
        listing = get(app, listing_id, lock=True)
        listing.deleted_at = clock.now(app)
        listing.published = False
        listing.save(update_fields=["deleted_at", "published"])


def _check(listing: Listing) -> None:
    wrong: dict[str, list[str]] = {}
    if not listing.coin_cost and not listing.token_cost:
        wrong["coinCost"] = ["A listing costs coins or tokens."]
    if not money.is_currency(listing.currency):
        raise InvalidInput({"currency": ["Must be an ISO 4217 currency such as USD."]})
    if listing.starts_at and listing.ends_at and listing.ends_at <= listing.starts_at:
        wrong["endsAt"] = ["Must be after startsAt."]
    for name, rate in (("coinRate", listing.coin_rate), ("tokenRate", listing.token_rate)):
        if not 0 <= rate <= LARGEST_RATE:
            wrong[name] = [f"Must be from 0 to {LARGEST_RATE:,}."]
        elif rate != round(rate, 6):
            wrong[name] = ["Has at most 6 decimals."]
    if listing.discount is not None and (told := _wrong_discount(listing.discount, listing.currency)):
        wrong["discount"] = [told]
    if wrong:
        raise InvalidInput(wrong)


def _wrong_discount(discount: dict, currency: str) -> str | None:
    kind, value = discount.get("type"), discount.get("value")
    if set(discount) - {"type", "value"} or kind not in ("PERCENTAGE", "FIXED_AMOUNT") or value is None:
        return "Must be {type: PERCENTAGE or FIXED_AMOUNT, value: a number}."
    try:
        if kind == "PERCENTAGE":
            return None if 0 < money.as_decimal(value, "discount") <= 100 else "A percentage is over 0 and at most 100."
        return None if money.parse(value, currency, "discount") else "Must be over 0."
    except InvalidInput as error:
        return error.details["discount"][0]


# --- uploaded codes ---------------------------------------------------------------------------------------------------
def examine(app: App, sent: Iterable[str]) -> Upload:
    """What would become of these codes; nothing is written. One statement for any number. Raises ``InvalidInput``."""
    return CODES.examine(app.pk, sent)


def add_codes(app: App, listing_id: str, sent: Iterable[str]) -> dict:
    """Adds uploaded codes to a listing's pool, all or none. Raises ``InvalidInput`` naming the first line that is no code."""
    with sql.transaction_joined():
        listing = get(app, listing_id, lock=True)
        if listing.code_source != CodeSource.POOL:
            listing.code_source = CodeSource.POOL
            listing.save(update_fields=["code_source"])
        return CODES.add(app.pk, listing.pk, sent).face()


# --- how they look ----------------------------------------------------------------------------------------------------
def faces(app: App, listings: list[Listing]) -> list[dict]:
    """Own listings as the API shows them, with what is left of each, in two more statements for any number."""
    ids = [listing.pk for listing in listings]
    left = dict(ListingStock.objects.filter(app=app, listing_id__in=ids).values_list("listing_id", "left"))
    pools = [listing.pk for listing in listings if listing.code_source == CodeSource.POOL]
    free = dict(
        ListingCode.objects.filter(app=app, listing_id__in=pools, redemption_id=None)
        .values_list("listing_id")
        .annotate(n=Count("id"))
    )
    return [_face(listing, left.get(listing.pk, 0), free.get(listing.pk, 0)) for listing in listings]


def _face(listing: Listing, left: int, free: int) -> dict:
    inventory = left if listing.limited else UNLIMITED
    if listing.code_source == CodeSource.POOL:
        inventory = free if inventory == UNLIMITED else min(inventory, free)
    return {
        "id": listing.pk,
        "businessId": listing.business_id,
        "title": listing.title,
        "description": listing.description,
        "category": listing.category,
        "imageUrl": listing.image_url,
        "terms": listing.terms,
        "coinCost": listing.coin_cost,
        "tokenCost": listing.token_cost,
        "inventory": inventory,
        "maxPerUser": listing.max_per_user,
        "discount": listing.discount,
        "validDays": listing.valid_days,
        "onExpiry": listing.on_expiry,
        "startsAt": clock.iso(listing.starts_at),
        "endsAt": clock.iso(listing.ends_at),
        "published": listing.published,
        "countries": listing.countries,
        "codeSource": listing.code_source,
        "codePrefix": listing.code_prefix,
        "codesLeft": free if listing.code_source == CodeSource.POOL else None,
        "lowStockAt": listing.low_stock_at,
        "isLowStock": listing.low_stock_at is not None and 0 <= inventory <= listing.low_stock_at,
        "currency": listing.currency,
        "coinRate": rate_number(listing.coin_rate),
        "tokenRate": rate_number(listing.token_rate),
        "createdAt": clock.iso(listing.created_at),
        "updatedAt": clock.iso(listing.updated_at),
    }
