"""Text that must be read again (answers kept for replay that hold a secret) is encrypted at rest.

``ENCRYPTION_KEYS`` lists Fernet keys, newest first: the first encrypts, all decrypt, so a key can be changed while
old texts are still about. The key derived from ``SECRET_KEY`` comes last: it serves where no other is set, and lets an
installation move to keys of its own.
"""

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...], secret_key: str) -> MultiFernet:
    digest = hashlib.blake2b(secret_key.encode(), digest_size=32, person=b"at-rest").digest()
    return MultiFernet([Fernet(key) for key in (*keys, base64.urlsafe_b64encode(digest))])


def encrypt(text: str) -> str:
    return _box(tuple(settings.ENCRYPTION_KEYS), settings.SECRET_KEY).encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """Raises ``cryptography.fernet.InvalidToken`` where no present key fits."""
    return _box(tuple(settings.ENCRYPTION_KEYS), settings.SECRET_KEY).decrypt(text.encode()).decode()
