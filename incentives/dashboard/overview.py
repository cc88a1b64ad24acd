"""What this room shows on the overview and behind the bell: items of the catalog that run out."""

from functools import partial

from django.http import HttpRequest
from django.urls import reverse

from incenta.accounts.models import App
from incenta.dashboard.access import may
from incenta.dashboard.overview import Shown, ToDo, Waiting, show_with

LOW = 5
"""Pieces left from which somebody should look."""
MOST_NAMED, MOST_READ = 2, 50


# among the newest thousand items
_LOW = f"""
SELECT i.id, i.name, s.left FROM (
  SELECT * FROM incentives_item WHERE app_id = %(app)s ORDER BY created_at DESC, id DESC LIMIT 1000
) i JOIN incentives_itemstock s ON s.item_id = i.id
WHERE i.limited AND i.published AND i.deleted_at IS NULL AND s.left <= {LOW} ORDER BY s.left, i.name, i.id LIMIT {MOST_READ}
"""


def todos(request: HttpRequest) -> Waiting | None:
    """Published items with little or nothing left, the emptiest by name."""
    return Waiting(_LOW, partial(_waiting, request.app)) if may(request, "incentives.edit") else None


def said(left: int) -> str:
    return f"runs low: {left} left" if left else "is out of stock"


def _waiting(app: App, low: list[dict]) -> list[ToDo]:
    url = reverse("dashboard:catalog", args=[app.pk])
    found = [
        ToDo(
            45 if not row["left"] else 25,
            f"{row['name']} {said(row['left'])}",
            f"{url}?q={row['id']}",
            "package-open",
        )
        for row in low[:MOST_NAMED]
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
