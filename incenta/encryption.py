"""Text that must be read again (answers kept for replay that hold a secret) is encrypted at rest.

``ENCRYPTION_KEYS`` lists Fernet keys, newest first: the first encrypts, all decrypt, so a key can be changed while
old texts are still about. The key derived from ``SECRET_KEY`` comes after them: it serves where no other is set, and lets an
installation move to keys of its own. Those derived from ``SECRET_KEY_FALLBACKS`` come last.

A file is sealed under a key of its own, and that key is encrypted as a text: when keys change, only the short text is.
"""

import base64
import hashlib
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings


@lru_cache(maxsize=4)
def _keys(keys: tuple[str, ...], secret_keys: tuple[str, ...]) -> tuple[Fernet, MultiFernet]:
    """The newest key, and all of them."""
    found = [Fernet(key) for key in (*keys, *map(_derived, secret_keys))]
    return found[0], MultiFernet(found)


def _derived(secret_key: str) -> bytes:
    digest = hashlib.blake2b(secret_key.encode(), digest_size=32, person=b"at-rest").digest()
    return base64.urlsafe_b64encode(digest)


def _present() -> tuple[Fernet, MultiFernet]:
    return _keys(tuple(settings.ENCRYPTION_KEYS), (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def encrypt(text: str) -> str:
    return _present()[0].encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """Raises ``cryptography.fernet.InvalidToken`` where no present key fits."""
    return _present()[1].decrypt(text.encode()).decode()


def renewed(text: str) -> str | None:
    """The encrypted text under the newest key; ``None`` where it is under that key already.

    Raises ``cryptography.fernet.InvalidToken`` where no present key fits.
    """
    newest, every = _present()
    try:
        newest.decrypt(text.encode())
    except InvalidToken:
        return every.rotate(text.encode()).decode()
    return None


NONCE = 12
"""Bytes before what is sealed."""


def seal(content: bytes, about: str) -> tuple[str, bytes]:
    """A new key as a text, to be kept encrypted, and the content under it (AES-256-GCM). ``about`` names whose content it is: put
    into another row it does not open."""
    key, nonce = AESGCM.generate_key(bit_length=256), os.urandom(NONCE)
    return base64.b64encode(key).decode(), nonce + AESGCM(key).encrypt(nonce, content, about.encode())


def unseal(key: str, sealed: bytes, about: str) -> bytes:
    """Raises ``cryptography.fernet.InvalidToken`` where it is not what was sealed under this key about this."""
    try:
        return AESGCM(base64.b64decode(key)).decrypt(sealed[:NONCE], sealed[NONCE:], about.encode())
    except InvalidTag:
        raise InvalidToken from None
