"""Raising flags: a scoring found something, somebody guesses codes, an analyst points at a code, a batch finds coin farming."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from incenta import clock, events, money
from incenta.accounts.models import App
from incenta.database import sql
from incenta.ids import new_id

LONGEST_MESSAGE = 300
LONGEST_KEY = 300


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One flag to be: open already, it is hit again (points, message and evidence renewed, never two open of one signal)."""

    subject_type: str
    subject_id: str
    signal: str
    type: str
    points: int
    message: str
    score: int
    user_id: str | None = None
    campaign_id: str | None = None
    evidence: dict = field(default_factory=dict)
    case_key: str = ""
    """What the case groups; by default ``user:<user_id>`` where there is one, else ``subject:<subject_id>``. A subject that has
    an open flag already stays in the case of that one."""
    held: dict[str, int] = field(default_factory=dict)
    """What waits on the subject, by asset in minor units, where the caller knows it."""
    due_hours: int | None = None
    """The campaign's deadline for deciding it, if it has one; with ``due_outcome``."""
    due_outcome: str | None = None

    @property
    def key(self) -> str:
        key = self.case_key or (f"user:{self.user_id}" if self.user_id is not None else f"subject:{self.subject_id}")
        return key[:LONGEST_KEY]

    def face(self) -> dict:
        return {"type": self.type, "points": self.points, "message": self.message[:LONGEST_MESSAGE]}


def loss(held: dict[str, int], score: int, currency: str) -> Decimal:
    """What would be lost, by what is held and how likely it is: the queue's order, told in the app's currency.

    Nobody here knows rates, so the smallest units are taken for alike: a cent, a yen, a coin. To take a yen for a dollar would put
    every case in yen above all others; this errs less, and where an app has one currency it is exact.
    """
    worth = Decimal(sum(held.values())).scaleb(-money.exponent(currency))
    return min((worth * score / 100).quantize(Decimal("0.01")), Decimal(10) ** 17)


# The open case of a key and the open flag of a (subject, signal) are one each by their unique indexes: two who raise the same at
# once wait for each other there, and so does one who raises while the case is decided; he then opens the next case.
_SUM = """(SELECT jsonb_object_agg(asset, minor) FROM (SELECT asset, sum(minor::bigint) AS minor FROM
      (SELECT * FROM jsonb_each_text(fraud_case.held) UNION ALL SELECT * FROM jsonb_each_text(excluded.held)) b(asset, minor)
      GROUP BY asset) s)"""
_WRITE = f"""
WITH asked AS (
  SELECT a.*, coalesce(o.key, a.case_key) AS key, o.key IS NOT NULL AS is_known, coalesce(o.is_hit, false) AS is_hit
  FROM json_to_recordset(%(flags)s::json) AS a(id text, case_id text, case_key text, subject_type text, subject_id text,
    campaign_id text, user_id text, type text, signal text, points int, score int, message text, evidence jsonb, held jsonb,
    loss numeric, due_at timestamptz, due_outcome text)
  LEFT JOIN LATERAL (
    SELECT min(c.key) AS key, bool_or(f.signal = a.signal) AS is_hit
    FROM fraud_flag f JOIN fraud_case c ON c.id = f.case_id
    WHERE f.app_id = %(app_id)s AND f.subject_id = a.subject_id AND f.subject_type = a.subject_type AND f.status = 'OPEN'
  ) o ON true
),
subject AS (
  SELECT DISTINCT ON (key, subject_type, subject_id) key, held, loss FROM asked WHERE NOT is_known
  ORDER BY key, subject_type, subject_id, loss DESC
),
grouped AS (
  SELECT a.key, min(a.case_id) AS id, max(a.score) AS score, bool_or(NOT a.is_hit) AS grows,
    coalesce((SELECT jsonb_object_agg(asset, minor) FROM (
      SELECT h.key AS asset, sum(h.value::bigint) AS minor FROM subject s, jsonb_each_text(s.held) h
      WHERE s.key = a.key GROUP BY h.key) x), '{{}}') AS held,
    coalesce((SELECT sum(s.loss) FROM subject s WHERE s.key = a.key), 0) AS loss,
    min(a.due_at) AS due_at, (array_agg(a.due_outcome ORDER BY a.due_at))[1] AS due_outcome
  FROM asked a GROUP BY a.key
),
cases AS (
  INSERT INTO fraud_case (id, app_id, key, status, version, score, held, expected_loss, members, is_sample, opened_at, due_at,
    due_outcome, outcome)
  SELECT id, %(app_id)s, key, 'OPEN', 1, score, held, loss, 1, false, %(at)s, due_at, due_outcome, '' FROM grouped ORDER BY key
  ON CONFLICT (app_id, key) WHERE NOT (status = 'CLOSED') DO UPDATE SET
    score = greatest(fraud_case.score, excluded.score),
    version = fraud_case.version + (SELECT g.grows::int FROM grouped g WHERE g.key = excluded.key),
    status = CASE WHEN (SELECT g.grows FROM grouped g WHERE g.key = excluded.key) THEN 'OPEN' ELSE fraud_case.status END,
    kept_until = CASE WHEN (SELECT g.grows FROM grouped g WHERE g.key = excluded.key) THEN NULL ELSE fraud_case.kept_until END,
    held = coalesce({_SUM}, '{{}}'),
    expected_loss = fraud_case.expected_loss + excluded.expected_loss,
    due_outcome = CASE WHEN fraud_case.due_at IS NULL OR excluded.due_at < fraud_case.due_at
      THEN excluded.due_outcome ELSE fraud_case.due_outcome END,
    due_at = least(fraud_case.due_at, excluded.due_at)
  RETURNING id, key, (xmax = 0) AS is_new
),
flags AS (
  INSERT INTO fraud_flag (id, app_id, case_id, subject_type, subject_id, campaign_id, user_id, type, signal, points, score, message,
    evidence, status, hits, first_at, last_at, due_at, due_outcome, resolved_by, note)
  SELECT a.id, %(app_id)s, c.id, a.subject_type, a.subject_id, a.campaign_id, a.user_id, a.type, a.signal, a.points, a.score, a.message,
    a.evidence, 'OPEN', 1, %(at)s, %(at)s, a.due_at, a.due_outcome, '', ''
  FROM asked a JOIN cases c ON c.key = a.key ORDER BY a.subject_type, a.subject_id, a.signal
  ON CONFLICT (app_id, subject_type, subject_id, signal) WHERE status = 'OPEN' DO UPDATE SET
    hits = fraud_flag.hits + 1, points = excluded.points, score = excluded.score, message = excluded.message,
    evidence = excluded.evidence, last_at = greatest(fraud_flag.last_at, excluded.last_at)
  RETURNING id, case_id, subject_type, subject_id, signal, type, (xmax = 0) AS is_new
),
history AS (
  INSERT INTO fraud_caseevent (app_id, case_id, kind, actor, data, note, at)
  SELECT %(app_id)s, id, 'opened', %(actor)s, '{{}}', '', %(at)s FROM cases WHERE is_new
  UNION ALL
  SELECT %(app_id)s, case_id, 'flag_added', %(actor)s,
    jsonb_build_object('flagId', id, 'signal', signal, 'type', type,
      'subject', jsonb_build_object('type', subject_type, 'id', subject_id)), '', %(at)s
  FROM flags WHERE is_new
),
{events.insert_when("EXISTS (SELECT FROM flags WHERE flags.is_new AND flags.id = e.subject_id)")}
SELECT f.id, f.subject_type, f.subject_id, f.signal,
  CASE WHEN NOT (f.is_new OR a.is_known) THEN (SELECT c.id FROM cases c WHERE c.key = a.key) END,
  (SELECT array_agg(c.id) FROM cases c WHERE c.is_new AND NOT EXISTS (SELECT FROM flags WHERE flags.case_id = c.id))
FROM flags f JOIN asked a ON (a.subject_type, a.subject_id, a.signal) = (f.subject_type, f.subject_id, f.signal)
"""
# The statement cannot see the flag for which it waits, so it adds again what waits on that subject.
_COUNTED_TWICE = """
UPDATE fraud_case c SET expected_loss = greatest(expected_loss - %(loss)s, 0), held = coalesce((
  SELECT jsonb_object_agg(h.key, h.value::bigint - coalesce((%(held)s::jsonb ->> h.key)::bigint, 0)) FROM jsonb_each_text(c.held) h
  WHERE h.value::bigint <> coalesce((%(held)s::jsonb ->> h.key)::bigint, 0)), '{}')
WHERE id = %(id)s
"""


def raise_flags(
    app: App,
    suspicions: Sequence[Suspicion],
    *,
    at: datetime | None = None,
    due_hours: int | None = None,
    due_outcome: str | None = None,
    actor: str = "system",
) -> list[str]:
    """Opens or hits the flags, groups them into open cases, writes FRAUD_FLAG_CREATED for each new one; answers their ids, in the
    order of the suspicions. ``due_hours`` and ``due_outcome`` are for suspicions that name none of their own.

    Inside the caller's transaction, one statement for any number of suspicions. What it locks are cases and flags: after wallets.
    """
    if not suspicions:
        return []
    now = at or clock.now(app)
    asked: dict[tuple[str, str, str], Suspicion] = {}
    for suspicion in suspicions:
        name = (suspicion.subject_type, suspicion.subject_id, suspicion.signal)
        if name not in asked or asked[name].points < suspicion.points:
            asked[name] = suspicion
    ids = {name: new_id("flag") for name in asked}
    case_ids = {key: new_id("case") for key in sorted({suspicion.key for suspicion in asked.values()})}
    reasons: dict[tuple[str, str], list[dict]] = {}
    for suspicion in sorted(asked.values(), key=lambda each: -each.points):
        reasons.setdefault((suspicion.subject_type, suspicion.subject_id), []).append(suspicion.face())
    told = [
        events.event(
            app,
            "FRAUD_FLAG_CREATED",
            created_data(ids[name], suspicion, reasons[name[:2]]),
            subject=("flag", ids[name]),
            actor=actor,
            occurred_at=now,
        )
        for name, suspicion in asked.items()
    ]
    found = sql.rows(
        _WRITE,
        {
            "app_id": app.pk,
            "at": now,
            "actor": actor[:120],
            "flags": sql.as_rows(
                [
                    _row(ids[name], case_ids[each.key], each, now, due_hours, due_outcome, app.currency)
                    for name, each in asked.items()
                ]
            ),
        }
        | events.as_rows(told),
    )
    events.nudge()
    known = {}
    twice = {}
    for id, *name, case_id, _ in found:
        known[tuple(name)] = id
        if case_id:
            twice[name[0], name[1]] = (case_id, asked[tuple(name)])
    if unused := found[0][-1]:
        # two raised flags of one subject at the same moment under different keys: the later one's case stayed empty
        sql.execute("DELETE FROM fraud_caseevent WHERE case_id = ANY(%(ids)s)", {"ids": unused})
        sql.execute("DELETE FROM fraud_case WHERE id = ANY(%(ids)s)", {"ids": unused})
    for case_id, each in twice.values():
        surplus = {"id": case_id, "held": json.dumps(each.held), "loss": loss(each.held, each.score, app.currency)}
        sql.execute(_COUNTED_TWICE, surplus)
    return [known[each.subject_type, each.subject_id, each.signal] for each in suspicions]


def created_data(flag_id: str, suspicion: Suspicion, reasons: list[dict]) -> dict:
    """``FRAUD_FLAG_CREATED``: ``reasons`` are all that speak against the subject, the strongest first."""
    return {
        "flagId": flag_id,
        "type": suspicion.type,
        "subject": {"type": suspicion.subject_type, "id": suspicion.subject_id},
        "riskScore": max(0, min(suspicion.score, 100)),
        "reasons": reasons,
        "decision": None,
        "note": None,
        "userId": suspicion.user_id,
        "campaignId": suspicion.campaign_id,
        "signal": suspicion.signal,
    }


def _row(
    flag_id: str,
    case_id: str,
    suspicion: Suspicion,
    now: datetime,
    due_hours: int | None,
    due_outcome: str | None,
    currency: str,
) -> dict:
    hours, outcome = suspicion.due_hours, suspicion.due_outcome
    if hours is None:
        hours, outcome = due_hours, due_outcome
    due = hours is not None and outcome is not None
    return {
        "id": flag_id,
        "case_id": case_id,
        "case_key": suspicion.key,
        "subject_type": suspicion.subject_type,
        "subject_id": suspicion.subject_id,
        "campaign_id": suspicion.campaign_id,
        "user_id": suspicion.user_id,
        "type": suspicion.type,
        "signal": suspicion.signal,
        "points": max(0, min(suspicion.points, 100)),
        "score": max(0, min(suspicion.score, 100)),
        "message": suspicion.message[:LONGEST_MESSAGE],
        "evidence": suspicion.evidence,
        "held": suspicion.held,
        "loss": str(loss(suspicion.held, suspicion.score, currency)),
        "due_at": now + timedelta(hours=hours) if due else None,
        "due_outcome": outcome if due else None,
    }
