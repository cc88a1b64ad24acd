"""The id of a call opens its line in the request log."""

from incenta.dashboard.search import page_of, search_with


def register() -> None:
    """Names what the command box asks; once, when the room is ready."""
    search_with("api", opens={"req": page_of(lambda app: app.request_logs, "api_call", "pk", permission="logs.read")})
