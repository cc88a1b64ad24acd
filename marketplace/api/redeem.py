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
    publishable = of_user = frozenset({"POST"})

    def post(self, request):
        sent = RedeemInput.parse(request.data)
        request.require_own(sent["user_id"])
        answer = redeeming.redeem(request.app, actor=request.api_key.pk, **sent)
        if request.is_browser:
            answer["riskScore"] = None  # whoever cheats would learn by it how to cheat
        return Response(answer, status=201)
