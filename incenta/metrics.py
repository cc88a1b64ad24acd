"""What Prometheus is told of the installation, read from the database when it asks: the figures of all machines, not of the
process that happens to answer. ``docs/operate/alerts.yaml`` says which of them somebody should be woken for.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from incenta import heartbeat
from incenta.celery import app as celery
from incenta.database import sql
from incenta.events import checking, feed_offset

MOST_COUNTED = 100_000

_STATE = f"""
SELECT
  (SELECT count(*) FROM (SELECT FROM events_event WHERE dispatched_at IS NULL LIMIT {MOST_COUNTED}) AS waiting),
  (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0) FROM (
     SELECT recorded_at FROM events_event WHERE dispatched_at IS NULL ORDER BY id LIMIT 100) AS oldest),
  (SELECT count(*) FROM events_stuckevent),
  (SELECT count(*) FROM incentives_ledgercheck WHERE NOT ok),
  (SELECT extract(epoch FROM clock_timestamp() - coalesce(
     (SELECT max(checked_at) FROM incentives_ledgercheck), (SELECT min(created_at) FROM accounts_app), clock_timestamp()))),
  (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) FROM pg_stat_activity
     WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()),
  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
  current_setting('max_connections')::int
"""
_CALLS = """
SELECT coalesce(sum(calls - failed), 0)::bigint, coalesce(sum(failed), 0)::bigint, coalesce(sum(limited), 0)::bigint
FROM api_callday WHERE day = %(today)s
"""
_SIGNS = """
SELECT name, label, value, extract(epoch FROM clock_timestamp() - at) FROM events_vitalsign ORDER BY name, label
"""


class InstallationCollector(Collector):
    """Five statements a scrape, at any size: what waits is counted up to a hundred thousand."""

    def collect(self) -> Iterator:
        waiting, oldest, stuck, drifting, checked, transaction_age, connections, most_connections = sql.row(_STATE)
        yield _gauge("incenta_events_undispatched", f"Events that nobody has acted on, up to {MOST_COUNTED}.", waiting)
        yield _gauge("incenta_events_oldest_undispatched_seconds", "How far the dispatch of events is behind.", oldest)
        yield _gauge("incenta_events_stuck", "Events on which a subscriber fails, set aside and tried again.", stuck)
        yield _gauge("incenta_ledgers_drifting", "Apps whose books the last recount found wrong.", drifting)
        yield _gauge("incenta_ledger_check_age_seconds", "How long ago a ledger was last recounted.", checked)
        yield _gauge(
            "incenta_feed_held_up_seconds",
            "How long the oldest writing transaction is open: the feed of events ends before it.",
            transaction_age,
        )
        yield _gauge(
            "incenta_feed_behind",
            "1 where the database was restored and the feed's offset was not raised: manage.py after_restore.",
            feed_offset.is_behind(),
        )
        yield _gauge("incenta_database_connections", "Connections to the database server.", connections)
        yield _gauge("incenta_database_connections_limit", "How many connections it takes.", most_connections)
        applied = MigrationRecorder(connection).applied_migrations()
        yield _gauge(
            "incenta_migrations_pending", "Migrations that have not run.", len(known_migrations() - set(applied))
        )
        yield _calls()
        yield from _signs()


@lru_cache(maxsize=1)
def known_migrations() -> frozenset[tuple[str, str]]:
    """Those that this code brings."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, max(float(value), 0.0))


def _calls() -> CounterMetricFamily:
    answered, failed, limited = sql.row(_CALLS, {"today": datetime.now(UTC).date()})
    family = CounterMetricFamily(
        "incenta_api_calls", "Calls of the API since midnight UTC, up to a second ago.", labels=["outcome"]
    )
    for outcome, value in (("answered", answered), ("failed", failed), ("limited", limited)):
        family.add_metric([outcome], value)
    return family


def _signs() -> Iterator:
    mismatches = CounterMetricFamily(
        "event_schema_mismatches", "Events looked at whose data is not what the catalogue promises.", labels=["type"]
    )
    runs = CounterMetricFamily("incenta_task_runs", "Runs of the schedule's tasks.", labels=["task", "outcome"])
    ages = GaugeMetricFamily(
        "incenta_task_last_success_age_seconds", "How long ago a task last ended well.", labels=["task"]
    )
    periods = GaugeMetricFamily("incenta_task_period_seconds", "How often it should run.", labels=["task"])
    for name, label, value, age in sql.rows(_SIGNS):
        if name == checking.MISMATCHES:
            mismatches.add_metric([label], value)
        elif name == heartbeat.SUCCEEDED:
            runs.add_metric([label, "succeeded"], value)
            ages.add_metric([label], max(float(age), 0.0))
        elif name == heartbeat.FAILED:
            runs.add_metric([label, "failed"], value)
    for line in celery.conf.beat_schedule.values():
        periods.add_metric([line["task"]], line["schedule"])
    yield from (mismatches, runs, ages, periods)
