"""The marketplace's redemptions in the issuer's fraud review: a code that waits for it is not good until somebody has decided."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from incenta import clock
from incenta.accounts.models import App
from incenta.errors import Conflict
from incentives.redemption_review import Redeemed, keep_judgement

from . import redemptions
from .models import Redemption, RedemptionStatus


class Market:
    """What the app's users redeemed at businesses: a ``Shelf``."""

    def find(self, app: App, ids: Sequence[str], *, lock: bool = False) -> list[Redeemed]:
        rows = app.marketplace_redemptions.filter(pk__in=ids).select_related("listing__business").order_by("pk")
        return [_told(each) for each in (rows.select_for_update(of=("self",)) if lock else rows)]

    def pending(self, app: App, user_id: str, *, since: datetime, most: int) -> list[Redeemed]:
        waits = app.marketplace_redemptions.filter(
            user_id=user_id, status=RedemptionStatus.PENDING, redeemed_at__gte=since
        )
        return [
            _told(each) for each in waits.select_related("listing__business").order_by("-redeemed_at", "-id")[:most]
        ]

    def judged(self, app: App, ids: Sequence[str], *, score: int | None, held_at: datetime | None) -> None:
        keep_judgement(app.marketplace_redemptions, ids, score=score, held_at=held_at)

    def release(self, app: App, one: Redeemed, *, actor: str) -> str:
        """The code is good for as long again as it had when the review began."""
        redemption = app.marketplace_redemptions.get(pk=one.id)
        if redemption.expires_at is not None:
            redemption.expires_at += max(clock.now(app) - redemption.held_at, timedelta(0))
        redemption.held_at = None
        redemption.save(update_fields=["held_at", "expires_at"])
        return f"{one.user_id} can use the code for {one.what}."

    def cancel(self, app: App, one: Redeemed, *, reason: str, actor: str) -> None:
        try:
            redemptions.cancel(app, one.id, reason=reason, actor=actor)
        except Conflict as refusal:  # its time is over, and the listing says what becomes of its points
            if refusal.code != "redemption_expired":
                raise


def _told(redemption: Redemption) -> Redeemed:
    business = redemption.listing.business.name
    return Redeemed(
        redemption.pk,
        redemption.user_id,
        f"{redemption.listing.title} at {business}",
        redemption.coin_cost,
        redemption.token_cost,
        redemption.status,
        redemption.redeemed_at,
        redemption.held_at,
        f"marketplace/redemptions/?q={redemption.pk}",
        {"Listing": redemption.listing.title, "Business": business, "Expires": clock.iso(redemption.expires_at) or ""},
    )
