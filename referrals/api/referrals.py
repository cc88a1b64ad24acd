"""``/v1/referrals`` and ``/v1/clicks``."""

import django_filters
from django.db.models import Q
from rest_framework import serializers
from rest_framework.response import Response

from fraud.api import end_user
from incenta import clock, money
from incenta.api.fields import Context, Metadata, Text, UserId
from incenta.api.lists import FilterSet, ListView, MomentFilter, TextFilter
from incenta.api.views import ApiView
from incenta.errors import Conflict, NotFound
from incenta.serializers import Serializer
from referrals import campaigns, codes, faces, flagging, referring, stats
from referrals.models import Referral
from referrals.models.campaign import CampaignStatus
from referrals.models.referral import ReferralStatus

OPEN = (ReferralStatus.PENDING, ReferralStatus.CLICKED)
"""What ends with the campaign."""


class ReferralInput(Serializer):
    campaign_id = Text(max_length=60)
    referrer_id = UserId()
    referee_id = UserId(required=False, allow_null=True)
    referrer_username = Text(required=False, allow_null=True)
    referrer_email = serializers.EmailField(max_length=254, required=False, allow_null=True)
    code = Text(max_length=60, required=False, allow_null=True)
    metadata = Metadata(required=False, allow_null=True)
    context = Context(required=False, allow_null=True)


class OwnReferralInput(Serializer):
    """What a browser may ask: its own user's code, in the campaign that it names or else in the present one."""

    campaign_id = Text(max_length=60, required=False)
    referrer_id = UserId()


class ReferralFilters(FilterSet):
    campaignId = TextFilter(field_name="campaign_id")
    referrerId = TextFilter(field_name="referrer_id")
    refereeId = TextFilter(field_name="referee_id")
    status = django_filters.ChoiceFilter(choices=ReferralStatus.choices, method="in_state")
    createdAfter = MomentFilter(field_name="created_at", lookup_expr="gte")
    createdBefore = MomentFilter(field_name="created_at", lookup_expr="lt")
    search = django_filters.CharFilter(method="find", max_length=255)

    class Meta:
        model = Referral
        fields: list[str] = []

    def in_state(self, queryset, name, value):
        """By the state that the face shows: an open code of a campaign that has ended is EXPIRED."""
        app = self.request.app
        ended = app.campaigns.with_status(clock.now(app)).filter(current_status=CampaignStatus.EXPIRED).values("pk")
        if value == ReferralStatus.EXPIRED:
            return queryset.filter(status__in=OPEN, campaign__in=ended)
        queryset = queryset.filter(status=value)
        return queryset.exclude(campaign__in=ended) if value in OPEN else queryset

    def find(self, queryset, name, value):
        return queryset.filter(
            Q(code_key__startswith=codes.key_of(value)) | Q(referrer_id=value) | Q(referee_id=value) | Q(pk=value)
        )


class ReferralFace:
    """Referrals as the API shows them, with figures of their own fetched together."""

    @staticmethod
    def of(app, referrals: list[Referral]) -> list[dict]:
        figures = stats.of_referrals(app, [referral.pk for referral in referrals])
        now = clock.now(app)
        return [ReferralFace._one(referral, figures[referral.pk], now) for referral in referrals]

    @staticmethod
    def _one(referral: Referral, figures: dict, now) -> dict:
        campaign = referral.campaign
        campaign_status = campaign.status_at(now)
        asset = money.COIN if campaign.fulfillment_type == "COINS" else campaign.currency
        expired = campaign_status == CampaignStatus.EXPIRED and referral.status in OPEN
        return {
            "id": referral.pk,
            "referralCode": referral.code,
            "referralUrl": faces.referral_url(referral.slug),
            "referrerId": referral.referrer_id,
            "refereeId": referral.referee_id,
            "status": "EXPIRED" if expired else referral.status,
            "level": 1,
            "rewardAmount": money.to_number(figures["rewards"].get(asset, 0), asset),
            "rewardCurrency": asset,
            "isFlagged": referral.is_flagged,
            "riskScore": referral.risk_score,
            "warning": referral.warning,
            "reasons": referral.reasons,
            "clicks": figures["clicks"],
            "conversions": figures["conversions"],
            "ruleVersion": referral.rule_version,
            "metadata": referral.metadata,
            "createdAt": clock.iso(referral.created_at),
            "Campaign": {"id": campaign.pk, "name": campaign.name, "status": campaign_status},
        }


class Referrals(ListView):
    """``GET`` lists; ``POST`` makes a code: 201, or 200 with the one that exists."""

    plural = "referrals"
    filterset_class = ReferralFilters
    serializer_class = ReferralInput
    order = ("-created_at", "-id")
    publishable = of_user = frozenset({"POST"})

    def get_queryset(self):
        return self.request.app.referrals.select_related("campaign")

    def faces(self, items):
        return ReferralFace.of(self.request.app, items)

    def post(self, request):
        if request.is_browser:
            return self._own(request)
        asked = ReferralInput.parse(request.data)
        answer, made = referring.refer(
            request.app,
            campaign_id=asked["campaign_id"],
            referrer_id=asked["referrer_id"],
            referee_id=asked.get("referee_id"),
            username=asked.get("referrer_username"),
            email=asked.get("referrer_email"),
            code=asked.get("code"),
            metadata=asked.get("metadata"),
            context=end_user.seen(request, _with_email(asked)),
            actor=request.api_key.pk,
        )
        return Response(answer, status=201 if made else 200)

    def _own(self, request):
        """A browser's own user's code, without what is thought of him: by that he would learn how to cheat."""
        asked = OwnReferralInput.parse(request.data)
        request.require_own(asked["referrer_id"])
        try:
            answer, made = referring.refer(
                request.app,
                campaign_id=asked.get("campaign_id") or campaigns.present(request.app).pk,
                referrer_id=asked["referrer_id"],
                context=end_user.seen(request, None),
                actor=request.api_key.pk,
            )
        except Conflict as refusal:
            raise Conflict(refusal.code, refusal.message) from None
        answer |= {"status": "PENDING", "warning": None, "reasons": None, "riskScore": None}
        return Response(answer, status=201 if made else 200)


def _with_email(asked: dict) -> dict | None:
    """The context of the referrer, whose address may stand beside it."""
    context = asked.get("context") or {}
    email = asked.get("referrer_email")
    return context | {"email": email} if context and email and "email" not in context else context


class ReferralDetail(ApiView):
    def get(self, request, code):
        referral = request.app.referrals.select_related("campaign").filter(code_key=codes.key_of(code)).first()
        if referral is None:
            raise NotFound("referral_not_found", "Referral code not found.")
        return Response({"referral": ReferralFace.of(request.app, [referral])[0]})


class FlagInput(Serializer):
    reason = Text(max_length=300)


class FlagReferral(ApiView):
    """Flags a code by hand: 201, or 200 where it was flagged by hand before."""

    serializer_class = FlagInput

    def post(self, request, code):
        answer, made = flagging.flag(
            request.app, code, FlagInput.parse(request.data)["reason"], actor=request.api_key.pk
        )
        return Response(answer, status=201 if made else 200)


class ClickInput(Serializer):
    referral_code = Text(max_length=60)
    referee_id = UserId(required=False, allow_null=True)
    context = Context(required=False, allow_null=True)


class Clicks(ApiView):
    """``POST`` records a click: 200."""

    serializer_class = ClickInput

    def post(self, request):
        asked = ClickInput.parse(request.data)
        return Response(
            referring.click(
                request.app,
                code=asked["referral_code"],
                referee_id=asked.get("referee_id"),
                context=end_user.seen(request, asked.get("context")),
                actor=request.api_key.pk,
            )
        )
