"""Points that expire: the lots whose time has come, wallet by wallet, each by an entry of its own."""

import logging
from datetime import datetime

from django.db import InterfaceError, OperationalError
from django.db.models import Exists, Min, OuterRef

from incenta import clock
from incenta.accounts.models import App
from incenta.database.sql import transaction_joined
from incenta.money import COIN, TOKEN

from . import ledger
from .models import Lot

logger = logging.getLogger(__name__)

BATCH = 200
"""Wallets that are locked at once."""


def expire_all() -> int:
    """Expires what is due in every app, each by its own clock. Answers how many lots."""
    expired = 0
    for app in App.objects.filter(Exists(Lot.objects.filter(app=OuterRef("pk"), remaining__gt=0))).order_by("pk"):
        try:
            expired += expire(app)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("the points of %s could not be expired", app.pk)
    return expired


def expire(app: App) -> int:
    """Expires what is due in one app, in batches that may be killed and repeated. Answers how many lots.

    Who is due is read without a lock; the wallets are then locked, before their lots as everywhere, and looked at again.
    """
    expired = 0
    after = ""
    while True:
        due = Lot.objects.filter(app=app, remaining__gt=0, expires_at__lte=clock.now(app), wallet__user_id__gt=after)
        users = list(due.order_by("wallet__user_id").values_list("wallet__user_id", flat=True).distinct()[:BATCH])
        if not users:
            return expired
        expired += _batch(app, users)
        after = users[-1]


def next_due(app: App) -> datetime | None:
    """When the next points of the app expire."""
    left = Lot.objects.filter(app=app, remaining__gt=0, expires_at__gt=clock.now(app))
    return left.aggregate(due=Min("expires_at"))["due"]


def _batch(app: App, users: list[str]) -> int:
    with transaction_joined():
        wallets = ledger.lock(app, users, create=False)
        expired = []
        for asset in (COIN, TOKEN):
            wallets.load_lots([wallet.user_id for wallet in wallets], asset)
            for wallet in wallets:
                expired += wallets.expire_due(wallet.user_id, asset)
        wallets.save()
        return len(expired)
