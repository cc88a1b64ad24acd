"""Bells: what is due stands in rows, so a task may be lost, repeated or late."""

from celery import shared_task

from . import expiring, low_stock


@shared_task(name="marketplace.expire_redemptions")
def expire_redemptions() -> None:
    """Expires the codes whose time has come."""
    expiring.expire_all()


@shared_task(name="marketplace.watch_stock")
def watch_stock() -> None:
    """Notes the listings of which few are left."""
    low_stock.watch()
