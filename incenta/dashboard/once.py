"""Pages that show a secret: it is in the answer to one POST and nowhere else, and reloading that answer makes no second one.

The form carries a token of its own; the session remembers the latest that were used.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.http import HttpRequest

from incenta.database import sql
from incenta.encryption import decrypt, encrypt

REMEMBERED = 10
LONGEST = 40
_SESSION = "shown_once"


def new_token() -> str:
    return secrets.token_urlsafe(16)


class AlreadyUsed(Exception):
    """This form was sent before, and has done what it does: the browser has reloaded the page, or the button was pressed twice."""


@contextmanager
def alone(request: HttpRequest, token: str) -> Iterator[None]:
    """The transaction in which a form does what it does, once: of two that are sent at once the second waits for the first.

    Raises ``AlreadyUsed``. Where it is refused inside, the form may be sent again.
    """
    with transaction.atomic():
        token = token[:LONGEST]
        if token and token in _used(request, token):
            raise AlreadyUsed
        yield
        if token:
            request.session[_SESSION] = [*request.session.get(_SESSION, []), token][-REMEMBERED:]
            request.session.save()


def _used(request: HttpRequest, token: str) -> list[str]:
    """The tokens that were used by now, for whoever has this one to himself: not by the time at which the request began."""
    session = request.session
    sql.row(
        "SELECT pg_advisory_xact_lock(hashtext('dashboard.once'), hashtext(%(token)s))",
        {"token": f"{session.session_key} {token}"},
    )
    return type(session)(session.session_key).get(_SESSION, [])


_HANDED_OVER = "to_show_once"


def hand_over(request: HttpRequest, secret: str) -> None:
    """Keeps a secret, encrypted, until the page that the browser is sent to shows it."""
    request.session[_HANDED_OVER] = encrypt(secret)


def take(request: HttpRequest) -> str:
    """The secret that was handed over; from then on nobody has it any more. Empty, where there is none."""
    sealed = request.session.pop(_HANDED_OVER, "")
    try:
        return decrypt(sealed) if sealed else ""
    except InvalidToken:
        return ""
