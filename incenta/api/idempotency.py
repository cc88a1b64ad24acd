"""``Idempotency-Key``: the same request sent again gets the first answer again, and is not done again.

At most two statements a request. The first takes an advisory lock that PostgreSQL drops with the transaction, however
that ends, and reads the stored answer; the second stores the answer in the transaction of the work. There is no
half-done state to clean up: a crash leaves neither work nor record nor lock.
"""

from datetime import timedelta
from hashlib import blake2b

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone

from incenta.api.models import IdempotencyRecord
from incenta.database import sql
from incenta.encryption import decrypt, encrypt
from incenta.errors import Conflict, DomainError, InvalidInput, TooManyRequests

LONGEST_KEY = 255


class InProgress(Conflict):
    code = "idempotency_in_progress"
    retry_after = 1

    def __init__(self) -> None:
        super().__init__(message="A request with this Idempotency-Key is still being processed.")


class Reused(DomainError):
    status = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(message="This Idempotency-Key was used for a different request.")


# the left join reads what was committed when the statement began; a request that finishes between that and our lock
# is noticed when our own answer is stored
_LOOK = """
SELECT pg_try_advisory_xact_lock(%(lock)s::bigint), kept.request_hash, kept.status, kept.body, kept.is_encrypted
FROM (SELECT 1) AS one
LEFT JOIN api_idempotencyrecord AS kept ON kept.app_id = %(app)s AND kept.key = %(key)s
"""
_KEEP = """
INSERT INTO api_idempotencyrecord (app_id, key, request_hash, status, body, is_encrypted, created_at)
VALUES (%(app)s, %(key)s, %(hash)s, %(status)s, %(body)s, %(is_encrypted)s, clock_timestamp())
ON CONFLICT (app_id, key) DO NOTHING
"""


class Claim:
    """One request's hold on its key. The key is the app's: live and sandbox do not meet."""

    def __init__(self, app_id: str, key: str, request_hash: bytes, *, is_secret: bool):
        self.app_id = app_id
        self.key = key
        self.request_hash = request_hash
        self.is_secret = is_secret
        digest = blake2b(f"{app_id}\n{key}".encode(), digest_size=8, person=b"idempotency").digest()
        self.lock = int.from_bytes(digest, "big", signed=True)

    def replay(self) -> HttpResponse | None:
        """The stored answer, or ``None`` where the work is ours to do: until the transaction ends, ours alone.

        Raises ``InProgress`` or ``Reused``.
        """
        is_ours, request_hash, status, body, is_encrypted = sql.row(
            _LOOK, {"lock": self.lock, "app": self.app_id, "key": self.key}
        )
        if request_hash is not None:
            if bytes(request_hash) != self.request_hash:
                raise Reused
            if is_encrypted:
                body = decrypt(body)
            response = HttpResponse(body, status=status, content_type="application/json")
            if not body:
                del response.headers["Content-Type"]
            response.headers["Idempotency-Replayed"] = "true"
            return response
        if not is_ours:
            raise InProgress
        return None

    def keep(self, response: HttpResponse) -> bool:
        """Stores the answer; ``False`` where another one is stored already."""
        body = response.content.decode()
        params = {
            "app": self.app_id,
            "key": self.key,
            "hash": self.request_hash,
            "status": response.status_code,
            "body": encrypt(body) if self.is_secret else body,
            "is_encrypted": self.is_secret,
        }
        return sql.execute(_KEEP, params) == 1


def claim(request, *, is_secret: bool = False) -> Claim | None:
    """The claim of a POST that carries a key, else ``None``. Raises ``InvalidInput`` for a key that cannot be one."""
    inner = request._request
    key = inner.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None or inner.method != "POST" or not hasattr(inner, "app"):
        return None
    if not key or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        sentence = f"Must be 1 to {LONGEST_KEY} printable ASCII characters."
        raise InvalidInput({"Idempotency-Key": [sentence]})
    if request.is_browser:
        # all browsers hold the same key: what one user sends under a name of his is no answer to another user, nor to the server
        key = "browser\n" + blake2b(f"{request.own_user}\n{key}".encode(), digest_size=16).hexdigest()
    path = inner.path_info.removeprefix("/api").rstrip("/")
    request_hash = blake2b(digest_size=16)
    for part in (inner.method, path, inner.META.get("QUERY_STRING", "")):
        request_hash.update(part.encode() + b"\n")
    request_hash.update(inner.body)
    return Claim(request.app.id, key, request_hash.digest(), is_secret=is_secret)


def is_final(status: int) -> bool:
    """Whether an answer that a handler gave with this status is the answer for good."""
    return status < 500 and status != 429


def is_remembered(error: DomainError) -> bool:
    """Whether a refusal is the answer to the request for good. What was refused before it began is not: it may be sent
    again, corrected, with the same key."""
    return (
        400 <= error.status < 500
        and error.status not in (401, 405, 413, 415)
        and not isinstance(error, InvalidInput | TooManyRequests | InProgress | Reused)
    )


def purge(batch: int = 5_000) -> int:
    """Deletes records past their time, in batches. Answers how many."""
    cutoff = timezone.now() - timedelta(hours=settings.IDEMPOTENCY_KEEP_HOURS)
    total = 0
    while True:
        old = IdempotencyRecord.objects.filter(created_at__lt=cutoff).values("pk")[:batch]
        deleted, _ = IdempotencyRecord.objects.filter(pk__in=old).delete()
        total += deleted
        if deleted < batch:
            return total
