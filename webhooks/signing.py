"""Signatures: the documented hex HMAC, and Standard Webhooks 1.0.0 beside it, over the same bytes and the same secret.

A secret is shown once, as ``whsec_`` and the base64 of 32 random bytes. The documented form is keyed with the UTF-8 of that
whole string, the Standard form with the decoded bytes.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence

PREFIX = "whsec_"
USER_AGENT = "Incenta-Webhooks/1"


def new_secret() -> str:
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def documented(body: bytes, secret: str) -> str:
    """The value of ``X-Webhook-Signature``: lower-case hex HMAC-SHA256 of the raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(message_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """One entry of ``webhook-signature``: ``v1,`` and the base64 HMAC-SHA256 of ``id.timestamp.body``."""
    key = b64decode(secret.removeprefix(PREFIX))
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(
    *, message_id: str, event: str, attempt: int, timestamp: int, body: bytes, primary: str, others: Sequence[str] = ()
) -> dict[str, str]:
    """The headers of one request. ``timestamp`` is the attempt's, in unix seconds.

    ``primary`` signs the one-value ``X-Webhook-Signature``; while a secret rotates, every live secret signs
    ``webhook-signature``, and the first of ``others`` (the newest) also ``X-Webhook-Signature-Next``.
    """
    made = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-Webhook-Event": event,
        "X-Webhook-Id": message_id,
        "X-Webhook-Attempt": str(attempt),
        "X-Webhook-Signature": documented(body, primary),
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(standard(message_id, timestamp, body, secret) for secret in (primary, *others)),
    }
    if others:
        made["X-Webhook-Signature-Next"] = documented(body, others[0])
    return made
