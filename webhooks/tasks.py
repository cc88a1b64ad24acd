"""Bells for the pump, the look at failing endpoints, and the purge."""

from celery import shared_task

from . import drain as draining
from . import replaying, retention, trouble


@shared_task(name="webhooks.drain")
def drain() -> None:
    """Sends what is due, for a short while, unless another worker is at it."""
    draining.drain()


@shared_task(name="webhooks.health")
def health() -> None:
    """Tells whose endpoints fail for days, and disables those that are given up."""
    trouble.look()


@shared_task(name="webhooks.purge")
def purge() -> None:
    """Deletes what is past its time."""
    retention.purge()


@shared_task(name="webhooks.run_replays")
def run_replays() -> None:
    """Takes each replay that is under way a step further."""
    replaying.run()
