"""Conversions: every order that came of a code, what was decided about it and why, and the way to take it back."""

from decimal import Decimal

import django_filters
from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from fraud.models import Score
from incenta import clock, codes, money
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.api_form import ApiForm
from incenta.dashboard.days import from_and_to
from incenta.dashboard.pages import AppPage
from incenta.dashboard.searched import SearchedListPage
from incenta.errors import DomainError, NotFound
from referrals import reversing
from referrals.api.conversions import ReverseInput, detail
from referrals.models import Conversion
from referrals.models.conversion import ConversionStatus

from . import story
from .choices import campaigns_of
from .rewards import LAST
from .words import effect_words, standing, step_words


@from_and_to("converted_at")
class ConversionFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=255)
    status = django_filters.MultipleChoiceFilter(
        choices=ConversionStatus.choices, method="in_status", widget=CheckboxSelectMultiple
    )
    campaign = django_filters.CharFilter(field_name="campaign_id", max_length=40)
    least = django_filters.NumberFilter(method="at_least", min_value=0, max_value=money.LARGEST, label="Amount from")
    most = django_filters.NumberFilter(method="at_most", min_value=0, max_value=money.LARGEST, label="Amount to")

    class Meta:
        model = Conversion
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """A conversion, its order, its code, or how its friend's id begins."""
        if value.startswith("conv_"):
            return rows.filter(Q(pk=value) | Q(referee_id=value))
        # what is looked up by a key of its own is found first, so that the rest stays one range of an index
        app = self.request.app
        referral = app.referrals.filter(code_key=codes.key_of(value)).values_list("pk", flat=True).first()
        if referral is not None:
            return rows.filter(Q(referral_id=referral) | Q(external_id=value) | Q(referee_id=value))
        return rows.filter(
            Q(external_id=value) | Q(referral_id=value) | Q(referee_id__gte=value, referee_id__lt=value + LAST)
        )

    def in_status(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        return rows.filter(status__in=values) if values else rows

    def at_least(self, rows: QuerySet, name: str, value: Decimal | None) -> QuerySet:
        return rows if value is None else rows.filter(self._amount("gte", value))

    def at_most(self, rows: QuerySet, name: str, value: Decimal | None) -> QuerySet:
        return rows if value is None else rows.filter(self._amount("lte", value))

    def _amount(self, lookup: str, major: Decimal) -> Q:
        """The same number of major units in each currency of the app's campaigns."""
        wanted = Q(pk=None)
        for currency in sorted(
            set(self.request.app.campaigns.order_by().values_list("currency", flat=True).distinct())
        ):
            minor = money.round_half_up(major.scaleb(money.exponent(currency)))
            wanted |= Q(currency=currency, **{f"amount_minor__{lookup}": minor})
        return wanted


class Conversions(SearchedListPage):
    section = "conversions"
    template_name = "conversions/list.html"
    filterset_class = ConversionFilter
    order_field = time_field = "converted_at"
    indexed = ("q", "status", "from", "to")
    export_name = "conversions"
    columns = [
        ("id", lambda one: one.pk),
        ("referralCode", lambda one: one.referral.code),
        ("referrerId", lambda one: one.referrer_id),
        ("refereeId", lambda one: one.referee_id),
        (
            "amount",
            lambda one: None if one.amount_minor is None else money.to_number(one.amount_minor, one.currency),
        ),
        ("reversedAmount", lambda one: money.to_number(one.reversed_minor, one.currency)),
        ("currency", lambda one: one.currency),
        ("orderId", lambda one: one.external_id),
        ("status", lambda one: one.status),
        ("rewardAmount", lambda one: money.to_number(one.reward_minor, one.reward_asset)),
        ("rewardCurrency", lambda one: one.reward_asset),
        ("riskScore", lambda one: one.risk_score),
        ("campaignId", lambda one: one.campaign_id),
        ("campaign", lambda one: one.campaign.name),
        ("ruleVersion", lambda one: one.rule_version),
        ("convertedAtUtc", lambda one: one.converted_at),
        ("recordedAtUtc", lambda one: one.recorded_at),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.conversions.select_related("campaign", "referral").defer("trace", "metadata", "reasons")

    def more_context(self, page, **kwargs) -> dict:
        return {"campaigns": campaigns_of(self.request.app)}


class ReverseForm(ApiForm):
    """What ``POST /v1/conversions/{id}/reverse`` takes."""

    amount = forms.CharField(
        max_length=40,
        label="Amount to take back",
        help_text="Empty: all that is left.",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    reason = forms.CharField(
        max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "The order was returned"})
    )

    needed = ("reason",)

    def sent(self) -> dict:
        body = super().sent()
        text = body["amount"].strip()
        try:
            body["amount"] = None if not text else Decimal(text)
        except ArithmeticError:
            body["amount"] = text
        return body

    def checked(self, body: dict) -> dict:
        return ReverseInput.parse(body)


class ConversionPage(AppPage):
    section = "conversions"
    template_name = "conversions/conversion.html"

    def get(self, request: HttpRequest, conversion_id: str) -> HttpResponse:
        return self.shown(self.conversion(conversion_id), ReverseForm())

    def conversion(self, conversion_id: str) -> Conversion:
        found = self.request.app.conversions.select_related("campaign", "referral").filter(pk=conversion_id).first()
        if found is None:
            raise NotFound("conversion_not_found", "Conversion not found.")
        return found

    def shown(self, conversion: Conversion, form: ReverseForm, *, status: int = 200, **context) -> HttpResponse:
        request, app = self.request, self.request.app
        now = clock.now(app)
        rewards = list(app.rewards.filter(conversion=conversion).order_by("level", "-side", "pk"))
        for reward in rewards:
            reward.standing = standing(reward, now)
        is_left = conversion.status != ConversionStatus.REVERSED
        told = {
            "conversion": conversion,
            "rewards": rewards,
            "left": None if conversion.amount_minor is None else conversion.amount_minor - conversion.reversed_minor,
            "steps": [step_words(step, conversion.reward_asset) for step in conversion.trace.get("steps", [])],
            "score": self.score(conversion),
            "moments": story.of_conversion(request, conversion, rewards),
            "face": detail(app, conversion),
            "form": form,
            "may_reverse": is_left and may(request, "conversions.reverse"),
        }
        return self.page(told | context, status=status)

    def score(self, conversion: Conversion) -> Score | None:
        """The newest judgement of it, for those who may know."""
        if not may(self.request, "fraud.read"):
            return None
        return self.request.app.fraud_scores.filter(subject_id=conversion.pk).order_by("-pk").first()


class ReverseConversion(ConversionPage):
    """POST shows what taking it back would do; with ``sure`` it is done."""

    permission = "conversions.reverse"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, conversion_id: str) -> HttpResponse:
        conversion = self.conversion(conversion_id)
        form = ReverseForm(request.POST)
        if not form.is_valid():
            return self.shown(conversion, form, status=422)
        asked = {name: value for name, value in form.values.items() if name != "preview"}
        is_sure = request.POST.get("sure") == "yes"
        try:
            with transaction.atomic():
                answer = reversing.reverse(
                    request.app, conversion.pk, actor=actor_of(request), preview=not is_sure, **asked
                )
        except DomainError as error:
            form.refuse_domain(error)
            return self.shown(conversion, form, status=422)
        if not is_sure:
            return self.shown(conversion, form, preview=answer, effects=[effect_words(e) for e in answer["effects"]])
        messages.success(request, _summary(answer))
        return redirect(self.url("conversion", conversion.pk))


def _summary(answer: dict) -> str:
    if not answer["effects"]:
        return "It was taken back already: nothing moved."
    rewards = sum(effect["type"] == "reward" for effect in answer["effects"])
    return f"Taken back. {rewards} reward{'' if rewards == 1 else 's'} followed; the story below tells all of it."
