"""Redemptions: who got what for which points, and what still has to be handed over."""

import django_filters
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple

from incenta import codes
from incenta.accounts.models import App
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.code_upload import masked
from incenta.dashboard.pages import Action as Button
from incenta.dashboard.searched import SearchedListPage
from incentives import redeeming
from incentives.models import ItemRedemption
from incentives.models.catalog import RedemptionStatus

from .words import points

MOST_ITEMS = 200
"""Items that the select offers, newest first; others are found by their id."""


def items_of(app: App) -> list[tuple[str, str]]:
    newest = app.catalog_items.order_by("-created_at", "-id")[:MOST_ITEMS]
    return sorted(
        ((item.pk, item.name if item.deleted_at is None else f"{item.name} (deleted)") for item in newest),
        key=lambda one: one[1],
    )


class RedemptionFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=255)
    status = django_filters.MultipleChoiceFilter(choices=RedemptionStatus.choices, widget=CheckboxSelectMultiple)
    item = django_filters.CharFilter(field_name="item_id", max_length=40)

    class Meta:
        model = ItemRedemption
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(user_id=value) | Q(pk=value) | Q(code_key=codes.key_of(value)))


class Redemptions(SearchedListPage):
    section = "redemptions"
    template_name = "incentives/redemptions.html"
    filterset_class = RedemptionFilter
    order_field = time_field = "redeemed_at"
    indexed = ("q",)
    export_name = "redemptions"
    columns = [
        ("id", lambda one: one.pk),
        ("userId", lambda one: one.user_id),
        ("itemId", lambda one: one.item_id),
        ("item", lambda one: one.item.name),
        ("status", lambda one: one.status),
        ("coins", lambda one: one.coin_cost),
        ("tokens", lambda one: one.token_cost),
        ("code", lambda one: one.masked),
        ("redeemedAtUtc", lambda one: one.redeemed_at),
        ("fulfilledAtUtc", lambda one: one.fulfilled_at),
        ("cancelledAtUtc", lambda one: one.cancelled_at),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.item_redemptions.select_related("item")

    def is_indexed(self, name: str) -> bool:
        waits = name == "status" and self.request.GET.getlist(name) == [RedemptionStatus.PENDING]
        return waits or super().is_indexed(name)

    def decorate(self, records: list) -> list:
        for redemption in records:
            redemption.masked = masked(redemption.told_code) if redemption.told_code else ""
            redemption.spent = points(0, redemption.coin_cost, redemption.token_cost)
        return records

    def more_context(self, page, **kwargs) -> dict:
        return {"may_settle": may(self.request, "redemptions.settle"), "items": items_of(self.request.app)}


class Settle(Button):
    """Fulfils or cancels, and leads back to the list as it was filtered."""

    permission = "redemptions.settle"
    section = "redemptions"
    status = RedemptionStatus.FULFILLED

    def act(self, redemption_id: str) -> str:
        redemption = redeeming.settle(self.request.app, redemption_id, self.status, actor=actor_of(self.request))
        what = f"{redemption.item.name} for {redemption.user_id}"
        if redemption.status == RedemptionStatus.FULFILLED:
            return f"{what} is fulfilled."
        spent = points(0, redemption.coin_cost, redemption.token_cost)
        return f"{what} is cancelled: {spent} went back to where they came from."

    def back(self, redemption_id: str) -> str:
        query = self.request.GET.urlencode()
        return self.url("redemptions") + (f"?{query}" if query else "")
