"""``/v1/incentives/marketplace/profile``."""

from rest_framework import serializers
from rest_framework.response import Response

from incenta.api.fields import Text
from incenta.api.lists import check_parameters
from incenta.api.views import ApiView
from incenta.serializers import Serializer
from marketplace import profiles

COUNTRY = r"^[A-Z]{2}$"
NO_COUNTRY = {"invalid": "Must be two capital letters, such as NP."}


class ProfileChanges(Serializer):
    name = Text(max_length=120, required=False)
    description = Text(min_length=0, max_length=2000, required=False)
    category = Text(min_length=0, max_length=60, required=False)
    url = serializers.URLField(max_length=2000, required=False, allow_blank=True)
    logo_url = serializers.URLField(max_length=2000, required=False, allow_blank=True)
    contact_email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    country = serializers.RegexField(COUNTRY, required=False, allow_blank=True, error_messages=NO_COUNTRY)


class ProfileInput(ProfileChanges):
    name = Text(max_length=120)


class BusinessProfile(ApiView):
    """``POST`` makes the app's one profile: 201. A live one waits for the operator."""

    serializer_class = ProfileChanges

    def get(self, request):
        check_parameters(request, frozenset())
        return Response(profiles.face(profiles.get(request.app)))

    def post(self, request):
        profile = profiles.create(request.app, ProfileInput.parse(request.data), actor=request.api_key.pk)
        return Response(profiles.face(profile), status=201)

    def patch(self, request):
        profile = profiles.revise(request.app, ProfileChanges.parse(request.data), actor=request.api_key.pk)
        return Response(profiles.face(profile))
