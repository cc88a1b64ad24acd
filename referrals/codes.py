"""Referral codes: easily typed, never confused, compared without regard to case."""

import re
import secrets
import unicodedata

from incenta.errors import InvalidInput

from .models.campaign import CodeFormat
from .rules import Rules

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No 0 O 1 I L U: what is read aloud or typed from paper arrives."""
RANDOM_LENGTH = 8
_VANITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,39}")


def key_of(code: str) -> str:
    """How a code is compared: trimmed, without regard to case, wide and combined characters folded."""
    return unicodedata.normalize("NFKC", code).strip().upper()


def vanity(code: str) -> str:
    """A code that the client asks for. Raises ``InvalidInput`` unless it is 3 to 40 letters, digits, ``-`` or ``_``."""
    if not _VANITY.fullmatch(code):
        raise InvalidInput({"code": ["Must be 3 to 40 letters, digits, hyphens or underscores, and begin with a letter or digit."]})
    return code


def random_part(length: int = RANDOM_LENGTH) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def propose(rules: Rules, *, username: str | None, email: str | None, attempt: int) -> str:
    """A code in the campaign's format; from the second ``attempt`` on a readable one gets a random tail."""
    source = {CodeFormat.USERNAME: username, CodeFormat.EMAIL_PREFIX: (email or "").split("@")[0].split("+")[0]}.get(rules.code_format)
    stem = _readable(source or "")
    prefix = f"{rules.code_prefix.upper()}-" if rules.code_prefix else ""
    if not stem:
        return prefix + random_part()
    return prefix + stem + (f"-{random_part(2 + attempt)}" if attempt else "")


def _readable(source: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", source).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9]+", "", ascii_only).upper()[:16]
    return stem if len(stem) >= 3 else ""
