"""``/v1/incentives/catalog``, ``/redeem`` and ``/redemptions``."""

import django_filters
from rest_framework import serializers
from rest_framework.response import Response

from incenta.api.fields import Text, Truth, UserId, WholeNumber
from incenta.api.lists import FilterSet, ListView, MomentFilter, TextFilter, TruthFilter
from incenta.api.views import ApiView
from incenta.serializers import Serializer
from incentives import catalog, redeeming
from incentives.models import Item, ItemRedemption
from incentives.models.catalog import CodeSource, RedemptionStatus

from .actions import points


class ItemChanges(Serializer):
    name = Text(max_length=120, required=False)
    description = Text(min_length=0, max_length=2000, required=False)
    image_url = serializers.URLField(max_length=2000, required=False, allow_blank=True)
    coin_cost = points(required=False)
    token_cost = points(required=False)
    inventory = WholeNumber(min_value=-1, max_value=1_000_000_000, required=False)
    max_per_user = WholeNumber(min_value=1, max_value=1_000_000, required=False, allow_null=True)
    published = Truth(required=False)
    code_source = serializers.ChoiceField(choices=CodeSource.choices, required=False)
    code_prefix = serializers.RegexField(
        r"^[A-Za-z0-9]{0,12}$",
        required=False,
        allow_blank=True,
        error_messages={"invalid": "Must be letters and digits, at most 12 of them."},
    )
    codes = serializers.ListField(child=Text(max_length=64), max_length=10_000, required=False)


class ItemInput(ItemChanges):
    name = Text(max_length=120)
    coin_cost = points()


class ItemFilters(FilterSet):
    published = TruthFilter(field_name="published")
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", max_length=120)

    class Meta:
        model = Item
        fields: list[str] = []


class Catalog(ListView):
    plural = "items"
    filterset_class = ItemFilters
    serializer_class = ItemInput
    order = ("-created_at", "-id")

    def get_queryset(self):
        return self.request.app.catalog_items.filter(deleted_at=None)

    def faces(self, items):
        return catalog.faces(self.request.app, items)

    def post(self, request):
        item = catalog.create(request.app, ItemInput.parse(request.data))
        return Response(catalog.faces(request.app, [item])[0], status=201)


class CatalogItem(ApiView):
    serializer_class = ItemChanges

    def get(self, request, item_id):
        return Response(catalog.faces(request.app, [catalog.get(request.app, item_id)])[0])

    def patch(self, request, item_id):
        item = catalog.revise(request.app, item_id, ItemChanges.parse(request.data))
        return Response(catalog.faces(request.app, [item])[0])

    def delete(self, request, item_id):
        catalog.delete(request.app, item_id)
        return Response(status=204)


class RedeemInput(Serializer):
    user_id = UserId()
    item_id = Text(max_length=60)


class Redeem(ApiView):
    """``POST`` spends a user's points on an item: 201."""

    serializer_class = RedeemInput

    def post(self, request):
        return Response(
            redeeming.redeem(request.app, actor=request.api_key.pk, **RedeemInput.parse(request.data)), status=201
        )


class RedemptionFilters(FilterSet):
    userId = TextFilter(field_name="user_id")
    itemId = TextFilter(field_name="item_id")
    status = django_filters.ChoiceFilter(choices=RedemptionStatus.choices)
    to = MomentFilter(field_name="redeemed_at", lookup_expr="lt")

    class Meta:
        model = ItemRedemption
        fields: list[str] = []


RedemptionFilters.base_filters["from"] = MomentFilter(field_name="redeemed_at", lookup_expr="gte")


class Redemptions(ListView):
    plural = "redemptions"
    filterset_class = RedemptionFilters
    order = ("-redeemed_at", "-id")

    def get_queryset(self):
        return self.request.app.item_redemptions.select_related("item")

    def face(self, item):
        return catalog.redemption_face(item)


class StatusInput(Serializer):
    status = serializers.ChoiceField(choices=[RedemptionStatus.FULFILLED, RedemptionStatus.CANCELLED])


class Redemption(ApiView):
    serializer_class = StatusInput

    def patch(self, request, redemption_id):
        status = StatusInput.parse(request.data)["status"]
        return Response(
            catalog.redemption_face(redeeming.settle(request.app, redemption_id, status, actor=request.api_key.pk))
        )
