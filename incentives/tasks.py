"""Bells: what is due stands in rows, so a task may be lost, repeated or late."""

import logging

from celery import shared_task

from incenta.accounts.models import App

from . import boards, ledger

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
