"""``/v1/incentives/marketplace/verify/{id}``: what a user can afford; or, for a redemption's id or code, whether it is good."""

from rest_framework.response import Response

from incenta import clock
from incenta.accounts.models import ApiKey
from incenta.api.guessing import Asker
from incenta.api.lists import LARGEST_LIMIT, LARGEST_PAGE, LIMIT, check_parameters, whole_number
from incenta.api.views import ApiView
from incenta.errors import NotFound
from incentives import spendable
from incentives.redemption_risk import HOLD_REASONS
from marketplace import offers, redemptions, till


class Verify(ApiView):
    """A user of the app's own, first of all: nobody's code stands in the way of a user who bears the same name.

    A till's key asks about codes only, and learns nothing of users.
    """

    point_of_sale = True

    def get(self, request, user_id):
        if request.api_key.scope == ApiKey.Scope.POS:
            return Response(_at_a_till(request, user_id))
        check_parameters(request, {"page", "limit"})
        page = whole_number(request, "page", 1, LARGEST_PAGE)
        limit = whole_number(request, "limit", LIMIT, LARGEST_LIMIT)
        has = spendable.of(request.app, user_id)
        if has is None:
            redemption = redemptions.named(request.app, user_id)
            if redemption is not None:
                return Response(_validity(redemption))
            has = {"xp": 0, "coins": 0, "tokens": 0}
        found, total = offers.affordable(
            request.app, user_id, coins=has["coins"], tokens=has["tokens"], limit=limit, offset=(page - 1) * limit
        )
        pagination = {"page": page, "limit": limit, "totalItems": total, "totalPages": -(-total // limit)}
        return Response(
            {
                "userId": user_id,
                "balances": has,
                "listings": [offers.face(each) | {"affordable": True} for each in found],
                "pagination": pagination,
            }
        )


def _at_a_till(request, code: str) -> dict:
    """200 also for a code that is nobody's, as long as it is asked for in moderation."""
    check_parameters(request, frozenset())
    try:
        return _validity(till.find(request.app, code, Asker.of(request)))
    except NotFound as refusal:
        nothing = dict.fromkeys(("redemptionId", "status", "listing", "redeemedAt", "expiresAt", "fulfilledAt"))
        return {"valid": False, **nothing, "holdReasons": [], "error": refusal.message}


def _validity(redemption) -> dict:
    listing = redemption.listing
    return {
        "valid": redemptions.is_usable(redemption),
        "redemptionId": redemption.pk,
        "status": redemption.status,
        "holdReasons": HOLD_REASONS if redemption.is_held else [],
        "listing": {
            "id": listing.pk,
            "title": listing.title,
            "terms": listing.terms,
            "discount": offers.discount_face(listing.discount, listing.currency),
        },
        "redeemedAt": clock.iso(redemption.redeemed_at),
        "expiresAt": clock.iso(redemption.expires_at),
        "fulfilledAt": clock.iso(redemption.fulfilled_at),
    }
