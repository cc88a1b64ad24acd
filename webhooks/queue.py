"""The queue is the table of deliveries. These are its moves: claim, record, reap, hold. No row stays locked while a request is out.

Every result is fenced: it counts only while the delivery is still leased for the very send that it tells of (``sends = n``),
so a worker that comes back from the dead cannot overwrite what another has done since.
"""

from dataclasses import asdict, dataclass, field
from functools import lru_cache
from uuid import UUID

from django.db import transaction

from incenta.database import sql
from incenta.encryption import decrypt

from .models.secret import WebhookSecret, in_signing_order

GRACE_S = 15
"""How much longer a lease is than the longest that its request can take."""
MOST_RECLAIMS = 5
_reveal = lru_cache(maxsize=4096)(decrypt)
ENDPOINTS_A_CLAIM = 200


@dataclass
class Job:
    """One claimed delivery, with all that its request needs."""

    id: str
    app_id: str
    endpoint_id: str
    message_id: str
    type: str
    trigger: str
    n: int
    failures: int
    reclaims: int
    url: str
    timeout_s: int
    version: str
    body: bytes
    sealed: list[tuple[bool, str]]
    """The live secrets, oldest first: (is primary, encrypted)."""
    sealed_keys: list[str] = field(default_factory=list)
    """The live Ed25519 keys, oldest first, encrypted."""

    def secrets(self) -> list[str]:
        """In signing order. Raises ``InvalidToken`` where our keys do not open them, ``LookupError`` where there are none."""
        if not self.sealed:
            raise LookupError(f"{self.endpoint_id} has no live secret")
        return in_signing_order([(is_primary, _reveal(sealed)) for is_primary, sealed in self.sealed])

    def keys(self) -> list[str]:
        """The Ed25519 keys, newest first. Raises ``InvalidToken``."""
        return [_reveal(sealed) for sealed in reversed(self.sealed_keys)]


@dataclass
class Result:
    """What became of one send, as the row it becomes."""

    id: str
    n: int
    state: str
    failures: int
    reclaims: int
    wait_s: float | None
    status: int | None
    error: str | None
    ms: int
    ip: str | None
    request_headers: dict[str, str]
    response_headers: dict[str, str]
    response_body: str
    is_ours: bool = False
    """Our own fault: the endpoint's health is not touched."""

    def without_details(self) -> "Result":
        """What is left to record when the receiver's answer will not go into the database."""
        return Result(**asdict(self) | {"ip": None, "request_headers": {}, "response_headers": {}, "response_body": ""})


# Locks the health rows first, so that caps hold across processes; an endpoint that another pump is busy with is skipped.
_LOCK = f"""
SELECT h.endpoint_id FROM webhooks_endpointhealth AS h JOIN webhooks_webhookendpoint AS e ON e.id = h.endpoint_id
WHERE e.is_active AND (h.open_until IS NULL OR h.open_until <= clock_timestamp())
  AND EXISTS (SELECT 1 FROM webhooks_webhookdelivery AS d
    WHERE d.endpoint_id = h.endpoint_id AND d.state = 'pending' AND d.next_at <= clock_timestamp())
ORDER BY h.last_served_at NULLS FIRST LIMIT {ENDPOINTS_A_CLAIM} FOR NO KEY UPDATE OF h SKIP LOCKED
"""

# A statement of its own: what is leased must be counted in a snapshot taken after the lock.
_CLAIM = f"""
WITH room AS (
  SELECT e.id, e.url, e.timeout_s, least(e.max_concurrency, h.effective_cap) - (
    SELECT count(*) FROM webhooks_webhookdelivery AS x WHERE x.endpoint_id = e.id AND x.state = 'leased') AS free
  FROM webhooks_webhookendpoint AS e JOIN webhooks_endpointhealth AS h ON h.endpoint_id = e.id
  WHERE e.id = ANY(%(endpoints)s) AND e.is_active
), due AS (
  SELECT d.id, room.url, room.timeout_s FROM room CROSS JOIN LATERAL (
    SELECT id FROM webhooks_webhookdelivery WHERE endpoint_id = room.id AND state = 'pending' AND next_at <= clock_timestamp()
    ORDER BY next_at LIMIT greatest(room.free, 0) FOR UPDATE SKIP LOCKED) AS d
  LIMIT %(slots)s
), taken AS (
  UPDATE webhooks_webhookdelivery AS d SET state = 'leased', sends = sends + 1, lease = %(lease)s,
    lease_until = clock_timestamp() + make_interval(secs => due.timeout_s + {GRACE_S})
  FROM due WHERE d.id = due.id
  RETURNING d.id, d.app_id, d.endpoint_id, d.message_id, d.type, d.trigger, d.sends, d.failures, d.reclaims,
    due.url, due.timeout_s, d.version
), attempt AS (
  INSERT INTO webhooks_webhookattempt (app_id, delivery_id, n, started_at, url)
  SELECT app_id, id, sends, clock_timestamp(), url FROM taken
), served AS (
  UPDATE webhooks_endpointhealth SET last_served_at = clock_timestamp() WHERE endpoint_id IN (SELECT endpoint_id FROM taken)
)
SELECT taken.*, coalesce(b.body, m.body) FROM taken JOIN webhooks_webhookmessage AS m ON m.id = taken.message_id
LEFT JOIN webhooks_webhookbody AS b ON b.message_id = m.id AND b.version = taken.version AND taken.version <> m.version
"""

_SECRETS = """
SELECT endpoint_id, kind, is_primary, sealed FROM webhooks_webhooksecret
WHERE endpoint_id = ANY(%(endpoints)s) AND (expires_at IS NULL OR expires_at > clock_timestamp()) ORDER BY created_at, id
"""


def claim(slots: int, lease: UUID) -> list[Job]:
    """Takes up to ``slots`` due deliveries under ``lease``, within each endpoint's cap; each already has its attempt's row."""
    with transaction.atomic():
        endpoints = [row[0] for row in sql.rows(_LOCK)]
        if not endpoints:
            return []
        taken = sql.rows(_CLAIM, {"endpoints": endpoints, "slots": slots, "lease": lease})
        if not taken:
            return []
        sealed: dict[str, list[tuple[bool, str]]] = {}
        keys: dict[str, list[str]] = {}
        for endpoint_id, kind, is_primary, secret in sql.rows(_SECRETS, {"endpoints": list({row[2] for row in taken})}):
            if kind == WebhookSecret.Kind.ED25519:
                keys.setdefault(endpoint_id, []).append(secret)
            else:
                sealed.setdefault(endpoint_id, []).append((is_primary, secret))
    return [
        Job(*row[:-1], body=bytes(row[-1]), sealed=sealed.get(row[2], []), sealed_keys=keys.get(row[2], []))
        for row in taken
    ]


# Health rows are locked in the order of their ids: two pumps that record at once must not wait for each other.
_RECORD = """
WITH r AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(results)s::json) AS r(id text, n int, state text, failures int, reclaims int, wait_s float8,
    status int, error text, ms int, ip text, request_headers jsonb, response_headers jsonb, response_body text, is_ours boolean)
), done AS (
  UPDATE webhooks_webhookdelivery AS d SET
    state = r.state, failures = r.failures, reclaims = r.reclaims, lease = NULL, lease_until = NULL,
    last_status = r.status, last_error = r.error,
    next_at = CASE WHEN r.wait_s IS NULL THEN d.next_at ELSE clock_timestamp() + make_interval(secs => r.wait_s) END,
    done_at = CASE WHEN r.state IN ('delivered', 'failed', 'quarantined') THEN clock_timestamp() END
  FROM r WHERE d.id = r.id AND d.state = 'leased' AND d.sends = r.n
  RETURNING d.endpoint_id, r.error, r.is_ours
), attempt AS (
  UPDATE webhooks_webhookattempt AS a SET ended_at = clock_timestamp(), status = r.status, error = r.error, ms = r.ms, ip = r.ip,
    request_headers = r.request_headers, response_headers = r.response_headers, response_body = r.response_body
  FROM r WHERE a.delivery_id = r.id AND a.n = r.n
), tally AS (
  SELECT endpoint_id, count(*) FILTER (WHERE error IS NULL) AS good, count(*) FILTER (WHERE error IS NOT NULL) AS bad
  FROM done WHERE NOT is_ours GROUP BY endpoint_id
), health AS (
  SELECT h.endpoint_id, tally.good, tally.bad FROM webhooks_endpointhealth AS h JOIN tally ON tally.endpoint_id = h.endpoint_id
  ORDER BY h.endpoint_id FOR NO KEY UPDATE OF h
)
UPDATE webhooks_endpointhealth AS h SET
  consecutive_failures = CASE WHEN health.good > 0 THEN 0 ELSE h.consecutive_failures + health.bad END,
  first_failure_at = CASE WHEN health.good > 0 THEN NULL ELSE coalesce(h.first_failure_at, clock_timestamp()) END,
  last_failure_at = CASE WHEN health.bad > 0 THEN clock_timestamp() ELSE h.last_failure_at END,
  last_success_at = CASE WHEN health.good > 0 THEN clock_timestamp() ELSE h.last_success_at END
FROM health WHERE h.endpoint_id = health.endpoint_id
"""

_GONE = """
UPDATE webhooks_webhookendpoint
SET is_active = FALSE, disabled_reason = 'gone', disabled_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE is_active AND id IN (SELECT endpoint_id FROM webhooks_webhookdelivery WHERE id = ANY(%(ids)s))
"""


def record(results: list[Result]) -> None:
    """Writes a batch of results in one transaction. An endpoint that answered 410 is disabled in it."""
    with transaction.atomic():
        # first the endpoint, then its health: the order in which a merchant's change locks them
        if gone := [result.id for result in results if result.status == 410]:
            sql.execute(_GONE, {"ids": gone})
        sql.execute(_RECORD, {"results": sql.as_rows([asdict(result) for result in results])})


# After the first, reclaims are spread out: if one of them brings the worker down, it should not be in the same company again.
_REAP = f"""
WITH lost AS (
  SELECT id FROM webhooks_webhookdelivery WHERE state = 'leased' AND lease_until < clock_timestamp()
  ORDER BY lease_until LIMIT 1000 FOR UPDATE SKIP LOCKED
), back AS (
  UPDATE webhooks_webhookdelivery AS d SET reclaims = reclaims + 1, lease = NULL, lease_until = NULL, last_error = 'abandoned',
    state = CASE WHEN reclaims + 1 >= {MOST_RECLAIMS} THEN 'quarantined' ELSE 'pending' END,
    done_at = CASE WHEN reclaims + 1 >= {MOST_RECLAIMS} THEN clock_timestamp() END,
    next_at = clock_timestamp() + make_interval(secs => reclaims * 20 * random())
  FROM lost WHERE d.id = lost.id RETURNING d.id, d.sends
)
UPDATE webhooks_webhookattempt AS a SET error = 'abandoned' FROM back
WHERE a.delivery_id = back.id AND a.n = back.sends AND a.ended_at IS NULL
"""

_HOLD = """
WITH parked AS (
  SELECT d.id FROM webhooks_webhookendpoint AS e CROSS JOIN LATERAL (
    SELECT id FROM webhooks_webhookdelivery WHERE endpoint_id = e.id AND state = 'pending' LIMIT 1000 FOR UPDATE SKIP LOCKED) AS d
  WHERE NOT e.is_active LIMIT 1000
)
UPDATE webhooks_webhookdelivery AS d SET state = 'held' FROM parked WHERE d.id = parked.id
"""


def reap() -> int:
    """Takes back what a dead worker held: its failures are as they were, for it was not the receiver's fault."""
    return sql.execute(_REAP)


def hold() -> int:
    """Keeps what is pending for disabled endpoints. Answers how many rows."""
    return sql.execute(_HOLD)
