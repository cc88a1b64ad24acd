"""Scores of the past judged again, and what a run has found so far: counters, money, and a few examples of each kind."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from incenta import clock
from incenta.accounts.models import App
from incenta.errors import NotFound

from . import rules, subjects, wilson
from .assessment import CERTAIN, HIGHEST, Assessment, Reason
from .facts import Facts
from .models import Action, Stage, Subject
from .scoring import Thresholds, decide, decide_later, judge
from .weights import Weights, signals

logger = logging.getLogger("incenta.fraud")

EXAMPLES: Final = 20
FLAGGED: Final = frozenset({Action.HOLD, Action.BLOCK})
OF_COINS: Final = frozenset({Subject.EVENT, Subject.USER, Subject.REDEMPTION})


@dataclass(frozen=True, slots=True)
class Kept:
    """One score as it was kept."""

    subject_type: str
    subject_id: str
    campaign_id: str | None
    stage: str
    score: int
    action: str
    reasons: Sequence[Mapping]
    features: Mapping
    is_degraded: bool
    at: datetime

    @property
    def said(self) -> list[Reason]:
        """What lists said of it then."""
        found = [
            Reason(
                "MANUAL_FLAG",
                HIGHEST if each["code"].startswith("DENIED_") else -HIGHEST,
                each.get("message", ""),
                code=each["code"],
                family=CERTAIN,
            )
            for each in self.reasons
            if each.get("code", "").startswith(("DENIED_", "ALLOWED_"))
        ]
        is_told = any(reason.points < 0 for reason in found)
        if not is_told and any(each.get("silenced") == "allowed" for each in self.reasons):
            found.append(Reason("MANUAL_FLAG", -HIGHEST, "", code="ALLOWED", family=CERTAIN))
        return found

    @property
    def facts(self) -> Facts | None:
        """``None`` where the snapshot is none that today's facts can be made of."""
        try:
            return Facts.from_features(self.features) if self.features else None
        except (KeyError, TypeError, ValueError):
            logger.warning("a score of %s cannot be tried again", self.subject_id)
            return None


def thresholds_of(rows: Sequence[Kept], coin_hold_at: int) -> Thresholds:
    """Those of the time. A later look does not repeat them; of coins they are the app's."""
    kept = next((found for row in rows if (found := row.features.get("thresholds"))), {})
    known = Thresholds(hold_at=coin_hold_at) if rows[0].subject_type in OF_COINS else Thresholds()
    return Thresholds(
        kept.get("mode", known.mode), kept.get("hold_at", known.hold_at), kept.get("block_at", known.block_at)
    )


class _MutedThen:
    """What people silenced then stays silent: by a mute, or by calling it honest."""

    def __init__(self, reasons: Iterable[Mapping]):
        self.codes = {each.get("code") for each in reasons if each.get("silenced") in ("muted", "approved")}

    def holds(self, signal: str, *_: object, **__: object) -> bool:
        return signal in self.codes


def retry(kept: Kept, facts: Facts, weights: Weights, thresholds: Thresholds) -> tuple[Assessment, Action]:
    """What these weights make of a score's values."""
    # points are judged by what a later look found, also in the request that spends them
    is_first = kept.stage == Stage.REQUEST and kept.subject_type not in OF_COINS
    stages = (rules.REQUEST,) if is_first else (rules.REQUEST, rules.LATER)
    assessment = judge(
        facts, weights, said=kept.said, muted=_MutedThen(kept.reasons), stages=stages, is_degraded=kept.is_degraded
    )
    if kept.stage == Stage.REQUEST:
        return assessment, decide(assessment, thresholds)
    return assessment, decide_later(assessment, thresholds, kept.subject_type)


@dataclass(frozen=True, slots=True)
class Changed:
    """A subject that the draft judges otherwise."""

    kept: Kept
    is_new: bool


class Tally:
    """What a run has found so far: counters, and at most twenty examples of each kind."""

    def __init__(self, result: dict):
        self.result = result

    @classmethod
    def of(cls, result: dict) -> "Tally":
        return cls(result or {
            "subjects": 0, "scores": 0, "notEvaluable": 0, "signalsNotEvaluable": {},
            "flaggedThen": 0, "flaggedNow": 0,
            "newlyFlagged": {"count": 0, "examples": [], "money": {}},
            "noLongerFlagged": {"count": 0, "examples": [], "money": {}},
            "then": {"truePositive": 0, "falsePositive": 0, "falseNegative": 0, "trueNegative": 0},
            "now": {"truePositive": 0, "falsePositive": 0, "falseNegative": 0, "trueNegative": 0},
            "signals": {},
        })  # fmt: skip

    def add(
        self, scores: Sequence[Kept], weights: Weights, verdicts: Mapping[tuple[str, str], str], coin_hold_at: int
    ) -> list[Changed]:
        """Adds whole subjects. Answers those that the draft judges otherwise."""
        self.coin_hold_at = coin_hold_at
        by_subject: dict[tuple[str, str], list[Kept]] = {}
        for kept in scores:
            by_subject.setdefault((kept.subject_type, kept.subject_id), []).append(kept)
        changed = (self._subject(rows, weights, verdicts.get(name)) for name, rows in by_subject.items())
        return [each for each in changed if each is not None]

    def _subject(self, rows: list[Kept], weights: Weights, verdict: str | None) -> Changed | None:
        result = self.result
        result["scores"] += len(rows)
        known = [(kept, facts) for kept in rows if (facts := kept.facts) is not None]
        if not known:
            result["notEvaluable"] += 1
            return None
        result["subjects"] += 1
        evaluable, thresholds = [kept for kept, _ in known], thresholds_of(rows, self.coin_hold_at)
        tried = [(kept, *retry(kept, facts, weights, thresholds)) for kept, facts in known]
        held_then = [kept for kept in evaluable if kept.action in FLAGGED]
        held_now = [each for each in tried if each[2] in FLAGGED]
        then, now = bool(held_then), bool(held_now)
        result["flaggedThen"] += then
        result["flaggedNow"] += now
        if verdict is not None:
            for name, flagged in (("then", then), ("now", now)):
                result[name][_cell(flagged, verdict)] += 1
        self._signals(tried, verdict)
        self._gaps(known, weights)
        if then == now:
            return None
        kept, assessment, action = max(held_now or tried, key=lambda each: (each[1].score or 0, each[0].at))
        self._example("newlyFlagged" if now else "noLongerFlagged", held_then[-1] if then else kept, assessment, action)
        return Changed(kept, now)

    def _signals(self, tried: list[tuple[Kept, Assessment, Action]], verdict: str | None) -> None:
        before = {
            each["code"]
            for kept, _, _ in tried
            for each in kept.reasons
            if each.get("code") and each.get("points", 0) > 0
        }
        after = {reason.code for _, assessment, _ in tried for reason in assessment.spoken}
        for code in before | after:
            row = self.result["signals"].setdefault(code, {"then": 0, "now": 0, "rejected": 0, "approved": 0})
            row["then"] += code in before
            row["now"] += code in after
            if code in after and verdict is not None:
                row["rejected" if verdict == "REJECTED" else "approved"] += 1

    def _gaps(self, known: list[tuple[Kept, Facts]], weights: Weights) -> None:
        """Signals that the draft lets speak and that these snapshots cannot answer: unknown is told, never taken for "no"."""
        sent = frozenset().union(*(facts.sent for _, facts in known))
        later = any(kept.stage != Stage.REQUEST for kept, _ in known)
        gaps = self.result["signalsNotEvaluable"]
        for code, points in weights.points.items():
            signal = signals()[code]
            if points and not (sent.issuperset(signal.needs) and (later or signal.stage == rules.REQUEST)):
                gaps[code] = gaps.get(code, 0) + 1

    def _example(self, name: str, kept: Kept, assessment: Assessment, action: Action) -> None:
        found = self.result[name]
        found["count"] += 1
        if len(found["examples"]) >= EXAMPLES:
            return
        found["examples"].append(
            {
                "subjectType": kept.subject_type,
                "subjectId": kept.subject_id,
                "campaignId": kept.campaign_id,
                "at": clock.iso(kept.at),
                "then": {"score": kept.score, "action": str(kept.action)},
                "now": {"score": assessment.score or 0, "action": str(action.value)},
                "reasonsThen": _told(kept.reasons),
                "reasonsNow": _told([reason.face() | {"code": reason.code} for reason in assessment.spoken]),
            }
        )

    def add_money(self, app: App, changed: Sequence[Changed]) -> None:
        """What waits on those that are judged otherwise, in one look a kind of subject."""
        by_type: dict[str, list[Changed]] = {}
        for each in changed:
            by_type.setdefault(each.kept.subject_type, []).append(each)
        for subject_type, some in by_type.items():
            try:
                described = subjects.handler_of(subject_type).describe(app, [each.kept.subject_id for each in some])
            except NotFound:
                continue
            for each in some:
                money: Counter = Counter(self.result[_name(each.is_new)]["money"])
                description = described.get(each.kept.subject_id)
                money.update(description.held if description else {})
                self.result[_name(each.is_new)]["money"] = dict(money)


def _name(is_new: bool) -> str:
    return "newlyFlagged" if is_new else "noLongerFlagged"


def _cell(flagged: bool, verdict: str) -> str:
    if verdict == "REJECTED":
        return "truePositive" if flagged else "falseNegative"
    return "falsePositive" if flagged else "trueNegative"


def _told(reasons: Iterable[Mapping]) -> list[dict]:
    return [
        {"code": each.get("code", ""), "points": each.get("points", 0), "message": each.get("message", "")}
        for each in list(reasons)[:5]
    ]


def quality(cells: Mapping[str, int]) -> dict:
    """Precision and recall against past verdicts, each with its Wilson interval; ``None`` where nothing was decided."""
    right = cells["truePositive"]
    return {
        "precision": _share(right, right + cells["falsePositive"]),
        "recall": _share(right, right + cells["falseNegative"]),
    }


def _share(right: int, of: int) -> dict | None:
    if not of:
        return None
    low, high = wilson.bounds(right, of)
    return {"share": round(right / of, 3), "low": round(low, 3), "high": round(high, 3), "right": right, "of": of}
