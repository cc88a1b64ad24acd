"""What the selects of the programme's lists offer."""

from incenta.accounts.models import App

MOST_CAMPAIGNS = 200
"""Campaigns that a select offers, newest first; others are found by their id in the address."""


def campaigns_of(app: App) -> list[tuple[str, str]]:
    """``(id, name)`` by name."""
    newest = app.campaigns.order_by("-created_at", "-id").values_list("pk", "name")[:MOST_CAMPAIGNS]
    return sorted(newest, key=lambda one: (one[1].lower(), one[0]))
