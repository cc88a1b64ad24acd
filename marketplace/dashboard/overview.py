"""What this room shows on the overview and behind the bell: listings that run out."""

from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse

from incenta.dashboard.access import may
from incenta.dashboard.overview import Shown, ToDo, show_with

LOW = 5
"""Pieces left from which somebody should look, where the listing says nothing else."""
MOST_NAMED = 2


def todos(request: HttpRequest) -> list[ToDo]:
    """Published listings with little or nothing left, the emptiest by name. One statement, among the newest thousand."""
    if not may(request, "marketplace.edit"):
        return []
    app = request.app
    newest = app.listings.order_by("-created_at", "-id").values("pk")[:1_000]
    low = list(
        app.listings.filter(pk__in=newest, limited=True, published=True, deleted_at=None)
        .filter(stock__left__lte=Coalesce("low_stock_at", LOW))
        .order_by("stock__left", "title", "pk")
        .values_list("pk", "title", "stock__left")[:50]
    )  # fmt: skip
    found = [
        ToDo(
            45 if not left else 25,
            f"{title} {'is out of stock' if not left else f'runs low: {left} left'}",
            reverse("dashboard:listing", args=[app.pk, pk]),
            "package-open",
        )
        for pk, title, left in low[:MOST_NAMED]
    ]
    if len(low) > MOST_NAMED:
        rest = len(low) - MOST_NAMED
        url = reverse("dashboard:listings", args=[app.pk])
        found.append(ToDo(24, f"{rest} more listing{'' if rest == 1 else 's'} run low", url, "package-open"))
    return found


def register() -> None:
    """Names this room as one that the overview shows; once, when it is ready."""
    show_with("marketplace", Shown(todos=todos))
