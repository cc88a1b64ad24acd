"""A few views on the table of participants, for tests of the plumbing under every view."""

import threading

import django_filters
from django.db import connection, transaction
from django.urls import include, path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from incenta.accounts.models import Participant
from incenta.api.fields import Context, Metadata, MoneyNumber, Text, UserId
from incenta.api.lists import FilterSet, ListView, MomentFilter, TextFilter
from incenta.api.views import ApiView
from incenta.errors import Conflict
from incenta.serializers import Serializer


class PersonInput(Serializer):
    user_id = UserId()
    user_name = Text(required=False)
    first_amount = MoneyNumber(required=False)
    metadata = Metadata(required=False)
    context = Context(required=False)


class PersonFilters(FilterSet):
    userId = TextFilter("external_id")
    seenAfter = MomentFilter("first_seen_at", "gte")
    username = django_filters.ChoiceFilter(choices=[("asha", "Asha"), ("bikram", "Bikram")])


class Person(Serializer):
    user_id = serializers.CharField(source="external_id")
    user_name = serializers.CharField(source="username")


before_commit: list = []
"""What a test wants to happen inside the transaction, after the row is written."""
runs = threading.local()


class PeopleView(ListView):
    plural = "people"
    serializer_class = PersonInput
    filterset_class = PersonFilters

    def get_queryset(self):
        return self.request.app.participants.all()

    def face(self, item):
        return Person.show(item)

    def post(self, request):
        sent = PersonInput.parse(request.data)
        runs.count = getattr(runs, "count", 0) + 1
        now = timezone.now()
        person, made = request.app.participants.get_or_create(
            external_id=sent["user_id"], defaults={"first_seen_at": now, "last_seen_at": now}
        )
        for act in list(before_commit):
            act(request)
        if not made:
            raise Conflict("person_exists", "This person is here already.")
        return Response({"id": person.pk, "userId": person.external_id}, status=201)


class ByTimeView(PeopleView):
    order = ("-first_seen_at", "-id")


class PersonView(ApiView):
    def get(self, request, user_id):
        return Response(Person.show(request.app.participants.get(external_id=user_id)))

    def delete(self, request, user_id):
        request.app.participants.get(external_id=user_id).delete()
        return Response(status=204)


class PersonStatsView(ApiView):
    def get(self, request, user_id):
        return Response({"statsOf": user_id})


class EchoView(ApiView):
    """Answers the body, writes nothing."""

    def post(self, request):
        return Response({"echo": request.data})


class BrokenView(ApiView):
    def get(self, request):
        raise ZeroDivisionError("the secret is inc_live_1234567890")

    def post(self, request):
        now = timezone.now()
        request.app.participants.create(external_id="half done", first_seen_at=now, last_seen_at=now)
        raise ZeroDivisionError("the secret is inc_live_1234567890")


class WidgetView(ApiView):
    publishable = frozenset({"GET", "POST"})

    def get(self, request):
        return Response({"hello": request.app.name})

    def post(self, request):
        return Response({"made": True}, status=201)


class SecretView(ApiView):
    answers_secret = True

    def post(self, request):
        return Response({"id": "whk_1", "secret": "whsec_c2VjcmV0"}, status=201)


class SqlView(ApiView):
    """Runs what a test sends, in the request's transaction."""

    def post(self, request):
        with connection.cursor() as cursor:
            for statement in request.data["sql"]:
                cursor.execute(statement)
        return Response({"inTransaction": connection.in_atomic_block})


class HookView(ApiView):
    """Commits, and then a hook fails."""

    def post(self, request):
        now = timezone.now()
        request.app.participants.create(external_id="hooked", first_seen_at=now, last_seen_at=now)
        transaction.on_commit(lambda: 1 / 0)
        return Response({"made": Participant.objects.count()}, status=201)


api = [
    path("people", PeopleView.as_view()),
    path("people-by-time", ByTimeView.as_view()),
    path("people/<user_id:user_id>/stats", PersonStatsView.as_view()),
    path("people/<user_id:user_id>", PersonView.as_view()),
    path("echo", EchoView.as_view()),
    path("broken", BrokenView.as_view()),
    path("widget", WidgetView.as_view()),
    path("secret", SecretView.as_view()),
    path("sql", SqlView.as_view()),
    path("hook", HookView.as_view()),
]
urlpatterns = [
    path("v1/", include(api)),
    path("api/v1/", include(api)),
    path("", include("incenta.health")),
]
