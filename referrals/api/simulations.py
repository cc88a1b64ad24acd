"""``/v1/campaigns/{campaignId}/simulate``."""

from rest_framework import serializers
from rest_framework.response import Response

from incenta.api.fields import Moment, Text, WholeNumber
from incenta.api.views import ApiView
from incenta.serializers import Serializer
from referrals import simulating

from .campaigns import CampaignInput


class CampaignDraft(CampaignInput):
    """The fields that differ from the campaign as it stands."""

    name = Text(max_length=120, required=False)


class SimulationInput(Serializer):
    rules = CampaignDraft()
    to = Moment(required=False, allow_null=True)
    against = serializers.ChoiceField(choices=simulating.AGAINST, required=False)
    top = WholeNumber(min_value=0, max_value=simulating.MOST_TOP, required=False)


# "from" is a word of Python's, so it cannot be written in the class
SimulationInput._declared_fields["from"] = Moment(required=False, allow_null=True)


class SimulateCampaign(ApiView):
    """``POST`` replays a draft of rules over what was stored. Nothing is written."""

    serializer_class = SimulationInput

    def post(self, request, campaign_id):
        asked = SimulationInput.parse(request.data)
        return Response(
            simulating.simulate(
                request.app,
                campaign_id,
                CampaignDraft.in_model(asked["rules"]),
                since=asked.get("from"),
                until=asked.get("to"),
                against=asked.get("against", simulating.ACTUAL),
                top=asked.get("top", simulating.TOP),
            )
        )
