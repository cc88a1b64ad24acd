"""Evidence: the queries for facts. One read tells who else was seen with a user's keys, the newest first and capped, so that an
address of 200,000 users costs no more than a rare one; what is marked as a hub is not looked at at all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import OperationalError
from prometheus_client import Counter

from incenta.accounts.models import App
from incenta.database import sql
from incenta.encryption import decrypt

from . import keys
from .context import Context, normal_email
from .models import KeyKind

CUT_SHORT = Counter("incenta_fraud_looks_cut_short", "Looks that took longer than they may.")
PATIENCE_MS: Final = 50
"""After this the look is cut short: what is known by then is scored, and the rest is looked at soon."""
NEWEST: Final = 52
"""Of a key: the user himself and 51 others."""
EARLIER: Final = 10
"""Keys that the user was seen with before, beside those of this call."""

IS_KNOWN: Final = "EXISTS (SELECT FROM fraud_link WHERE app_id = %(app_id)s AND user_id = %(fraud_user)s)"
"""A scalar for the caller's own first statement, which binds ``app_id`` and ``fraud_user``: whether this user was seen with any key.
Where he was not and no context came either, there is nothing to look at."""

IS_OF_FRIEND: Final = """EXISTS (
      SELECT FROM fraud_sighting s WHERE s.app_id = %(app_id)s AND s.subject_id = {click}
        AND s.keys && %(fraud_keys)s::bigint[]
        AND (%(fraud_agent)s::text IS NULL OR s.shown ->> 'userAgent' = %(fraud_agent)s::text))"""
"""Whether a click without a name was made on the device of whom is looked at now; where no device is known, at his address and with his
user agent. For a statement of the caller's own, which fills in the click's id and binds ``app_id`` and ``click_of(…)``."""


def click_of(app: App, context: Context) -> dict[str, object]:
    """The parameters of ``IS_OF_FRIEND``; no keys where nothing would tell him from others."""
    now_keys = keys.of(app, context)
    if KeyKind.DEVICE in now_keys:
        return {"fraud_keys": [now_keys[KeyKind.DEVICE]], "fraud_agent": None}
    if KeyKind.IP in now_keys and context.agent:
        return {"fraud_keys": [now_keys[KeyKind.IP]], "fraud_agent": keys.shown(context)["userAgent"]}
    return {"fraud_keys": [], "fraud_agent": None}


# The savepoint lets the rest of the request go on after a look that was cut short; what the timeout was before comes back by the
# read itself. Two commands without parameters travel as one statement.
_OPEN: Final = (
    "SAVEPOINT fraud_look; SELECT set_config('incenta.patience', current_setting('statement_timeout'), true), "
    "set_config('statement_timeout', '{patience}', true)"
)
_CUT_SHORT: Final = "ROLLBACK TO SAVEPOINT fraud_look"

# Every look into a table is bounded by itself (LATERAL … LIMIT): joined, a plan that was made while the table was small would read all
# of an app's rows. The other side's keys are read by him: by key and user, the planner may go through all users of a crowded address.
_READ: Final = f"""
WITH had AS MATERIALIZED (
  SELECT kind, key, first_seen, last_seen FROM fraud_link
  WHERE app_id = %(app_id)s AND user_id = %(user_id)s LIMIT 200
), others AS MATERIALIZED (
  SELECT kind, key, companion FROM fraud_link WHERE app_id = %(app_id)s AND user_id = %(other_id)s LIMIT 1000
), asked AS MATERIALIZED (
  SELECT kind, key, true AS is_now FROM json_to_recordset(%(keys)s::json) AS k(kind smallint, key bigint)
  UNION ALL
  (SELECT kind, key, false FROM had
   WHERE (kind, key) NOT IN (SELECT kind, key FROM json_to_recordset(%(keys)s::json) AS k(kind smallint, key bigint))
     AND (kind <> {KeyKind.IP} OR last_seen > %(at)s::timestamptz - interval '7 days')
   ORDER BY last_seen DESC LIMIT {EARLIER})
)
SELECT
  (SELECT json_agg(json_build_array(a.kind, a.key, a.is_now,
      (SELECT extract(epoch FROM min(had.first_seen))::float8 FROM had WHERE had.kind = a.kind AND had.key = a.key),
      m.is_hub, m.hub_reason, m.confirmed_by,
      o.kind IS NOT NULL, o.companion, n.users, n.seen, n.companions))
   FROM asked a
   LEFT JOIN LATERAL (
     SELECT is_hub, hub_reason, CASE WHEN is_confirmed THEN confirmed_by END AS confirmed_by FROM fraud_keymark m
     WHERE m.app_id = %(app_id)s AND m.kind = a.kind AND m.key = a.key
       AND (m.expires_at IS NULL OR m.expires_at > %(at)s::timestamptz) LIMIT 1) m ON true
   LEFT JOIN others o ON o.kind = a.kind AND o.key = a.key
   LEFT JOIN LATERAL (
     SELECT array_agg(user_id) AS users, array_agg(extract(epoch FROM first_seen)::float8) AS seen, array_agg(companion) AS companions
     FROM (
       SELECT user_id, first_seen, companion FROM fraud_link l
       WHERE l.app_id = %(app_id)s AND l.kind = a.kind AND l.key = a.key
       ORDER BY l.first_seen DESC LIMIT {NEWEST}) newest
   ) n ON m.is_hub IS NOT TRUE),
  (SELECT json_object_agg(external_id, json_build_array(email, extract(epoch FROM first_seen_at)::float8))
   FROM unnest(ARRAY[%(user_id)s, %(other_id)s]::text[]) AS u(id)
   CROSS JOIN LATERAL (
     SELECT external_id, email, first_seen_at FROM accounts_participant
     WHERE app_id = %(app_id)s AND external_id = u.id LIMIT 1) p),
  (SELECT json_object_agg(user_id, raw) FROM unnest(ARRAY[%(user_id)s, %(other_id)s]::text[]) AS u(id)
   CROSS JOIN LATERAL (
     SELECT user_id, raw FROM (
       SELECT user_id, raw, kinds, at FROM fraud_sighting WHERE app_id = %(app_id)s AND user_id = u.id ORDER BY at DESC LIMIT 20
     ) s WHERE raw IS NOT NULL AND {KeyKind.EMAIL} = ANY (kinds) ORDER BY at DESC LIMIT 1) e),
  set_config('statement_timeout', current_setting('incenta.patience'), true)
"""


@dataclass(frozen=True, slots=True)
class KeySeen:
    """One key of the user's, and who else was seen with it."""

    kind: KeyKind
    key: int
    is_now: bool
    mine_since: float | None
    """Seconds since 1970: when this user was first seen with it."""
    is_hub: bool
    hub_reason: str
    confirmed_by: str
    with_other: bool
    other_companion: int | None
    users: tuple[str, ...]
    seen: tuple[float, ...]
    companions: tuple[int | None, ...]
    outside_referrers: int = 0
    """Of a device and the like: distinct referrers of the others who were not seen with it themselves."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found of one user and of the other side of his referral."""

    seen: tuple[KeySeen, ...] = ()
    email: str | None = None
    """Of the user, as ``context.normal_email`` gives it: from this call, else from an earlier one."""
    other_email: str | None = None
    user_known_since: float | None = None
    is_degraded: bool = False
    """The look was cut short."""


NOTHING: Final = Evidence()


def gather(
    app: App,
    context: Context,
    *,
    user_id: str | None,
    other_id: str | None,
    referrer_id: str | None,
    at: datetime,
    patience_ms: int = PATIENCE_MS,
) -> Evidence:
    """Reads what is known of the keys of ``context`` and of ``user_id``: two statements; inside the caller's transaction, and best
    before it has locked anything.

    Cut short after ``patience_ms``, it answers what this call alone tells, ``is_degraded``.
    """
    now_keys = keys.of(app, context, referrer_id=referrer_id if referrer_id != user_id else None)
    return read(app, now_keys, context.email, user_id=user_id, other_id=other_id, at=at, patience_ms=patience_ms)


def read(
    app: App,
    now_keys: Mapping[KeyKind, int],
    email: str | None,
    *,
    user_id: str | None,
    other_id: str | None,
    at: datetime,
    patience_ms: int = PATIENCE_MS,
) -> Evidence:
    """``gather`` by the keys and the mailbox of a context."""
    asked = {
        "app_id": app.pk,
        "user_id": user_id,
        "other_id": other_id if other_id != user_id else None,
        "at": at,
        "keys": sql.as_rows([{"kind": int(kind), "key": key} for kind, key in now_keys.items()]),
    }
    try:
        sql.execute(_OPEN.format(patience=int(patience_ms)))
        found, people, letters, _ = sql.row(_READ, asked)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != "57014":  # query_canceled
            raise
        sql.execute(_CUT_SHORT)
        CUT_SHORT.inc()
        seen = tuple(_alone(kind, key) for kind, key in now_keys.items())
        return Evidence(seen, email, is_degraded=True)
    people, letters = people or {}, letters or {}
    return Evidence(
        seen=tuple(_key_seen(app, row) for row in found or ()),
        email=email or _email_of(user_id, people, letters),
        other_email=_email_of(asked["other_id"], people, letters),
        user_known_since=people[user_id][1] if user_id in people else None,
    )


LEAST_OTHERS: Final = 4


def _key_seen(app: App, row: list) -> KeySeen:
    kind, key, is_now, since, is_hub, hub_reason, confirmed_by, with_other, companion, users, seen, companions = row
    outside = 0
    if kind != KeyKind.IP and users and len(users) > LEAST_OTHERS:
        inside = {keys.of_user(app, user) for user in users}
        outside = len({companion for companion in companions if companion is not None} - inside)
    return KeySeen(
        KeyKind(kind), key, is_now, since, bool(is_hub), hub_reason or "", confirmed_by or "", with_other, companion,
        tuple(users or ()), tuple(seen or ()), tuple(companions or ()), outside,
    )  # fmt: skip


def _alone(kind: KeyKind, key: int) -> KeySeen:
    return KeySeen(kind, key, True, None, False, "", "", False, None, (), (), ())


def _email_of(user_id: str | None, people: Mapping[str, list], letters: Mapping[str, str]) -> str | None:
    if user_id is None:
        return None
    if user_id in letters:
        try:
            told = json.loads(decrypt(letters[user_id])).get("email")
        except Exception:
            told = None
        if told:
            return normal_email(told)
    told = people.get(user_id, [""])[0]
    return normal_email(told) if told else None


__all__ = ["IS_KNOWN", "NOTHING", "PATIENCE_MS", "Evidence", "KeySeen", "gather"]
