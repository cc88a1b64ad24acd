"""The code that a claimed reward is redeemed by: made here so that nobody guesses it, or brought by the merchant."""

import unicodedata

from incenta.codes import key_of, random_part
from incenta.errors import InvalidInput

LONGEST = 64
DEFAULT_PREFIX = "REWARD"


def new_code(prefix: str = "") -> str:
    """A fresh code such as ``ACME-7KQ4M9XWPR3TH6``. ``prefix``: the campaign's, readable, at most 12 characters."""
    return f"{prefix.strip('-').upper() or DEFAULT_PREFIX}-{random_part()}"


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
