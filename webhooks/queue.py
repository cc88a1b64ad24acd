"""The queue is the table of deliveries. These are its moves: claim, record, reap, hold. No row stays locked while a request is out.

Every result is fenced: it counts only while the delivery is still leased for the very send that it tells of (``sends = n``),
so a worker that comes back from the dead cannot overwrite what another has done since.
"""

import time
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from incenta.database import sql
from incenta.encryption import decrypt

from . import transport
from .models.secret import WebhookSecret, in_signing_order
from .standing import Standing

GRACE_S = 15
"""How much longer a lease is than the longest that its request can take: connecting and the answer's head are within the
endpoint's timeout, its body within another moment, and the result must be on record before anybody sends again."""
SMALLEST_MARGIN_S = 5
MOST_FAULTS, MOST_RECLAIMS = 5, 10
"""When a delivery is set aside: after so many tries under which our code stumbled, or under which its worker died. A death is
poor evidence: up to 255 others were out with it, and workers that are killed again and again are nobody's delivery's fault."""
SILENCE_S, DOUBT_S = 4, 4
"""A pump that has not been heard for so long is noted as silent, and one that stays so for as long again is dead: what it held is
taken back, long before the leases end. The second wait is for the living: where it was the database that stood still or was
away, all are silent when it is back, and each is heard again within a second."""
_reveal = lru_cache(maxsize=4096)(decrypt)
HEALTHY_A_CLAIM, SUSPECTS_A_CLAIM = 150, 50


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
    is_suspect: bool
    version: str
    claimed_at: float
    """Seconds since the epoch by the database's clock; this machine's may be wrong."""
    body: bytes
    heard_at: float
    """When the claim's answer came, by this machine's monotonic clock."""
    sealed: list[tuple[bool, str]] = field(default_factory=list)
    """The live secrets, oldest first: (is primary, encrypted)."""
    sealed_keys: list[str] = field(default_factory=list)
    """The live Ed25519 keys, oldest first, encrypted."""

    def now(self) -> float:
        """The present moment by the database's clock, in seconds since the epoch."""
        return self.claimed_at + time.monotonic() - self.heard_at

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
# Each lane has its own share of them: neither fills the other's place. An index finds what is due by statement_timestamp();
# clock_timestamp() may differ from row to row, so for it the whole backlog of the future would be read.
_ENDPOINTS = """
SELECT endpoint_id FROM (
  SELECT h.endpoint_id FROM webhooks_endpointhealth AS h JOIN webhooks_webhookendpoint AS e ON e.id = h.endpoint_id
  WHERE {lane} AND e.is_active AND (h.open_until IS NULL OR h.open_until <= statement_timestamp())
    AND EXISTS (SELECT 1 FROM webhooks_webhookdelivery AS d
      WHERE d.endpoint_id = h.endpoint_id AND d.state = 'pending' AND d.next_at <= statement_timestamp())
  ORDER BY h.last_served_at NULLS FIRST LIMIT least({most}, {slots}) FOR NO KEY UPDATE OF h SKIP LOCKED) AS {name}
"""
_LOCK = " UNION ALL ".join(
    [
        _ENDPOINTS.format(
            name="healthy",
            lane="h.lane = 'healthy' AND h.breaker = 'closed'",
            most=HEALTHY_A_CLAIM,
            slots="%(slots)s::int",
        ),
        _ENDPOINTS.format(
            name="suspect",
            lane="(h.lane = 'suspect' OR h.breaker <> 'closed')",
            most=SUSPECTS_A_CLAIM,
            slots="%(suspects)s::int",
        ),
    ]
)

# A statement of its own: what is leased must be counted in a snapshot taken after the lock. Who has least on its way comes
# first, so that receivers that hang, before anybody knows it, hold no more slots each than those that answer. What is replayed
# stands back like a retry: what happens now goes first. (A replay has at most 500 deliveries waiting to be stepped over.)
_DUE = """SELECT d.id, d.next_at, {retry} AS is_retry FROM webhooks_webhookdelivery AS d
      WHERE d.endpoint_id = room.id AND d.state = 'pending' AND {condition} AND d.next_at <= statement_timestamp()
      ORDER BY d.next_at LIMIT greatest(room.free, 0)"""
_CLAIM = f"""
WITH room AS (
  SELECT e.id, e.url, e.timeout_s, x.leased, h.lane = 'suspect' OR h.breaker <> 'closed' AS is_suspect,
    -- twice an equal share (or four) is looked at, not all that there is room for: most of that would be looked at in vain
    least(CASE WHEN h.lane = 'suspect' OR h.breaker <> 'closed' THEN 1 ELSE least(e.max_concurrency, h.effective_cap) END - x.leased,
      greatest(4, 2 * %(slots)s::int / cardinality(%(endpoints)s::text[]))) AS free
  FROM webhooks_webhookendpoint AS e JOIN webhooks_endpointhealth AS h ON h.endpoint_id = e.id
  CROSS JOIN LATERAL (SELECT count(*)::int AS leased FROM webhooks_webhookdelivery AS d
    WHERE d.endpoint_id = e.id AND d.state = 'leased') AS x
  WHERE e.id = ANY(%(endpoints)s::text[]) AND e.is_active
), candidate AS (
  SELECT d.id, room.url, room.timeout_s, room.is_suspect, d.is_retry, d.next_at,
    room.leased + row_number() OVER (PARTITION BY room.id ORDER BY d.is_retry, d.next_at) AS place
  FROM room CROSS JOIN LATERAL (
    SELECT * FROM ({_DUE.format(retry="FALSE", condition="d.failures = 0 AND d.trigger <> 'replay'")}) AS first
    UNION ALL
    SELECT * FROM ({_DUE.format(retry="TRUE", condition="(d.failures > 0 OR d.trigger = 'replay')")}) AS retries
    LIMIT greatest(room.free, 0)) AS d
), chosen AS (
  SELECT id, url, timeout_s, is_suspect FROM (
    SELECT *, row_number() OVER (PARTITION BY is_suspect ORDER BY place, is_retry, next_at) AS rank FROM candidate) AS ranked
  WHERE rank <= CASE WHEN is_suspect THEN %(suspects)s::int ELSE %(slots)s::int END
), due AS MATERIALIZED (
  SELECT chosen.* FROM chosen CROSS JOIN LATERAL (
    SELECT 1 FROM webhooks_webhookdelivery AS d WHERE d.id = chosen.id AND d.state = 'pending' LIMIT 1 FOR UPDATE SKIP LOCKED) AS d
), taken AS (
  UPDATE webhooks_webhookdelivery AS d SET state = 'leased', sends = sends + 1, lease = %(lease)s,
    lease_until = clock_timestamp() + make_interval(secs => due.timeout_s + {GRACE_S})
  FROM due WHERE d.id = due.id AND d.id = ANY(ARRAY(SELECT id FROM due))
  RETURNING d.id, d.app_id, d.endpoint_id, d.message_id, d.type, d.trigger, d.sends, d.failures, d.reclaims,
    due.url, due.timeout_s, due.is_suspect, d.version
), attempt AS (
  INSERT INTO webhooks_webhookattempt (app_id, delivery_id, n, started_at, url)
  SELECT app_id, id, sends, clock_timestamp(), url FROM taken
), served AS (
  UPDATE webhooks_endpointhealth SET last_served_at = clock_timestamp(),
    breaker = CASE WHEN breaker = 'open' THEN 'half_open' ELSE breaker END
  WHERE endpoint_id = ANY(ARRAY(SELECT endpoint_id FROM taken))
)
SELECT taken.*, extract(epoch FROM clock_timestamp())::float8, coalesce(b.body, m.body)
FROM taken JOIN webhooks_webhookmessage AS m ON m.id = taken.message_id
LEFT JOIN webhooks_webhookbody AS b ON b.message_id = m.id AND b.version = taken.version AND taken.version <> m.version
"""

# Asked once the claim is committed, right before its requests leave: an endpoint that was moved, paused or deleted meanwhile
# is not sent to where it was.
_AS_IT_IS = """
SELECT e.id, e.url, s.kind, s.is_primary, s.sealed FROM webhooks_webhookendpoint AS e
LEFT JOIN webhooks_webhooksecret AS s ON s.endpoint_id = e.id AND (s.expires_at IS NULL OR s.expires_at > statement_timestamp())
WHERE e.id = ANY(%(endpoints)s) AND e.is_active ORDER BY s.created_at, s.id
"""


def check_lease() -> None:
    """Raises ``ImproperlyConfigured`` where a lease could end before its request has: each would be sent twice."""
    if GRACE_S < transport.BODY_WAIT_S + SMALLEST_MARGIN_S:
        raise ImproperlyConfigured(f"A webhook's lease must outlive its request: GRACE_S is {GRACE_S}.")


def claim(slots: int, lease: UUID, *, suspects: int | None = None) -> list[Job]:
    """Takes up to ``slots`` due deliveries of healthy endpoints and ``suspects`` of suspect ones (a third of ``slots``, if not
    said) under ``lease``, within each endpoint's cap. Each already has its attempt's row.
    """
    limits = {"slots": max(slots, 0), "suspects": -(-slots // 3) if suspects is None else max(suspects, 0)}
    with transaction.atomic():
        endpoints = [row[0] for row in sql.rows(_LOCK, limits)]
        if not endpoints:
            return []
        taken = sql.rows(_CLAIM, limits | {"endpoints": endpoints, "lease": lease})
    if not taken:
        return []
    heard_at = time.monotonic()
    jobs = [Job(*row[:-1], body=bytes(row[-1]), heard_at=heard_at) for row in taken]
    return _as_they_are(jobs)


def _as_they_are(jobs: list[Job]) -> list[Job]:
    """The jobs with their secrets, without those whose endpoint has changed since: these are put back."""
    urls: dict[str, str] = {}
    sealed: dict[str, list[tuple[bool, str]]] = {}
    keys: dict[str, list[str]] = {}
    for endpoint_id, url, kind, is_primary, secret in sql.rows(
        _AS_IT_IS, {"endpoints": list({job.endpoint_id for job in jobs})}
    ):
        urls[endpoint_id] = url
        if kind == WebhookSecret.Kind.ED25519:
            keys.setdefault(endpoint_id, []).append(secret)
        elif kind is not None:
            sealed.setdefault(endpoint_id, []).append((is_primary, secret))
    withdrawn = [job for job in jobs if urls.get(job.endpoint_id) != job.url]
    if withdrawn:
        sql.execute(_WITHDRAW, {"jobs": sql.as_rows([{"id": job.id, "n": job.n} for job in withdrawn])})
    kept = [job for job in jobs if urls.get(job.endpoint_id) == job.url]
    for job in kept:
        job.sealed, job.sealed_keys = sealed.get(job.endpoint_id, []), keys.get(job.endpoint_id, [])
    return kept


_WITHDRAW = """
WITH r AS MATERIALIZED (SELECT * FROM json_to_recordset(%(jobs)s::json) AS r(id text, n int)), back AS (
  UPDATE webhooks_webhookdelivery AS d SET state = 'pending', lease = NULL, lease_until = NULL
  FROM r WHERE d.id = r.id AND d.state = 'leased' AND d.sends = r.n
)
UPDATE webhooks_webhookattempt AS a SET ended_at = clock_timestamp(), error = 'withdrawn' FROM r WHERE a.delivery_id = r.id AND a.n = r.n
"""


# A result that comes late counts as well while nobody has sent the delivery again: what was delivered was delivered.
_RECORD = """
WITH r AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(results)s::json) AS r(id text, n int, state text, failures int, reclaims int, wait_s float8,
    status int, error text, ms int, ip text, request_headers jsonb, response_headers jsonb, response_body text)
), attempt AS (
  UPDATE webhooks_webhookattempt AS a SET ended_at = clock_timestamp(), status = r.status, error = r.error, ms = r.ms, ip = r.ip,
    request_headers = r.request_headers, response_headers = r.response_headers, response_body = r.response_body
  FROM r WHERE a.delivery_id = r.id AND a.n = r.n
)
UPDATE webhooks_webhookdelivery AS d SET
  state = r.state, failures = r.failures, reclaims = r.reclaims, lease = NULL, lease_until = NULL,
  last_status = r.status, last_error = r.error,
  next_at = CASE WHEN r.wait_s IS NULL THEN d.next_at ELSE clock_timestamp() + make_interval(secs => r.wait_s) END,
  done_at = CASE WHEN r.state IN ('delivered', 'failed', 'quarantined') THEN clock_timestamp() END
FROM r WHERE d.id = r.id AND d.sends = r.n
  AND (d.state = 'leased' OR (d.state IN ('pending', 'held', 'quarantined') AND d.last_error = 'abandoned'))
RETURNING d.id, d.endpoint_id
"""

# In the order of their ids: two pumps that record at once must not wait for each other.
_STANDINGS = """
SELECT h.endpoint_id, h.app_id, e.max_concurrency, h.lane, h.effective_cap, h.slow_strikes, h.recent_ms, h.quick_streak, h.breaker,
  h.open_until, h.open_s, h.consecutive_failures, h.first_failure_at, h.last_failure_at, h.last_success_at, h.notified_level,
  clock_timestamp()
FROM webhooks_endpointhealth AS h JOIN webhooks_webhookendpoint AS e ON e.id = h.endpoint_id
WHERE h.endpoint_id = ANY(%(endpoints)s) ORDER BY h.endpoint_id FOR NO KEY UPDATE OF h
"""

_KEEP = """
WITH r AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(standings)s::json) AS r(endpoint_id text, app_id text, lane text, effective_cap int,
    slow_strikes int, recent_ms int[], quick_streak int, breaker text, open_until timestamptz, open_s int, consecutive_failures int,
    first_failure_at timestamptz, last_failure_at timestamptz, last_success_at timestamptz, notified_level int,
    good int, bad int, latency int[])
), hour AS (
  INSERT INTO webhooks_endpointhour AS h (app_id, endpoint_id, hour, good, bad, latency)
  SELECT app_id, endpoint_id, date_trunc('hour', clock_timestamp(), 'UTC'), good, bad, latency FROM r WHERE good + bad > 0
  ON CONFLICT (endpoint_id, hour) DO UPDATE SET good = h.good + excluded.good, bad = h.bad + excluded.bad,
    latency = ARRAY(SELECT o + n FROM unnest(h.latency, excluded.latency) AS u(o, n))
)
UPDATE webhooks_endpointhealth AS h SET
  lane = r.lane, effective_cap = r.effective_cap, slow_strikes = r.slow_strikes, recent_ms = r.recent_ms, quick_streak = r.quick_streak,
  breaker = r.breaker, open_until = r.open_until, open_s = r.open_s, consecutive_failures = r.consecutive_failures,
  first_failure_at = r.first_failure_at, last_failure_at = r.last_failure_at, last_success_at = r.last_success_at,
  notified_level = r.notified_level
FROM r WHERE h.endpoint_id = r.endpoint_id
"""

# Only what the answer was about: an endpoint that has moved since is not gone.
_GONE = """
UPDATE webhooks_webhookendpoint AS e
SET is_active = FALSE, disabled_reason = 'gone', disabled_at = clock_timestamp(), updated_at = clock_timestamp()
FROM webhooks_webhookdelivery AS d JOIN webhooks_webhookattempt AS a ON a.delivery_id = d.id AND a.n = d.sends
WHERE d.id = ANY(%(ids)s) AND d.state = 'leased' AND e.id = d.endpoint_id AND e.url = a.url AND e.is_active
"""


def record(results: list[Result]) -> None:
    """Writes a batch of results in one transaction, and what they change for their endpoints, in the same. An endpoint that
    answered 410 is disabled in it."""
    with transaction.atomic():
        # first the endpoint, then its health: the order in which a merchant's change locks them
        if gone := [result.id for result in results if result.status == 410]:
            sql.execute(_GONE, {"ids": gone})
        counted = dict(sql.rows(_RECORD, {"results": sql.as_rows([asdict(result) for result in results])}))
        heard: dict[str, list[Result]] = {}
        for result in results:
            if result.id in counted and not result.is_ours:
                heard.setdefault(counted[result.id], []).append(result)
        if heard:
            _keep(heard)


def _keep(heard: dict[str, list[Result]]) -> None:
    standings = []
    for *row, now in sql.rows(_STANDINGS, {"endpoints": list(heard)}):
        standing = Standing(*row)
        for result in heard[standing.endpoint_id]:
            standing.hear(result.error, result.status, result.ms, now)
        standings.append(asdict(standing))
    sql.execute(_KEEP, {"standings": sql.as_rows(standings)})


def suspect(endpoints: list[str]) -> None:
    """Notes that these have several requests out that are slow already: their answers will say so, but only in a while."""
    with transaction.atomic():
        standings = []
        for *row, _ in sql.rows(_STANDINGS, {"endpoints": endpoints}):
            standing = Standing(*row)
            standing.suspect()
            standings.append(asdict(standing))
        sql.execute(_KEEP, {"standings": sql.as_rows(standings)})


# After the first, reclaims are spread out: if one of them brings the worker down, it should not be in the same company again.
_REAP = f"""
WITH lost AS (
  SELECT id FROM webhooks_webhookdelivery WHERE state = 'leased' AND (lease_until < statement_timestamp() OR lease IN (
    SELECT id FROM webhooks_pump WHERE silent_since < statement_timestamp() - make_interval(secs => {DOUBT_S})))
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


_BEAT = """
INSERT INTO webhooks_pump (id, seen_at) VALUES (%(pump)s, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, silent_since = NULL
"""
# A transaction of its own, which waits for nobody: two pumps that note each other's silence must not stand in a ring.
_MISS = f"""
WITH silent AS (
  SELECT id FROM webhooks_pump WHERE id <> %(pump)s AND silent_since IS NULL
    AND seen_at < clock_timestamp() - make_interval(secs => {SILENCE_S}) FOR UPDATE SKIP LOCKED
)
UPDATE webhooks_pump AS p SET silent_since = clock_timestamp() FROM silent WHERE p.id = silent.id
"""


def beat(pump: UUID) -> None:
    """Says that the pump which leases under ``pump`` lives, and notes who else has not said so for ``SILENCE_S``."""
    sql.execute(_BEAT, {"pump": pump})
    sql.execute(_MISS, {"pump": pump})


def leave(pump: UUID) -> None:
    """Says that this pump is done, and holds nothing any more."""
    sql.execute("DELETE FROM webhooks_pump WHERE id = %(pump)s", {"pump": pump})


def reap() -> int:
    """Takes back what a dead worker held: its failures are as they were, for it was not the receiver's fault."""
    return sql.execute(_REAP)


def hold() -> int:
    """Keeps what is pending for disabled endpoints. Answers how many rows."""
    return sql.execute(_HOLD)
