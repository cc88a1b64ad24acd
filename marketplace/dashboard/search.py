"""What this room finds: listings by title, and what its ids open."""

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from incenta.dashboard.search import MOST, Found, Kind, page_of, search_with
from marketplace.models import Profile, SettlementEntry


def listings(request: HttpRequest, text: str) -> list[Found]:
    """Among the newest thousand."""
    newest = request.app.listings.order_by("-created_at", "-id").values("pk")[:1_000]
    some = request.app.listings.filter(pk__in=newest, title__icontains=text).order_by("-created_at", "-id")[:MOST]
    return [Found(each.title, reverse("dashboard:listing", args=[request.app.pk, each.pk]), "listing") for each in some]


def register() -> None:
    """Names this room as one that the command box asks; once, when it is ready."""
    search_with(
        "marketplace",
        Kind("Listings", "tags", "programme.read", listings, 90),
        opens={
            "lst": page_of(lambda app: app.listings, "listing", "pk"),
            "prm": page_of(lambda app: app.promotions, "listing", "listing_id"),
            "biz": page_of(lambda app: Profile.objects.filter(app=app), "marketplace_profile"),
            "rdm": [
                page_of(lambda app: app.marketplace_redemptions, "marketplace_redemptions", query={"q": "pk"}),
                page_of(lambda app: app.redemptions_here, "marketplace_redemptions_here", query={"q": "pk"}),
            ],
            "stl": page_of(lambda app: SettlementEntry.objects.filter(Q(debtor=app) | Q(creditor=app)), "statement"),
        },
    )
