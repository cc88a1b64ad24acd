"""Signatures: the documented hex HMAC, and Standard Webhooks 1.0.0 beside it, over the same bytes and the same secret.

A secret is shown once, as ``whsec_`` and the base64 of 32 random bytes. The documented form is keyed with the UTF-8 of that
whole string, the Standard form with the decoded bytes. Who wants to hold no secret at all verifies ``v1a``, Ed25519, with
the public key ``whpk_…``; its private half, ``whsk_…``, never leaves us.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREFIX = "whsec_"
KEY_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"
USER_AGENT = "Incenta-Webhooks/1"


def new_secret() -> str:
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def documented(body: bytes, secret: str) -> str:
    """The value of ``X-Webhook-Signature``: lower-case hex HMAC-SHA256 of the raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(message_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """One entry of ``webhook-signature``: ``v1,`` and the base64 HMAC-SHA256 of ``id.timestamp.body``."""
    key = b64decode(secret.removeprefix(PREFIX))
    digest = hmac.new(key, signed_content(message_id, timestamp, body), hashlib.sha256).digest()
    return "v1," + b64encode(digest).decode()


def asymmetric(message_id: str, timestamp: int, body: bytes, key: str) -> str:
    """The entry of an Ed25519 key: ``v1a,`` and the base64 signature of ``id.timestamp.body``."""
    return "v1a," + b64encode(_private(key).sign(signed_content(message_id, timestamp, body))).decode()


def signed_content(message_id: str, timestamp: int, body: bytes) -> bytes:
    """What the Standard forms sign."""
    return b"%s.%d.%s" % (message_id.encode(), timestamp, body)


def new_key() -> str:
    """A fresh Ed25519 private key, ``whsk_`` and the base64 of its 32 bytes."""
    return KEY_PREFIX + b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def public_key(key: str) -> str:
    """What the merchant verifies with: ``whpk_`` and the base64 of the public key's 32 bytes."""
    return PUBLIC_PREFIX + b64encode(_private(key).public_key().public_bytes_raw()).decode()


@lru_cache(maxsize=4096)
def _private(key: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(b64decode(key.removeprefix(KEY_PREFIX)))


def headers(
    *,
    message_id: str,
    event: str,
    attempt: int,
    timestamp: int,
    body: bytes,
    primary: str,
    others: Sequence[str] = (),
    keys: Sequence[str] = (),
) -> dict[str, str]:
    """The headers of one request. ``timestamp`` is the attempt's, in unix seconds.

    ``primary`` signs the one-value ``X-Webhook-Signature``; while a secret rotates, every live secret signs
    ``webhook-signature``, and the first of ``others`` (the newest) also ``X-Webhook-Signature-Next``. Each of the Ed25519
    ``keys`` adds a ``v1a`` entry behind them.
    """
    entries = [standard(message_id, timestamp, body, secret) for secret in (primary, *others)]
    entries += [asymmetric(message_id, timestamp, body, key) for key in keys]
    made = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-Webhook-Event": event,
        "X-Webhook-Id": message_id,
        "X-Webhook-Attempt": str(attempt),
        "X-Webhook-Signature": documented(body, primary),
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(entries),
    }
    if others:
        made["X-Webhook-Signature-Next"] = documented(body, others[0])
    return made
