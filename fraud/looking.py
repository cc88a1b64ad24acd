"""The look: what a programme asks of fraud in a request, and what it writes down with its own rows.

A programme splices ``evidence.IS_KNOWN`` and ``book.VERSION`` into its first statement, has ``gather`` read what is known, locks and
reads its own, asks ``look``, and splices ``WRITE`` into its one write statement. Who sends no context, and whose friend was never
seen with any, pays for none of it but one row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from incenta.accounts.models import App
from incenta.ids import new_id

from . import book, context, evidence, keys, scoring, writing
from .assessment import Assessment
from .context import Context
from .evidence import IS_KNOWN, IS_OF_FRIEND, Evidence, click_of
from .facts import Facts, Past, Usual
from .models import Action, Stage, Subject
from .raising import Suspicion
from .reading import facts_of
from .scoring import Thresholds
from .writing import WRITE, see, seen_parameters, write_when

HOUR_LATER, DAY_LATER = timedelta(hours=1), timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a programme tells of a subject."""

    subject_type: str
    subject_id: str
    at: datetime
    """When it happened, by the app's clock."""
    referrer_id: str
    referee_id: str | None = None
    user_id: str | None = None
    """Whose context it is."""
    context: Context = context.NOTHING
    campaign_id: str | None = None
    mode: str = "hold"
    hold_at: int = 50
    block_at: int = 80
    due_hours: int | None = None
    """Of the campaign: after how long its cases are decided by themselves."""
    due_outcome: str | None = None
    amount_minor: int | None = None
    currency: str = ""
    rewards_share: bool = False
    earns: bool = True
    clicked_at: datetime | None = None
    clicks_known: bool = False
    code_made_at: datetime | None = None
    code_is_flagged: bool = False
    is_first_time_only: bool = False
    past: Sequence[Past] | None = None
    """Of the referrer's conversions in this campaign the newest 50, newest first; ``None`` where nobody looked."""
    usual: Usual | None = None
    countries: frozenset[str] | None = None
    forbids_ads: bool = False
    now: datetime | None = None
    """The app's present; ``at`` where it happened just now."""

    @property
    def thresholds(self) -> dict:
        """As a score keeps them."""
        return {"mode": self.mode, "hold_at": self.hold_at, "block_at": self.block_at}

    @property
    def other_id(self) -> str | None:
        """The other side of the referral."""
        other = self.referrer_id if self.user_id != self.referrer_id else self.referee_id
        return None if other == self.user_id else other


@dataclass(frozen=True, slots=True)
class Look:
    """What is thought of a subject, and what follows."""

    asked: Asked
    facts: Facts
    assessment: Assessment
    action: Action
    flip: dict | None
    rule_version: int
    shadow_action: str | None
    evidence: Evidence
    links: tuple[dict, ...] = ()

    # -- what clients are told -----------------------------------------------------------------------------------------
    @property
    def is_told(self) -> bool:
        """From the watch band on; below it a score is the analysts' alone."""
        return self.action != Action.NONE

    @property
    def is_held(self) -> bool:
        return self.action == Action.HOLD

    @property
    def score(self) -> int | None:
        return self.assessment.score if self.is_told else None

    @property
    def warning(self) -> str | None:
        return (self.assessment.warning or "")[:200] or None if self.is_told else None

    @property
    def faces(self) -> list[dict] | None:
        return self.assessment.faces() if self.is_told else None

    def trace(self) -> dict:
        """The risk part of a decision trace: every signal that spoke, silenced ones too, with its points and evidence."""
        found = self.assessment
        return {
            "score": found.score,
            "mode": self.asked.mode,
            "holdAt": self.asked.hold_at,
            "outcome": "held" if self.is_held else "noted" if found.spoken else "clean",
            "action": self.action.value,
            "families": found.families(),
            "signals": [signal_face(reason) for reason in found.reasons],
            "coverage": list(found.coverage),
            "flip": self.flip,
            "degraded": found.is_degraded,
            "ruleVersion": self.rule_version,
        }

    # -- what is flagged -----------------------------------------------------------------------------------------------
    def suspicions(self, *, held: Mapping[str, int] | None = None) -> list[Suspicion]:
        """One for each signal that spoke, strongest first. ``held``: what waits on the subject, by asset in minor units."""
        told = self.assessment
        return [
            Suspicion(
                subject_type=self.asked.subject_type,
                subject_id=self.asked.subject_id,
                signal=reason.code,
                type=reason.type,
                points=reason.points,
                message=reason.message[:300],
                score=told.score or 0,
                user_id=self.asked.referrer_id,
                campaign_id=self.asked.campaign_id,
                evidence=reason.evidence,
                held=dict(held or {}),
                due_hours=self.asked.due_hours,
                due_outcome=self.asked.due_outcome,
            )
            for reason in told.spoken or [each for each in told.reasons if each.code == scoring.BROKEN]
        ]

    # -- what is written -----------------------------------------------------------------------------------------------
    def parameters(self) -> dict[str, str]:
        """The parameter of ``WRITE``."""
        asked = self.asked
        told = {
            "subject_type": asked.subject_type,
            "subject_id": asked.subject_id,
            "user_id": asked.user_id,
            "at": asked.at,
        }
        seen = asked.context
        return writing.written(
            links=self.links,
            sightings=[writing.sighting_row(seen, links=self.links, **told)] if seen.sent else [],
            scores=[self._score_row()],
            rescores=self._rescores(),
        )

    def _score_row(self) -> dict:
        told = self.assessment
        return {
            "id": new_id("scr"),
            "subject_type": self.asked.subject_type,
            "subject_id": self.asked.subject_id,
            "campaign_id": self.asked.campaign_id,
            "stage": Stage.REQUEST.value,
            "score": told.score or 0,
            "action": self.action.value,
            "shadow_action": self.shadow_action,
            "reasons": reason_rows(told),
            # the thresholds beside the facts: a backtest decides by those of the time
            "features": self.facts.features() | {"thresholds": self.asked.thresholds},
            "coverage": list(told.coverage),
            "flip": self.flip,
            "rule_version": self.rule_version,
            "is_degraded": told.is_degraded,
            "at": self.asked.now or self.asked.at,
        }

    def _rescores(self) -> list[dict]:
        now = self.asked.now or self.asked.at
        due = []
        if self.assessment.is_degraded:
            due.append((Stage.SOON, now))
        if self.asked.subject_type == Subject.CONVERSION:
            if self.evidence.seen:  # without keys nobody can turn out to be linked
                due.append((Stage.HOUR, now + HOUR_LATER))
            due.append((Stage.DAY, now + DAY_LATER))
        elif self.links:
            due += [(Stage.HOUR, now + HOUR_LATER), (Stage.DAY, now + DAY_LATER)]
        return [
            {
                "subject_type": self.asked.subject_type,
                "subject_id": self.asked.subject_id,
                "stage": stage.value,
                "due_at": at,
            }
            for stage, at in due
        ]


def signal_face(reason) -> dict:
    """A signal in a decision trace."""
    return reason.face() | {
        "code": reason.code,
        "family": reason.family,
        "silenced": reason.silenced or None,
        "evidence": reason.evidence,
    }


def reason_rows(assessment: Assessment) -> list[dict]:
    """As ``Score.reasons`` keeps them: strongest first, silenced ones last."""
    ordered = sorted(assessment.reasons, key=lambda reason: -reason.points)
    return [
        {
            "code": reason.code,
            "type": reason.type,
            "family": reason.family,
            "points": reason.points,
            "message": reason.message,
            "evidence": reason.evidence,
            "silenced": reason.silenced,
        }
        for reason in ordered
    ]


# --- looking ---------------------------------------------------------------------------------------------------------
def needs_look(known: bool, seen: Context) -> bool:
    """Whether there is anything to look at: keys in this call, or keys of this user's from before (``evidence.IS_KNOWN``)."""
    return known or seen.has_keys


def gather(
    app: App, asked_context: Context, *, user_id: str | None, referrer_id: str, other_id: str | None, at: datetime
) -> Evidence:
    """What is known of the keys of a call and of its user; two statements. Before anything is locked."""
    return evidence.gather(app, asked_context, user_id=user_id, other_id=other_id, referrer_id=referrer_id, at=at)


def look(app: App, asked: Asked, *, found: Evidence | None = None, version: int | None = None) -> Look:
    """What is to be thought of a subject. ``found``: by ``gather``, else nothing is known but this call. ``version``: as the
    caller's own statement read ``book.VERSION``; without it what this process read last."""
    found = found if found is not None else alone(asked)
    rules = book.kept(app) if version is None else book.at(app, version)
    weights = rules.weights(asked.campaign_id)
    facts = facts_of(asked, found, companion=keys.companion(app, asked.context))
    said = rules.lists.reasons(
        now=asked.now or asked.at,
        ip=asked.context.ip,
        device=asked.context.device,
        email=asked.context.email or found.email,
        users=(asked.referrer_id, asked.referee_id),
    )
    given = {"said": said, "muted": rules.muted, "now": asked.now or asked.at, "is_degraded": found.is_degraded}
    assessment = scoring.judge(facts, weights, **given)
    thresholds = Thresholds(asked.mode, asked.hold_at, asked.block_at, rules.settings.watch_at)
    shadow = None
    if weights.shadow is not None:
        shadow = scoring.decide(scoring.judge(facts, weights.shadow, **given), thresholds).value
    return Look(
        asked=asked,
        facts=facts,
        assessment=assessment,
        action=scoring.decide(assessment, thresholds),
        flip=scoring.flip(assessment, thresholds),
        rule_version=weights.version,
        shadow_action=shadow,
        evidence=found,
        links=tuple(writing.link_rows(app, asked.context, asked.user_id, asked.referrer_id, asked.at)),
    )


def alone(asked: Asked) -> Evidence:
    """What a call tells by itself."""
    if asked.context.is_empty:
        return evidence.NOTHING
    return Evidence(email=asked.context.email)


__all__ = [
    "IS_KNOWN",
    "IS_OF_FRIEND",
    "WRITE",
    "Asked",
    "Look",
    "click_of",
    "gather",
    "look",
    "needs_look",
    "see",
    "seen_parameters",
    "write_when",
]
