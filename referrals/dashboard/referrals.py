"""The codes of an app and of a campaign, how each is doing, and the story of one."""

import django_filters
from django.conf import settings
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from incenta import clock, money
from incenta.accounts.models import App
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.days import from_and_to
from incenta.dashboard.pages import Action, AppPage
from incenta.dashboard.searched import SearchedListPage
from incenta.errors import NotFound
from referrals import codes, faces, flagging, stats
from referrals.api.referrals import ReferralFace
from referrals.models import Campaign, Referral
from referrals.models.campaign import CampaignStatus
from referrals.models.referral import ReferralStatus

from . import story
from .campaigns import CampaignPage
from .choices import campaigns_of
from .rewards import LAST
from .sentences import asset_of

FLAGGED = [("yes", "Flagged"), ("no", "Not flagged")]
OPEN = (ReferralStatus.PENDING, ReferralStatus.CLICKED)


@from_and_to("created_at")
class ReferralFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=255)
    status = django_filters.MultipleChoiceFilter(
        choices=ReferralStatus.choices, method="in_status", widget=CheckboxSelectMultiple
    )

    class Meta:
        model = Referral
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """A code, an id, a friend, or how a referrer's id begins."""
        if value.startswith("ref_"):
            return rows.filter(Q(pk=value) | Q(referrer_id=value) | Q(referee_id=value))
        begins = Q(referrer_id__gte=value, referrer_id__lt=value + LAST)
        return rows.filter(Q(code_key=codes.key_of(value)) | Q(referee_id=value) | begins)

    def in_status(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        """By the status that is shown: an open code of a campaign that has ended is over."""
        if not values or len(values) == len(ReferralStatus.choices):
            return rows
        app = self.request.app
        ended = list(
            app.campaigns.with_status(clock.now(app))
            .filter(current_status=CampaignStatus.EXPIRED)
            .values_list("pk", flat=True)
        )
        wanted = Q(status__in=[value for value in values if value not in (*OPEN, ReferralStatus.EXPIRED)])
        if ReferralStatus.FLAGGED in values and len(values) == 1:
            wanted &= Q(is_flagged=True)  # they have an index of their own
        if is_open := [value for value in values if value in OPEN]:
            wanted |= Q(status__in=is_open) & ~Q(campaign__in=ended)
        if ReferralStatus.EXPIRED in values:
            wanted |= Q(status__in=OPEN, campaign__in=ended)
        return rows.filter(wanted)


@from_and_to("created_at")
class AppReferralFilter(ReferralFilter):
    campaign = django_filters.CharFilter(field_name="campaign_id", max_length=40)
    flagged = django_filters.ChoiceFilter(choices=FLAGGED, method="is_suspect", empty_label="Flagged or not")

    def is_suspect(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(is_flagged=value == "yes")


def dress(app: App, records: list[Referral], campaigns: dict[str, Campaign]) -> list[Referral]:
    """Gives each its figures, its shown status and what it earned. ``campaigns`` carry ``current_status``. One statement."""
    figures = stats.of_referrals(app, [referral.pk for referral in records]) if records else {}
    for referral in records:
        campaign = campaigns[referral.campaign_id]
        referral.campaign = campaign
        referral.figures = figures[referral.pk]
        referral.asset = asset_of(campaign)
        referral.reward_minor = referral.figures["rewards"].get(referral.asset, 0)
        is_over = campaign.current_status == CampaignStatus.EXPIRED and referral.status in OPEN
        referral.shown_status = ReferralStatus.EXPIRED if is_over else referral.status
        referral.status_label = ReferralStatus(referral.shown_status).label
    return records


def campaigns_of_records(app: App, records: list[Referral]) -> dict[str, Campaign]:
    found = app.campaigns.with_status(clock.now(app)).filter(pk__in={referral.campaign_id for referral in records})
    return {campaign.pk: campaign for campaign in found}


COLUMNS = [
    ("id", lambda one: one.pk),
    ("code", lambda one: one.code),
    ("referrerId", lambda one: one.referrer_id),
    ("refereeId", lambda one: one.referee_id),
    ("status", lambda one: one.shown_status),
    ("clicks", lambda one: one.figures["clicks"]),
    ("conversions", lambda one: one.figures["conversions"]),
    ("rewardAmount", lambda one: money.to_number(one.reward_minor, one.asset)),
    ("currency", lambda one: one.asset),
    ("createdAtUtc", lambda one: one.created_at),
]


class Referrals(SearchedListPage):
    """Every code of the app."""

    section = "referrals"
    template_name = "referrals/list.html"
    filterset_class = AppReferralFilter
    order_field = "created_at"
    indexed = ("q", "campaign", "flagged", "from", "to")
    export_name = "referrals"
    columns = [
        *COLUMNS,
        ("campaignId", lambda one: one.campaign_id),
        ("campaign", lambda one: one.campaign.name),
        ("flagged", lambda one: "yes" if one.is_flagged else "no"),
        ("riskScore", lambda one: one.risk_score),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.referrals.defer("metadata", "reasons")

    def is_indexed(self, name: str) -> bool:
        is_flagged = name == "status" and self.request.GET.getlist(name) == [ReferralStatus.FLAGGED]
        return is_flagged or super().is_indexed(name)

    def decorate(self, records: list) -> list:
        app = self.request.app
        return dress(app, records, campaigns_of_records(app, records)) if records else records

    def more_context(self, page, **kwargs) -> dict:
        return {"campaigns": campaigns_of(self.request.app)}


class ReferralPage(AppPage):
    """The story of one code, from its creation to the webhooks of the last payout."""

    section = "referrals"
    template_name = "referrals/referral.html"

    def get(self, request: HttpRequest, referral_id: str) -> HttpResponse:
        app = request.app
        referral = app.referrals.filter(pk=referral_id).first()
        if referral is None:
            raise NotFound("referral_not_found", "Referral not found.")
        dress(app, [referral], campaigns_of_records(app, [referral]))
        moments, conversions, _ = story.of_referral(request, referral)
        clicks = max(referral.figures["clicks"] - story.MOST_CLICKS, 0)
        others = max(referral.figures["conversions"] + referral.figures["flagged"] - len(conversions), 0)
        return self.page(
            {
                "referral": referral,
                "moments": moments,
                "elided": _elided(clicks, others),
                "link": faces.referral_url(referral.slug),
                "face": {"referral": ReferralFace.of(app, [referral])[0]},
                "may_flag": may(request, "fraud.decide"),
                "api_url": settings.BASE_URL,
            }
        )


def _elided(clicks: int, conversions: int) -> str:
    """What the story leaves out, in a sentence."""
    told = [
        f"{count:,} earlier {noun}{'' if count == 1 else 's'}"
        for count, noun in ((clicks, "click"), (conversions, "conversion"))
        if count
    ]
    return f"{' and '.join(told)} {'is' if clicks + conversions == 1 else 'are'} not told one by one." if told else ""


class FlagReferral(Action):
    permission = "fraud.decide"
    section = "referrals"

    def act(self, referral_id: str) -> str:
        referral = self.request.app.referrals.filter(pk=referral_id).first()
        if referral is None:
            raise NotFound("referral_not_found", "Referral not found.")
        flagging.flag(
            self.request.app, referral.code, self.request.POST.get("reason", ""), actor=actor_of(self.request)
        )
        return f"{referral.code} is flagged: what converts on it waits for review."

    def back(self, referral_id: str) -> str:
        return self.url("referral", referral_id)


class CampaignReferrals(SearchedListPage, CampaignPage):
    template_name = "campaigns/referrals.html"
    tab = "referrals"
    filterset_class = ReferralFilter
    order_field = "created_at"
    indexed = ("q", "from", "to")
    export_name = "referrals"
    columns = COLUMNS

    def get(self, request: HttpRequest, campaign_id: str) -> HttpResponseBase:
        self.about_campaign = self.campaign(campaign_id)
        return super().get(request)

    def rows(self) -> QuerySet:
        return self.request.app.referrals.filter(campaign=self.about_campaign)

    def decorate(self, records: list) -> list:
        return dress(self.request.app, records, {self.about_campaign.pk: self.about_campaign})

    def more_context(self, page, **kwargs) -> dict:
        return {"campaign": self.about_campaign, "tab": self.tab, "may_edit": may(self.request, "campaigns.edit")}
