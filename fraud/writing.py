"""What a look writes down: who was seen with what, the sighting, the score, and when to look again. Spliced into the programme's own
write statement, so that a request that scores has no statement more for it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from incenta.accounts.models import App
from incenta.database import sql
from incenta.encryption import encrypt

from . import keys
from .context import Context
from .models import KeyKind

_WRITE: Final = """fraud_links AS (
  INSERT INTO fraud_link (app_id, kind, key, user_id, companion, first_seen, last_seen)
  SELECT %(app_id)s, kind, key, user_id, companion, at, at
  FROM json_to_recordset(%(fraud)s::json -> 'links') AS l(kind smallint, key bigint, user_id text, companion bigint,
    at timestamptz){condition}
  ORDER BY kind, key, user_id
  ON CONFLICT (app_id, kind, key, user_id) DO UPDATE SET
    first_seen = least(fraud_link.first_seen, excluded.first_seen), last_seen = greatest(fraud_link.last_seen, excluded.last_seen)
  WHERE excluded.last_seen > fraud_link.last_seen + interval '10 minutes' OR excluded.first_seen < fraud_link.first_seen
),
fraud_sightings AS (
  INSERT INTO fraud_sighting (app_id, subject_type, subject_id, user_id, at, kinds, keys, shown, raw)
  SELECT %(app_id)s, subject_type, subject_id, user_id, at, kinds, keys, shown, raw
  FROM json_to_recordset(%(fraud)s::json -> 'sightings') AS s(subject_type text, subject_id text, user_id text, at timestamptz,
    kinds smallint[], keys bigint[], shown jsonb, raw text){condition}
),
fraud_scores AS (
  INSERT INTO fraud_score (id, app_id, subject_type, subject_id, campaign_id, stage, score, action, shadow_action, reasons, features,
    coverage, flip, rule_version, is_degraded, at)
  SELECT id, %(app_id)s, subject_type, subject_id, campaign_id, stage, score, action, shadow_action, reasons, features,
    coverage, flip, rule_version, is_degraded, at
  FROM json_to_recordset(%(fraud)s::json -> 'scores') AS s(id text, subject_type text, subject_id text, campaign_id text, stage text,
    score int, action text, shadow_action text, reasons jsonb, features jsonb, coverage text[], flip jsonb, rule_version int,
    is_degraded bool, at timestamptz){condition}
),
fraud_rescores AS (
  INSERT INTO fraud_rescore (app_id, subject_type, subject_id, stage, due_at)
  SELECT %(app_id)s, subject_type, subject_id, stage, due_at
  FROM json_to_recordset(%(fraud)s::json -> 'rescores') AS r(subject_type text, subject_id text, stage text, due_at timestamptz){condition}
  ON CONFLICT (app_id, subject_id, stage) DO NOTHING
)"""
WRITE: Final = _WRITE.replace("{condition}", "")
"""CTEs that write a look's rows: splice them into the programme's own write statement, which binds ``app_id`` and, from
``Look.parameters()``, ``fraud``."""


def write_when(condition: str) -> str:
    """``WRITE`` that writes only where ``condition`` holds, such as that another CTE has made its row."""
    return _WRITE.replace("{condition}", f"\n  WHERE {condition}")


def written(*, links=(), sightings=(), scores=(), rescores=()) -> dict[str, str]:
    told = {"links": list(links), "sightings": list(sightings), "scores": list(scores), "rescores": list(rescores)}
    return {"fraud": json.dumps(told, default=datetime.isoformat, separators=(",", ":"))}


def link_rows(app: App, seen: Context, user_id: str | None, referrer_id: str | None, at: datetime) -> list[dict]:
    """Who was seen with what, in the order in which all writers take the rows."""
    if user_id is None or not seen.sent:
        return []
    found = keys.of(app, seen, referrer_id=referrer_id if referrer_id != user_id else None)
    with_address = keys.companion(app, seen)
    referrer = keys.of_user(app, referrer_id) if referrer_id and referrer_id != user_id else None
    return [
        {
            "kind": int(kind),
            "key": key,
            "user_id": user_id,
            "companion": with_address if kind == KeyKind.IP else referrer,
            "at": at,
        }
        for kind, key in sorted(found.items())
    ]


def sighting_row(
    seen: Context, *, subject_type: str, subject_id: str, user_id: str | None, at: datetime, links: Sequence[Mapping]
) -> dict:
    """One sighting: hashes, the masked text, and what was sent, encrypted."""
    return {
        "subject_type": subject_type,
        "subject_id": subject_id,
        "user_id": user_id,
        "at": at,
        "kinds": [link["kind"] for link in links],
        "keys": [link["key"] for link in links],
        "shown": keys.shown(seen),
        "raw": encrypt(json.dumps(dict(seen.sent))),
    }


def seen_parameters(
    app: App,
    *,
    subject_type: str,
    subject_id: str,
    user_id: str | None,
    seen: Context,
    referrer_id: str | None,
    at: datetime,
) -> dict[str, str]:
    """The parameter of ``WRITE`` for what is only noted and not judged: a click, an event."""
    links = link_rows(app, seen, user_id, referrer_id, at)
    # nobody is linked by a click without a name; whose device it was is known all the same
    pairs = links or [{"kind": int(kind), "key": key} for kind, key in keys.of(app, seen).items()]
    told = {"subject_type": subject_type, "subject_id": subject_id, "user_id": user_id, "at": at, "links": pairs}
    return written(links=links, sightings=[sighting_row(seen, **told)] if seen.sent else [])


def see(
    app: App,
    *,
    subject_type: str,
    subject_id: str,
    user_id: str | None,
    context: Context,
    referrer_id: str | None = None,
    at: datetime,
) -> None:
    """Notes what was seen of a user at one call, without judging it; one statement, none where nothing was sent."""
    if context.sent:
        given = seen_parameters(
            app,
            subject_type=subject_type,
            subject_id=subject_id,
            user_id=user_id,
            seen=context,
            referrer_id=referrer_id,
            at=at,
        )
        sql.row(f"WITH {WRITE} SELECT 1", given | {"app_id": app.pk})


@dataclass(frozen=True, slots=True)
class Seen:
    """One call at which a user was seen."""

    subject_type: str
    subject_id: str
    user_id: str | None
    context: Context
    at: datetime


def see_all(app: App, calls: Sequence[Seen]) -> None:
    """As ``see``, of many calls in one statement; none where nothing was sent."""
    links: dict[tuple[int, int, str], dict] = {}
    sightings = []
    for call in calls:
        if not call.context.sent:
            continue
        own = link_rows(app, call.context, call.user_id, None, call.at)
        told = {"subject_type": call.subject_type, "subject_id": call.subject_id, "user_id": call.user_id}
        sightings.append(sighting_row(call.context, at=call.at, links=own, **told))
        for link in own:
            # a statement changes a row once: of several calls of one user with one key the first stands for all
            links.setdefault((link["kind"], link["key"], link["user_id"]), link)
    if sightings:
        given = written(links=[links[name] for name in sorted(links)], sightings=sightings)
        sql.row(f"WITH {WRITE} SELECT 1", given | {"app_id": app.pk})
