"""Promotions: listings for fewer coins for a while, made and ended."""

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.utils import timezone

from incenta import clock
from incenta.accounts.models import App
from incenta.dashboard.access import may
from incenta.dashboard.api_form import Count
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action as Button
from incentives.dashboard.rule_form import RuleForm, RuleFormPage
from marketplace import promotions
from marketplace.api.promotions import PromotionInput
from marketplace.models import Promotion

from . import words
from .listing_form import moment
from .profile import text

STATES = [("running", "Running"), ("scheduled", "Scheduled"), ("ended", "Ended")]
MOST_LISTINGS = 200
"""Listings that the select offers, newest first."""


def listings_of(app: App) -> list[tuple[str, str]]:
    newest = app.listings.filter(deleted_at=None).order_by("-created_at", "-id").values_list("pk", "title")
    return sorted(newest[:MOST_LISTINGS], key=lambda one: one[1])


class PromotionFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=120)
    status = django_filters.MultipleChoiceFilter(choices=STATES, method="stands", widget=CheckboxSelectMultiple)
    listing = django_filters.CharFilter(field_name="listing_id", max_length=40)

    class Meta:
        model = Promotion
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(name__icontains=value) | Q(listing__title__icontains=value) | Q(pk=value))

    def stands(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        now = clock.now(self.request.app)
        asked = {
            "running": Q(deleted_at=None, starts_at__lte=now, ends_at__gt=now),
            "scheduled": Q(deleted_at=None, starts_at__gt=now),
            "ended": Q(ends_at__lte=now) | Q(deleted_at__isnull=False),
        }
        wanted = Q()
        for value in values:
            wanted |= asked[value]
        return rows.filter(wanted)


class Promotions(ListPage):
    section = "promotions"
    template_name = "marketplace/promotions.html"
    filterset_class = PromotionFilter
    orders = {"percent": ("percent_off",), "starts": ("starts_at",), "ends": ("ends_at",), "created": ("created_at",)}
    export_name = "promotions"
    columns = [
        ("id", lambda one: one.pk),
        ("name", lambda one: one.name),
        ("listingId", lambda one: one.listing_id),
        ("listing", lambda one: one.listing.title),
        ("percentOff", lambda one: one.percent_off),
        ("status", lambda one: one.state[1]),
        ("startsAtUtc", lambda one: one.starts_at),
        ("endsAtUtc", lambda one: one.deleted_at or one.ends_at),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.promotions.select_related("listing")

    def decorate(self, records: list) -> list:
        now = clock.now(self.request.app)
        for promotion in records:
            listing = promotion.listing
            promotion.state = (
                ("expired", "Ended") if promotion.deleted_at else STATE_WORDS[promotions.state(promotion, now)]
            )
            promotion.is_over = promotion.state[0] == "expired"
            promotion.costs = words.paid(listing.coin_cost, listing.token_cost)
            promotion.costs_now = words.paid(*words.reduced(listing, promotion.percent_off))
        return records

    def more_context(self, page, **kwargs) -> dict:
        return {"may_edit": may(self.request, "marketplace.edit"), "listings": listings_of(self.request.app)}


STATE_WORDS = {
    promotions.RUNNING: ("active", "Running"),
    promotions.SCHEDULED: ("scheduled", "Scheduled"),
    promotions.ENDED: ("expired", "Ended"),
}


class PromotionForm(RuleForm):
    listing_id = forms.ChoiceField(label="Listing")
    name = text(placeholder="Spring", help_text="For you; users see the price.")
    percent_off = Count(label="Percent off", empty="")
    starts_at = moment("From")
    ends_at = moment("Until")

    needed = ("listing_id", "percent_off", "ends_at")
    wide = ("listing_id",)
    fixed = ()
    sections = (
        ("What", "Where several run at once, the best one counts.", ("listing_id", "percent_off", "name")),
        ("When", "", ("starts_at", "ends_at")),
    )

    def __init__(self, *args, app, rule=None, **kwargs):
        super().__init__(*args, app=app, rule=rule, **kwargs)
        self.fields["listing_id"].choices = [("", "Choose a listing"), *listings_of(app)]
        self.fields["starts_at"].help_text = f"In your time zone, {timezone.get_current_timezone_name()}. Empty: now."

    def sent(self) -> dict:
        body = super().sent()
        for name, theirs in (("starts_at", "startsAt"), ("ends_at", "endsAt")):
            moment_told = self.cleaned_data.get(name)
            if moment_told:
                body[theirs] = clock.iso(moment_told)
            else:
                body.pop(theirs, None)
        return body

    def checked(self, body: dict) -> dict:
        return PromotionInput.parse(body)


class NewPromotion(RuleFormPage):
    permission = "marketplace.edit"
    section = "promotions"
    form_class = PromotionForm
    noun, plural = "promotion", "Promotions"

    def get(self, request):
        asked = request.GET.get("listing", "")[:40]
        return self.show(self.form_class(app=request.app, initial={"listing_id": asked}), None)

    def save(self, form: RuleForm, **for_whom: bool) -> dict:
        promotion = promotions.create(self.request.app, **form.values, actor=self.actor)
        return {"name": f"{promotion.percent_off} % off {promotion.listing.title}"}


class EndPromotion(Button):
    """Ends a promotion now, whether it runs or was yet to come."""

    permission = "marketplace.edit"
    section = "promotions"

    def act(self, promotion_id: str) -> str:
        promotion = promotions.get(self.request.app, promotion_id)
        promotions.delete(self.request.app, promotion_id)
        return f"{promotion} is ended: {promotion.listing.title} is at its full price again, unless another one runs."
