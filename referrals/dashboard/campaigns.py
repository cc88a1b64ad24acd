"""Campaigns: listed, made, looked at, changed, paused."""

from datetime import date
from zoneinfo import ZoneInfo

import django_filters
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta import clock, money
from incenta.accounts.models import App
from incenta.dashboard.access import actor_of, actors, may
from incenta.dashboard.days import from_and_to
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action, AppPage
from incenta.errors import Conflict, InvalidInput, NotFound
from referrals import campaigns, stats
from referrals.models import Campaign, CampaignTotal, StatDelta
from referrals.models.campaign import CampaignStatus, ReferralType

from .campaign_figures import ALL, RANGES, USUAL_RANGE, counted, figures, held_of, span_of, told_held
from .campaign_form import CampaignForm
from .estimate import foreseen
from .funnel import funnel_of, funnel_since, midnight_of
from .sentences import asset_of, reward_facts, reward_in_short, rule_facts, sentences
from .series import conversions_of, days_of, told_by, top_referrers
from .templates import TEMPLATES

SPARK_DAYS = 14
LEAST_DRAWN = 7
"""Days of a picture, also of a campaign that is younger."""
MOST_HELD = 500
"""Rewards of one campaign that are looked at for the list's sum of what is held, of each kind."""
SUMMED = ("clicks", "conversions", "referrals")


@from_and_to("created_at")
class CampaignFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=120)
    status = django_filters.MultipleChoiceFilter(
        choices=CampaignStatus.choices, method="in_status", widget=CheckboxSelectMultiple
    )
    type = django_filters.ChoiceFilter(
        choices=ReferralType.choices, field_name="referral_type", empty_label="All types"
    )

    class Meta:
        model = Campaign
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(name__icontains=value) | Q(pk=value))

    def in_status(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        return rows.filter(current_status__in=values) if values else rows


class Campaigns(ListPage):
    section = "campaigns"
    template_name = "campaigns/list.html"
    filterset_class = CampaignFilter
    orders = {
        "name": ("name",),
        "created": ("created_at",),
        "clicks": ("clicks_summed",),
        "conversions": ("conversions_summed",),
        "referrals": ("referrals_summed",),
    }
    export_name = "campaigns"
    columns = [
        ("id", lambda one: one.pk),
        ("name", lambda one: one.name),
        ("status", lambda one: one.current_status),
        ("referralType", lambda one: one.referral_type),
        ("rewardModel", lambda one: one.reward_model),
        ("currency", lambda one: one.currency),
        ("rewardValue", lambda one: float(one.reward_value)),
        ("referrals", lambda one: one.figures["referrals"]),
        ("clicks", lambda one: one.figures["clicks"]),
        ("conversions", lambda one: one.figures["conversions"]),
        ("conversionRate", lambda one: one.figures["rate"]),
        ("flaggedConversions", lambda one: one.figures["flagged"]),
        ("totalRewardValue", lambda one: money.to_number(one.figures["rewards"].get(asset_of(one), 0), asset_of(one))),
        ("heldRewards", lambda one: one.held.count),
        ("heldValue", lambda one: money.to_number(one.held.sums.get(asset_of(one), 0), asset_of(one))),
        ("createdAtUtc", lambda one: one.created_at),
    ]

    def rows(self) -> QuerySet:
        app = self.request.app
        rows = app.campaigns.with_status(clock.now(app))
        wanted = self.ordering()[0].lstrip("-")
        return rows.annotate(**{f"{wanted}_summed": _summed(app, wanted)}) if wanted in SUMMED else rows

    def decorate(self, records: list) -> list:
        app, ids = self.request.app, [campaign.pk for campaign in records]
        figures = stats.of_campaigns(app, ids) if records else {}
        days = conversions_of(app, ids, SPARK_DAYS, today_of(app)) if records else {}
        # a file is exact; a page is looked at, and does not wait until ten thousand rewards are added up
        held = held_of(app, ids, None if self.request.GET.get("export") else MOST_HELD) if records else {}
        for campaign in records:
            campaign.held, campaign.told_held = held[campaign.pk], told_held(held[campaign.pk])
            campaign.figures = figures[campaign.pk]
            campaign.days = days[campaign.pk]
            campaign.status_label = CampaignStatus(campaign.current_status).label
            campaign.reward_in_short = reward_in_short(campaign)
            campaign.reward_minor = campaign.figures["rewards"].get(asset_of(campaign), 0)
            campaign.asset = asset_of(campaign)
        return records

    def more_context(self, page, **kwargs) -> dict:
        return {
            "may_edit": may(self.request, "campaigns.edit"),
            "templates": list(TEMPLATES.values()),
            "most_held": MOST_HELD,
        }


def today_of(app: App) -> date:
    """The app's own day."""
    return clock.now(app).astimezone(ZoneInfo(app.timezone)).date()


def _summed(app, name: str):
    """A campaign's total in SQL, folded plus pending, for ordering a whole list by it."""

    def of(model):
        own = model.objects.filter(app=app, campaign_id=OuterRef("pk")).order_by().values("campaign_id")
        return Coalesce(Subquery(own.annotate(sum=Sum(name)).values("sum")), 0)

    return of(CampaignTotal) + of(StatDelta)


class CampaignPage(AppPage):
    """A page about one campaign of the current app."""

    section = "campaigns"
    tab = "overview"

    def campaign(self, campaign_id: str) -> Campaign:
        """Raises ``NotFound``; carries ``current_status``, ``status_label`` and ``asset``."""
        app = self.request.app
        campaign = app.campaigns.with_status(clock.now(app)).filter(pk=campaign_id).first()
        if campaign is None:
            raise NotFound("campaign_not_found", "Campaign not found.")
        campaign.app = app
        campaign.status_label = CampaignStatus(campaign.current_status).label
        campaign.asset = asset_of(campaign)
        return campaign

    def about(self, campaign: Campaign, **context) -> HttpResponse:
        return self.page(
            {"campaign": campaign, "tab": self.tab, "may_edit": may(self.request, "campaigns.edit")} | context
        )


class CampaignDetail(CampaignPage):
    """``?range=7|30|90`` days before today or ``all``, ``?compare=no``: every figure, picture and list on it keeps to them."""

    template_name = "campaigns/detail.html"

    def get(self, request: HttpRequest, campaign_id: str) -> HttpResponse:
        app, campaign = request.app, self.campaign(campaign_id)
        today = today_of(app)
        span = span_of(request.GET.get("range", ""), today)
        is_compared = request.GET.get("compare") != "no"
        known = counted(app, campaign, span, today)
        first = span.start if span else min(known.first_day or today, today)
        drawn = max((today - first).days + 1, LEAST_DRAWN)
        unit, days = told_by(days_of(app, campaign.pk, drawn, today))
        since = midnight_of(app, span.start) if span else None
        codes = known.shown("referrals")
        return self.about(
            campaign,
            figures=figures(campaign, known, span, is_compared),
            has_codes=known.first_day is not None,
            sentences=sentences(campaign),
            facts=reward_facts(campaign) + rule_facts(campaign),
            funnel=funnel_since(app, since, campaign.pk) if since else funnel_of(app, campaign.pk, codes),
            ranges=[*((str(each), f"{each} days") for each in RANGES), (ALL, "all")],
            range=str(span.days) if span else ALL,
            usual_range=str(USUAL_RANGE),
            is_compared=is_compared,
            first_day=first,
            drawn_from=days[0][0],
            charts=[
                (f"Clicks a {unit}", [(day.isoformat(), clicks) for day, clicks, _ in days]),
                (f"Conversions a {unit}", [(day.isoformat(), conversions) for day, _, conversions in days]),
            ],
            top=top_referrers(app, campaign.pk, known.shown("conversions"), since),
            api_url=settings.BASE_URL,
            may_run=app.is_sandbox and may(request, "campaigns.edit"),
        )


class EditCampaign(CampaignPage):
    """POST with ``preview`` saves nothing and answers what the campaign would do."""

    permission = "campaigns.edit"
    template_name = "campaigns/form.html"

    def get(self, request: HttpRequest, campaign_id: str) -> HttpResponse:
        campaign = self.campaign(campaign_id)
        return self.about(campaign, form=CampaignForm(campaign=campaign))

    def post(self, request: HttpRequest, campaign_id: str) -> HttpResponse:
        campaign = self.campaign(campaign_id)
        form = CampaignForm(request.POST, campaign=campaign)
        is_fine = form.is_valid()
        if request.POST.get("preview"):
            if request.htmx:
                return self.page(foreseen(form), template="campaigns/foreseen.html")
            response = self.about(campaign, form=form, **foreseen(form))
            response.status_code = 200 if form.unsaved else 422
            return response
        if is_fine:
            try:
                with transaction.atomic():
                    revised = campaigns.revise(
                        request.app, campaign.pk, form.values, actor=actor_of(request), seen=campaign.version
                    )
            except InvalidInput as error:
                form.refuse_domain(error)
            except Conflict as error:
                form.add_error(None, error.message)
            else:
                changed = revised.version != campaign.version
                messages.success(request, f"Saved as version {revised.version}." if changed else "Nothing was changed.")
                return redirect(self.url("campaign", campaign.pk))
        response = self.about(campaign, form=form)
        response.status_code = 422
        return response


class SetStatus(Action):
    """``PAUSED`` stops new codes and conversions at once; ``ACTIVE`` starts or resumes, within the campaign's dates."""

    permission = "campaigns.edit"
    section = "campaigns"
    status = CampaignStatus.PAUSED

    def act(self, campaign_id: str) -> str:
        campaign = campaigns.revise(
            self.request.app, campaign_id, {"declared_status": self.status}, actor=actor_of(self.request)
        )
        return f"{campaign.name} is {_state(campaign, self.request)}."

    def back(self, campaign_id: str) -> str:
        return self.url("campaign", campaign_id)


def _state(campaign: Campaign, request: HttpRequest) -> str:
    return CampaignStatus(campaign.status_at(clock.now(request.app))).label.lower()


class Versions(CampaignPage):
    """Every version of the rules, newest first: who changed what, and when."""

    template_name = "campaigns/versions.html"
    tab = "versions"

    def get(self, request: HttpRequest, campaign_id: str) -> HttpResponse:
        campaign = self.campaign(campaign_id)
        newest = list(campaign.versions.filter(app=request.app).order_by("-number")[:100])
        names = actors(request, {version.actor for version in newest})
        for version in newest:
            version.by = names.get(version.actor, "")
        return self.about(campaign, versions=newest, sentences=sentences(campaign))
