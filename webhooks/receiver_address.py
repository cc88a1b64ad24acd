"""The address of a sandbox app's test receiver, which is part of this very installation.

A delivery to exactly such an address never becomes a request: the pump hands it over in the process (``Sender.post``), so the
guard of sockets needs no exception, and it works where the installation cannot reach itself by its public name. Any other
address of this host, and this one with as much as a query or another port, is a URL like every other.

The token is derived from the app, so there is nothing to make, to leak by a listing, or to clean up; nobody who does not
hold ``SECRET_KEY`` can name another app's. While that key is changed, what ``SECRET_KEY_FALLBACKS`` made holds too.
"""

import re

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

PATH = "/hooks/test/"
_TOKEN = re.compile(r"([0-9a-z]{26})([0-9a-f]{32})")


def token_of(app_id: str, *, secret_key: str | None = None) -> str:
    """The last part of the address: the app's own ULID and a proof that it was made here."""
    ulid = app_id.removeprefix("app_")
    return ulid + salted_hmac("webhooks.receiver", ulid, secret=secret_key, algorithm="sha256").hexdigest()[:32]


def app_id_of(token: str) -> str | None:
    """The app whose token this is; ``None`` where it is nobody's."""
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        return None
    app_id = f"app_{parts[1]}"
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    is_its = any(constant_time_compare(token, token_of(app_id, secret_key=key)) for key in keys)
    return app_id if is_its else None


def url_of(app_id: str) -> str:
    return _start() + token_of(app_id)


def former_urls_of(app_id: str) -> list[str]:
    """What its address was under the keys in ``SECRET_KEY_FALLBACKS``."""
    return [_start() + token_of(app_id, secret_key=key) for key in settings.SECRET_KEY_FALLBACKS]


def app_id_at(url: str) -> str | None:
    """The app whose test receiver has exactly this address; ``None`` for every other URL. Asks no database."""
    start = _start()
    return app_id_of(url[len(start) :]) if url.startswith(start) else None


def _start() -> str:
    return settings.BASE_URL.rstrip("/") + PATH
