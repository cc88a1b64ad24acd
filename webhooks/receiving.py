"""What the test receiver does with a request: looks at its signature, keeps it, answers as it was told to."""

import hmac
from base64 import b64decode, b64encode

from django.db import connection

from incenta.accounts.models import App
from incenta.database import sql
from incenta.database.sql import transaction_joined
from incenta.encryption import decrypt

from . import receiver_address, signing
from .models import HookReceiver, ReceivedHook, WebhookEndpoint, WebhookSecret

KEPT = 50
RECEIVED_BYTES = 64 * 1024
LARGEST_BODY = 256 * 1024
ANSWERS = {
    200: "200 OK: it was received",
    500: "500: something broke, try again later",
    429: "429: too many, try again later",
    302: "302: a redirect, which is never followed",
    410: "410 Gone: stop sending, which disables the endpoint",
}
_UNKNOWN = 404, "There is no test receiver at this address."


def receive(token: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    """Keeps the request and answers (status, text). 404 for a token that is nobody's, or no sandbox app's."""
    app_id = receiver_address.app_id_of(token)
    app = App.objects.filter(pk=app_id).exclude(sandbox_of=None).first() if app_id else None
    if app is None:
        return _UNKNOWN
    if len(body) > LARGEST_BODY:
        return 413, f"At most {LARGEST_BODY // 1024} KiB."
    told = {name.lower(): value for name, value in headers.items()}
    verdict, endpoint_id = judge(app, told, body)
    with transaction_joined():
        HookReceiver.objects.get_or_create(app=app)
        receiver = HookReceiver.objects.select_for_update().get(app=app)
        ReceivedHook.objects.create(
            app=app,
            headers={_printable(name)[:100]: _printable(value)[:2000] for name, value in list(headers.items())[:60]},
            body=body[:RECEIVED_BYTES],
            size=len(body),
            event=_printable(told.get("x-webhook-event", ""))[:60],
            message_id=_printable(told.get("webhook-id", ""))[:60],
            verdict=verdict,
            endpoint_id=endpoint_id,
            answered=receiver.answers,
        )
        sql.execute(_TRIM, {"app": app.pk})
    return receiver.answers, ANSWERS.get(receiver.answers, "")


_TRIM = f"""
DELETE FROM webhooks_receivedhook WHERE app_id = %(app)s AND id <= (
  SELECT id FROM webhooks_receivedhook WHERE app_id = %(app)s ORDER BY id DESC OFFSET {KEPT} LIMIT 1)
"""


def receive_in_thread(token: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    """:func:`receive` for the pump, whose loop must not wait for a database: in any thread, leaving no connection behind."""
    try:
        return receive(token, headers, body)
    finally:
        connection.close()


def judge(app: App, headers: dict[str, str], body: bytes) -> tuple[str, str | None]:
    """The verdict on a request's signatures, and the endpoint whose secret made them. ``headers`` in lower case.

    Every kind of signature that is there must be right: one that is forged is not made good by another.
    """
    entries = [each.removeprefix("v1,") for each in headers.get("webhook-signature", "").split() if each[:3] == "v1,"]
    documented = headers.get("x-webhook-signature", "")
    if not entries and not documented:
        return ReceivedHook.Verdict.UNSIGNED, None
    live = (
        WebhookSecret.objects.live()
        .filter(app=app, endpoint__deleted_at=None, kind=WebhookSecret.Kind.HMAC)
        .values_list("endpoint_id", "sealed")
    )
    signed = b"%s.%s.%s" % (
        headers.get("webhook-id", "").encode("utf-8", "replace"),
        headers.get("webhook-timestamp", "").encode("utf-8", "replace"),
        body,
    )
    by_endpoint: dict[str, list[str]] = {}
    for endpoint_id, sealed in live:
        by_endpoint.setdefault(endpoint_id, []).append(decrypt(sealed))
    for endpoint_id, secrets in by_endpoint.items():
        # once a secret, however many entries somebody has sent
        right = [signing_of(signed, secret) for secret in secrets] if entries else []
        standard_is_right = not entries or any(_is_same(entry, each) for entry in entries for each in right)
        documented_is_right = not documented or any(
            _is_same(documented, signing.documented(body, secret)) for secret in secrets
        )
        if standard_is_right and documented_is_right:
            return ReceivedHook.Verdict.VERIFIED, endpoint_id
    return ReceivedHook.Verdict.WRONG, None


def signing_of(signed: bytes, secret: str) -> str:
    """The base64 of a Standard Webhooks signature over ``id.timestamp.body`` as they arrived."""
    return b64encode(hmac.digest(b64decode(secret.removeprefix(signing.PREFIX)), signed, "sha256")).decode()


def answer_with(app: App, status: int) -> None:
    """What the receiver answers from now on. ``status`` is one of ``ANSWERS``."""
    HookReceiver.objects.update_or_create(app=app, defaults={"answers": status})


def forget(app: App) -> None:
    """Empties the list of what was received."""
    ReceivedHook.objects.filter(app=app).delete()


def endpoints_of(app: App) -> list[WebhookEndpoint]:
    """The app's endpoints that lead to its own test receiver."""
    addresses = [receiver_address.url_of(app.pk), *receiver_address.former_urls_of(app.pk)]
    return list(WebhookEndpoint.objects.filter(app=app, url__in=addresses).order_by("created_at"))


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


def _printable(text: str) -> str:
    """What PostgreSQL takes: no NUL, no half characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
