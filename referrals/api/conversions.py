"""``/v1/conversions``, ``/v1/stats`` and ``/v1/users/{userId}/stats``."""

import django_filters
from rest_framework.response import Response

from fraud.api import end_user
from incenta import clock, money
from incenta.accounts.models import App
from incenta.api.fields import Context, Metadata, Moment, MoneyNumber, Text, Truth, UserId
from incenta.api.lists import FilterSet, ListView, MomentFilter, TextFilter, check_parameters
from incenta.api.views import ApiView
from incenta.database import replica
from incenta.errors import NotFound
from incenta.serializers import Serializer
from referrals import codes, converting, faces, reversing, stats, userstats
from referrals.models import Conversion


class ConversionInput(Serializer):
    referral_code = Text(max_length=60)
    referee_id = UserId()
    amount = MoneyNumber(required=False, allow_null=True)
    currency = Text(min_length=3, max_length=3, required=False, allow_null=True)
    external_id = UserId(required=False, allow_null=True)
    occurred_at = Moment(required=False, allow_null=True)
    metadata = Metadata(required=False, allow_null=True)
    context = Context(required=False, allow_null=True)


class ConversionFilters(FilterSet):
    campaignId = TextFilter(field_name="campaign_id")
    referralCode = django_filters.CharFilter(method="of_code", max_length=60)
    refereeId = TextFilter(field_name="referee_id")
    referrerId = TextFilter(field_name="referrer_id")
    externalId = TextFilter(field_name="external_id")
    # PENDING and CLICKED are states of a code that has not converted: known words, and no conversion is in them
    status = django_filters.ChoiceFilter(
        choices=[(s, s) for s in ("CONVERTED", "FLAGGED", "REVERSED", "PENDING", "CLICKED")]
    )
    to = MomentFilter(field_name="converted_at", lookup_expr="lt")

    class Meta:
        model = Conversion
        fields: list[str] = []

    def of_code(self, queryset, name, value):
        return queryset.filter(referral__code_key=codes.key_of(value))


# "from" is a word of Python's, so it cannot be written in the class
ConversionFilters.base_filters["from"] = MomentFilter(field_name="converted_at", lookup_expr="gte")


class Conversions(ListView):
    """``GET`` lists; ``POST`` records one: 201, or 200 where the same order is sent again."""

    plural = "conversions"
    filterset_class = ConversionFilters
    serializer_class = ConversionInput
    order = ("-converted_at", "-id")

    def get_queryset(self):
        return self.request.app.conversions.select_related("campaign", "referral").defer("trace")

    def face(self, item):
        return faces.conversion_item(item, code=item.referral.code, campaign_name=item.campaign.name)

    def post(self, request):
        asked = ConversionInput.parse(request.data)
        answer, made = converting.convert(
            request.app,
            code=asked["referral_code"],
            referee_id=asked["referee_id"],
            amount=asked.get("amount"),
            currency=asked.get("currency"),
            external_id=asked.get("external_id"),
            occurred_at=asked.get("occurred_at"),
            metadata=asked.get("metadata"),
            body=request.data,
            context=end_user.seen(request, asked.get("context")),
            actor=request.api_key.pk,
        )
        return Response(answer, status=201 if made else 200)


class ConversionDetail(ApiView):
    """One conversion with its decision trace, its rewards and what was taken back of it."""

    def get(self, request, conversion_id):
        conversion = request.app.conversions.select_related("campaign", "referral").filter(pk=conversion_id).first()
        if conversion is None:
            raise NotFound("conversion_not_found", "Conversion not found.")
        return Response(detail(request.app, conversion))


def detail(app: App, conversion: Conversion) -> dict:
    """The answer of ``GET /v1/conversions/{id}``; the conversion comes with its ``campaign`` and ``referral``."""
    now = clock.now(app)
    shown = faces.conversion_item(conversion, code=conversion.referral.code, campaign_name=conversion.campaign.name)
    shown["trace"] = conversion.trace
    shown["rewards"] = [
        {
            "id": reward.pk,
            "userId": reward.user_id,
            "side": reward.side,
            "level": reward.level,
            "amount": money.to_number(reward.worth_minor, reward.asset),
            "originalAmount": money.to_number(reward.amount_minor, reward.asset),
            "currency": reward.asset,
            "status": reward.status,
            "holdReasons": reward.hold_reasons(now),
        }
        for reward in app.rewards.filter(conversion=conversion).order_by("level", "-side")
    ]
    shown["reversals"] = [
        {
            "id": reversal.pk,
            "amount": money.to_number(reversal.amount_minor, conversion.currency),
            "reason": reversal.reason,
            "effects": reversal.effects,
            "createdAt": clock.iso(reversal.created_at),
        }
        for reversal in conversion.reversals.order_by("id")
    ]
    return shown


class ReverseInput(Serializer):
    amount = MoneyNumber(required=False, allow_null=True)
    reason = Text(max_length=500)
    preview = Truth(required=False)


class ReverseConversion(ApiView):
    serializer_class = ReverseInput

    def post(self, request, conversion_id):
        asked = ReverseInput.parse(request.data)
        return Response(reversing.reverse(request.app, conversion_id, actor=request.api_key.pk, **asked))


class Stats(ApiView):
    def get(self, request):
        check_parameters(request, {"campaignId"})
        return Response(replica.read(stats.stats, request.app, request.query_params.get("campaignId")))


class UserStats(ApiView):
    publishable = of_user = frozenset({"GET"})

    def get(self, request, user_id):
        check_parameters(request, frozenset())
        return Response(replica.read(userstats.of_user, request.app, user_id))
