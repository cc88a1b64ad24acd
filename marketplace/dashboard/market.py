"""The public shop window: what verified businesses offer, for anybody, without signing in."""

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control, patch_vary_headers

from incenta.errors import NotFound
from marketplace import market
from marketplace.models import Listing
from marketplace.offers import Offer

from . import words

PER_PAGE = 24
FRESH_S = 60
"""How long a cache may show what it has."""
MOST_PAGES = 1_000


class Found:
    """What a paginator asks of a list that the database cuts into pages."""

    def __init__(self, offers: list[Offer], count: int):
        self.offers, self.total = offers, count

    def count(self) -> int:
        return self.total

    def __getitem__(self, part: slice) -> list[Offer]:
        return self.offers


def shop(request: HttpRequest) -> HttpResponse:
    """``GET /market?q=&category=&page=``, cheapest first."""
    search, category = (request.GET.get(name, "").strip()[:120] for name in ("q", "category"))
    asked = request.GET.get("page", "1")
    number = min(int(asked), MOST_PAGES) if asked.isascii() and asked.isdecimal() and len(asked) < 7 else 1
    number = max(number, 1)
    offers, count = market.page(search=search, category=category, limit=PER_PAGE, offset=(number - 1) * PER_PAGE)
    if not offers and count:
        query = request.GET.copy()
        query.pop("page", None)
        return redirect(f"{request.path}?{query.urlencode()}" if query else request.path)
    context = {
        "offers": dressed(offers),
        "count": count,
        "page": Paginator(Found(offers, count), PER_PAGE).get_page(number),
        "q": search,
        "category": category,
        "categories": market.categories(),
        "is_filtered": bool(search or category),
    }
    return for_anybody(render(request, "marketplace/market.html", context))


def shop_listing(request: HttpRequest, listing_id: str) -> HttpResponse:
    """``GET /market/{listing}``; 404 for one that is not on offer."""
    try:
        offer = market.get(listing_id)
    except NotFound as error:
        raise Http404(error.code) from None
    return for_anybody(render(request, "marketplace/market_listing.html", {"offer": dressed([offer])[0]}))


def dressed(offers: list[Offer]) -> list[dict]:
    """Offers with their prices and discounts in words."""
    currencies = dict(
        Listing.objects.filter(pk__in=[offer.listing_id for offer in offers]).values_list("pk", "currency")
    )
    return [
        {
            "it": offer,
            "costs": words.paid(offer.coins, offer.tokens),
            "regular": words.paid(offer.coin_cost, offer.token_cost) if offer.percent_off else "",
            "discount": words.discount(offer.discount, currencies.get(offer.listing_id, "")),
        }
        for offer in offers
    ]


def for_anybody(response: HttpResponse) -> HttpResponse:
    """The page is the same for everybody but for its theme, which stands in a cookie."""
    patch_cache_control(response, public=True, max_age=FRESH_S)
    patch_vary_headers(response, ["Cookie"])
    return response
