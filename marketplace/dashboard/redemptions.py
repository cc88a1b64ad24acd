"""Redemptions, in both roles: what our users spent at partners, and what was redeemed at our business.

Only the app whose user it is learns the user's id. The business sees a code, and fulfils it.
"""

import django_filters
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple

from incenta import codes, money
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.code_upload import masked
from incenta.dashboard.pages import Action as Button
from incenta.dashboard.searched import SearchedListPage
from marketplace import redemptions
from marketplace.models import Redemption, RedemptionStatus

from .promotions import listings_of
from .words import paid


class RedemptionFilter(django_filters.FilterSet):
    """What both roles may ask. The business finds by code, or by the redemption's or the order's own name."""

    q = django_filters.CharFilter(method="search", label="Search", max_length=255)
    status = django_filters.MultipleChoiceFilter(choices=RedemptionStatus.choices, widget=CheckboxSelectMultiple)
    listing = django_filters.CharFilter(field_name="listing_id", max_length=40)

    class Meta:
        model = Redemption
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(
            Q(pk=value) | Q(code_key=codes.key_of(value)) | (Q(order_reference=value) & ~Q(order_reference=""))
        )


class IssuedFilter(RedemptionFilter):
    """The issuer also finds by user."""

    class Meta:
        model = Redemption
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(user_id=value) | Q(pk=value) | Q(code_key=codes.key_of(value)))


def shared_columns() -> list[tuple]:
    return [
        ("id", lambda one: one.pk),
        ("listingId", lambda one: one.listing_id),
        ("listing", lambda one: one.listing.title),
        ("status", lambda one: one.status),
        ("coins", lambda one: one.coin_cost),
        ("tokens", lambda one: one.token_cost),
        ("code", lambda one: one.masked),
        ("owed", lambda one: money.to_decimal(one.owed_minor, one.currency)),
        ("currency", lambda one: one.currency),
        ("redeemedAtUtc", lambda one: one.redeemed_at),
        ("expiresAtUtc", lambda one: one.expires_at),
        ("fulfilledAtUtc", lambda one: one.fulfilled_at),
        ("cancelledAtUtc", lambda one: one.cancelled_at),
        ("orderReference", lambda one: one.order_reference),
        ("reason", lambda one: one.reason),
    ]


class Redemptions(SearchedListPage):
    """What our users redeemed, wherever. The other tab, ``RedemptionsHere``, is the business's."""

    section = "marketplace_redemptions"
    template_name = "marketplace/redemptions.html"
    filterset_class = IssuedFilter
    order_field = time_field = "redeemed_at"
    indexed = ("q",)
    role = "issuer"
    export_name = "marketplace-redemptions-of-our-users"
    columns = [
        *shared_columns()[:1],
        ("userId", lambda one: one.user_id),
        ("businessId", lambda one: one.listing.business_id),
        ("business", lambda one: one.listing.business.name),
        *shared_columns()[1:],
    ]

    def rows(self) -> QuerySet:
        return self.request.app.marketplace_redemptions.select_related("listing__business")

    def is_indexed(self, name: str) -> bool:
        waits = name == "status" and self.request.GET.getlist(name) == [RedemptionStatus.PENDING]
        return waits or super().is_indexed(name)

    def decorate(self, records: list) -> list:
        for one in records:
            one.masked = masked(one.code)
            one.spent = paid(one.coin_cost, one.token_cost)
            one.owed = money.display(one.owed_minor, one.currency) if one.owed_minor else ""
            one.is_open = one.status == RedemptionStatus.PENDING
            one.is_owed = one.status in (RedemptionStatus.PENDING, RedemptionStatus.FULFILLED)
        return records

    def more_context(self, page, **kwargs) -> dict:
        is_here = self.role == "business"
        return {
            "role": self.role,
            "may_settle": may(self.request, "marketplace.settle"),
            "listings": listings_of(self.request.app) if is_here else [],
            "cancel_name": "cancel_redemption_here" if is_here else "cancel_marketplace_redemption",
        }


class RedemptionsHere(Redemptions):
    """What was redeemed at our business, by whomever: the issuing app is named, its user is not."""

    filterset_class = RedemptionFilter
    indexed = ("q", "listing")
    role = "business"
    export_name = "marketplace-redemptions-at-our-business"
    columns = [*shared_columns()[:1], ("issuer", lambda one: one.app.name), *shared_columns()[1:]]

    def rows(self) -> QuerySet:
        return self.request.app.redemptions_here.select_related("listing", "app").defer("user_id")


class Settle(Button):
    """A button of a redemption; leads back to the tab that it was pressed on, as it was filtered."""

    permission = "marketplace.settle"
    section = "marketplace_redemptions"
    tab = "marketplace_redemptions_here"

    def back(self, marketplace_redemption_id: str) -> str:
        query = self.request.GET.urlencode()
        return self.url(self.tab) + (f"?{query}" if query else "")


class Fulfil(Settle):
    def act(self, marketplace_redemption_id: str) -> str:
        reference = self.request.POST.get("order_reference", "").strip()[:255]
        done = redemptions.fulfil(
            self.request.app, marketplace_redemption_id, order_reference=reference, actor=actor_of(self.request)
        )
        return f"{done.listing.title} is fulfilled."


class Cancel(Settle):
    def act(self, marketplace_redemption_id: str) -> str:
        reason = self.request.POST.get("reason", "").strip()[:500]
        done = redemptions.cancel(
            self.request.app, marketplace_redemption_id, reason=reason, actor=actor_of(self.request)
        )
        return f"{done.listing.title} is cancelled: {paid(done.coin_cost, done.token_cost)} went back to the user."
