"""Looking for farmed points: who earned or redeemed since the last look is looked at, with what he did in the last seven days.

A batch of events after another, by their ids; how far it has come stands in a row. Each user is judged in a transaction of his own: his
score, his flags and his hold, or nothing. Looking at somebody twice finds the same, so a worker may be killed anywhere.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError
from django.db.models import Exists, OuterRef
from ulid import ULID

from fraud import book as fraud_book
from fraud import person_holds, rings, rules, scoring, subjects
from fraud.facts import Facts
from fraud.looking import reason_rows
from fraud.models import Action, Flag, FlagStatus, Score, Stage, Subject
from fraud.raising import Suspicion, raise_flags
from fraud.scoring import Thresholds
from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.ids import new_id

from . import book as rulebook
from . import earning_patterns, redemption_review, withholding
from .earning_patterns import Done, Earning
from .models import Activity, FarmingPlace
from .redemption_risk import CLEARED_FOR, SPEAKS_AT, WINDOW, Look

logger = logging.getLogger("incenta.fraud")

BATCH = 20_000
"""Events that one step goes on by."""
MOST_STEPS = 20
USERS_AT_ONCE = 50
MOST_OF_ACTION = 1_000
"""Events of one user and action that are read, the newest."""
OVERLAP = timedelta(minutes=1)
"""Ids are made before their transactions commit: what may have come late is looked at again."""
FUNNEL_WITHIN = timedelta(hours=24)
MOST_REDEMPTIONS = 500
REDEEMED_WITHIN = timedelta(days=7)

_NEW = f"""
SELECT max(id), json_agg(DISTINCT jsonb_build_array(user_id, action_key)) FROM (
  SELECT id, user_id, action_key FROM incentives_activity WHERE app_id = %(app_id)s AND id > %(after)s ORDER BY id LIMIT {BATCH}) a
"""
_DONE = f"""
SELECT q.user_id, q.action_key, a.done FROM unnest(%(users)s::text[], %(actions)s::text[]) AS q(user_id, action_key)
CROSS JOIN LATERAL (
  SELECT json_agg(json_build_array(extract(epoch FROM at)::float8, day, counts, key, payload) ORDER BY at, id) AS done FROM (
    SELECT id, occurred_at AS at, day, (not_awarded IS NULL OR withheld = 'PENDING') AS counts, idempotency_key AS key,
      CASE WHEN metadata = '{{}}' THEN '' ELSE md5(metadata::text) END AS payload
    FROM incentives_activity
    WHERE app_id = %(app_id)s AND user_id = q.user_id AND action_key = q.action_key AND occurred_at > %(since)s
      AND reversed_at IS NULL AND cause IS NULL
    ORDER BY occurred_at DESC LIMIT {MOST_OF_ACTION}) newest) a
WHERE a.done IS NOT NULL
"""
# how many keys others use at their most within ten minutes: what nine in ten stay under
_USUAL = f"""
SELECT action_key, percentile_cont(0.9) WITHIN GROUP (ORDER BY most) FROM (
  SELECT action_key, user_id, max(n) AS most FROM (
    SELECT action_key, user_id, floor(extract(epoch FROM occurred_at) / 600) AS bucket, count(idempotency_key) AS n FROM (
      SELECT action_key, user_id, occurred_at, idempotency_key FROM incentives_activity
      WHERE app_id = %(app_id)s ORDER BY id DESC LIMIT {BATCH}) newest
    GROUP BY 1, 2, 3) buckets
  GROUP BY 1, 2) users
GROUP BY action_key HAVING count(*) >= 10
"""
_REDEEMED = f"""
SELECT id, user_id, item_id FROM incentives_itemredemption WHERE app_id = %(app_id)s AND id > %(after)s
ORDER BY id LIMIT {MOST_REDEMPTIONS}
"""
# of these users those who took the item soon after they had enough: since the last moment at which they had too little
_FUNNEL = """
SELECT DISTINCT r.user_id FROM incentives_itemredemption r
JOIN incentives_wallet w ON w.app_id = r.app_id AND w.user_id = r.user_id
JOIN incentives_transfer s ON s.id = coalesce(r.coin_transfer_id, r.token_transfer_id)
LEFT JOIN LATERAL (
  SELECT t.seq FROM incentives_transfer t
  WHERE t.wallet_id = w.id AND t.seq < s.seq AND t.asset = s.asset AND t.available_after < s.amount
  ORDER BY t.seq DESC LIMIT 1) short ON true
CROSS JOIN LATERAL (
  SELECT t.recorded_at FROM incentives_transfer t
  WHERE t.wallet_id = w.id AND t.seq > coalesce(short.seq, 0) AND t.asset = s.asset AND t.available_after >= s.amount
  ORDER BY t.seq LIMIT 1) enough
WHERE r.app_id = %(app_id)s AND r.item_id = %(item_id)s AND r.user_id = ANY(%(users)s::text[]) AND r.status <> 'CANCELLED'
  AND r.redeemed_at > %(since)s AND r.redeemed_at - enough.recorded_at <= %(within)s
"""


def look_all() -> int:
    """Looks on in every app that has events. Answers how many users were judged."""
    judged = 0
    for app in App.objects.filter(Exists(Activity.objects.filter(app=OuterRef("pk")))).order_by("pk"):
        try:
            judged += look(app)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("farming could not be looked for in %s", app.pk)
    return judged


def look(app: App) -> int:
    """Looks on in one app, from where the last look ended. Answers how many users were judged."""
    place, _ = FarmingPlace.objects.get_or_create(app=app)
    judged = 0
    for _ in range(MOST_STEPS):
        newest, pairs = sql.row(_NEW, {"app_id": app.pk, "after": _before(place.activity)})
        if newest is None or newest <= place.activity:
            break
        judged += _look_at(app, [tuple(pair) for pair in pairs])
        place.activity = newest
        place.save(update_fields=["activity"])
    judged += _look_at_redeemed(app, place)
    return judged


def _before(id: str) -> str:
    """The least id of a minute before this one's."""
    if not id:
        return ""
    prefix, _, rest = id.partition("_")
    moment = ULID.from_str(rest.upper()).datetime - OVERLAP
    return f"{prefix}_{str(ULID.from_datetime(moment)).lower()[:10]}"


def _look_at(app: App, pairs: Sequence[tuple[str, str]]) -> int:
    """(user, action) of what is new."""
    book = rulebook.current(app)
    usual: dict[str, float] | None = None
    users = sorted({user_id for user_id, _ in pairs})
    judged = 0
    for start in range(0, len(users), USERS_AT_ONCE):
        some = set(users[start : start + USERS_AT_ONCE])
        asked = [pair for pair in sorted(pairs) if pair[0] in some]
        since = clock.now(app) - WINDOW
        rows = sql.rows(
            _DONE,
            {"app_id": app.pk, "users": [u for u, _ in asked], "actions": [a for _, a in asked], "since": since},
        )
        earnings: dict[str, list[Earning]] = {}
        for user_id, action_key, done in rows:
            rule = book.actions.get(action_key)
            if rule is None:
                continue
            told = [Done(*each) for each in done]
            if usual is None and sum(each.key is not None for each in told) > 20:
                usual = dict(sql.rows(_USUAL, {"app_id": app.pk}))
            burst = float((usual or {}).get(action_key) or 0)
            earnings.setdefault(user_id, []).append(
                Earning(action_key, rule.cooldown or None, rule.max_per_day, told, burst)
            )
        for user_id, of_user in earnings.items():
            if found := earning_patterns.of(of_user):
                judged += _judge_safely(app, user_id, found)
    return judged


def _look_at_redeemed(app: App, place: FarmingPlace) -> int:
    after, judged = _before(place.redemption), 0
    rows = sql.rows(_REDEEMED, {"app_id": app.pk, "after": after})
    if not rows or rows[-1][0] <= place.redemption:
        return 0
    now = clock.now(app)
    done: set[tuple[str, str]] = set()
    for _, user_id, item_id in rows:
        if (user_id, item_id) in done:
            continue
        ring = rings.around(app, user_id, at=now)
        if ring.size < 5:
            continue
        asked = {"app_id": app.pk, "item_id": item_id, "users": list(ring.members), "since": now - REDEEMED_WITHIN}
        found = sorted(each for (each,) in sql.rows(_FUNNEL, asked | {"within": FUNNEL_WITHIN}))
        done |= {(each, item_id) for each in found}
        if len(found) < 5:
            continue
        told = {"coin_funnel": len(found), "coin_funnel_item": item_id, "coin_funnel_users": found[:10]}
        told |= {"ring_size": ring.size, "ring_kinds": list(ring.kinds), "ring_users": list(ring.members[:5])}
        case_key = f"ring:{item_id}:{ring.members[0]}"[:300]
        for each in found:
            judged += _judge_safely(app, each, told, case_key=case_key)
    place.redemption = rows[-1][0]
    place.save(update_fields=["redemption"])
    return judged


def _judge_safely(app: App, user_id: str, found: dict, *, case_key: str = "") -> int:
    try:
        return judge(app, user_id, found, case_key=case_key)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("the points of %s could not be judged", user_id)
        return 0


def judge(app: App, user_id: str, found: dict, *, case_key: str = "") -> bool:
    """Judges how a user earns: keeps the score, raises the flags, puts him on hold where the score is the app's ``coin_hold_at``.

    Answers whether anything spoke that had not spoken before. What was cleared within 30 days stays silent.
    """
    now = clock.now(app)
    with sql.transaction_joined():
        subjects.lock_people(app, [(Subject.USER, user_id)])
        known = _known(app, user_id, now)
        before = Score.objects.filter(app=app, subject_id=user_id, subject_type=Subject.USER).order_by("-id").first()
        # what another look found of him lately holds: how he earns and what he bought with it are one picture
        earlier = {}
        if before is not None and now - before.at <= WINDOW:
            earlier = dict(Facts.from_features(before.features).extra)
        facts = Facts(
            subject_type=Subject.USER,
            at=now,
            referrer_id=user_id,
            user_id=user_id,
            sent=frozenset({"ids", "coins"}),
            extra=earlier | found,
        )
        rules_now = fraud_book.current(app)
        weights, settings = rules_now.weights(), rules_now.settings
        said = rules_now.lists.reasons(now=now, ip=None, device=None, email=None, users=(user_id,))
        given = {"muted": rules_now.muted, "now": now, "stages": (rules.LATER,)}
        assessment = scoring.judge(facts, weights, said=said, **given)
        assessment = scoring.quieted(assessment, known.get(FlagStatus.APPROVED, ()))
        score = assessment.score or 0
        thresholds = Thresholds("hold", settings.coin_hold_at, 101, SPEAKS_AT)
        action = scoring.decide(assessment, thresholds)
        fresh = [each for each in assessment.spoken if each.code not in known.get(FlagStatus.OPEN, ())]
        if score < SPEAKS_AT or not (fresh or action == Action.HOLD):
            return False
        if not fresh and person_holds.holds(app, user_id):
            return False
        Score.objects.create(
            id=new_id("scr"), app=app, subject_type=Subject.USER, subject_id=user_id, stage=Stage.DAY, score=score,
            action=action, reasons=reason_rows(assessment), features=facts.features(), coverage=list(assessment.coverage),
            flip=scoring.flip(assessment, thresholds), rule_version=weights.version, at=now,
        )  # fmt: skip
        raise_flags(
            app,
            [
                Suspicion(
                    Subject.USER,
                    user_id,
                    each.code,
                    each.type,
                    each.points,
                    each.message,
                    score,
                    user_id,
                    evidence=each.evidence,
                    case_key=case_key,
                    held=_held(app, user_id),
                )
                for each in fresh
            ],
            at=now,
        )
        if action == Action.HOLD:
            person_holds.place(app, person_holds.case_of(app, [user_id]))
        of_redemptions = Look(assessment, action, facts, thresholds, weights.version, now, Stage.DAY)
        redemption_review.judge_pending(app, user_id, of_redemptions, since=now - WINDOW, case_key=case_key)
        return True


def _known(app: App, user_id: str, now: datetime) -> dict[str, set[str]]:
    """Status → the signals of the user's flags, those that were cleared long ago apart."""
    found: dict[str, set[str]] = {}
    flags = Flag.objects.filter(app=app, subject_type=Subject.USER, subject_id=user_id)
    for status, signal, resolved_at in flags.values_list("status", "signal", "resolved_at"):
        if status != FlagStatus.APPROVED or now - resolved_at <= CLEARED_FOR:
            found.setdefault(status, set()).add(signal)
    return found


def _held(app: App, user_id: str) -> dict[str, int]:
    withheld = withholding.withheld_of(app, [user_id]).get(user_id, {})
    return {withholding.ASSETS[name]: minor for name, minor in withheld.items() if minor}
