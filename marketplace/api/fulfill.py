"""``/v1/incentives/marketplace/fulfill``: the business honours a code at its point of sale."""

from rest_framework.response import Response

from incenta.api import errors
from incenta.api.fields import Text
from incenta.api.guessing import Asker, TooManyGuesses
from incenta.api.views import ApiView
from incenta.errors import NotFound
from incenta.serializers import Serializer
from marketplace import redemptions, till


class FulfillInput(Serializer):
    code = Text(max_length=till.LONGEST_CODE)
    order_reference = Text(required=False, allow_null=True)


class Fulfill(ApiView):
    """``POST {code, orderReference?}``: once for each code; thirty at once, one succeeds."""

    serializer_class = FulfillInput
    point_of_sale = True

    def post(self, request):
        asked = FulfillInput.parse(request.data)
        try:
            fulfilled = till.fulfil(
                request.app,
                asked["code"],
                Asker.of(request),
                order_reference=asked.get("order_reference") or "",
                actor=request.api_key.pk,
            )
        except (NotFound, TooManyGuesses) as refusal:
            # answered, not raised: raising would roll the count back
            return errors.answer(refusal, request.request_id)
        return Response({"success": True, "redemption": redemptions.face(fulfilled, request.app)})
