"""``/v1/incentives/settings``, ``/v1/incentives/backfills``."""

import django_filters
from rest_framework import serializers
from rest_framework.response import Response

from incenta.api.fields import WholeNumber
from incenta.api.lists import FilterSet, ListView
from incenta.api.views import ApiView
from incenta.errors import NotFound
from incenta.serializers import Serializer
from incentives import backfilling, rule_settings
from incentives.models import Backfill
from incentives.models.backfill import BackfillState
from incentives.models.rulebook import ExpiryRound, ExpiryUnit

LONGEST_EXPIRY = 36_500


def _expire_after() -> WholeNumber:
    return WholeNumber(min_value=1, max_value=LONGEST_EXPIRY, required=False, allow_null=True)


def _choice(choices) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=choices.choices, required=False)


class SettingsInput(Serializer):
    """``coinsExpireAfter: 30, coinsExpireUnit: "day"``; ``null``: they never expire."""

    coins_expire_after = _expire_after()
    coins_expire_unit = _choice(ExpiryUnit)
    coins_expire_round = _choice(ExpiryRound)
    tokens_expire_after = _expire_after()
    tokens_expire_unit = _choice(ExpiryUnit)
    tokens_expire_round = _choice(ExpiryRound)
    streak_freezes = WholeNumber(min_value=0, max_value=100, required=False)
    streak_freeze_every = WholeNumber(min_value=1, max_value=1_000, required=False, allow_null=True)
    streak_freezes_most = WholeNumber(min_value=0, max_value=100, required=False)


class Settings(ApiView):
    """When points expire and how streaks are frozen, for what is earned from now on."""

    serializer_class = SettingsInput

    def get(self, request):
        return Response(rule_settings.face(rule_settings.of(request.app)))

    def patch(self, request):
        return Response(rule_settings.revise(request.app, SettingsInput.parse(request.data), actor=request.api_key.pk))


class BackfillFilters(FilterSet):
    noun = django_filters.ChoiceFilter(choices=[(noun, noun) for noun in ("level", "badge", "milestone")])
    state = django_filters.ChoiceFilter(choices=BackfillState.choices)

    class Meta:
        model = Backfill
        fields: list[str] = []


class Backfills(ListView):
    plural = "backfills"
    filterset_class = BackfillFilters

    def get_queryset(self):
        return self.request.app.backfills.all()

    def face(self, item):
        return backfilling.face(item)


class BackfillDetail(ApiView):
    """How far a backfill has come."""

    def get(self, request, backfill_id):
        backfill = request.app.backfills.filter(pk=backfill_id).first()
        if backfill is None:
            raise NotFound("backfill_not_found", "Backfill not found.")
        return Response(backfilling.face(backfill))
