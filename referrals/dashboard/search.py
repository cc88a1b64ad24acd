"""What this room finds: campaigns by name, codes and orders by how they begin, rewards by whose they are."""

from django.http import HttpRequest
from django.urls import reverse

from incenta import codes, money
from incenta.dashboard.search import MOST, Found, Kind, begins, page_of, search_with
from referrals.models import Click, Reversal

LOOKED_THROUGH = 1_000
"""Campaigns whose names are read, the newest."""


def _url(request: HttpRequest, page: str, pk: str) -> str:
    return reverse(f"dashboard:{page}", args=[request.app.pk, pk])


def campaigns(request: HttpRequest, text: str) -> list[Found]:
    newest = request.app.campaigns.order_by("-created_at", "-id").values("pk")[:LOOKED_THROUGH]
    some = request.app.campaigns.filter(pk__in=newest, name__icontains=text).order_by("-created_at", "-id")[:MOST]
    return [Found(each.name, _url(request, "campaign", each.pk), f"…{each.pk[-6:]}") for each in some]


def by_code(request: HttpRequest, text: str) -> list[Found]:
    if not (key := codes.key_of(text)):
        return []
    some = begins(request.app.referrals, "code_key", key)[:MOST]
    return [Found(each.code, _url(request, "referral", each.pk), f"of {each.referrer_id}") for each in some]


def orders(request: HttpRequest, text: str) -> list[Found]:
    some = begins(request.app.conversions.defer("trace", "metadata"), "external_id", text)[:MOST]
    return [Found(each.external_id, _url(request, "conversion", each.pk), f"by {each.referee_id}") for each in some]


def rewards(request: HttpRequest, text: str) -> list[Found]:
    some = begins(request.app.rewards, "user_id", text).order_by("user_id", "-created_at")[:MOST]
    return [
        Found(
            f"{money.display(each.amount_minor, each.asset)} for {each.user_id}",
            _url(request, "reward", each.pk),
            each.get_status_display(),
        )
        for each in some
    ]


def register() -> None:
    """Names this room as one that the command box asks; once, when it is ready."""
    search_with(
        "referrals",
        Kind("Campaigns", "megaphone", "programme.read", campaigns, 10),
        Kind("Codes", "ticket", "programme.read", by_code, 20),
        Kind("Conversions", "shopping-bag", "programme.read", orders, 40),
        Kind("Rewards", "hand-coins", "programme.read", rewards, 50),
        opens={
            "camp": page_of(lambda app: app.campaigns, "campaign", "pk"),
            "ref": page_of(lambda app: app.referrals, "referral", "pk"),
            "click": page_of(lambda app: Click.objects.filter(app=app), "referral", "referral_id"),
            "conv": page_of(lambda app: app.conversions, "conversion", "pk"),
            "rev": page_of(lambda app: Reversal.objects.filter(app=app), "conversion", "conversion_id"),
            "pout": page_of(lambda app: app.payouts, "payout", "pk"),
            "rew": page_of(lambda app: app.rewards, "reward", "pk"),
        },
    )
