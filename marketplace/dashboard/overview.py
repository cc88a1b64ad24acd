"""What this room shows on the overview and behind the bell: listings that run out."""

from functools import partial

from django.http import HttpRequest
from django.urls import reverse

from incenta.accounts.models import App
from incenta.dashboard.access import may
from incenta.dashboard.overview import Shown, ToDo, Waiting, show_with

LOW = 5
"""Pieces left from which somebody should look, where the listing says nothing else."""
MOST_NAMED, MOST_READ = 2, 50


# among the newest thousand listings
_LOW = f"""
SELECT l.id, l.title, s.left FROM (
  SELECT * FROM marketplace_listing WHERE app_id = %(app)s ORDER BY created_at DESC, id DESC LIMIT 1000
) l JOIN marketplace_listingstock s ON s.listing_id = l.id
WHERE l.limited AND l.published AND l.deleted_at IS NULL AND s.left <= coalesce(l.low_stock_at, {LOW})
ORDER BY s.left, l.title, l.id LIMIT {MOST_READ}
"""


def todos(request: HttpRequest) -> Waiting | None:
    """Published listings with little or nothing left, the emptiest by name."""
    return Waiting(_LOW, partial(_waiting, request.app)) if may(request, "marketplace.edit") else None


def said(left: int) -> str:
    return f"runs low: {left} left" if left else "is out of stock"


def _waiting(app: App, low: list[dict]) -> list[ToDo]:
    found = [
        ToDo(
            45 if not row["left"] else 25,
            f"{row['title']} {said(row['left'])}",
            reverse("dashboard:listing", args=[app.pk, row["id"]]),
            "package-open",
        )
        for row in low[:MOST_NAMED]
    ]
    if len(low) > MOST_NAMED:
        rest = len(low) - MOST_NAMED
        url = reverse("dashboard:listings", args=[app.pk])
        found.append(ToDo(24, f"{rest} more listing{'' if rest == 1 else 's'} run low", url, "package-open"))
    return found


def register() -> None:
    """Names this room as one that the overview shows; once, when it is ready."""
    show_with("marketplace", Shown(todos=todos))
