"""What Prometheus is told of webhooks, read from the database when it asks: pumps live in other processes than the web server.

The backlog and the breakers are counted where they stand; requests, their durations, reclaims and lost rings are added up in
rows (``models/count.py``) by those who see them, a second late at most. A killed pump takes its last second with it.
"""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from incenta.database import sql

from .models.health import LATENCY_BOUNDS_MS
from .queue import Result
from .standing import bucket_of

MOST_COUNTED = 1_000_000
ATTEMPTS, LATENCY, LATENCY_SUM = "attempts", "latency", "latency_sum_ms"
RECLAIMS, DOORBELL_ERRORS, CLOCK_SKEWS = "reclaims", "doorbell_errors", "clock_skews"
WRONG_CLOCK_S = 5.0
"""A clock that is further from the database's than this is told of; nothing but Prometheus depends on it."""

_BACKLOG = f"""
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(next_at)), 0)
FROM (SELECT next_at FROM webhooks_webhookdelivery WHERE state = 'pending' LIMIT {MOST_COUNTED}) AS pending
"""
_BREAKERS = """
SELECT count(*) FROM webhooks_endpointhealth AS h JOIN webhooks_webhookendpoint AS e ON e.id = h.endpoint_id
WHERE h.breaker <> 'closed' AND e.is_active
"""
_COUNTS = "SELECT name, label, sum(value)::bigint FROM webhooks_pumpcount GROUP BY name, label ORDER BY name, label"


def counts_of(result: Result) -> dict[tuple[str, str], int]:
    """What one request adds to the counters: (name, label) to how much."""
    return {
        (ATTEMPTS, result.error or "delivered"): 1,
        (LATENCY, str(bucket_of(result.ms))): 1,
        (LATENCY_SUM, ""): result.ms,
    }


class WebhookCollector(Collector):
    """Three statements a scrape, however much was sent; a backlog is counted up to a million."""

    def collect(self) -> Iterator:
        pending, overdue_s = sql.row(_BACKLOG)
        yield GaugeMetricFamily(
            "webhook_pending", f"Deliveries that wait for their time or their turn, up to {MOST_COUNTED}.", pending
        )
        yield GaugeMetricFamily(
            "webhook_oldest_pending_seconds",
            "How long the longest overdue delivery has waited beyond its time.",
            max(float(overdue_s), 0.0),
        )
        yield GaugeMetricFamily(
            "webhook_breaker_open", "Active endpoints that are sent nothing, or one probe.", sql.row(_BREAKERS)[0]
        )
        counts = {(name, label): value for name, label, value in sql.rows(_COUNTS)}
        attempts = CounterMetricFamily("webhook_attempts", "Requests by what became of them.", labels=["result"])
        for (name, label), value in counts.items():
            if name == ATTEMPTS:
                attempts.add_metric([label], value)
        yield attempts
        yield _latency(counts)
        for metric, text, name in (
            ("webhook_reclaims", "Deliveries taken back from pumps that died.", RECLAIMS),
            ("webhook_doorbell_errors", "Rings that the broker did not take.", DOORBELL_ERRORS),
            ("webhook_clock_skews", f"Claims by a machine whose clock is over {WRONG_CLOCK_S:g} s off.", CLOCK_SKEWS),
        ):
            yield CounterMetricFamily(metric, text, counts.get((name, ""), 0))


def _latency(counts: dict[tuple[str, str], int]) -> HistogramMetricFamily:
    buckets, total = [], 0
    for place, bound in enumerate((*LATENCY_BOUNDS_MS, None)):
        total += counts.get((LATENCY, str(place)), 0)
        buckets.append(("+Inf" if bound is None else str(bound / 1000), total))
    return HistogramMetricFamily(
        "webhook_latency_seconds", "How long requests took.", buckets, counts.get((LATENCY_SUM, ""), 0) / 1000
    )
