"""The codes of a campaign, and how each is doing."""

import django_filters
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponseBase

from incenta import money
from incenta.dashboard.access import may
from incenta.dashboard.lists import DeepListPage
from referrals import codes, stats
from referrals.models import Referral
from referrals.models.campaign import CampaignStatus
from referrals.models.referral import ReferralStatus

from .campaigns import CampaignPage


class ReferralFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=255)
    status = django_filters.MultipleChoiceFilter(choices=ReferralStatus.choices, widget=CheckboxSelectMultiple)

    class Meta:
        model = Referral
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(code_key=codes.key_of(value)) | Q(referrer_id=value) | Q(referee_id=value) | Q(pk=value))


class CampaignReferrals(DeepListPage, CampaignPage):
    template_name = "campaigns/referrals.html"
    tab = "referrals"
    filterset_class = ReferralFilter
    order_field = "created_at"
    export_name = "referrals"
    columns = [
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

    def get(self, request: HttpRequest, campaign_id: str) -> HttpResponseBase:
        self.about_campaign = self.campaign(campaign_id)
        return super().get(request)

    def rows(self) -> QuerySet:
        return self.request.app.referrals.filter(campaign=self.about_campaign)

    def decorate(self, records: list) -> list:
        campaign = self.about_campaign
        figures = stats.of_referrals(self.request.app, [referral.pk for referral in records]) if records else {}
        is_over = campaign.current_status == CampaignStatus.EXPIRED
        for referral in records:
            referral.figures = figures[referral.pk]
            referral.asset = campaign.asset
            referral.reward_minor = referral.figures["rewards"].get(campaign.asset, 0)
            waits = referral.status in (ReferralStatus.PENDING, ReferralStatus.CLICKED)
            referral.shown_status = ReferralStatus.EXPIRED if is_over and waits else referral.status
            referral.status_label = ReferralStatus(referral.shown_status).label
        return records

    def more_context(self, page, **kwargs) -> dict:
        return {"campaign": self.about_campaign, "tab": self.tab, "may_edit": may(self.request, "campaigns.edit")}
