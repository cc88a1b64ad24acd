"""``/v1/incentives/levels``."""

from rest_framework import serializers
from rest_framework.response import Response

from incenta.api.fields import Text, Truth, WholeNumber
from incenta.api.lists import ListView
from incenta.api.views import ApiView
from incenta.errors import InvalidInput
from incenta.serializers import Serializer
from incentives import levels

from .actions import points

LARGEST_THRESHOLD = 10**12


class ForOldUsers(Serializer):
    """What is asked about those who qualify already: ``preview`` counts them and changes nothing, ``backfill`` grants to them."""

    preview = Truth(required=False)
    backfill = Truth(required=False)

    @classmethod
    def split(cls, data: object) -> tuple[dict, dict[str, bool]]:
        """The values of the rule, and ``preview`` and ``backfill`` apart."""
        found = cls.parse(data)
        asked = {name: found.pop(name, False) for name in ("preview", "backfill")}
        if all(asked.values()):
            raise InvalidInput({"preview": ["A preview changes nothing: ask for the backfill in another call."]})
        return found, asked


class LevelChanges(ForOldUsers):
    name = Text(max_length=120, required=False)
    xp_threshold = WholeNumber(min_value=0, max_value=LARGEST_THRESHOLD, required=False)
    coins = points(required=False)
    tokens = points(required=False)
    badge_key = Text(max_length=80, required=False, allow_null=True)
    perks = serializers.ListField(child=Text(max_length=200), max_length=50, required=False)


class LevelInput(LevelChanges):
    level = WholeNumber(min_value=1, max_value=100_000)
    name = Text(max_length=120)
    xp_threshold = WholeNumber(min_value=0, max_value=LARGEST_THRESHOLD)


class Levels(ListView):
    plural = "levels"
    serializer_class = LevelInput
    order = ("level",)

    def get_queryset(self):
        return self.request.app.levels.all()

    def face(self, item):
        return levels.face(item)

    def post(self, request):
        values, asked = LevelInput.split(request.data)
        made = levels.create(request.app, values, actor=request.api_key.pk, **asked)
        return Response(made, status=200 if asked["preview"] else 201)


class LevelDetail(ApiView):
    serializer_class = LevelChanges

    def get(self, request, level):
        return Response(levels.face(levels.get(request.app, level)))

    def patch(self, request, level):
        changes, asked = LevelChanges.split(request.data)
        return Response(levels.revise(request.app, level, changes, actor=request.api_key.pk, **asked))

    def delete(self, request, level):
        levels.delete(request.app, level, actor=request.api_key.pk)
        return Response(status=204)
