"""``/v1/incentives/marketplace/promotions``: own listings for fewer coins for a while."""

from rest_framework.response import Response

from incenta import clock
from incenta.api.fields import Moment, Text, WholeNumber
from incenta.api.lists import FilterSet, ListView, TextFilter
from incenta.api.views import ApiView
from incenta.serializers import Serializer
from marketplace import promotions
from marketplace.models import Promotion


class PromotionInput(Serializer):
    listing_id = Text(max_length=60)
    percent_off = WholeNumber(min_value=1, max_value=100)
    starts_at = Moment(required=False, allow_null=True)
    ends_at = Moment()
    name = Text(min_length=0, max_length=120, required=False)


class PromotionFilters(FilterSet):
    listingId = TextFilter(field_name="listing_id")

    class Meta:
        model = Promotion
        fields: list[str] = []


class Promotions(ListView):
    plural = "promotions"
    filterset_class = PromotionFilters
    serializer_class = PromotionInput
    order = ("-created_at", "-id")

    def get_queryset(self):
        return self.request.app.promotions.filter(deleted_at=None).select_related("listing")

    def face(self, item):
        return promotions.face(item, clock.now(self.request.app))

    def post(self, request):
        promotion = promotions.create(
            request.app, actor=request.api_key.pk, **PromotionInput.parse(request.data)
        )  # fmt: skip
        return Response(self.face(promotion), status=201)


class PromotionDetail(ApiView):
    def get(self, request, promotion_id):
        return Response(promotions.face(promotions.get(request.app, promotion_id), clock.now(request.app)))

    def delete(self, request, promotion_id):
        promotions.delete(request.app, promotion_id)
        return Response(status=204)
