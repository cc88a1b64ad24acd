"""``/v1/fraud/flags``."""

import django_filters
from django import forms
from rest_framework import serializers
from rest_framework.response import Response

from fraud import deciding, faces
from fraud.models import Flag, FlagStatus, FlagType, Verdict
from incenta.api.fields import Text
from incenta.api.lists import FilterSet, ListView, MomentFilter, TextFilter
from incenta.api.views import ApiView
from incenta.errors import NotFound
from incenta.serializers import Serializer


class ScoreFilter(django_filters.NumberFilter):
    """A whole number from 0 to 100."""

    field_class = forms.IntegerField

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **({"min_value": 0, "max_value": 100} | kwargs))


class FlagFilters(FilterSet):
    status = django_filters.ChoiceFilter(choices=FlagStatus.choices)
    type = django_filters.ChoiceFilter(choices=FlagType.choices)
    minScore = ScoreFilter(field_name="score", lookup_expr="gte")
    maxScore = ScoreFilter(field_name="score", lookup_expr="lte")
    campaignId = TextFilter(field_name="campaign_id")
    subject = TextFilter(field_name="subject_id")
    userId = TextFilter(field_name="user_id")
    caseId = TextFilter(field_name="case_id")
    signal = TextFilter(field_name="signal")
    to = MomentFilter(field_name="first_at", lookup_expr="lt")

    class Meta:
        model = Flag
        fields: list[str] = []


# "from" is a word of Python's, so it cannot be written in the class
FlagFilters.base_filters["from"] = MomentFilter(field_name="first_at", lookup_expr="gte")


class Flags(ListView):
    """What is suspected, the newest first."""

    plural = "flags"
    filterset_class = FlagFilters
    order = ("-first_at", "-id")

    def get_queryset(self):
        return self.request.app.fraud_flags.all()

    def face(self, item):
        return faces.flag_face(item)


class FlagDetail(ApiView):
    """One flag."""

    def get(self, request, flag_id):
        flag = request.app.fraud_flags.filter(pk=flag_id).first()
        if flag is None:
            raise NotFound("flag_not_found", "Flag not found.")
        return Response(faces.flag_face(flag))


class ResolveInput(Serializer):
    decision = serializers.ChoiceField(choices=[Verdict.APPROVE, Verdict.REJECT])
    note = Text(min_length=0, max_length=1000, required=False, allow_null=True)


class ResolveFlag(ApiView):
    """Decides what the flag is about: every open flag of that subject. The same decision again answers as it stands."""

    serializer_class = ResolveInput

    def post(self, request, flag_id):
        asked = ResolveInput.parse(request.data)
        flag, outcome = deciding.resolve(
            request.app,
            flag_id,
            asked["decision"],
            actor=request.api_key.pk,
            note=asked.get("note") or self._reason(flag_id, asked["decision"]),
        )
        effects = [effect.face() for effect in outcome.effects] if outcome else []
        return Response({"success": True, "flag": faces.flag_face(flag), "effects": effects})

    def _reason(self, flag_id: str, verdict: str) -> str:
        """A rejection has a reason: where the client names none, it is what the flag says."""
        if verdict != Verdict.REJECT:
            return ""
        return self.request.app.fraud_flags.filter(pk=flag_id).values_list("message", flat=True).first() or ""
