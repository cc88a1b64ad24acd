"""``/v1/fraud/lists`` and ``/v1/fraud/mutes``."""

from datetime import timedelta

import django_filters
from rest_framework import serializers
from rest_framework.response import Response

from fraud import lists, mutes
from fraud.models import ListEntry, Mute
from incenta import clock
from incenta.api.fields import Moment, Text, UserId, WholeNumber
from incenta.api.lists import FilterSet, ListView, TextFilter, check_parameters
from incenta.api.views import ApiView
from incenta.errors import InvalidInput
from incenta.serializers import Serializer


class EntryInput(Serializer):
    side = serializers.ChoiceField(choices=ListEntry.Side.choices)
    kind = serializers.ChoiceField(choices=ListEntry.Kind.choices)
    value = Text(max_length=255)
    reason = Text(min_length=0, max_length=500, required=False)
    expires_at = Moment(required=False, allow_null=True)


class EntryFilters(FilterSet):
    side = django_filters.ChoiceFilter(choices=ListEntry.Side.choices)
    kind = django_filters.ChoiceFilter(choices=ListEntry.Kind.choices)
    value = TextFilter(field_name="value")

    class Meta:
        model = ListEntry
        fields: list[str] = []


class FraudLists(ListView):
    """Who is always let through, and who never. ``DELETE …?id=`` is the same as ``DELETE …/{id}``."""

    plural = "entries"
    filterset_class = EntryFilters
    serializer_class = EntryInput
    order = ("-created_at", "-id")

    def get_queryset(self):
        return self.request.app.fraud_list.filter(removed_at=None)

    def face(self, item):
        return lists.face(item)

    def post(self, request):
        entry = lists.add(request.app, **EntryInput.parse(request.data), actor=request.api_key.pk)
        return Response(lists.face(entry), status=201)

    def delete(self, request):
        check_parameters(request, {"id"})
        entry_id = request.query_params.get("id")
        if entry_id is None:
            raise InvalidInput({"id": ["Which entry?"]})
        lists.remove(request.app, entry_id, actor=request.api_key.pk)
        return Response(status=204)


class FraudListEntry(ApiView):
    def delete(self, request, entry_id):
        lists.remove(request.app, entry_id, actor=request.api_key.pk)
        return Response(status=204)


class MuteInput(Serializer):
    """``{signal, userId | kind and value, days | until}``; 30 days where neither is said."""

    signal = Text(max_length=32)
    user_id = UserId(required=False, allow_null=True)
    kind = serializers.ChoiceField(choices=[(name, name) for name in mutes.KINDS], required=False)
    value = Text(max_length=255, required=False)
    days = WholeNumber(min_value=1, max_value=366, required=False)
    until = Moment(required=False)
    reason = Text(min_length=0, max_length=500, required=False)


class MuteFilters(FilterSet):
    signal = TextFilter(field_name="signal")
    userId = TextFilter(field_name="user_id")

    class Meta:
        model = Mute
        fields: list[str] = []


class FraudMutes(ListView):
    plural = "mutes"
    filterset_class = MuteFilters
    serializer_class = MuteInput
    order = ("-created_at", "-id")

    def get_queryset(self):
        return self.request.app.fraud_mutes.filter(removed_at=None)

    def face(self, item):
        return mutes.face(item)

    def post(self, request):
        values = MuteInput.parse(request.data)
        mute = mutes.add(
            request.app,
            values["signal"],
            until=until_of(request.app, values),
            user_id=values.get("user_id"),
            key=key_of(request.app, values),
            reason=values.get("reason", ""),
            actor=request.api_key.pk,
        )
        return Response(mutes.face(mute), status=201)


def until_of(app, values: dict):
    """When a mute ends: at a moment, or after so many days. Raises ``InvalidInput`` for both."""
    if "until" in values and "days" in values:
        raise InvalidInput({"until": ["Either days or until."]})
    return values.get("until") or clock.now(app) + timedelta(days=values.get("days", mutes.DAYS[0]))


def key_of(app, values: dict):
    """The key that a mute is of, or ``None`` where it is of a user. Raises ``InvalidInput``."""
    if ("kind" in values) != ("value" in values):
        raise InvalidInput({"kind": ["kind and value go together."]})
    return mutes.key_of(app, values["kind"], values["value"]) if "kind" in values else None


class FraudMute(ApiView):
    def delete(self, request, mute_id):
        mutes.end(request.app, mute_id, actor=request.api_key.pk)
        return Response(status=204)
