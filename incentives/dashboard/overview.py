"""What this room shows on the overview and behind the bell: items of the catalog that run out."""

from django.http import HttpRequest
from django.urls import reverse

from incenta.dashboard.access import may
from incenta.dashboard.overview import Shown, ToDo, show_with

LOW = 5
"""Pieces left from which somebody should look."""
MOST_NAMED = 2


def todos(request: HttpRequest) -> list[ToDo]:
    """Published items with little or nothing left, the emptiest by name. One statement, among the newest thousand items."""
    if not may(request, "incentives.edit"):
        return []
    app = request.app
    newest = app.catalog_items.order_by("-created_at", "-id").values("pk")[:1_000]
    low = list(
        app.catalog_items.filter(pk__in=newest, limited=True, published=True, deleted_at=None, stock__left__lte=LOW)
        .order_by("stock__left", "name", "pk")
        .values_list("pk", "name", "stock__left")[:50]
    )  # fmt: skip
    url = reverse("dashboard:catalog", args=[app.pk])
    found = [
        ToDo(
            45 if not left else 25,
            f"{name} {'is out of stock' if not left else f'runs low: {left} left'}",
            f"{url}?q={pk}",
            "package-open",
        )
        for pk, name, left in low[:MOST_NAMED]
    ]
    if len(low) > MOST_NAMED:
        rest = len(low) - MOST_NAMED
        found.append(
            ToDo(24, f"{rest} more item{'' if rest == 1 else 's'} of the catalog run low", url, "package-open")
        )
    return found


def register() -> None:
    """Names this room as one that the overview shows; once, when it is ready."""
    show_with("incentives", Shown(todos=todos))
