"""``/v1/incentives/marketplace/redemptions``, of both parties."""

import django_filters
from rest_framework import serializers
from rest_framework.response import Response

from incenta import codes
from incenta.api.fields import Text
from incenta.api.lists import FilterSet, ListView, MomentFilter, TextFilter
from incenta.api.views import ApiView
from incenta.errors import Forbidden, InvalidInput
from incenta.serializers import Serializer
from marketplace import redemptions
from marketplace.models import Redemption, RedemptionStatus

ROLES = ("issuer", "business")
OF_USER = (
    *("id", "userId", "listingId", "listingTitle", "status", "discountCode", "coinCost", "tokenCost", "holdReasons"),
    *("redeemedAt", "expiresAt", "fulfilledAt", "cancelledAt", "business"),
)
"""What a user sees of a redemption of his own: not what the two parties owe each other, and not what is thought of him."""


class RedemptionFilters(FilterSet):
    userId = TextFilter(field_name="user_id")
    listingId = TextFilter(field_name="listing_id")
    code = TextFilter(method="of_code", max_length=64)
    status = django_filters.ChoiceFilter(choices=RedemptionStatus.choices)
    to = MomentFilter(field_name="redeemed_at", lookup_expr="lt")

    class Meta:
        model = Redemption
        fields: list[str] = []

    def of_code(self, found, name, value):
        return found.filter(code_key=codes.key_of(value))


RedemptionFilters.base_filters["from"] = MomentFilter(field_name="redeemed_at", lookup_expr="gte")


class MarketplaceRedemptions(ListView):
    """``role=issuer`` (or none): of the app's own users. ``role=business``: at the app's own business."""

    plural = "redemptions"
    filterset_class = RedemptionFilters
    parameters = frozenset({"role"})
    order = ("-redeemed_at", "-id")
    publishable = of_user = frozenset({"GET"})

    def get_queryset(self):
        sent = self.request.query_params
        if self.request.is_browser:
            if sent.keys() & {"role", "code"}:
                raise Forbidden("missing_scope", "A browser lists its own user's redemptions, and nothing else.")
            self.request.require_own(sent.get("userId", self.request.own_user))
            return redemptions.issued(self.request.app).filter(user_id=self.request.own_user)
        role = sent.get("role", "issuer")
        if role not in ROLES:
            raise InvalidInput({"role": [f"Must be {' or '.join(ROLES)}."]})
        if role == "issuer":
            return redemptions.issued(self.request.app)
        if "userId" in sent:
            # it would tell a business who its customers are
            raise InvalidInput({"userId": ["Is known to the issuer only."]})
        return redemptions.here(self.request.app)

    def face(self, item):
        shown = redemptions.face(item, self.request.app)
        return {name: shown[name] for name in OF_USER} if self.request.is_browser else shown


class StatusInput(Serializer):
    status = serializers.ChoiceField(choices=[RedemptionStatus.FULFILLED, RedemptionStatus.CANCELLED])
    reason = Text(min_length=0, max_length=500, required=False)
    order_reference = Text(min_length=0, max_length=255, required=False)


class MarketplaceRedemption(ApiView):
    """``PATCH``: the business fulfils, either party cancels what is not fulfilled."""

    serializer_class = StatusInput

    def get(self, request, redemption_id):
        return Response(redemptions.face(redemptions.get(request.app, redemption_id), request.app))

    def patch(self, request, redemption_id):
        sent = StatusInput.parse(request.data)
        actor = request.api_key.pk
        if sent["status"] == RedemptionStatus.FULFILLED:
            if sent.get("reason"):
                raise InvalidInput({"reason": ["Belongs to CANCELLED."]})
            reference = sent.get("order_reference", "")
            found = redemptions.fulfil(request.app, redemption_id, order_reference=reference, actor=actor)
        else:
            if sent.get("order_reference"):
                raise InvalidInput({"orderReference": ["Belongs to FULFILLED."]})
            found = redemptions.cancel(request.app, redemption_id, reason=sent.get("reason", ""), actor=actor)
        return Response(redemptions.face(found, request.app))
