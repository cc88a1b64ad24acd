"""``/v1/incentives/marketplace/listings``: the app's own."""

import django_filters
from rest_framework import serializers
from rest_framework.response import Response

from incenta import code_pool
from incenta.api.fields import Moment, MoneyNumber, Text, Truth, WholeNumber
from incenta.api.lists import FilterSet, ListView, TextFilter, TruthFilter
from incenta.api.views import ApiView
from incenta.errors import InvalidInput
from incenta.serializers import Serializer
from marketplace import listings
from marketplace.models import CodeSource, ExpiryPolicy, Listing

from .settings import Rate, countries

LARGEST_COST = 1_000_000_000


def _points(**more) -> WholeNumber:
    return WholeNumber(min_value=0, max_value=LARGEST_COST, **more)


class DiscountInput(Serializer):
    type = serializers.ChoiceField(choices=["PERCENTAGE", "FIXED_AMOUNT"])
    value = MoneyNumber()


class ListingChanges(Serializer):
    title = Text(max_length=120, required=False)
    description = Text(min_length=0, max_length=2000, required=False)
    category = Text(min_length=0, max_length=60, required=False)
    image_url = serializers.URLField(max_length=2000, required=False, allow_blank=True)
    terms = Text(min_length=0, max_length=4000, required=False)
    coin_cost = _points(required=False)
    token_cost = _points(required=False)
    inventory = WholeNumber(min_value=-1, max_value=1_000_000_000, required=False)
    max_per_user = WholeNumber(min_value=1, max_value=1_000_000, required=False, allow_null=True)
    discount = DiscountInput(required=False, allow_null=True)
    valid_days = WholeNumber(min_value=1, max_value=3_650, required=False, allow_null=True)
    on_expiry = serializers.ChoiceField(choices=ExpiryPolicy.choices, required=False)
    starts_at = Moment(required=False, allow_null=True)
    ends_at = Moment(required=False, allow_null=True)
    published = Truth(required=False)
    countries = countries()
    code_source = serializers.ChoiceField(choices=CodeSource.choices, required=False)
    code_prefix = serializers.RegexField(
        r"^[A-Za-z0-9]{0,12}$",
        required=False,
        allow_blank=True,
        error_messages={"invalid": "Must be letters and digits, at most 12 of them."},
    )
    codes = serializers.ListField(child=Text(max_length=64), max_length=10_000, required=False)
    low_stock_at = WholeNumber(min_value=0, max_value=1_000_000_000, required=False, allow_null=True)
    currency = Text(min_length=3, max_length=3, required=False)
    coin_rate = Rate(required=False)
    token_rate = Rate(required=False)

    @classmethod
    def values(cls, data: object) -> dict:
        """What was sent, in the model's spelling."""
        found = cls.parse(data)
        if discount := found.get("discount"):
            value = discount["value"]
            whole = int(value) if value == value.to_integral_value() else float(value)
            found["discount"] = {"type": discount["type"], "value": whole}
        return found


class ListingInput(ListingChanges):
    title = Text(max_length=120)


class ListingFilters(FilterSet):
    published = TruthFilter(field_name="published")
    category = TextFilter(field_name="category", max_length=60)
    search = django_filters.CharFilter(field_name="title", lookup_expr="icontains", max_length=120)

    class Meta:
        model = Listing
        fields: list[str] = []


class Listings(ListView):
    plural = "listings"
    filterset_class = ListingFilters
    serializer_class = ListingInput
    order = ("-created_at", "-id")

    def get_queryset(self):
        return self.request.app.listings.filter(deleted_at=None)

    def faces(self, items):
        return listings.faces(self.request.app, items)

    def post(self, request):
        listing = listings.create(request.app, ListingInput.values(request.data), actor=request.api_key.pk)
        return Response(listings.faces(request.app, [listing])[0], status=201)


class ListingDetail(ApiView):
    serializer_class = ListingChanges

    def get(self, request, listing_id):
        return Response(listings.faces(request.app, [listings.get(request.app, listing_id)])[0])

    def patch(self, request, listing_id):
        listing = listings.revise(request.app, listing_id, ListingChanges.values(request.data))
        return Response(listings.faces(request.app, [listing])[0])

    def delete(self, request, listing_id):
        listings.delete(request.app, listing_id)
        return Response(status=204)


class CodesInput(Serializer):
    """Either ``codes`` or ``csv``: the text of a file whose first column they are."""

    codes = serializers.ListField(
        child=Text(min_length=0, max_length=1_000), max_length=code_pool.MOST_CODES, required=False
    )
    csv = Text(max_length=1024 * 1024, required=False)
    preview = Truth(required=False)


class ListingCodes(ApiView):
    """``POST`` adds codes to a listing's pool, all or none: 201. With ``preview`` nothing is written: 200."""

    serializer_class = CodesInput

    def post(self, request, listing_id):
        sent = CodesInput.parse(request.data)
        if ("codes" in sent) == ("csv" in sent):
            raise InvalidInput({"codes": ["Send codes, or csv."]})
        found = sent["codes"] if "codes" in sent else code_pool.read_csv(sent["csv"], "csv")
        if sent.get("preview"):
            listings.get(request.app, listing_id)
            return Response(listings.examine(request.app, found).face())
        return Response(listings.add_codes(request.app, listing_id, found), status=201)
