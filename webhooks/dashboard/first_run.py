"""What a webhook shows somebody who has just made their first reward: it arrives, at the sandbox's own receiver."""

from django.http import HttpRequest
from django.urls import reverse

from incenta.dashboard.access import may
from incenta.dashboard.beginning import Further, go_on_with
from webhooks import receiving


def receive(request: HttpRequest) -> Further | None:
    """Done, once the receiver was sent anything. Two short statements."""
    app = request.app
    if not app.is_sandbox or not may(request, "webhooks.manage"):
        return None
    is_done = app.received_hooks.exists()
    is_ready = is_done or bool(receiving.endpoints_of(app))
    page, query, verb = (
        ("webhook_receiver", "", "Watch") if is_ready else ("new_webhook", "?to=receiver", "Receive it here")
    )
    return Further(
        "Hear of it by webhook",
        "A receiver is built in: add it as an endpoint, run the calls again, and see what your server would be sent.",
        reverse(f"dashboard:{page}", args=[app.pk]) + query,
        verb,
        is_done,
    )


def register() -> None:
    """Names this room among what comes after the first reward; once, when it is ready."""
    go_on_with(5, receive)
