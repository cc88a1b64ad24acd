"""``/v1/campaigns``."""

import django_filters
from rest_framework import serializers
from rest_framework.response import Response

from fraud.models import Deadline
from incenta import clock
from incenta.api.fields import Moment, MoneyNumber, Text, Truth, WholeNumber
from incenta.api.lists import FilterSet, ListView
from incenta.api.views import ApiView
from incenta.errors import NotFound
from incenta.serializers import Serializer
from referrals import campaigns
from referrals.models import Campaign
from referrals.models.campaign import (
    BudgetPolicy,
    CampaignStatus,
    CodeFormat,
    FraudMode,
    FulfillmentType,
    ReferralType,
    RewardModel,
)


def _days(least: int = 0, **more):
    return WholeNumber(min_value=least, max_value=36_500, **more)


class Whole(Serializer):
    """A part that is sent whole: what it requires it requires in a PATCH too, where the request around it may be partial."""

    def to_internal_value(self, data):
        if isinstance(data, dict):
            missing = [
                name for name, ours in self._known_names.items() if self.fields[ours].required and name not in data
            ]
            if missing:
                raise serializers.ValidationError({name: ["This field is required."] for name in missing})
        return super().to_internal_value(data)


class TierInput(Whole):
    min_conversions = WholeNumber(min_value=0, max_value=10_000)
    reward_value = MoneyNumber()
    reward_cap = MoneyNumber(required=False, allow_null=True)


class DiscountInput(Whole):
    type = serializers.ChoiceField(choices=["PERCENTAGE", "FIXED_AMOUNT"])
    value = MoneyNumber()


class CampaignInput(Serializer):
    """Contract, section 2. Amounts in major units of ``currency``, or in coins where ``fulfillmentType`` is COINS."""

    name = Text(max_length=120)
    status = serializers.ChoiceField(choices=CampaignStatus.choices, required=False)
    referral_type = serializers.ChoiceField(choices=ReferralType.choices, required=False)
    reward_model = serializers.ChoiceField(choices=RewardModel.choices, required=False)
    currency = Text(min_length=3, max_length=3, required=False)
    reward_value = MoneyNumber(required=False)
    reward_cap = MoneyNumber(required=False, allow_null=True)
    referee_reward_value = MoneyNumber(required=False, allow_null=True)
    level2_reward_value = MoneyNumber(required=False, allow_null=True)
    level2_reward_cap = MoneyNumber(required=False, allow_null=True)
    tier_reward_model = serializers.ChoiceField(choices=RewardModel.choices[:2], required=False)
    tiers = serializers.ListField(child=TierInput(), max_length=50, required=False)
    budget = MoneyNumber(required=False, allow_null=True)
    budget_policy = serializers.ChoiceField(choices=BudgetPolicy.choices, required=False)
    max_rewards_per_referrer = WholeNumber(min_value=1, max_value=10_000, required=False, allow_null=True)
    first_time_user_only = Truth(required=False)
    start_date = Moment(required=False, allow_null=True)
    end_date = Moment(required=False, allow_null=True)
    conversion_window_days = _days(1, required=False, allow_null=True)
    hold_days = _days(required=False)
    claim_within_days = _days(1, required=False, allow_null=True)
    reward_expiration_days = _days(1, required=False, allow_null=True)
    code_prefix = serializers.RegexField(
        r"^[A-Za-z0-9]{0,12}$",
        required=False,
        allow_blank=True,
        error_messages={"invalid": "Must be letters and digits, at most 12 of them."},
    )
    code_format = serializers.ChoiceField(choices=CodeFormat.choices, required=False)
    landing_url = serializers.URLField(max_length=2000, required=False, allow_blank=True)
    fulfillment_type = serializers.ChoiceField(choices=FulfillmentType.choices, required=False)
    discount = DiscountInput(required=False, allow_null=True)
    fraud_mode = serializers.ChoiceField(choices=FraudMode.choices, required=False)
    hold_at = WholeNumber(min_value=1, max_value=100, required=False)
    block_at = WholeNumber(min_value=1, max_value=100, required=False)
    fraud_deadline_hours = WholeNumber(min_value=1, max_value=8_760, required=False, allow_null=True)
    fraud_deadline_outcome = serializers.ChoiceField(choices=Deadline.choices, required=False, allow_null=True)

    RENAMED = {"status": "declared_status", "start_date": "start_at", "end_date": "end_at"}

    @classmethod
    def values(cls, data: dict, *, partial: bool = False) -> dict:
        """What was sent, in the model's spelling."""
        return cls.in_model(cls.parse(data, partial=partial))

    @classmethod
    def in_model(cls, parsed: dict) -> dict:
        """What was parsed, in the model's spelling."""
        found = {cls.RENAMED.get(name, name): value for name, value in parsed.items()}
        if "tiers" in found:
            found["tiers"] = [_tier(tier) for tier in found["tiers"]]
        if found.get("discount"):
            found["discount"] = {"type": found["discount"]["type"], "value": _plain(found["discount"]["value"])}
        return found


def _tier(tier: dict) -> dict:
    plain = {"minConversions": tier["min_conversions"], "rewardValue": _plain(tier["reward_value"])}
    if tier.get("reward_cap") is not None:
        plain["rewardCap"] = _plain(tier["reward_cap"])
    return plain


def _plain(number):
    return int(number) if number == number.to_integral_value() else float(number)


class CampaignFilters(FilterSet):
    status = django_filters.ChoiceFilter(choices=CampaignStatus.choices, field_name="current_status")
    referralType = django_filters.ChoiceFilter(choices=ReferralType.choices, field_name="referral_type")
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", max_length=120)

    class Meta:
        model = Campaign
        fields: list[str] = []


class Campaigns(ListView):
    """``GET`` lists, ``POST`` creates: 201 the campaign."""

    plural = "campaigns"
    filterset_class = CampaignFilters
    serializer_class = CampaignInput
    order = ("-created_at", "-id")

    def get_queryset(self):
        app = self.request.app
        return app.campaigns.with_status(clock.now(app))

    def face(self, item):
        return campaigns.face(item, clock.now(self.request.app))

    def post(self, request):
        campaign = campaigns.create(request.app, CampaignInput.values(request.data), actor=request.api_key.pk)
        return Response(campaigns.face(campaign, clock.now(request.app)), status=201)


class CampaignDetail(ApiView):
    serializer_class = CampaignInput

    def get(self, request, campaign_id):
        campaign = request.app.campaigns.filter(pk=campaign_id).first()
        if campaign is None:
            raise NotFound("campaign_not_found", "Campaign not found.")
        return Response(campaigns.face(campaign, clock.now(request.app)))

    def patch(self, request, campaign_id):
        changes = CampaignInput.values(request.data, partial=True)
        campaign = campaigns.revise(request.app, campaign_id, changes, actor=request.api_key.pk)
        return Response(campaigns.face(campaign, clock.now(request.app)))
