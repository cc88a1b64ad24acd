"""Bells: what is due stands in rows, so a task may be lost, repeated or late."""

import logging

from celery import shared_task
from django.utils import timezone

from incenta.accounts.models import App

from . import backfilling, boards, expiring, farming, ledger
from .models import LedgerCheck

logger = logging.getLogger("incentives")


@shared_task(name="incentives.fold_boards")
def fold_boards() -> None:
    """Folds what the boards have pending into scores and ranks."""
    while boards.fold() >= boards.FOLDED_AT_ONCE:
        pass


@shared_task(name="incentives.verify_ledgers")
def verify_ledgers() -> None:
    """Recounts every app's books; drift is an error that somebody must look at, for nothing of ours can make it."""
    for app in App.objects.order_by("id").iterator():
        found = ledger.verify(app)
        if not found["ok"]:
            logger.error("The ledger of %s does not add up: %s", app.pk, found["drift"][:10])
        told = {"ok": found["ok"], "findings": found["drift"], "checked_at": timezone.now()}
        LedgerCheck.objects.update_or_create(app=app, defaults=told)


@shared_task(name="incentives.run_backfills")
def run_backfills() -> None:
    """Goes on with the backfills that are asked for."""
    backfilling.run_all()


@shared_task(name="incentives.expire_points")
def expire_points() -> None:
    """Expires the points whose time has come."""
    expiring.expire_all()


@shared_task(name="incentives.look_for_farming")
def look_for_farming() -> None:
    """Looks at those who earned or redeemed since the last look."""
    farming.look_all()
