"""What the documents' examples of this room are filled with: the app's latest."""

from incenta.accounts.models import App
from incenta.docs.own import Own, fill_with


def endpoint(app: App) -> str | None:
    return app.webhook_endpoints.order_by("-created_at", "-id").values_list("pk", flat=True).first()


def register() -> None:
    """Says so; once, when the room is ready."""
    fill_with("webhooks", Own("WEBHOOK", ("webhookId",), endpoint))
