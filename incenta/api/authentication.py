"""Who calls: the key of a request, found in the process's memory or in one statement, and what its scope allows.

A key is looked up at most every five seconds a process, and at once after a key, an app, a merchant or a plan is saved
in the same process. A revoked key or a changed plan is thus in force everywhere within five seconds. Sandbox keys are
looked up every time, for a test clock that was moved in one process must have moved in all.
"""

import threading
import time
from collections import OrderedDict
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest
from django.utils import timezone

from incenta.accounts.models import ApiKey, App, Merchant, Plan
from incenta.errors import DomainError, Forbidden, TooManyRequests, Unauthorized

REMEMBERED_FOR = 5.0
"""Seconds for which a key, its app and its plan are believed without asking the database."""
MOST_REMEMBERED = 10_000
GUESSES_PER_MINUTE = 60
"""Calls without a valid key that one network address may make in a minute, for each process."""
MOST_ADDRESSES = 50_000
OTHER_SITES = ("cross-site", "same-site")
"""What every browser says of a page that is not our own (``Sec-Fetch-Site``), and no page can unsay. Servers say nothing."""


class _Keys:
    """Usable keys by the SHA-256 of their secret. Objects are shared between threads: treat them as read-only."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: OrderedDict[bytes, tuple[ApiKey, float]] = OrderedDict()
        self.met: OrderedDict[bytes, None] = OrderedDict()
        self.generation = 0

    def get(self, secret: str) -> ApiKey | None:
        """The key with this secret, or ``None``. Raises ``TooManyRequests`` when asked to look up too many guesses."""
        digest = sha256(secret.encode("utf-8", "surrogateescape")).digest()
        kept = self.kept.get(digest)
        if kept is not None and kept[1] > time.monotonic():
            return kept[0]
        generation = self.generation
        key = ApiKey.objects.select_related("app__merchant__plan").filter(digest=digest.hex()).first()
        with self.lock:
            if key is None:
                self.kept.pop(digest, None)
            elif generation == self.generation:  # else it may have been read before the change that cleared the memory
                self.kept[digest] = key, 0.0 if key.app.is_sandbox else time.monotonic() + REMEMBERED_FOR
                if len(self.kept) > MOST_REMEMBERED:
                    self.kept.popitem(last=False)
            if key is not None:
                self.met[digest] = None
                if len(self.met) > MOST_REMEMBERED:
                    self.met.popitem(last=False)
        return key

    def knows(self, secret: str) -> bool:
        """Whether this secret has opened an app before: its caller does not guess."""
        return sha256(secret.encode("utf-8", "surrogateescape")).digest() in self.met

    def forget(self) -> None:
        with self.lock:
            self.generation += 1
            self.kept.clear()


_keys = _Keys()


def forget_keys() -> None:
    """Makes the next call of every key ask the database. For changes that no model signal tells of (``update()``)."""
    _keys.forget()


def _changed(sender, update_fields=None, **kwargs) -> None:
    if update_fields and set(update_fields) <= {"last_used_at", "last_used_ip"}:
        return
    forget_keys()
    # a request between this save and its COMMIT would remember the old row
    transaction.on_commit(forget_keys, robust=True)


for _model in (ApiKey, App, Merchant, Plan):
    post_save.connect(_changed, sender=_model, dispatch_uid=f"api-keys-{_model.__name__}")
    post_delete.connect(_changed, sender=_model, dispatch_uid=f"api-keys-{_model.__name__}-deleted")


class _Guesses:
    """Failed attempts by network address in the present minute. In memory only: a stranger must not make us write."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.minute = 0
        self.counts: dict[str, int] = {}

    def left(self, address: str) -> int:
        minute = int(time.time()) // 60
        if minute != self.minute:
            return GUESSES_PER_MINUTE
        return max(0, GUESSES_PER_MINUTE - self.counts.get(address, 0))

    def count(self, address: str) -> None:
        minute = int(time.time()) // 60
        with self.lock:
            if minute != self.minute or len(self.counts) >= MOST_ADDRESSES:
                self.minute, self.counts = minute, {}
            self.counts[address] = self.counts.get(address, 0) + 1

    def forget(self) -> None:
        with self.lock:
            self.counts = {}


guesses = _Guesses()


def caller_ip(request: HttpRequest) -> str:
    """The network address that called us: a merchant's server or a browser. Behind our own proxy (``BEHIND_PROXY``) it
    is the last entry of ``X-Forwarded-For``, the only one that the proxy itself wrote."""
    if getattr(settings, "BEHIND_PROXY", False):
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        if forwarded:
            return forwarded[:45]
    return request.META.get("REMOTE_ADDR", "")


def network_of(address: str) -> str:
    """The address, or for IPv6 its /64: one subscriber holds them all."""
    return ":".join(address.split(":")[:4]) if ":" in address else address


def secret_of(request: HttpRequest) -> str:
    """The key as sent: ``x-api-key``, or a bearer token. Raises ``Unauthorized`` when absent, or when both differ."""
    meta = request.META
    sent = meta.get("HTTP_X_API_KEY", "").strip()
    authorization = meta.get("HTTP_AUTHORIZATION")
    if authorization:
        scheme, _, token = authorization.strip().partition(" ")
        token = token.strip()
        if scheme.lower() == "bearer" and token:
            if sent and sent != token:
                raise Unauthorized("ambiguous_key", "The request carries two different API keys.")
            return token
        if not sent:
            raise Unauthorized("unauthorized", "Send your API key as x-api-key, or as Authorization: Bearer.")
    if not sent:
        raise Unauthorized("unauthorized", "Send your API key in the x-api-key header.")
    return sent


def identify(request: HttpRequest) -> ApiKey:
    """The usable key of this request. Raises ``Unauthorized``; ``TooManyRequests`` to an address that guesses."""
    network = network_of(caller_ip(request))
    try:
        secret = secret_of(request)
        if len(secret) > 200:
            raise Unauthorized("unauthorized", "This API key is not valid.")
        if not guesses.left(network) and not _keys.knows(secret):
            raise _too_many_guesses()
        key = _keys.get(secret)
        # a page whose key has ended is told so, by the headers that let it read
        request.shut_key = key
        if key is None or key.revoked_at is not None:
            raise Unauthorized("unauthorized", "This API key is not valid.")
        if key.expires_at is not None and key.expires_at <= timezone.now():
            raise Unauthorized("key_expired", "This API key has expired.")
    except Unauthorized:
        if not guesses.left(network):
            raise _too_many_guesses() from None
        guesses.count(network)
        raise
    return key


def _too_many_guesses() -> DomainError:
    return TooManyRequests(
        "rate_limited",
        "Too many calls without a valid API key from this address.",
        retry_after=60 - int(time.time()) % 60,
    )


def guesses_left(request: HttpRequest) -> tuple[int, int, int]:
    """What ``RateLimit-*`` tells a caller without a key: limit, remaining, seconds until it starts anew."""
    return GUESSES_PER_MINUTE, guesses.left(network_of(caller_ip(request))), 60 - int(time.time()) % 60


def authorize(key: ApiKey, request: HttpRequest, *, publishable: bool, point_of_sale: bool = False) -> None:
    """Raises ``Forbidden`` where the app is suspended or the key's scope does not reach.

    ``publishable``: whether browsers may make this call; ``point_of_sale``: whether tills may.
    """
    if key.app.status != App.Status.ACTIVE:
        raise Forbidden("app_suspended", f"This app is {key.app.get_status_display().lower()}.")
    scope = key.scope
    if scope != ApiKey.Scope.PUBLISHABLE and request.META.get("HTTP_SEC_FETCH_SITE") in OTHER_SITES:
        raise Forbidden(
            "secret_key_in_browser",
            "This key is secret, and a web page has sent it: whoever opens the page can read it. Revoke it, and use a "
            "publishable key there.",
        )
    if scope == ApiKey.Scope.FULL:
        return
    if scope == ApiKey.Scope.READ:
        if request.method not in ("GET", "HEAD"):
            raise Forbidden("missing_scope", "This key may only read.")
    elif scope == ApiKey.Scope.POS:
        if not point_of_sale:
            raise Forbidden("missing_scope", "A point-of-sale key may only check and fulfil marketplace codes.")
    elif not publishable:
        raise Forbidden("missing_scope", "A publishable key cannot be used here.")
    elif not may_use(key.app, request.META.get("HTTP_ORIGIN", "")):
        raise Forbidden("missing_scope", "A publishable key works only from the allowed domains of its app.")


# --- browsers -------------------------------------------------------------------------------------------------------
def domains_of(origin: str) -> list[str]:
    """The entries of ``allowed_domains`` that admit an origin: its host with and without port, and wildcards above it.

    ``https://shop.example.com:8443`` is admitted by itself, ``shop.example.com:8443``, ``shop.example.com``,
    ``*.example.com`` and ``*.com``.
    """
    scheme, separator, host = origin.strip().lower().partition("://")
    if not separator or scheme not in ("http", "https") or not host or len(host) > 260:
        return []
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    labels = name.split(".")
    wildcards = ["*." + ".".join(labels[index:]) for index in range(1, len(labels))] if len(labels) <= 20 else []
    return [f"{scheme}://{host}", host, name, *wildcards]


def may_use(app: App, origin: str) -> bool:
    """Whether pages of this origin may use the app's publishable keys."""
    allowed = app.allowed_domains
    return bool(allowed) and any(domain in allowed for domain in domains_of(origin))


_origins: dict[str, tuple[bool, float]] = {}


def is_anyones(origin: str) -> bool:
    """Whether any app admits this origin. A preflight carries no key, so this is all that can be asked of it."""
    kept = _origins.get(origin)
    if kept is not None and kept[1] > time.monotonic():
        return kept[0]
    domains = domains_of(origin)
    allowed = bool(domains) and App.objects.filter(allowed_domains__overlap=domains).exists()
    if len(_origins) > 1000:
        _origins.clear()
    _origins[origin] = allowed, time.monotonic() + REMEMBERED_FOR
    return allowed
