"""Ids in a text, as links to the pages of what they name."""

import re

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from incenta.dashboard.access import may
from incenta.ids import PREFIXES

PAGES = {
    "camp": ("campaign", "programme.read"),
    "case": ("fraud_case", "fraud.read"),
    "dlv": ("webhook_delivery", "webhooks.manage"),
    "whk": ("webhook", "webhooks.manage"),
}
"""Prefix → the name of its page and the permission that opens it."""
_ID = re.compile(r"\b(" + "|".join(PREFIXES) + r")_[0-9a-z]{26}\b")
MOST = 8


def linked(request: HttpRequest, text: str) -> list[dict]:
    """``[{"id", "noun", "url"}]`` of the ids that have a page which the reader may open, once each, in their order."""
    found: dict[str, dict] = {}
    for match in _ID.finditer(text):
        page, permission = PAGES.get(match[1], ("", ""))
        if not page or match[0] in found or not may(request, permission):
            continue
        try:
            url = reverse(f"dashboard:{page}", args=[request.app.pk, match[0]])
        except NoReverseMatch:
            continue
        found[match[0]] = {"id": match[0], "noun": PREFIXES[match[1]], "url": url}
        if len(found) == MOST:
            break
    return list(found.values())
