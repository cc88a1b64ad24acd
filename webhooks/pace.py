"""How endpoints fare, to be read: success, latency, backlog, breaker, and the bar of the last 24 hours.

Made of the hours that the pump writes with its results, so it costs the same however much was sent. Hours are UTC and real
time, also for a sandbox app with a clock of its own: what is measured here is a server, and its hours are those of the wall.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from incenta.accounts.models import App
from incenta.database import sql

from .models import WebhookEndpoint
from .models.health import LATENCY_BOUNDS_MS

HOURS = 24
MOST_COUNTED = 10_000
"""A backlog is counted up to here; one row more says that there are more."""


@dataclass(frozen=True, slots=True)
class Hour:
    """Requests of one hour; ``hour`` is its first moment."""

    hour: datetime
    good: int
    bad: int


@dataclass(frozen=True, slots=True)
class EndpointPace:
    """How one endpoint fares. Counts of requests, rate and percentiles are of the 24 hours of ``hours``."""

    lane: str
    """``healthy``, or ``suspect``: it was slow and gets one request at a time."""
    breaker: str
    """``closed``; ``open``: nothing is sent before ``next_probe_at``; ``half_open``: one request is asking whether it is well."""
    next_probe_at: datetime | None
    """None while the breaker is closed."""
    consecutive_failures: int
    failing_since: datetime | None
    """Start of the present run of nothing but failures; None where the latest request succeeded, or none was made."""
    last_success_at: datetime | None
    last_failure_at: datetime | None
    good: int
    bad: int
    success_rate: float | None
    """From 0 to 1; None where nothing was sent."""
    p50_ms: int | None
    p95_ms: int | None
    """How long requests took, failed ones too, interpolated within their bucket; None where nothing was sent."""
    pending: int
    """Deliveries on their way: waiting for their time, their turn or an answer. More than MOST_COUNTED: there are more."""
    waiting_since: datetime | None
    """When the longest overdue of them became due; None where nothing is overdue."""
    held: int
    """Deliveries kept while the endpoint is disabled, counted like ``pending``."""
    hours: tuple[Hour, ...]
    """The last 24, oldest first, the present one last; quiet ones too."""


_STANDING = f"""
SELECT h.endpoint_id, h.lane, h.breaker, h.open_until, h.consecutive_failures, h.first_failure_at, h.last_success_at, h.last_failure_at,
  waiting.n + leased.n, overdue.since, held.n, date_trunc('hour', statement_timestamp(), 'UTC')
FROM webhooks_endpointhealth AS h
CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT FROM webhooks_webhookdelivery AS d
  WHERE d.endpoint_id = h.endpoint_id AND d.state = 'pending' LIMIT {MOST_COUNTED + 1}) AS x) AS waiting
CROSS JOIN LATERAL (SELECT count(*) AS n FROM webhooks_webhookdelivery AS d
  WHERE d.endpoint_id = h.endpoint_id AND d.state = 'leased') AS leased
CROSS JOIN LATERAL (SELECT min(d.next_at) AS since FROM webhooks_webhookdelivery AS d
  WHERE d.endpoint_id = h.endpoint_id AND d.state = 'pending' AND d.next_at <= statement_timestamp()) AS overdue
CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT FROM webhooks_webhookdelivery AS d
  WHERE d.endpoint_id = h.endpoint_id AND d.state = 'held' LIMIT {MOST_COUNTED + 1}) AS x) AS held
WHERE h.app_id = %(app)s AND h.endpoint_id = ANY(%(endpoints)s)
"""
_HOURS = f"""
SELECT endpoint_id, hour, good, bad, latency FROM webhooks_endpointhour
WHERE endpoint_id = ANY(%(endpoints)s)
  AND hour > date_trunc('hour', statement_timestamp(), 'UTC') - interval '{HOURS} hours' AND hour <= statement_timestamp()
"""


def health_of(endpoint: WebhookEndpoint) -> EndpointPace:
    """How this endpoint fares. Two statements."""
    return paces(endpoint.app_id, [endpoint])[endpoint.pk]


def paces(app: App | str, endpoints: Iterable[WebhookEndpoint]) -> dict[str, EndpointPace]:
    """How these endpoints of the app (or of the app with that id) fare, by endpoint id. Two statements for any number."""
    app_id = app if isinstance(app, str) else app.pk
    asked = [endpoint.pk for endpoint in endpoints]
    if not asked:
        return {}
    standings = sql.rows(_STANDING, {"app": app_id, "endpoints": asked})
    measured: dict[str, dict[datetime, tuple]] = {}
    for endpoint_id, hour, *figures in sql.rows(_HOURS, {"endpoints": [standing[0] for standing in standings]}):
        measured.setdefault(endpoint_id, {})[hour] = tuple(figures)
    return {standing[0]: _pace(standing, measured.get(standing[0], {})) for standing in standings}


def _pace(standing: tuple, measured: dict[datetime, tuple]) -> EndpointPace:
    _, lane, breaker, open_until, failures, failing_since, success_at, failure_at, pending, since, held, present = (
        standing
    )
    quiet = (0, 0, [0] * (len(LATENCY_BOUNDS_MS) + 1))
    each = [(present - timedelta(hours=HOURS - 1 - n)) for n in range(HOURS)]
    figures = [measured.get(hour, quiet) for hour in each]
    good, bad = sum(figure[0] for figure in figures), sum(figure[1] for figure in figures)
    latency = [sum(counts) for counts in zip(*(figure[2] for figure in figures), strict=True)]
    return EndpointPace(
        lane=lane,
        breaker=breaker,
        next_probe_at=None if breaker == "closed" else open_until,
        consecutive_failures=failures,
        failing_since=failing_since,
        last_success_at=success_at,
        last_failure_at=failure_at,
        good=good,
        bad=bad,
        success_rate=good / (good + bad) if good + bad else None,
        p50_ms=percentile(latency, 0.50),
        p95_ms=percentile(latency, 0.95),
        pending=pending,
        waiting_since=since,
        held=held,
        hours=tuple(Hour(hour, figure[0], figure[1]) for hour, figure in zip(each, figures, strict=True)),
    )


def percentile(latency: Sequence[int], share: float) -> int | None:
    """Milliseconds under which ``share`` of the requests stayed, by counts in the buckets of ``LATENCY_BOUNDS_MS``.

    Within a bucket its requests are taken to be spread evenly; of the last one, which has no end, only its start is known.
    """
    total = sum(latency)
    if not total:
        return None
    wanted, passed, lower = total * share, 0, 0
    for upper, count in zip(LATENCY_BOUNDS_MS, latency, strict=False):
        if count and passed + count >= wanted:
            return round(lower + (upper - lower) * (wanted - passed) / count)
        passed, lower = passed + count, upper
    return lower
