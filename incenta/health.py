"""Whether the process lives (``/healthz``), whether the installation works (``/readyz``), and its figures (``/metrics``).

A load balancer asks ``/healthz``. ``/readyz`` is for deploys and monitoring: it fails for a broker that is down, while
the API answers on without it. ``/metrics`` is for Prometheus: from this machine, or with ``METRICS_TOKEN``.
"""

import ipaddress
import logging
import secrets
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.urls import path
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from incenta.api.authentication import caller_ip
from incenta.celery import app as celery
from incenta.events import feed_offset
from incenta.metrics import InstallationCollector, known_migrations
from webhooks.metrics import WebhookCollector

logger = logging.getLogger(__name__)


def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process can answer at all. Touches nothing else."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 where every check passes, else 503: ``{"status", "checks": {name: {"ok", …}}}``."""
    checks = {name: _run(check) for name, check in CHECKS.items()}
    ready = all(check["ok"] for check in checks.values())
    response = JsonResponse(
        {"status": "ok" if ready else "unavailable", "checks": checks}, status=200 if ready else 503
    )
    response._has_been_logged = True  # type: ignore[attr-defined] - whoever asked has the answer
    return response


def _run(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"ok": True} | check()
    except DatabaseError:
        # The connection may be a dead one that this process keeps: the next check opens another.
        connection.close()
        return {"ok": False, "error": "The database does not answer."}
    except Exception as error:
        logger.warning("A readiness check failed: %r", error)
        return {"ok": False, "error": type(error).__name__}


def _database() -> dict[str, Any]:
    try:
        _one("SELECT 1")
    except DatabaseError:
        connection.close()  # the server was restarted since this process last asked
        _one("SELECT 1")
    return {}


def _migrations() -> dict[str, Any]:
    applied = MigrationRecorder(connection).applied_migrations()
    pending = sorted(f"{app}.{name}" for app, name in known_migrations() - set(applied))
    return {"ok": not pending, "pending": pending}


def _broker() -> dict[str, Any]:
    with celery.connection_for_write() as broker:
        broker.ensure_connection(max_retries=0, timeout=1)
        # Kombu's virtual transports call an open channel a connection, so ask for one.
        broker.default_channel  # noqa: B018
    return {}


def _events() -> dict[str, Any]:
    """``oldestUndispatchedSeconds``: how far delivery is behind, 0 where nothing waits. Late events alone are no failure."""
    age = _one(
        "SELECT extract(epoch FROM clock_timestamp() - min(recorded_at)) FROM events_event WHERE dispatched_at IS NULL"
    )
    return {"oldestUndispatchedSeconds": round(max(float(age or 0), 0), 3)}


def _feed() -> dict[str, Any]:
    """Fails where the database was restored into another cluster and ``manage.py after_restore`` has not run yet."""
    return {"ok": not feed_offset.is_behind()}


def _ledgers() -> dict[str, Any]:
    """``drifting``: the apps whose books the last recount of the night found wrong. They stay until a recount is right."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_id FROM incentives_ledgercheck WHERE NOT ok ORDER BY app_id LIMIT 100")
        drifting = [app_id for (app_id,) in cursor.fetchall()]
    return {"ok": not drifting, "drifting": drifting}


CHECKS: dict[str, Callable[[], dict[str, Any]]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "events": _events,
    "feed": _feed,
    "ledgers": _ledgers,
}


def _one(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


# --- metrics --------------------------------------------------------------------------------------------------------
# Not the process-wide registry of the library: its figures would be those of whichever web server happens to answer.
REGISTRY = CollectorRegistry()
REGISTRY.register(InstallationCollector())
REGISTRY.register(WebhookCollector())


def metrics(request: HttpRequest) -> HttpResponse:
    """The figures for Prometheus; 404 for everybody else, 503 while the database is away."""
    if not _may_read_metrics(request):
        return HttpResponseNotFound("Not found.", content_type="text/plain")
    try:
        return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
    except DatabaseError:
        connection.close()
        return HttpResponse("The database does not answer.", status=503, content_type="text/plain")


def _may_read_metrics(request: HttpRequest) -> bool:
    """With ``Authorization: Bearer METRICS_TOKEN``, or straight from this machine: what a proxy on it forwards is not."""
    kind, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if settings.METRICS_TOKEN and kind.lower() == "bearer":
        return secrets.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    if any(name in request.META for name in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")):
        return False
    try:
        return ipaddress.ip_address(caller_ip(request)).is_loopback
    except ValueError:
        return False


urlpatterns = [path("healthz", healthz), path("readyz", readyz), path("metrics", metrics)]
