"""What a rejection teaches: the strong keys of the cheat are known from now on, and their neighbours are looked at again."""

from datetime import timedelta

from incenta.accounts.models import App
from incenta.database import sql

from . import subjects
from .models import Decision, KeyKind, KeyMark, Verdict
from .subjects import Effect, Subject

FOR = timedelta(days=180)
HUB = 50
"""A key of more users than this belongs to an office, a family of shops, a carrier: it is never held against anybody."""
MOST_NEIGHBOURS = 500
STRONG = [kind.value for kind in KeyKind if kind.is_strong]

# A key that was confirmed before stays that decision's, until it ends: whoever undoes the later one does not forget the earlier.
_CONFIRM = """
WITH own AS (
  SELECT DISTINCT l.kind, l.key FROM fraud_link l
  WHERE l.app_id = %(app_id)s AND l.user_id = ANY(%(users)s::text[]) AND l.kind = ANY(%(strong)s::smallint[])
    AND (SELECT count(*) FROM (SELECT FROM fraud_link o
      WHERE o.app_id = l.app_id AND o.kind = l.kind AND o.key = l.key LIMIT %(hub)s + 1) c) <= %(hub)s
    AND NOT EXISTS (SELECT FROM fraud_keymark m
      WHERE m.app_id = l.app_id AND m.kind = l.kind AND m.key = l.key AND m.is_hub)
),
marked AS (
  INSERT INTO fraud_keymark (app_id, kind, key, is_hub, hub_reason, is_confirmed, confirmed_by, expires_at, marked_at)
  SELECT %(app_id)s, kind, key, false, '', true, %(decision)s, %(until)s, %(now)s FROM own ORDER BY kind, key
  ON CONFLICT (app_id, kind, key) DO UPDATE SET is_confirmed = true, expires_at = excluded.expires_at, marked_at = excluded.marked_at,
    confirmed_by = CASE WHEN fraud_keymark.is_confirmed AND fraud_keymark.expires_at > %(now)s
      THEN fraud_keymark.confirmed_by ELSE excluded.confirmed_by END
    WHERE NOT fraud_keymark.is_hub
),
neighbour AS (
  SELECT DISTINCT n.user_id FROM own o CROSS JOIN LATERAL (
    SELECT l.user_id FROM fraud_link l WHERE l.app_id = %(app_id)s AND l.kind = o.kind AND l.key = o.key) n
  WHERE n.user_id <> ALL(%(users)s::text[]) LIMIT %(most)s
),
again AS (
  INSERT INTO fraud_rescore (app_id, subject_type, subject_id, stage, due_at)
  SELECT %(app_id)s, s.subject_type, s.subject_id, 'VERDICT', %(now)s FROM neighbour n CROSS JOIN LATERAL (
    SELECT subject_type, subject_id FROM fraud_sighting
    WHERE app_id = %(app_id)s AND user_id = n.user_id AND subject_type IN ('CONVERSION', 'REFERRAL') ORDER BY at DESC LIMIT 1) s
  ORDER BY s.subject_id LIMIT %(most)s
  ON CONFLICT (app_id, subject_id, stage) DO NOTHING RETURNING subject_id
)
SELECT (SELECT json_agg(json_build_array(kind, key)) FROM own), (SELECT count(*) FROM again)
"""


def confirm(app: App, decision: Decision, decided: set[Subject]) -> tuple[list[list[int]], list[Effect]]:
    """Marks the strong keys of those who were rejected, and has their neighbours (at most 500) scored anew.

    Whose keys: the friend's of a conversion or a referral, else the user's own. Never an address, never a hub. Answers the keys
    as [kind, key], and what to tell. One statement beside the descriptions.
    """
    known = subjects.describe(app, decided).values()
    users = sorted({each.other_id or each.user_id for each in known if each.other_id or each.user_id})
    if not users:
        return [], []
    keys, again = sql.row(
        _CONFIRM,
        {
            "app_id": app.pk,
            "users": users,
            "strong": STRONG,
            "hub": HUB,
            "decision": decision.pk,
            "now": decision.at,
            "until": decision.at + FOR,
            "most": MOST_NEIGHBOURS,
        },
    )
    told = []
    if keys:
        told.append(
            Effect(
                "keys_confirmed",
                decision.pk,
                text=f"{len(keys)} of their keys are known as a cheat's for {FOR.days} days.",
            )
        )
    if again:
        told.append(
            Effect("neighbours_rescored", decision.pk, text=f"{again} who share a key with them are looked at again.")
        )
    return keys or [], told


def forget(app: App, decision: Decision) -> int:
    """Unmarks the keys that a decision confirmed, but for those that another one that stands confirmed too: they become that
    one's. Answers how many were unmarked."""
    gone = 0
    for mark in KeyMark.objects.filter(app=app, confirmed_by=decision.pk, is_confirmed=True):
        standing = app.fraud_decisions.filter(
            verdict=Verdict.REJECT, undone_at=None, seen__keys__contains=[[mark.kind, mark.key]]
        ).exclude(pk=decision.pk)
        other = standing.order_by("id").values_list("pk", flat=True).first()
        mark.is_confirmed, mark.confirmed_by = other is not None, other or ""
        mark.save(update_fields=["is_confirmed", "confirmed_by"])
        gone += other is None
    return gone
