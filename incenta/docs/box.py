"""What the command box of an app finds of the documents. They are read when somebody asks: no worker needs them."""

from django.http import HttpRequest

from incenta.dashboard.search import Found, Kind, search_with


def documents(request: HttpRequest, text: str) -> list[Found]:
    from . import finding

    return finding.best(finding.places(), text)


def entries(request: HttpRequest, text: str) -> list[Found]:
    from . import finding

    return finding.best(finding.operations(), text)


def register() -> None:
    """Names what the command box asks; once, when the room is ready."""
    search_with(
        "docs",
        Kind("Documents", "book-open", "programme.read", documents, 80),
        Kind("Reference", "braces", "programme.read", entries, 81),
    )
