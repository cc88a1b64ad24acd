"""``/v1/incentives/marketplace/public/listings``: what the app's users see."""

import django_filters
from django.db.models import Q
from rest_framework.response import Response

from incenta.api.lists import FilterSet, ListView, TextFilter, whole_number
from incenta.api.views import ApiView
from marketplace import offers
from marketplace.models import Listing

from .listings import LARGEST_COST


class OfferFilters(FilterSet):
    category = TextFilter(field_name="category", lookup_expr="iexact", max_length=60)
    businessId = TextFilter(field_name="business_id")
    search = django_filters.CharFilter(method="of_words", max_length=120)

    class Meta:
        model = Listing
        fields: list[str] = []

    def of_words(self, listings, name, value):
        return listings.filter(
            Q(title__icontains=value) | Q(description__icontains=value) | Q(business__name__icontains=value)
        )


class PublicListings(ListView):
    """Listings of verified businesses that this app's users may redeem now. An app that has not joined sees none."""

    plural = "listings"
    filterset_class = OfferFilters
    parameters = frozenset({"maxCoins"})
    publishable = frozenset({"GET"})

    def get_queryset(self):
        most = whole_number(self.request, "maxCoins", LARGEST_COST, LARGEST_COST, 0)
        return Listing.objects.filter(pk__in=offers.shown_ids(self.request.app, most_coins=most))

    def faces(self, items):
        found = offers.shown(self.request.app, [item.pk for item in items])
        return [offers.face(found[item.pk]) for item in items if item.pk in found]


class PublicListing(ApiView):
    publishable = frozenset({"GET"})

    def get(self, request, listing_id):
        return Response(offers.face(offers.get(request.app, listing_id)))
