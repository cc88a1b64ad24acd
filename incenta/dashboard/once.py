"""Pages that show a secret: it is in the answer to one POST and nowhere else, and reloading that answer makes no second one.

The form carries a token of its own; the session remembers the latest that were used.
"""

import secrets

from cryptography.fernet import InvalidToken
from django.http import HttpRequest

from incenta.encryption import decrypt, encrypt

REMEMBERED = 10
LONGEST = 40
_SESSION = "shown_once"


def new_token() -> str:
    return secrets.token_urlsafe(16)


def is_used(request: HttpRequest, token: str) -> bool:
    """Whether this form was sent before: the browser has reloaded the page that showed the secret."""
    return bool(token) and token[:LONGEST] in request.session.get(_SESSION, [])


def use(request: HttpRequest, token: str) -> None:
    if token:
        request.session[_SESSION] = [*request.session.get(_SESSION, []), token[:LONGEST]][-REMEMBERED:]


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
