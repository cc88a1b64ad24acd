"""``/v1/incentives/balances`` and what explains them; ``/v1/incentives/users``: what a user decides for himself."""

from datetime import datetime
from functools import cache
from zoneinfo import available_timezones

from rest_framework import serializers
from rest_framework.response import Response

from incenta import clock, money
from incenta.api.fields import Text, Truth
from incenta.api.lists import FilterSet, ListView, TextFilter, check_parameters
from incenta.api.views import ApiRequest, ApiView
from incenta.errors import InvalidInput
from incenta.serializers import Serializer
from incentives import balances, explaining, user_settings
from incentives.models import Wallet

zones = cache(available_timezones)


def as_of(request: ApiRequest) -> datetime | None:
    """The past moment that is asked about, or ``None`` for now. A millisecond is meant whole: answers tell no finer times."""
    text = request.query_params.get("asOf")
    if text is None:
        return None
    moment = clock.parse(text, "asOf")
    return moment if moment.microsecond % 1000 else moment.replace(microsecond=moment.microsecond + 999)


class BalanceFilters(FilterSet):
    userId = TextFilter(field_name="user_id")

    class Meta:
        model = Wallet
        fields: list[str] = []


class Balances(ListView):
    """Everybody's balances, in the order of their ids."""

    plural = "balances"
    from_replica = False
    filterset_class = BalanceFilters
    order = ("user_id",)

    def get_queryset(self):
        return self.request.app.wallets.all()

    def faces(self, items):
        return balances.faces(self.request.app, items)


class Balance(ApiView):
    """One user's balance, now or ``asOf`` a past moment. A user who is not known has nothing."""

    publishable = of_user = frozenset({"GET"})

    def get(self, request, user_id):
        check_parameters(request, {"asOf"})
        return Response(balances.balance(request.app, user_id, as_of=as_of(request)))


class BalanceEntries(ListView):
    """Every entry of a user's, newest first, with cause, rule, lots and running balance; and the proof that they add up."""

    plural = "entries"
    from_replica = False
    order = ("-seq",)
    parameters = frozenset({"asset", "asOf"})

    def get_queryset(self):
        found = explaining.entries(self.request.app, self.kwargs["user_id"], as_of=as_of(self.request))
        asset = self.request.query_params.get("asset")
        if asset is None:
            return found
        if asset not in explaining.ASSETS and not money.is_currency(asset):
            raise InvalidInput({"asset": ["Must be xp, coins, tokens or a currency."]})
        return found.filter(asset=explaining.ASSETS.get(asset, asset))

    def faces(self, items):
        return explaining.faces(self.request.app, items)

    def get(self, request, user_id):
        page = self.page_of(self.get_queryset())
        if request.query_params.get("cursor"):
            return Response(page)  # whoever walks through a deep list has seen the proof on its first page
        return Response(page | {"check": explaining.check(request.app, user_id, as_of=as_of(request))})


class UserSettingsInput(Serializer):
    timezone = Text(max_length=64, required=False, allow_null=True)
    visible = Truth(required=False)

    def validate_timezone(self, value):
        if value is not None and value not in zones():
            raise serializers.ValidationError(
                "Must be the name of a time zone such as Asia/Kathmandu, or null for the app's."
            )
        return value


class UserSettings(ApiView):
    """``PATCH {timezone?, visible?}``: the zone of the user's days, and whether boards show him."""

    serializer_class = UserSettingsInput

    def get(self, request, user_id):
        return Response(user_settings.of(request.app, user_id))

    def patch(self, request, user_id):
        sent = UserSettingsInput.parse(request.data)
        timezone = (sent["timezone"] or "") if "timezone" in sent else None
        return Response(user_settings.revise(request.app, user_id, timezone=timezone, visible=sent.get("visible")))
