"""Forgetting: after 90 days what was seen of people is no longer known in the clear, and who used an address not at all; a year after
a case was closed, the files beside it go.

By each app's own clock, in batches that may be killed and repeated. Hashes, masked text, scores and their snapshots stay.
"""

from datetime import timedelta
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql

from . import attachments, presence
from .models import Attachment, KeyKind, Link, Sighting

AFTER = timedelta(days=90)
BATCH = 5_000

_SIGHTINGS = f"""
UPDATE fraud_sighting SET raw = NULL WHERE id IN (
  SELECT id FROM fraud_sighting WHERE app_id = %(app_id)s AND raw IS NOT NULL AND at < %(before)s
  ORDER BY at LIMIT {BATCH} FOR UPDATE SKIP LOCKED)
"""
# in the order in which all writers take the rows
_LINKS = f"""
WITH old AS (
  SELECT kind, key, user_id FROM fraud_link WHERE app_id = %(app_id)s AND kind = {KeyKind.IP} AND last_seen < %(before)s
  ORDER BY kind, key, user_id LIMIT {BATCH} FOR UPDATE SKIP LOCKED)
DELETE FROM fraud_link l USING old
WHERE l.app_id = %(app_id)s AND l.kind = old.kind AND l.key = old.key AND l.user_id = old.user_id
"""


def forget_all() -> int:
    """Forgets what is old in every app. Answers how many rows."""
    presence.forget()
    ours = (Sighting, Link, Attachment)
    some = reduce(or_, (Exists(model.objects.filter(app=OuterRef("pk"))) for model in ours))
    return sum(forget(app) for app in App.objects.filter(some).order_by("pk"))


def forget(app: App) -> int:
    """Forgets what is old in one app. Answers how many rows."""
    asked = {"app_id": app.pk, "before": clock.now(app) - AFTER}
    gone = 0
    for statement in (_SIGHTINGS, _LINKS):
        while done := sql.execute(statement, asked):
            gone += done
            if done < BATCH:
                break
    return gone + attachments.forget(app)
