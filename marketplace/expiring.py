"""Codes that nobody used in time: each ends by the clock of the app whose user it is, and coins return by the listing's policy."""

import logging
from datetime import datetime

from django.db import InterfaceError, OperationalError
from django.db.models import Min, Q
from django.utils import timezone

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql

from . import redemptions
from .models import Redemption, RedemptionStatus

logger = logging.getLogger(__name__)

BATCH = 100
"""Redemptions that end in one transaction."""

# most clocks run, and the index of what is due serves them; a clock that stands still is asked of its own rows
_APPS = """
SELECT DISTINCT r.app_id FROM marketplace_redemption r JOIN accounts_app a ON a.id = r.app_id
WHERE r.status = 'PENDING' AND r.expires_at <= %(now)s AND a.clock_frozen_at IS NULL
UNION SELECT a.id FROM accounts_app a WHERE a.clock_frozen_at IS NOT NULL AND EXISTS (
  SELECT FROM marketplace_redemption r WHERE r.app_id = a.id AND r.status = 'PENDING' AND r.expires_at <= a.clock_frozen_at)
"""


def expire_all() -> int:
    """Expires what is due in every app, each by its own clock. Answers how many redemptions."""
    expired = 0
    due = [app_id for (app_id,) in sql.rows(_APPS, {"now": timezone.now()})]
    for app in App.objects.filter(pk__in=due).order_by("pk"):
        try:
            expired += expire(app)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("the redemptions of %s could not be expired", app.pk)
    return expired


def expire(app: App) -> int:
    """Expires what is due in one app, in batches that may be killed and repeated. Answers how many redemptions."""
    expired = 0
    waits = Redemption.objects.filter(app=app, status=RedemptionStatus.PENDING, held_at=None)
    after: tuple[datetime, str] | None = None
    while True:
        due = waits.filter(expires_at__lte=clock.now(app)).order_by("expires_at", "pk")
        if after is not None:  # past those that somebody else settles at the moment, too
            due = due.filter(Q(expires_at=after[0], pk__gt=after[1]) | Q(expires_at__gt=after[0]))
        batch = list(due.values_list("expires_at", "pk", "user_id")[:BATCH])
        if not batch:
            return expired
        expired += redemptions.expire(app, [(pk, user_id) for _, pk, user_id in batch])
        after = batch[-1][:2]


def next_due(app: App) -> datetime | None:
    """When the next code of the app's users expires."""
    waits = Redemption.objects.filter(app=app, status=RedemptionStatus.PENDING, held_at=None)
    return waits.filter(expires_at__gt=clock.now(app)).aggregate(due=Min("expires_at"))["due"]
