"""Getting to know participants: their row is made when they are first heard of."""

from collections.abc import Iterable
from datetime import datetime

from incenta.database import sql
from incenta.ids import new_id

from .models import App

_SEEN = """
INSERT INTO accounts_participant (id, app_id, external_id, username, email, first_seen_at, last_seen_at)
SELECT id, app_id, external_id, username, email, seen_at, seen_at
FROM json_to_recordset(%(people)s::json) AS p(id text, app_id text, external_id text, username text, email text, seen_at timestamptz)
ORDER BY app_id, external_id
ON CONFLICT (app_id, external_id) DO UPDATE SET
  username = coalesce(nullif(excluded.username, ''), accounts_participant.username),
  email = coalesce(nullif(excluded.email, ''), accounts_participant.email),
  first_seen_at = least(accounts_participant.first_seen_at, excluded.first_seen_at),
  last_seen_at = greatest(accounts_participant.last_seen_at, excluded.last_seen_at)
"""


def introduce(app: App, external_id: str, *, username: str = "", email: str = "", at: datetime) -> None:
    """Notes what the client told of one person."""
    _write(
        [
            {
                "id": new_id("usr"),
                "app_id": app.pk,
                "external_id": external_id,
                "username": username[:255],
                "email": email[:254],
                "seen_at": at,
            }
        ]
    )


def seen(sightings: Iterable[tuple[str, str, datetime]]) -> None:
    """Notes that people were heard of: (app id, external id, when), any number of them, repeats welcome."""
    latest: dict[tuple[str, str], datetime] = {}
    for app_id, external_id, at in sightings:
        latest[app_id, external_id] = max(at, latest.get((app_id, external_id), at))
    _write(
        [
            {
                "id": new_id("usr"),
                "app_id": app_id,
                "external_id": external_id,
                "username": "",
                "email": "",
                "seen_at": at,
            }
            for (app_id, external_id), at in latest.items()
        ]
    )


def _write(people: list[dict]) -> None:
    if people:
        sql.execute(_SEEN, {"people": sql.as_rows(people)})
