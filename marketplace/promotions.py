"""Promotions: a listing for fewer coins for a while."""

from datetime import datetime

from incenta import clock, events
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import InvalidInput, NotFound

from . import listings
from .models import Promotion

SCHEDULED, RUNNING, ENDED = "SCHEDULED", "RUNNING", "ENDED"


def get(app: App, promotion_id: str, *, lock: bool = False) -> Promotion:
    """A promotion that is not deleted, with its listing. Raises ``NotFound`` ``promotion_not_found``."""
    promotions = app.promotions.select_related("listing").filter(pk=promotion_id, deleted_at=None)
    found = (promotions.select_for_update(of=("self",)) if lock else promotions).first()
    if found is None:
        raise NotFound("promotion_not_found", "Promotion not found.")
    return found


def create(
    app: App,
    *,
    listing_id: str,
    percent_off: int,
    starts_at: datetime | None = None,
    ends_at: datetime,
    name: str = "",
    actor: str = "",
) -> Promotion:
    """A new promotion; ``starts_at`` is now where none is named. Several may run at once: the best one counts.

    Raises ``NotFound`` ``listing_not_found``; ``InvalidInput``.
    """
    now = clock.now(app)
    starts_at = starts_at or now
    if ends_at <= starts_at:
        raise InvalidInput({"endsAt": ["Must be after startsAt."]})
    if ends_at <= now:
        raise InvalidInput({"endsAt": ["Must be in the future."]})
    with sql.transaction_joined():
        listing = listings.get(app, listing_id)
        promotion = Promotion.objects.create(
            app=app,
            listing=listing,
            name=name,
            percent_off=percent_off,
            starts_at=starts_at,
            ends_at=ends_at,
            created_at=now,
        )
        shown = face(promotion, now)
        data = {"promotionId": shown.pop("id")} | shown
        events.record(app, "MARKETPLACE_PROMOTION_CREATED", data, subject=("promotion", promotion.pk), actor=actor)
    return promotion


def delete(app: App, promotion_id: str) -> None:
    """Ends a promotion for good; what was redeemed by it stays as it was."""
    with sql.transaction_joined():
        promotion = get(app, promotion_id, lock=True)
        promotion.deleted_at = clock.now(app)
        promotion.save(update_fields=["deleted_at"])


def state(promotion: Promotion, now: datetime) -> str:
    if promotion.ends_at <= now:
        return ENDED
    return RUNNING if promotion.starts_at <= now else SCHEDULED


def face(promotion: Promotion, now: datetime) -> dict:
    return {
        "id": promotion.pk,
        "listingId": promotion.listing_id,
        "listingTitle": promotion.listing.title,
        "name": promotion.name,
        "percentOff": promotion.percent_off,
        "status": state(promotion, now),
        "startsAt": clock.iso(promotion.starts_at),
        "endsAt": clock.iso(promotion.ends_at),
        "createdAt": clock.iso(promotion.created_at),
    }
