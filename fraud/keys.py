"""Keys: what two people may share, as keyed hashes. Without the installation's secret nobody can tell an address from its key,
and the same address has another key in every app."""

import hashlib
import hmac
from functools import lru_cache
from typing import Final

from django.conf import settings

from incenta.accounts.models import App

from .context import Context
from .models import KeyKind


@lru_cache(maxsize=1024)
def _secret(app_id: str, secret: str) -> bytes:
    return hashlib.blake2b(f"fraud-keys\n{app_id}".encode(), key=secret.encode()[:64], digest_size=32).digest()


def of_value(app: App, kind: KeyKind, value: str) -> int:
    """The key of one value: the first 64 bits of its HMAC, signed as the database's bigint is."""
    secret = _secret(app.pk, settings.FRAUD_SECRET or settings.SECRET_KEY)
    digest = hmac.digest(secret, f"{int(kind)}\n{value}".encode("utf-8", "surrogatepass"), "sha256")
    return int.from_bytes(digest[:8], "big", signed=True)


def of(app: App, context: Context, *, referrer_id: str | None = None) -> dict[KeyKind, int]:
    """The keys of a context. ``referrer_id``: whose friend this is, for the pattern that his friends' addresses may follow."""
    values = {
        KeyKind.IP: context.network,
        KeyKind.DEVICE: context.device,
        KeyKind.EMAIL: context.email,
        KeyKind.PHONE: context.phone,
        KeyKind.PAYMENT: context.payment,
    }
    pattern = email_pattern(context.email)
    if pattern and referrer_id is not None:
        values[KeyKind.EMAIL_PATTERN] = f"{referrer_id}\n{pattern}"
    return {kind: of_value(app, kind, value) for kind, value in values.items() if value}


SHORTEST_STEM: Final = 4


def email_pattern(email: str | None) -> str | None:
    """``ram.kc#@example.com`` for ``ram.kc17@…`` and ``ram.kc18@…``. ``None`` without digits, for then it is just an address; and
    for short stems, for ``s2041@`` is how a college numbers its students."""
    local, _, domain = (email or "").rpartition("@")
    stem = "".join(letter for letter in local if not letter.isdigit())
    if stem == local or sum(letter.isalpha() for letter in stem) < SHORTEST_STEM:
        return None
    return f"{stem}@{domain}"


def of_user(app: App, user_id: str) -> int:
    """A user as a companion of a key that is no address: who referred the one who was seen with it."""
    return of_value(app, KeyKind.EMAIL_PATTERN, f"user\n{user_id}")


def companion(app: App, context: Context) -> int | None:
    """What was seen with an address: the device, else the user agent."""
    told = context.device or context.user_agent
    return of_value(app, KeyKind.DEVICE, told) if told else None


# --- for the analyst ------------------------------------------------------------------------------------------------
def shown(context: Context) -> dict[str, str]:
    """Masked, by the names of the API: enough to recognise, too little to reach anybody."""
    found = {
        "ip": _masked_ip(context.network),
        "deviceId": _masked(context.device, 4),
        "email": masked_email(context.email),
        "phone": f"…{context.phone[-2:]}" if context.phone else None,
        "paymentFingerprint": _masked(context.payment, 4),
        "userAgent": context.user_agent[:120] if context.user_agent else None,
        "country": context.country,
    }
    return {name: value for name, value in found.items() if value}


def _masked_ip(network: str | None) -> str | None:
    if network is None:
        return None
    return network if ":" in network else network.rpartition(".")[0] + ".…"


def _masked(value: str | None, length: int) -> str | None:
    return f"{value[:length]}…" if value else None


def masked_email(email: str | None) -> str | None:
    local, at, domain = (email or "").rpartition("@")
    return f"{local[:1]}…@{domain}" if at else None
