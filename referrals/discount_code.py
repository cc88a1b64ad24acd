"""The code that a claimed reward is redeemed by: made here so that nobody guesses it, or brought by the merchant."""

import secrets
import unicodedata

from incenta.errors import InvalidInput

ALPHABET = "34679ACDEFGHJKMNPQRTWXY"
"""What nobody mistakes for another: no 0 O, 1 I L, 2 Z, 5 S, 8 B, U V."""
RANDOM_LENGTH = 14
"""63 random bits: a thousand guesses a second at a million live codes find the first after some 300,000 years."""
LONGEST = 64
DEFAULT_PREFIX = "REWARD"


def new_code(prefix: str = "") -> str:
    """A fresh code such as ``ACME-7KQ4M9XWPR3TH6``. ``prefix``: the campaign's, readable, at most 12 characters."""
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return f"{prefix.strip('-').upper() or DEFAULT_PREFIX}-{random}"


def key_of(code: str) -> str:
    """The code as it is compared: without regard to case, to blanks around it or to how its accents are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", code.strip()).casefold())


def parse_coupon(text: str, field: str = "couponCode") -> str:
    """A code that the merchant brings, as it will be shown. Raises ``InvalidInput``."""
    code = unicodedata.normalize("NFC", text.strip())
    if not code:
        raise InvalidInput({field: ["Must not be blank."]})
    if len(code) > LONGEST or len(key_of(code)) > LONGEST:
        raise InvalidInput({field: [f"Must have at most {LONGEST} characters."]})
    if not code.isprintable():
        raise InvalidInput({field: ["Must not hold control characters or line breaks."]})
    return code
