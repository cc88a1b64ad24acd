"""What the ids of this room open: mostly the ledger of the user whom a row is about."""

from django.http import HttpRequest
from django.urls import reverse

from incenta.dashboard.search import MOST, Found, Kind, Opener, page_of, search_with
from incentives.models import Activity, Adjustment, Backfill, ItemRedemption, Lot, Transfer, Wallet


def items(request: HttpRequest, text: str) -> list[Found]:
    """Among the newest thousand of the catalog."""
    newest = request.app.catalog_items.order_by("-created_at", "-id").values("pk")[:1_000]
    some = request.app.catalog_items.filter(pk__in=newest, deleted_at=None, name__icontains=text)
    url = reverse("dashboard:catalog", args=[request.app.pk])
    return [Found(each.name, f"{url}?q={each.pk}", "catalog item") for each in some.order_by("-created_at")[:MOST]]


def _of_user(model, column: str = "user_id") -> Opener:
    return page_of(lambda app: model.objects.filter(app=app), "ledger", query={"id": column})


def register() -> None:
    """Names this room as one that the command box asks; once, when it is ready."""
    search_with(
        "incentives",
        Kind("Catalog", "gift", "programme.read", items, 80),
        opens={
            "evt": _of_user(Activity),
            "adj": _of_user(Adjustment),
            "wal": _of_user(Wallet),
            "trf": _of_user(Transfer, "wallet__user_id"),
            "lot": _of_user(Lot, "wallet__user_id"),
            "item": page_of(lambda app: app.catalog_items, "catalog", query={"q": "pk"}),
            "rdm": page_of(lambda app: ItemRedemption.objects.filter(app=app), "redemptions", query={"q": "pk"}),
            "bkf": page_of(lambda app: Backfill.objects.filter(app=app), "backfills", "noun"),
        },
    )
