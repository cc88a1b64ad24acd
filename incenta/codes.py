"""Codes that people type: made so that nobody guesses them or mistakes one character for another, compared kindly."""

import secrets
import unicodedata

ALPHABET = "34679ACDEFGHJKMNPQRTWXY"
"""What nobody mistakes for another: no 0 O, 1 I L, 2 Z, 5 S, 8 B, U V."""
UNGUESSABLE = 14
"""Characters of a code that is worth something, 63 random bits: a thousand guesses a second at a million live codes find the
first after some 300,000 years."""


def random_part(length: int = UNGUESSABLE) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def made_code(prefix: str = "") -> str:
    """A code that nobody guesses and everybody can type, such as ``CAFE-7KQ4M9XWPR3TH6``."""
    return f"{prefix.upper()}-{random_part()}" if prefix else random_part()


def key_of(code: str) -> str:
    """A code as it is compared: without regard to case, to blanks around it, or to how its characters are composed.

    Comparing a key again gives the same key (Unicode's NFKC_Casefold, UAX 31).
    """
    if code.isascii():  # composed one way only
        return code.lower().strip()
    key = code
    for _ in range(2):
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", key.casefold()).casefold())
    return key.strip()
