"""``/v1/incentives/adjustments``: points by hand, with a reason."""

from rest_framework.response import Response

from incenta.api.fields import Text, UserId, WholeNumber
from incenta.api.lists import FilterSet, ListView, TextFilter
from incenta.errors import InvalidInput
from incenta.serializers import Serializer
from incentives import adjusting
from incentives.models import Adjustment

LARGEST_ADJUSTMENT = 10**12


def _signed() -> WholeNumber:
    return WholeNumber(min_value=-LARGEST_ADJUSTMENT, max_value=LARGEST_ADJUSTMENT, required=False)


class AdjustmentInput(Serializer):
    """Whole numbers, below zero to take. At least one of them."""

    user_id = UserId()
    reason = Text(max_length=500)
    xp = _signed()
    coins = _signed()
    tokens = _signed()


class AdjustmentFilters(FilterSet):
    userId = TextFilter(field_name="user_id")

    class Meta:
        model = Adjustment
        fields: list[str] = []


class Adjustments(ListView):
    """``POST`` adjusts: 201 with the entries and the balances, or 409 ``insufficient_balance`` and nothing moved."""

    plural = "adjustments"
    filterset_class = AdjustmentFilters
    serializer_class = AdjustmentInput

    def get_queryset(self):
        return self.request.app.adjustments.all()

    def face(self, item):
        return adjusting.face(item)

    def post(self, request):
        sent = AdjustmentInput.parse(request.data)
        gains = {name: sent.get(name, 0) for name in adjusting.ASSETS}
        if not any(gains.values()):
            raise InvalidInput({"coins": ["Say how many coins, tokens or XP to add or to take."]})
        made = adjusting.adjust(request.app, sent["user_id"], reason=sent["reason"], actor=request.api_key.pk, **gains)
        return Response(made, status=201)
