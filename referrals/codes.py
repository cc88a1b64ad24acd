"""Referral codes: easily typed, never confused, compared without regard to case."""

import re
import unicodedata

from incenta import codes
from incenta.codes import ALPHABET, key_of
from incenta.errors import InvalidInput

from .models.campaign import CodeFormat
from .rules import Rules

RANDOM_LENGTH = 8
_VANITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,39}")

__all__ = ["ALPHABET", "key_of", "propose", "random_part", "vanity"]


def vanity(code: str) -> str:
    """A code that the client asks for. Raises ``InvalidInput`` unless it is 3 to 40 letters, digits, ``-`` or ``_``."""
    if not _VANITY.fullmatch(code):
        raise InvalidInput(
            {"code": ["Must be 3 to 40 letters, digits, hyphens or underscores, and begin with a letter or digit."]}
        )
    return code


def random_part(length: int = RANDOM_LENGTH) -> str:
    return codes.random_part(length)


def propose(rules: Rules, *, username: str | None, email: str | None, attempt: int) -> str:
    """A code in the campaign's format; from the second ``attempt`` on a readable one gets a random tail."""
    source = {CodeFormat.USERNAME: username, CodeFormat.EMAIL_PREFIX: (email or "").split("@")[0].split("+")[0]}.get(
        rules.code_format
    )
    stem = _readable(source or "")
    prefix = f"{rules.code_prefix.upper()}-" if rules.code_prefix else ""
    if not stem:
        return prefix + random_part()
    return prefix + stem + (f"-{random_part(2 + attempt)}" if attempt else "")


def _readable(source: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", source).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9]+", "", ascii_only).upper()[:16]
    return stem if len(stem) >= 3 else ""
