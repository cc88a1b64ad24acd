"""The second pass: a subject is looked at again, after an hour, after a day, when its ring grew or a neighbour was judged.

What is due stands in rows. One is claimed, worked off and deleted in one transaction, a subject at a time: a worker that is killed
leaves no half decision, and the next one finds the row as it was. The score may rise and then holds what is not paid yet; a score that
falls releases nothing, for that is an analyst's to say. What an analyst has cleared does not speak against the subject again.
"""

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, Min, OuterRef

from incenta import clock
from incenta.accounts import people
from incenta.accounts.models import App
from incenta.database import sql
from incenta.encryption import decrypt
from incenta.ids import new_id

from . import book, cases, context, evidence, patterns, rings, rules, sampling, scoring, subjects
from .assessment import Assessment
from .evidence import Evidence
from .facts import Facts
from .histories import Story, teller_of
from .looking import Asked, reason_rows
from .models import Action, Case, Flag, FlagStatus, KeyKind, Rescore, Score, Sighting, Stage, Subject
from .raising import Suspicion, raise_flags
from .reading import facts_of
from .rings import Ring
from .subjects import handler_of

logger = logging.getLogger("incenta.fraud")

MOST_AT_ONCE = 500
"""Subjects that one bell works off in one app: the next bell goes on."""
PATIENCE_MS = 2_000
DEADLOCK = "40P01"
STAGES = (rules.REQUEST, rules.LATER)
OF_CODE = "CODE_LEAK"
PAID = "payout_needs_proposal"
OF_REFERRER = frozenset(
    ("STEADY_DRIP", "SLOW_DRIP", "REGULAR_LONG", "HIT_AND_RUN", "REFUND_AFTER_REWARD", "LOOKALIKE_DAY", "REFERRAL_TREE_SPEED",
     "RING_SIZE", "RING_APART", "STAR", "DIRECT_LINKS", "CIRCLE", "CHAIN", "HELD_COMPANY")
)  # fmt: skip
"""Signals that speak of more than one: what the referrer brought, and by whom he came, is looked at again, too."""

OF_RING = frozenset(("RING_SIZE", "RING_APART", "STAR", "DIRECT_LINKS"))
"""Signals that name a ring: what they hold is one case."""

# each at most once a day, and nothing that is held already
_COMPANY = """
INSERT INTO fraud_rescore (app_id, subject_type, subject_id, stage, due_at)
SELECT %(app_id)s, %(type)s, q.id, 'RING', %(now)s FROM unnest(%(ids)s::text[]) AS q(id)
CROSS JOIN LATERAL (
  SELECT action, stage, at FROM fraud_score WHERE app_id = %(app_id)s AND subject_id = q.id ORDER BY id DESC LIMIT 1) s
WHERE s.action <> 'HOLD' AND NOT (s.stage = 'RING' AND s.at > %(now)s - interval '1 day')
ORDER BY q.id
ON CONFLICT (app_id, subject_id, stage) DO NOTHING
"""


def run_all() -> int:
    """Works off what is due in every app, each by its own clock. Answers how many subjects were looked at."""
    looked_at = 0
    for app in App.objects.filter(Exists(Rescore.objects.filter(app=OuterRef("pk")))).order_by("pk"):
        looked_at += run(app)
    return looked_at


def next_due(app: App) -> datetime | None:
    """When the next subject of the app is looked at again."""
    return Rescore.objects.filter(app=app, due_at__gt=clock.now(app)).aggregate(due=Min("due_at"))["due"]


def run(app: App, *, most: int = MOST_AT_ONCE) -> int:
    """Works off what is due in one app, the longest due first. Several workers may: what one has, the others leave."""
    looked_at, stumbled = 0, set()
    while looked_at + len(stumbled) < most:
        claimed: list[str] = []
        try:
            if not _next(app, stumbled, claimed):
                break
            looked_at += 1
        except (OperationalError, InterfaceError) as error:
            if getattr(error.__cause__, "sqlstate", None) != DEADLOCK:
                raise
            stumbled.update(claimed)
        except Exception:
            logger.exception("%s could not be looked at again; it is tried at the next bell", claimed)
            if not claimed:
                raise
            stumbled.update(claimed)
    return looked_at


def _next(app: App, stumbled: Collection[str], claimed: list[str]) -> bool:
    """Claims, works off and deletes what is due longest. Answers whether there was anything."""
    with transaction.atomic():
        people.keep_erasures_out(app)  # what is kept of a look names those beside whom somebody was seen
        now = clock.now(app)
        due = Rescore.objects.filter(app=app, due_at__lte=now).select_for_update(skip_locked=True)
        first = due.exclude(subject_id__in=list(stumbled)).order_by("due_at", "id").first()
        if first is None:
            return False
        claimed.append(first.subject_id)
        rows = list(due.filter(subject_id=first.subject_id, subject_type=first.subject_type).order_by("id"))
        look_again(app, first.subject_type, first.subject_id, _stage(rows), now=now)
        # last: who asks for another look at the same subject waits for a row that is being deleted, and may hold what we need
        Rescore.objects.filter(app=app, pk__in=[row.pk for row in rows]).delete()
        return True


def _stage(rows: Sequence[Rescore]) -> str:
    """Of several that are due at once, the one that says most."""
    due = {row.stage for row in rows}
    order = (Stage.DAY, Stage.VERDICT, Stage.RING, Stage.HOUR, Stage.SOON, Stage.HAND)
    return next((stage for stage in order if stage in due), Stage.HAND)


@dataclass(frozen=True, slots=True)
class Judged:
    story: Story
    facts: Facts
    ring: Ring
    around: Sequence[tuple[str, str]]
    """What the ring's members did that is judged."""
    found: Evidence
    assessment: Assessment
    action: str
    shadow_action: str | None
    flip: dict | None
    rule_version: int


def look_again(app: App, subject_type: str, subject_id: str, stage: str, *, now: datetime) -> str | None:
    """Judges a subject anew, keeps the score, and holds it where it was not held and now would be. In the caller's transaction.

    Answers what would be done (``Action``); ``None`` where nothing is there to judge. A bounded number of statements.
    """
    teller = teller_of(subject_type)
    story = teller.story(app, subject_id) if teller else None
    if story is None or story.is_over:
        return None
    judged = _judge(app, story, now)
    if judged.action == Action.HOLD:
        # what is decided is decided under the wallets' locks: an analyst may have been quicker
        subjects.lock_people(app, [(subject_type, subject_id)])
        story = teller.story(app, subject_id)
        if story is None or story.is_over:
            return None
        judged = _judge(app, story, now, judged)
    _keep(app, judged, stage, now)
    if judged.action == Action.HOLD:
        _hold(app, judged, now)
    elif stage == Stage.DAY and judged.action == Action.NONE and not story.is_held:
        sampling.perhaps(app, story, book.kept(app).settings.sample_per_thousand, now=now)
    _tell_of_code(app, judged, now)
    _look_at_others(app, judged, now)
    return judged.action


# --- judging --------------------------------------------------------------------------------------------------------
def _judge(app: App, story: Story, now: datetime, earlier: Judged | None = None) -> Judged:
    """``earlier``: of a moment ago; what was read then of links and lists holds, and only what people said is read anew."""
    if earlier is None:
        facts, ring, around, found = _facts(app, story, now)
    else:
        facts, ring, around, found = earlier.facts, earlier.ring, earlier.around, earlier.found
    rules_now = book.current(app)
    weights = rules_now.weights(story.campaign_id)
    # what was sent is opened only where a list could name it
    told = _told(app, story.subject_id, facts) if rules_now.lists.by_id else context.NOTHING
    said = rules_now.lists.reasons(
        now=now,
        ip=told.ip,
        device=told.device,
        email=told.email or found.email,
        users=(story.referrer_id, story.referee_id),
    )
    given = {"said": said, "muted": rules_now.muted, "now": now, "stages": STAGES, "is_degraded": found.is_degraded}
    cleared = set(
        Flag.objects.filter(
            app=app, subject_type=story.subject_type, subject_id=story.subject_id, status=FlagStatus.APPROVED
        ).values_list("signal", flat=True)
    )
    assessment = scoring.quieted(scoring.judge(facts, weights, **given), cleared)
    thresholds = replace(story.thresholds, watch_at=rules_now.settings.watch_at)
    shadow = None
    if weights.shadow is not None:
        other = scoring.quieted(scoring.judge(facts, weights.shadow, **given), cleared)
        shadow = scoring.decide_later(other, thresholds, story.subject_type).value
    return Judged(
        story,
        facts,
        ring,
        around,
        found,
        assessment,
        scoring.decide_later(assessment, thresholds, story.subject_type).value,
        shadow,
        scoring.flip(assessment, thresholds),
        weights.version,
    )


def _facts(app: App, story: Story, now: datetime) -> tuple[Facts, Ring, list[tuple[str, str]], Evidence]:
    """The facts as they were sent, with the links as they are now and what only time shows."""
    user_id = story.referee_id if story.subject_type == Subject.CONVERSION else story.referrer_id
    other_id = story.referrer_id if user_id != story.referrer_id else story.referee_id
    before = Score.objects.filter(app=app, subject_id=story.subject_id).order_by("-id").first()
    asked = Asked(
        subject_type=story.subject_type,
        subject_id=story.subject_id,
        at=story.at,
        referrer_id=story.referrer_id,
        referee_id=story.referee_id,
        user_id=user_id,
        campaign_id=story.campaign_id,
        now=now,
    )
    found = evidence.gather(
        app,
        context.NOTHING,
        user_id=user_id,
        other_id=None if other_id == user_id else other_id,
        referrer_id=story.referrer_id,
        at=story.at,
        patience_ms=PATIENCE_MS,
    )
    fresh = facts_of(asked, found)
    sent = fresh if before is None else _merged(Facts.from_features(before.features), fresh, found)
    popular = {(int(near.kind), near.key) for near in sent.neighbours.values() if near.is_hub}
    related = {deed.referee_id for deed in story.deeds} | {story.referrer_id}
    ring = (
        rings.around(app, user_id, at=now, related=related, brought_by=story.referrer_id, without=popular)
        if user_id
        else Ring((story.referrer_id,))
    )
    around: list[tuple[str, str]] = []
    if ring.size > 1:
        around = rings.subjects_of(app, ring)
        ring = replace(ring, known=rings.known_size(app, around))
    extra = patterns.of(story, ring, sent.usual, now=now)
    known = {"graph"} if found.seen else set()
    known |= {"history"} if story.deeds else set()
    return replace(sent, sent=sent.sent | fresh.sent | known, extra=extra), ring, around, found


def _merged(sent: Facts, fresh: Facts, found: Evidence) -> Facts:
    if found.is_degraded:
        return sent
    now_sent = {kind: near.key for kind, near in sent.neighbours.items() if near.is_now}
    neighbours = {kind: replace(near, is_now=now_sent.get(kind) == near.key) for kind, near in fresh.neighbours.items()}
    merged = replace(
        sent,
        neighbours=neighbours,
        shared_with_referrer=fresh.shared_with_referrer,
        known_for_hours=sent.known_for_hours if fresh.known_for_hours is None else fresh.known_for_hours,
    )
    if fresh.email_is_disposable is not None:
        merged = replace(merged, email_is_disposable=fresh.email_is_disposable)
    if fresh.email_is_referrers is not None:
        merged = replace(
            merged,
            email_is_referrers=fresh.email_is_referrers,
            email_likeness=fresh.email_likeness,
            email_stem_is_same=fresh.email_stem_is_same,
            email_domain_is_same=fresh.email_domain_is_same,
            email_local_is_common=fresh.email_local_is_common,
        )
    return merged


def _told(app: App, subject_id: str, facts: Facts) -> context.Context:
    """What was sent with the subject, for the lists, while it is kept."""
    seen = Sighting.objects.filter(app=app, subject_id=subject_id, raw__isnull=False).order_by("-id").first()
    if seen is None:
        return context.NOTHING
    try:
        told = context.of(json.loads(decrypt(seen.raw)))
    except Exception:
        logger.exception("what was seen with %s cannot be read", subject_id)
        return context.NOTHING
    # an address that said nothing of the user then (the caller's own) says nothing now
    return told if KeyKind.IP in facts.neighbours else replace(told, ip=None)


# --- what follows ---------------------------------------------------------------------------------------------------
def _keep(app: App, judged: Judged, stage: str, now: datetime) -> None:
    told = judged.assessment
    Score.objects.create(
        id=new_id("scr"),
        app=app,
        subject_type=judged.story.subject_type,
        subject_id=judged.story.subject_id,
        campaign_id=judged.story.campaign_id,
        stage=stage,
        score=told.score or 0,
        action=judged.action,
        shadow_action=judged.shadow_action,
        reasons=reason_rows(told),
        features=judged.facts.features(),
        coverage=list(told.coverage),
        flip=judged.flip,
        rule_version=judged.rule_version,
        is_degraded=told.is_degraded,
        at=now,
    )


def _hold(app: App, judged: Judged, now: datetime) -> None:
    """Holds what is not paid, raises the flags, groups the ring, and says what was paid already."""
    story, told = judged.story, judged.assessment
    handler = handler_of(story.subject_type)
    effects = handler.hold(app, [story.subject_id], actor="system")
    described = handler.describe(app, [story.subject_id]).get(story.subject_id)
    is_ring = judged.ring.step and any(reason.code in OF_RING for reason in told.spoken)
    key = rings.case_key(app, judged.ring, judged.around) if is_ring else ""
    spoken = told.spoken or tuple(reason for reason in told.reasons if reason.code == scoring.BROKEN)
    known = set(
        Flag.objects.filter(
            app=app, subject_type=story.subject_type, subject_id=story.subject_id, status=FlagStatus.OPEN
        ).values_list("signal", flat=True)
    )
    raised = raise_flags(
        app,
        [
            Suspicion(
                subject_type=story.subject_type,
                subject_id=story.subject_id,
                signal=reason.code,
                type=reason.type,
                points=reason.points,
                message=reason.message,
                score=told.score or 0,
                user_id=story.referrer_id,
                campaign_id=story.campaign_id,
                evidence=reason.evidence,
                case_key=key,
                held=described.held if described and not known else {},
            )
            for reason in spoken
            if reason.code not in known  # an open flag is hit by what happens, not by looking again
        ],
        at=now,
        due_hours=story.due_hours,
        due_outcome=story.due_outcome,
    )
    if not raised:
        return
    case = Case.objects.get(app=app, flags=raised[0])
    if is_ring and case.members < judged.ring.size:
        Case.objects.filter(app=app, pk=case.pk, members__lt=judged.ring.size).update(members=judged.ring.size)
    for effect in effects:
        if effect.kind == PAID:
            cases.happened(
                case, "payout_proposal", actor="system", at=now, note=effect.text, effect=effect.face()
            ).save()
    teller_of(story.subject_type).tell(
        app, story.subject_id, score=told.score or 0, warning=(told.warning or "")[:200] or None, reasons=told.faces()
    )


def _look_at_others(app: App, judged: Judged, now: datetime) -> None:
    """Last of all: the ring that has grown, and the company of what is held now."""
    spoken = {reason.code for reason in judged.assessment.spoken}
    newly_held = judged.action == Action.HOLD and not judged.story.is_held and OF_REFERRER & spoken
    if not newly_held and not judged.ring.step:
        return
    # one at a time: two who ask for each other's would wait for each other
    sql.row("SELECT pg_advisory_xact_lock(hashtext('fraud.rescore'), hashtext(%(app_id)s))", {"app_id": app.pk})
    if newly_held:
        _company_of(app, judged, now)
    others = [each for each in judged.around if each[1] != judged.story.subject_id]
    rings.look_again(app, judged.ring, others, now=now)


def _company_of(app: App, judged: Judged, now: datetime) -> None:
    story = judged.story
    ids = sorted({deed.id for deed in story.deeds} | {step.id for step in story.path} - {story.subject_id})
    if ids and judged.story.subject_type == Subject.CONVERSION:
        asked = {"app_id": app.pk, "type": Subject.CONVERSION.value, "ids": ids, "now": now}
        sql.execute(_COMPANY, asked)


def _tell_of_code(app: App, judged: Judged, now: datetime) -> None:
    """A code that was published is told of, once; nothing and nobody is held for it."""
    code_id = judged.story.crowd.code_id
    leak = next((reason for reason in judged.assessment.reasons if reason.code == OF_CODE), None)
    if leak is None or not code_id:
        return
    if Flag.objects.filter(app=app, subject_type=Subject.REFERRAL, subject_id=code_id, signal=OF_CODE).exists():
        return
    points = rules.signal_of(OF_CODE).points
    raise_flags(
        app,
        [
            Suspicion(
                subject_type=Subject.REFERRAL,
                subject_id=code_id,
                signal=OF_CODE,
                type=leak.type,
                points=points,
                message=leak.message,
                score=points,
                user_id=judged.story.referrer_id,
                campaign_id=judged.story.campaign_id,
                evidence=leak.evidence,
                case_key=f"code:{code_id}",
            )
        ],
        at=now,
    )
