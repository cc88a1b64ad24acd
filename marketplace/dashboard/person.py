"""What this room tells of one person: what was redeemed at businesses of the market."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from incenta.dashboard.people import MOST_MOMENTS, Happening, Part, show_with


def part(request: HttpRequest, user_id: str) -> Part | None:
    """One statement."""
    app = request.app
    url = f"{reverse('dashboard:marketplace_redemptions', args=[app.pk])}?{urlencode({'q': user_id})}"
    newest = app.marketplace_redemptions.filter(user_id=user_id).select_related("listing")
    happenings = [
        Happening(
            each.redeemed_at,
            f"Redeemed {each.listing.title} in the marketplace",
            "handshake",
            url,
            each.pk,
            each.get_status_display(),
        )
        for each in newest.order_by("-redeemed_at", "-pk")[:MOST_MOMENTS]
    ]
    return Part(happenings=happenings, links=[("Market redemptions", url)]) if happenings else None


def register() -> None:
    """Names this room as one that tells of people; once, when it is ready."""
    show_with("marketplace", part)
