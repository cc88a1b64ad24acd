"""``/v1/incentives/marketplace/settings``: whether an app's users may spend in the marketplace, and where."""

from rest_framework import serializers
from rest_framework.response import Response

from incenta.api.fields import MoneyNumber, Truth
from incenta.api.lists import check_parameters
from incenta.api.views import ApiView
from incenta.serializers import Serializer
from marketplace import participation
from marketplace.listings import LARGEST_RATE

from .profile import COUNTRY, NO_COUNTRY


class Rate(MoneyNumber):
    """Major units for a coin or a token, with at most six decimals."""

    def to_internal_value(self, data: object):
        rate = super().to_internal_value(data)
        if rate > LARGEST_RATE:
            raise serializers.ValidationError(f"Must not be over {LARGEST_RATE}.")
        if rate != round(rate, 6):
            raise serializers.ValidationError("Has at most 6 decimals.")
        return rate

    def json_schema(self) -> dict:
        return {"type": "number", "minimum": 0, "maximum": int(LARGEST_RATE)}


def _businesses() -> serializers.ListField:
    return serializers.ListField(child=serializers.RegexField(r"^biz_[0-9a-z]{26}$"), max_length=1_000, required=False)


def countries() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.RegexField(COUNTRY, error_messages=NO_COUNTRY), max_length=250, required=False
    )


class SettingsInput(Serializer):
    joined = Truth(required=False)
    allowed_businesses = _businesses()
    blocked_businesses = _businesses()
    countries = countries()
    max_per_coin = Rate(required=False, allow_null=True)
    max_per_token = Rate(required=False, allow_null=True)

    NAMES = {
        "allowed_businesses": "allowed",
        "blocked_businesses": "blocked",
        "max_per_coin": "most_a_coin",
        "max_per_token": "most_a_token",
    }

    @classmethod
    def values(cls, data: object) -> dict:
        """What was sent, in the model's spelling."""
        return {cls.NAMES.get(name, name): value for name, value in cls.parse(data).items()}


class MarketplaceSettings(ApiView):
    serializer_class = SettingsInput

    def get(self, request):
        check_parameters(request, frozenset())
        return Response(participation.face(request.app, participation.of(request.app)))

    def patch(self, request):
        found = participation.revise(request.app, SettingsInput.values(request.data))
        return Response(participation.face(request.app, found))
