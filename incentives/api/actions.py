"""``/v1/incentives/actions``."""

import django_filters
from rest_framework import serializers
from rest_framework.response import Response

from incenta.api.fields import Text, Truth, WholeNumber
from incenta.api.lists import FilterSet, ListView, TruthFilter
from incenta.api.views import ApiView
from incenta.errors import NotFound
from incenta.serializers import Serializer
from incentives import actions
from incentives.models import Action

LARGEST_AWARD = 1_000_000_000
KEY = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}$"


def key_field() -> serializers.RegexField:
    """How a merchant names an action, a badge or a milestone."""
    told = "Must begin with a letter or a digit; letters, digits, _ . : and - may follow."
    return serializers.RegexField(KEY, max_length=80, error_messages={"invalid": told})


def points(**more) -> WholeNumber:
    """Whole points, from 0 to a thousand million."""
    return WholeNumber(min_value=0, max_value=LARGEST_AWARD, **more)


class ActionChanges(Serializer):
    name = Text(max_length=120, required=False)
    type = serializers.ChoiceField(choices=Action.Type.choices, required=False)
    xp = points(required=False)
    coins = points(required=False)
    tokens = points(required=False)
    cooldown = WholeNumber(min_value=0, max_value=366 * 86_400, required=False)
    max_repeats = WholeNumber(min_value=1, max_value=1_000_000_000, required=False, allow_null=True)
    max_per_day = WholeNumber(min_value=1, max_value=1_000_000, required=False, allow_null=True)
    active = Truth(required=False)

    @classmethod
    def values(cls, data: dict) -> dict:
        found = cls.parse(data)
        if "cooldown" in found:
            found["cooldown_s"] = found.pop("cooldown")
        return found


class ActionInput(ActionChanges):
    key = key_field()
    name = Text(max_length=120)
    type = serializers.ChoiceField(choices=Action.Type.choices)


class ActionFilters(FilterSet):
    type = django_filters.ChoiceFilter(choices=Action.Type.choices)
    active = TruthFilter(field_name="active")

    class Meta:
        model = Action
        fields: list[str] = []


class Actions(ListView):
    plural = "actions"
    filterset_class = ActionFilters
    serializer_class = ActionInput

    def get_queryset(self):
        return self.request.app.actions.all()

    def face(self, item):
        return actions.face(item)

    def post(self, request):
        values = ActionInput.values(request.data)
        return Response(
            actions.face(actions.create(request.app, values.pop("key"), values, actor=request.api_key.pk)), status=201
        )


class ActionDetail(ApiView):
    serializer_class = ActionChanges

    def get(self, request, key):
        action = request.app.actions.filter(key=key).first()
        if action is None:
            raise NotFound("action_not_found", f"There is no action {key}.")
        return Response(actions.face(action))

    def patch(self, request, key):
        changed = actions.revise(request.app, key, ActionChanges.values(request.data), actor=request.api_key.pk)
        return Response(actions.face(changed))
