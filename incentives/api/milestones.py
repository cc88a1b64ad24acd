"""``/v1/incentives/milestones`` (reached) and ``/v1/incentives/milestones/rules``."""

from rest_framework import serializers
from rest_framework.response import Response

from incenta.api.fields import Text, Truth, WholeNumber
from incenta.api.lists import FilterSet, ListView, TextFilter, TruthFilter
from incenta.api.views import ApiView
from incentives import milestones
from incentives.models import Grant, Milestone

from .actions import key_field, points
from .badges import LARGEST_COUNT
from .levels import ForOldUsers


class MilestoneChanges(ForOldUsers):
    name = Text(min_length=0, max_length=120, required=False)
    metric = serializers.ChoiceField(choices=Milestone.Metric.choices, required=False)
    threshold = WholeNumber(min_value=1, max_value=LARGEST_COUNT, required=False)
    coins = points(required=False)
    tokens = points(required=False)
    active = Truth(required=False)


class MilestoneInput(MilestoneChanges):
    key = key_field()
    metric = serializers.ChoiceField(choices=Milestone.Metric.choices)
    threshold = WholeNumber(min_value=1, max_value=LARGEST_COUNT)


class ReachedFilters(FilterSet):
    userId = TextFilter(field_name="user_id")
    key = TextFilter(field_name="key")

    class Meta:
        model = Grant
        fields: list[str] = []


class Milestones(ListView):
    """What users have reached, newest first."""

    plural = "milestones"
    filterset_class = ReachedFilters

    def get_queryset(self):
        return self.request.app.grants.filter(kind=Grant.Kind.MILESTONE, revoked_at=None)

    def faces(self, items):
        known = {each.key: each for each in self.request.app.milestones.filter(key__in=[item.key for item in items])}
        return [milestones.reached_face(item, known.get(item.key)) for item in items]


class RuleFilters(FilterSet):
    active = TruthFilter(field_name="active")

    class Meta:
        model = Milestone
        fields: list[str] = []


class MilestoneRules(ListView):
    plural = "milestones"
    filterset_class = RuleFilters
    serializer_class = MilestoneInput

    def get_queryset(self):
        return self.request.app.milestones.all()

    def face(self, item):
        return milestones.face(item)

    def post(self, request):
        values, asked = MilestoneInput.split(request.data)
        made = milestones.create(request.app, values, actor=request.api_key.pk, **asked)
        return Response(made, status=200 if asked["preview"] else 201)


class MilestoneRule(ApiView):
    serializer_class = MilestoneChanges

    def get(self, request, key):
        return Response(milestones.face(milestones.get(request.app, key)))

    def patch(self, request, key):
        changes, asked = MilestoneChanges.split(request.data)
        return Response(milestones.revise(request.app, key, changes, actor=request.api_key.pk, **asked))

    def delete(self, request, key):
        milestones.delete(request.app, key, actor=request.api_key.pk)
        return Response(status=204)
