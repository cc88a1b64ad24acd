"""Rewards: what people are owed, what holds it, and what is to be done with it."""

import django_filters
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple

from incenta import clock, codes, money
from incenta.dashboard.access import may
from incenta.dashboard.days import from_and_to
from incenta.dashboard.searched import SearchedListPage
from referrals import reward_state
from referrals.models import Reward
from referrals.models.campaign import FulfillmentType
from referrals.models.reward import RewardStatus

from .choices import campaigns_of
from .words import standing

HELD = [("yes", "On hold"), ("no", "Not on hold")]
LAST = "\U0010ffff"
"""Sorts behind every character that an id may have."""


@from_and_to("created_at")
class RewardFilter(django_filters.FilterSet):
    user = django_filters.CharFilter(method="search", label="User", max_length=255)
    status = django_filters.MultipleChoiceFilter(
        choices=RewardStatus.choices, widget=CheckboxSelectMultiple, distinct=False
    )
    fulfillment = django_filters.ChoiceFilter(
        choices=FulfillmentType.choices, field_name="fulfillment_type", empty_label="Handed over in any way"
    )
    held = django_filters.ChoiceFilter(choices=HELD, method="is_held", empty_label="Held or not")
    campaign = django_filters.CharFilter(field_name="campaign_id", max_length=40)

    class Meta:
        model = Reward
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """How a user's id begins, or a reward, its conversion, its code."""
        if value.startswith("rew_"):
            return rows.filter(Q(pk=value) | Q(user_id=value))
        if value.startswith("conv_"):
            return rows.filter(Q(conversion_id=value) | Q(user_id=value))
        return rows.filter(Q(user_id__gte=value, user_id__lt=value + LAST) | Q(code_key=codes.key_of(value)))

    def is_held(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        moment = clock.now(self.request.app)
        if value == "yes":
            return rows.filter(status__in=reward_state.OPEN).on_hold(moment)
        is_free = Q(holds=[]) & (Q(matures_at=None) | Q(matures_at__lte=moment))
        return rows.filter(is_free | ~Q(status__in=reward_state.OPEN))


class Rewards(SearchedListPage):
    section = "rewards"
    template_name = "rewards/list.html"
    filterset_class = RewardFilter
    order_field = "created_at"
    indexed = ("user", "status", "from", "to")
    export_name = "rewards"
    columns = [
        ("id", lambda one: one.pk),
        ("userId", lambda one: one.user_id),
        ("side", lambda one: one.side),
        ("level", lambda one: one.level),
        ("amount", lambda one: money.to_number(one.worth_minor, one.asset)),
        ("currency", lambda one: one.asset),
        ("status", lambda one: one.status),
        ("holdReasons", lambda one: "; ".join(one.held)),
        ("maturesAtUtc", lambda one: one.matures_at),
        ("fulfillmentType", lambda one: one.fulfillment_type),
        ("campaignId", lambda one: one.campaign_id),
        ("campaign", lambda one: one.campaign.name),
        ("referralId", lambda one: one.referral_id),
        ("conversionId", lambda one: one.conversion_id),
        ("payoutReference", lambda one: one.payout_reference),
        ("createdAtUtc", lambda one: one.created_at),
        ("approvedAtUtc", lambda one: one.approved_at),
        ("paidAtUtc", lambda one: one.paid_at),
        ("cancelledAtUtc", lambda one: one.cancelled_at),
        ("cancelReason", lambda one: one.cancel_reason),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.rewards.select_related("campaign")

    def decorate(self, records: list) -> list:
        moment = clock.now(self.request.app)
        for reward in records:
            reward.held = reward_state.hold_reasons(reward, moment)
            reward.standing = standing(reward, moment)
        return records

    def more_context(self, page, **kwargs) -> dict:
        query = self.request.GET.copy()
        for name in ("after", "before", "export"):
            query.pop(name, None)
        return {
            "may_approve": may(self.request, "rewards.approve"),
            "may_pay": may(self.request, "rewards.pay"),
            "campaigns": campaigns_of(self.request.app),
            "filter_query": query.urlencode(),
        }
