"""``/v1/incentives/marketplace/redeem``."""

from rest_framework.response import Response

from incenta.api.fields import Text, UserId
from incenta.api.views import ApiView
from incenta.serializers import Serializer
from marketplace import redeeming


class RedeemInput(Serializer):
    listing_id = Text(max_length=60)
    user_id = UserId()


class RedeemListing(ApiView):
    """``POST`` spends a user's points at a business: 201 the code."""

    serializer_class = RedeemInput

    def post(self, request):
        sent = RedeemInput.parse(request.data)
        return Response(redeeming.redeem(request.app, actor=request.api_key.pk, **sent), status=201)
