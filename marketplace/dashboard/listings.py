"""What the business offers: a list, a page of each listing with its pool of codes, and the buttons beside them."""

from collections import Counter
from decimal import Decimal

import django_filters
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse

from incenta import clock, money
from incenta.accounts.models import App
from incenta.dashboard.access import may
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action as Button
from incenta.dashboard.pages import AppPage
from incenta.database import sql
from incentives.dashboard.rule_form import RuleForm, RuleFormPage
from marketplace import listings, profiles
from marketplace.models import CodeSource, Listing, ListingCode, ListingStock, Redemption, RedemptionStatus

from . import words
from .listing_form import ListingForm

SHELF = [("active", "On offer"), ("scheduled", "Scheduled"), ("ended", "Ended"), ("off", "Not on offer")]
LATEST = 5


class ListingFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=120)
    status = django_filters.MultipleChoiceFilter(choices=SHELF, method="stands", widget=CheckboxSelectMultiple)
    stock = django_filters.MultipleChoiceFilter(
        choices=[("low", "Low stock")], method="is_low", widget=CheckboxSelectMultiple
    )

    class Meta:
        model = Listing
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(title__icontains=value) | Q(category__iexact=value) | Q(pk=value))

    def stands(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        now = clock.now(self.request.app)
        ended, later = Q(ends_at__lte=now), Q(starts_at__gt=now)
        asked = {
            "off": Q(published=False),
            "ended": Q(published=True) & ended,
            "scheduled": Q(published=True) & later & ~ended,
            "active": Q(published=True)
            & (Q(starts_at=None) | Q(starts_at__lte=now))
            & (Q(ends_at=None) | Q(ends_at__gt=now)),
        }
        wanted = Q()
        for value in values:
            wanted |= asked[value]
        return rows.filter(wanted)

    def is_low(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        few = ListingStock.objects.filter(listing=OuterRef("pk"), left__lte=OuterRef("low_stock_at"))
        free = ListingCode.objects.filter(listing=OuterRef("pk"), redemption_id=None).order_by().values("listing")
        codes = Coalesce(Subquery(free.annotate(n=Count("pk")).values("n")), 0)
        is_pool = Q(code_source=CodeSource.POOL, low_stock_at__gte=codes)
        return rows.filter(Exists(few) | is_pool) if values else rows


class Listings(ListPage):
    section = "listings"
    template_name = "marketplace/listings.html"
    filterset_class = ListingFilter
    orders = {"title": ("title",), "coins": ("coin_cost",), "created": ("created_at",)}
    export_name = "listings"
    columns = [
        ("id", lambda one: one.pk),
        ("title", lambda one: one.title),
        ("status", lambda one: one.state[1]),
        ("category", lambda one: one.category),
        ("coinCost", lambda one: one.coin_cost),
        ("tokenCost", lambda one: one.token_cost),
        ("percentOffNow", lambda one: one.percent_off),
        ("inventory", lambda one: one.face["inventory"]),
        ("codesLeft", lambda one: one.face["codesLeft"]),
        ("redeemed", lambda one: one.redeemed_told.replace(",", "")),
        ("currency", lambda one: one.currency),
        ("coinRate", lambda one: words.plain(one.coin_rate)),
        ("tokenRate", lambda one: words.plain(one.token_rate)),
        ("createdAtUtc", lambda one: one.created_at),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.listings.filter(deleted_at=None)

    def decorate(self, records: list) -> list:
        return dressed(self.request.app, records)

    def more_context(self, page, **kwargs) -> dict:
        return {"may_edit": may(self.request, "marketplace.edit"), "business": profiles.of(self.request.app)}


MOST_REDEEMED = 5_000
"""The newest redemptions of a listing that are counted; beyond, the pages say that there are more."""

_COUNTS = """
SELECT l.id, counted.status, count(*) FROM unnest(%(listings)s::text[]) AS l(id) CROSS JOIN LATERAL (
  SELECT r.status FROM marketplace_redemption r WHERE r.listing_id = l.id ORDER BY r.redeemed_at DESC, r.id DESC LIMIT %(most)s
) counted GROUP BY l.id, counted.status
"""


def counts(listing_ids: list[str]) -> dict[str, Counter[str]]:
    """How often each was redeemed, by state, among its newest ``MOST_REDEEMED``. One statement."""
    found: dict[str, Counter[str]] = {listing: Counter() for listing in listing_ids}
    for listing, status, count in sql.rows(_COUNTS, {"listings": listing_ids, "most": MOST_REDEEMED}):
        found[listing][status] = count
    return found


def shown(count: int, is_all: bool) -> str:
    """``1,234``, or ``1,234+`` where there are older ones that are not counted."""
    return f"{count:,}" if is_all or not count else f"{count:,}+"


def dressed(app: App, records: list[Listing]) -> list[Listing]:
    """Listings with what is left of them, how often they were redeemed and the promotion that runs, in four statements."""
    now = clock.now(app)
    ids = [listing.pk for listing in records]
    redeemed = counts(ids)
    off = {}
    running = app.promotions.filter(listing_id__in=ids, deleted_at=None, starts_at__lte=now, ends_at__gt=now)
    for promotion in running.order_by("percent_off"):
        off[promotion.listing_id] = promotion.percent_off
    for listing, face in zip(records, listings.faces(app, records), strict=True):
        listing.face = face
        listing.is_unlimited = face["inventory"] == listings.UNLIMITED
        listing.state = words.state(listing, face["inventory"], now)
        by_status = redeemed[listing.pk]
        is_all = by_status.total() < MOST_REDEEMED
        listing.by_status = [(label, shown(by_status[value], is_all)) for value, label in RedemptionStatus.choices]
        count = by_status.total() - by_status[RedemptionStatus.CANCELLED]
        listing.redeemed, listing.redeemed_told = count, shown(count, is_all)
        listing.percent_off = off.get(listing.pk, 0)
        listing.costs = words.paid(listing.coin_cost, listing.token_cost)
        listing.costs_now = words.paid(*words.reduced(listing, listing.percent_off))
    return records


class ListingPage(AppPage):
    """One listing: how it stands, what it gives and costs, its pool, its promotions and who came lately."""

    section = "listings"
    template_name = "marketplace/listing.html"

    def get(self, request: HttpRequest, listing_id: str) -> HttpResponse:
        app = request.app
        listing = dressed(app, [listings.get(app, listing_id)])[0]
        latest = app.redemptions_here.filter(listing=listing).order_by("-redeemed_at", "-pk")[:LATEST]
        context = {
            "listing": listing,
            "business": profiles.of(app),
            "may_edit": may(request, "marketplace.edit"),
            "by_status": listing.by_status,
            "latest": [said_briefly(redemption) for redemption in latest],
            "promotions": listing.promotions.filter(deleted_at=None, ends_at__gt=clock.now(app)).order_by("starts_at"),
            "price": words.price(listing, listing.percent_off),
            "discount": words.discount(listing.discount, listing.currency),
            "given": listing.codes.exclude(redemption_id=None).count()
            if listing.code_source == CodeSource.POOL
            else None,
        }
        return self.page(context)


def said_briefly(redemption: Redemption) -> dict:
    is_owed = redemption.owed_minor and redemption.status in (RedemptionStatus.PENDING, RedemptionStatus.FULFILLED)
    return {
        "redemption": redemption,
        "spent": words.paid(redemption.coin_cost, redemption.token_cost),
        "owed": money.display(redemption.owed_minor, redemption.currency) if is_owed else "",
    }


class EditListing(RuleFormPage):
    permission = "marketplace.edit"
    section = "listings"
    template_name = "marketplace/listing_form.html"
    form_class = ListingForm
    noun, plural = "listing", "Listings"
    lead = "What was redeemed stays as it was, and so does what is owed for it."

    def find(self, listing_id: str) -> Listing:
        return listings.get(self.request.app, listing_id)

    def save(self, form: RuleForm, **for_whom: bool) -> dict:
        app = self.request.app
        if form.rule is None:
            listing = listings.create(app, form.values, actor=self.actor)
        else:
            listing = listings.revise(app, form.rule.pk, form.values)
        return {"name": listing.title}

    def show(self, form: RuleForm, rule, *, status: int = 200, qualifying: int = 0) -> HttpResponse:
        self.told_price = words.price(rule, running_now(self.request.app, rule.pk)) if rule else []
        return super().show(form, rule, status=status)

    def page(self, context: dict | None = None, **kwargs) -> HttpResponse:
        business = profiles.of(self.request.app)
        return super().page((context or {}) | {"price": self.told_price, "business": business}, **kwargs)


def running_now(app: App, listing_id: str) -> int:
    """The percent off that counts at this moment."""
    now = clock.now(app)
    running = app.promotions.filter(listing_id=listing_id, deleted_at=None, starts_at__lte=now, ends_at__gt=now)
    return running.order_by("-percent_off").values_list("percent_off", flat=True).first() or 0


class Price(AppPage):
    """What a price that is being typed would mean, in sentences: asked for by the form while somebody types."""

    permission = "marketplace.edit"
    section = "listings"
    template_name = "marketplace/price.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        read = {name: request.GET.get(name, "")[:40] for name in ("coin_cost", "token_cost", "coin_rate", "token_rate")}
        draft = Listing(
            coin_cost=whole(read["coin_cost"]),
            token_cost=whole(read["token_cost"]),
            coin_rate=number(read["coin_rate"]),
            token_rate=number(read["token_rate"]),
            currency=request.GET.get("currency", ""),
        )
        off = running_now(request.app, request.GET.get("listing", "")[:40])
        is_told = money.is_currency(draft.currency) and (draft.coin_cost or draft.token_cost)
        return self.page({"price": words.price(draft, off) if is_told else []})


def whole(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 13 else 0


def number(text: str) -> Decimal:
    text = text.strip()
    is_number = text.replace(".", "", 1).isdecimal() and text.isascii() and len(text) < 15
    return Decimal(text) if is_number else Decimal(0)


class Publish(Button):
    """Puts a listing on the shelf or takes it off, until somebody changes that."""

    permission = "marketplace.edit"
    section = "listings"
    published = True

    def act(self, listing_id: str) -> str:
        listing = listings.revise(self.request.app, listing_id, {"published": self.published})
        return f"{listing.title} is {'on offer' if self.published else 'off the shelf'}."

    def back(self, listing_id: str) -> str:
        return self.url("listing", listing_id)


class DeleteListing(Button):
    permission = "marketplace.edit"
    section = "listings"

    def act(self, listing_id: str) -> str:
        listing = listings.get(self.request.app, listing_id)
        listings.delete(self.request.app, listing_id)
        return f"{listing.title} is off the shelf for good. Codes that were given stay good."
