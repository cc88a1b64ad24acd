"""What is thought of a redemption. A redemption tells nothing of the end user: what is known is how he earned what he spends, as the
look for farmed points found it in the last seven days, and what people said of him beforehand.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fraud import book as fraud_book
from fraud import rules, scoring
from fraud.assessment import CLEAN, Assessment
from fraud.facts import Facts
from fraud.looking import reason_rows
from fraud.models import Action, Score, Stage, Subject
from fraud.raising import Suspicion, raise_flags
from fraud.scoring import Thresholds
from incenta.accounts.models import App
from incenta.database import sql
from incenta.ids import new_id
from incenta.money import COIN, TOKEN

WINDOW = timedelta(days=7)
"""How long what was found of a user's earning speaks."""
CLEARED_FOR = timedelta(days=30)
"""How long what an analyst called honest does not speak against the same user again."""
HOLD_REASONS = ["FRAUD_REVIEW"]
SPEAKS_AT = 20
"""The score from which there is something to tell: one signal that speaks in full."""

_KNOWN = f"""
SELECT {fraud_book.VERSION}, s.features,
  (SELECT json_agg(DISTINCT f.signal) FROM fraud_flag f
    WHERE f.app_id = %(app_id)s AND f.subject_id = %(user_id)s AND f.subject_type = 'USER' AND f.resolved_at IS NOT NULL
      AND (f.resolved_at >= s.at OR (f.status = 'APPROVED' AND f.resolved_at > %(cleared)s)))
FROM (SELECT) AS one LEFT JOIN LATERAL (
  SELECT features, at FROM fraud_score
  WHERE app_id = %(app_id)s AND subject_id = %(user_id)s AND subject_type = 'USER' AND at > %(since)s
  ORDER BY id DESC LIMIT 1) s ON true
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What is thought of one redemption, or of all that one user redeemed lately."""

    assessment: Assessment
    action: Action
    facts: Facts
    thresholds: Thresholds
    rule_version: int
    at: datetime
    stage: str = Stage.REQUEST

    @property
    def score(self) -> int | None:
        """``None`` below what is told."""
        return self.assessment.score if self.action != Action.NONE else None

    @property
    def is_held(self) -> bool:
        return self.action == Action.HOLD


def look(app: App, user_id: str, now: datetime) -> Look:
    """What is thought of what a user redeems now. One statement; his wallet is locked, which who judges his earning locks too."""
    asked = {"app_id": app.pk, "user_id": user_id, "since": now - WINDOW, "cleared": now - CLEARED_FOR}
    version, features, settled = sql.row(_KNOWN, asked)
    rules_now = fraud_book.at(app, version)
    weights, settings = rules_now.weights(), rules_now.settings
    said = rules_now.lists.reasons(now=now, ip=None, device=None, email=None, users=(user_id,))
    features = json.loads(features) if isinstance(features, str) else features
    extra = dict(Facts.from_features(features).extra) if features else {}
    facts = Facts(
        subject_type=Subject.REDEMPTION,
        at=now,
        referrer_id=user_id,
        user_id=user_id,
        sent=frozenset({"ids", "coins"}),
        extra=extra,
    )
    assessment = CLEAN
    if extra or said:
        given = {"said": said, "muted": rules_now.muted, "now": now, "stages": (rules.LATER,)}
        assessment = scoring.judge(facts, weights, **given)
        # what somebody has decided since is settled: called honest, or taken back already
        spoken = tuple(reason for reason in assessment.reasons if reason.code not in (settled or ()))
        assessment = replace(assessment, reasons=spoken)
    thresholds = Thresholds("hold", settings.coin_hold_at, 101, SPEAKS_AT)
    return Look(assessment, scoring.decide(assessment, thresholds), facts, thresholds, weights.version, now)


@dataclass(frozen=True, slots=True)
class Spent:
    """What waits on a redemption."""

    id: str
    user_id: str
    coins: int
    tokens: int

    @property
    def held(self) -> dict[str, int]:
        return {asset: amount for asset, amount in ((COIN, self.coins), (TOKEN, self.tokens)) if amount}


def keep(app: App, found: Look, spent: Sequence[Spent], *, case_key: str = "") -> None:
    """Keeps the score of each of these redemptions, and raises their flags where they are held. In the caller's transaction, after
    what it locks."""
    if found.action == Action.NONE or not spent:
        return
    rows = [
        Score(
            id=new_id("scr"),
            app=app,
            subject_type=Subject.REDEMPTION,
            subject_id=each.id,
            stage=found.stage,
            score=found.score or 0,
            action=found.action,
            reasons=reason_rows(found.assessment),
            features=replace(found.facts, subject_type=Subject.REDEMPTION).features(),
            coverage=list(found.assessment.coverage),
            flip=scoring.flip(found.assessment, found.thresholds),
            rule_version=found.rule_version,
            at=found.at,
        )
        for each in spent
    ]
    Score.objects.bulk_create(rows)
    if not found.is_held:
        return
    raise_flags(
        app,
        [
            Suspicion(
                Subject.REDEMPTION,
                each.id,
                reason.code,
                reason.type,
                reason.points,
                reason.message,
                found.score or 0,
                each.user_id,
                evidence=reason.evidence,
                case_key=case_key,
                held=each.held,
            )
            for each in spent
            for reason in found.assessment.spoken
        ],
        at=found.at,
    )
