"""What the documents' examples of this room are filled with: the app's latest."""

from incenta.accounts.models import App
from incenta.docs.own import Own, fill_with


def action(app: App) -> str | None:
    return app.actions.order_by("-created_at", "-id").values_list("key", flat=True).first()


def item(app: App) -> str | None:
    return app.catalog_items.filter(deleted_at=None).order_by("-created_at", "-id").values_list("pk", flat=True).first()


def register() -> None:
    """Says so; once, when the room is ready."""
    fill_with("incentives", Own("ACTION", ("actionKey", "actions/key"), action), Own("ITEM", ("itemId",), item))
