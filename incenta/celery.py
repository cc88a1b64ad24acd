"""The Celery app, its queues, and what beat rings when.

Celery only rings bells and lends processes: what is to be done, and when, stands in rows. So a task may be lost, repeated
or late, no result is kept, and no task is scheduled by Celery's own countdowns.
"""

import logging.config
import os
import warnings
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, setup_logging, worker_init, worker_process_init
from kombu import Queue

from incenta import broker, heartbeat, lifeline

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "incenta.settings")

from django.conf import settings

QUEUES = ("incenta", "webhooks")
"""``webhooks`` is apart because its drains run for long: whoever waits there must not hold up the rest."""

QUEUE_ARGUMENTS = {"x-queue-type": "quorum"} if settings.QUORUM_QUEUES else None
"""Celery's workers see it, and set their prefetch count for themselves alone, as quorum queues want it."""

app = Celery("incenta")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_default_queue="incenta",
    task_queues=[Queue(name, queue_arguments=QUEUE_ARGUMENTS) for name in QUEUES],
    task_routes={
        # mails and the purge may take minutes, and would hold the drains up; a drain would hold the replays up
        "webhooks.health": {"queue": "incenta"},
        "webhooks.purge": {"queue": "incenta"},
        "webhooks.run_replays": {"queue": "incenta"},
        "webhooks.*": {"queue": "webhooks"},
    },
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    # A publisher waits a second at most for a broker that hangs, and does not try again: beat's sweep finds the row.
    task_publish_retry=False,
    broker_connection_timeout=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_soft_shutdown_timeout=8,
    beat_schedule_filename=str(settings.DATA_DIR / "beat-schedule"),
    # Where queues are quorum queues Celery makes 28 more for tasks with a countdown. We have none: let them be cheap ones.
    broker_native_delayed_delivery_queue_type="classic",
)
if settings.CELERY_BROKER_URL.startswith("filesystem:"):
    app.conf.broker_url = "filesystem://localhost"  # kombu warns of a URL without a host
    app.conf.broker_transport = "incenta.broker:Transport"
    app.conf.broker_transport_options = broker.prepare(settings.DATA_DIR / "broker")
elif settings.CELERY_BROKER_URL.startswith(("redis:", "rediss:", "sentinel:")):
    app.conf.broker_transport_options = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0}
elif settings.CELERY_BROKER_URL.startswith(("amqp:", "amqps:", "pyamqp:")):
    app.conf.broker_transport_options = {"read_timeout": 1, "write_timeout": 1, "max_retries": 0}
app.autodiscover_tasks(["incenta.accounts", "incenta.api", "incenta.events", "incenta.dashboard"])
app.autodiscover_tasks()

AGAIN = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}


def every(task: str, seconds: float, **kwargs: Any) -> dict[str, Any]:
    """One line of the schedule. A bell that nobody heard before the next one rings is worth nothing: it expires.

    Beat has one connection for good, and only a second try opens another: without it a beat whose RabbitMQ was restarted
    rang nothing any more.
    """
    options = {"expires": max(seconds, 10), "retry": True, "retry_policy": AGAIN}
    return {"task": task, "schedule": seconds, "kwargs": kwargs, "options": options}


app.conf.beat_schedule = {
    "dispatch events": every("events.dispatch", 2),
    "drain webhooks": every("webhooks.drain", 2),
    "look at webhooks": every("webhooks.health", 60),
    "run webhook replays": every("webhooks.run_replays", 2),
    "fold stats": every("referrals.fold_stats", 5),
    "sweep rewards": every("referrals.sweep_rewards", 30),
    "fold boards": every("incentives.fold_boards", 2),
    "run backfills": every("incentives.run_backfills", 10),
    "look for farming": every("incentives.look_for_farming", 60),
    "expire points": every("incentives.expire_points", 30),
    "expire redemptions": every("marketplace.expire_redemptions", 30),
    "watch stock": every("marketplace.watch_stock", 30),
    "decide due cases": every("fraud.decide_due_cases", 60),
    "run backtests": every("fraud.run_backtests", 10),
    "look again": every("fraud.look_again", 10),
    "forget addresses": every("fraud.forget", 86_400),
    "verify ledgers": every("incentives.verify_ledgers", 86_400),
    "purge webhooks": every("webhooks.purge", 3_600),
    "purge API records": every("api.purge", 3_600),
}


@setup_logging.connect
def log_as_everybody(**_: Any) -> None:
    """Workers and beat log in the one format (``LOG_FORMAT``, ``LOG_LEVEL``) that web processes log in."""
    logging.config.dictConfig(settings.LOGGING)


@celeryd_init.connect
def wait_as_worker(conf: Any, **_: Any) -> None:
    """A worker waits for the broker as long as it takes: the publisher's short time-outs are not for it."""
    for name in ("socket_timeout", "read_timeout", "write_timeout", "max_retries"):
        conf.broker_transport_options.pop(name, None)
    conf.broker_connection_timeout = 4
    app.amqp.Connection = broker.WorkersConnection
    if str(conf.broker_url).startswith(("redis:", "rediss:", "sentinel:")):
        broker.forgive_lost_acknowledgements()


@worker_init.connect
def be_heard(**_: Any) -> None:
    """``/metrics`` tells when each task of the schedule last ended well."""
    heartbeat.listen({line["task"] for line in app.conf.beat_schedule.values()})


if lifeline.is_supervised():
    # Root on one's own machine, or in a container, needs no telling at each start.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")


@worker_process_init.connect
def end_with_the_worker(**_: Any) -> None:
    if lifeline.is_supervised():
        lifeline.watch_parent()
