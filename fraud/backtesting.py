"""Backtests: a draft of rules tried on the scores of the past, with the values as they were. In the background, batch by batch.

Each batch is a transaction of its own: what it found is added to the result and written with where it goes on. So a worker that is
killed has done whole batches, and the next one goes on after them. What is kept of a run does not grow with the scores it reads.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import Conflict, InvalidInput, NotFound
from incenta.events.doorbell import Doorbell

from . import book, rule_sets, rules, subjects
from .assessment import CERTAIN, HIGHEST, Assessment, Reason
from .facts import Facts
from .models import Action, Backtest, FraudChange, RuleSet, RuleSetState, Stage, Subject
from .precision import wilson
from .scoring import Thresholds, decide, judge
from .weights import Weights, from_rules, signals

logger = logging.getLogger("incenta.fraud")

BATCH: Final = 500
"""Subjects at once: a fraction of a second's work."""
MOST_SCORES: Final = 20
"""Of one subject, the newest."""
EXAMPLES: Final = 20
LONGEST: Final = timedelta(days=366)
MOST_OPEN: Final = 3
DAYS: Final = (7, 30, 90)
"""What the pages offer."""
FLAGGED: Final = frozenset({Action.HOLD, Action.BLOCK})
OF_COINS: Final = frozenset({Subject.EVENT, Subject.USER, Subject.REDEMPTION})

bell = Doorbell("fraud.run_backtests")

# from one subject to the next along the index: what a batch costs does not depend on how many scores there are
_SUBJECTS = """
WITH RECURSIVE walk(id, place) AS (
  (SELECT subject_id, 1 FROM fraud_score WHERE app_id = %(app_id)s AND subject_id > %(after)s ORDER BY subject_id LIMIT 1)
  UNION ALL
  SELECT (SELECT subject_id FROM fraud_score WHERE app_id = %(app_id)s AND subject_id > walk.id ORDER BY subject_id LIMIT 1),
    place + 1
  FROM walk WHERE walk.id IS NOT NULL AND place < %(limit)s
)
SELECT id FROM walk WHERE id IS NOT NULL
"""
_SCORES = """
SELECT s.subject_type, s.subject_id, s.campaign_id, s.stage, s.score, s.action, s.reasons::json, s.features::json, s.is_degraded, s.at
FROM unnest(%(ids)s::text[]) asked(id)
CROSS JOIN LATERAL (
  SELECT * FROM fraud_score
  WHERE app_id = %(app_id)s AND subject_id = asked.id AND at >= %(since)s AND at < %(until)s
    AND (%(campaign_id)s = '' OR campaign_id = %(campaign_id)s) AND NOT coalesce(campaign_id, '') = ANY(%(others)s)
  ORDER BY id DESC LIMIT %(most)s
) s
ORDER BY s.subject_id, s.id
"""
_VERDICTS = """
SELECT DISTINCT ON (subject_type, subject_id) subject_type, subject_id, status FROM fraud_flag
WHERE app_id = %(app_id)s AND subject_id = ANY(%(ids)s) AND status IN ('APPROVED', 'REJECTED') AND resolved_by <> 'deadline'
ORDER BY subject_type, subject_id, resolved_at DESC
"""
_TOTAL = """
SELECT count(*) FROM fraud_score WHERE app_id = %(app_id)s AND at >= %(since)s AND at < %(until)s
  AND (%(campaign_id)s = '' OR campaign_id = %(campaign_id)s) AND NOT coalesce(campaign_id, '') = ANY(%(others)s)
"""


# --- asking for one -------------------------------------------------------------------------------------------------
def begin(
    app: App,
    rule_set_id: str,
    *,
    days: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    actor: str,
) -> Backtest:
    """Asks for a run over the last ``days``, or over a window. A worker is woken after the commit.

    Raises ``InvalidInput``; ``NotFound`` ``rule_set_not_found``; ``Conflict`` ``backtests_running`` over three at once.
    """
    now = clock.now(app)
    if days is not None and (since or until):
        raise InvalidInput({"days": ["Either days, or since and until."]})
    until = until or now
    since = since or until - timedelta(days=30 if days is None else days)
    if not since < until <= now + timedelta(minutes=5):
        raise InvalidInput({"since": ["Must be before until, which is not in the future."]})
    if until - since > LONGEST:
        raise InvalidInput({"since": ["The window is 366 days at most."]})
    rule_set = rule_sets.get(app, rule_set_id)
    with sql.transaction_joined():
        App.objects.select_for_update(no_key=True).get(pk=app.pk)  # two at once are counted one after the other
        if app.fraud_backtests.filter(finished_at=None).count() >= MOST_OPEN:
            raise Conflict("backtests_running", f"{MOST_OPEN} backtests are running: wait until one has finished.")
        backtest = Backtest.objects.create(
            app=app, rule_set=rule_set, since=since, until=until, actor=actor[:120], created_at=now,
            total=sql.row(_TOTAL, _window(app, rule_set, since, until))[0],
        )  # fmt: skip
        transaction.on_commit(bell.ring, robust=True)
    return backtest


def get(app: App, backtest_id: str) -> Backtest:
    """Raises ``NotFound`` ``backtest_not_found``."""
    found = app.fraud_backtests.select_related("rule_set").filter(pk=backtest_id).first()
    if found is None:
        raise NotFound("backtest_not_found", "Backtest not found.")
    return found


def _window(app: App, rule_set: RuleSet, since: datetime, until: datetime) -> dict[str, Any]:
    """Whom these rules would judge: of an app's rules, all but the campaigns that have rules of their own."""
    own = app.fraud_rule_sets.filter(state=RuleSetState.ACTIVE).exclude(campaign_id="")
    return {
        "app_id": app.pk,
        "campaign_id": rule_set.campaign_id,
        "others": [] if rule_set.campaign_id else list(own.values_list("campaign_id", flat=True)),
        "since": since,
        "until": until,
    }


# --- running --------------------------------------------------------------------------------------------------------
def run_all() -> int:
    """Works off every open run. Answers how many scores were tried."""
    tried = 0
    for backtest_id in Backtest.objects.filter(finished_at=None).order_by("id").values_list("id", flat=True):
        try:
            tried += run(backtest_id)
        except Exception:
            logger.exception("backtest %s stumbled; it goes on at the next bell", backtest_id)
    return tried


def run(backtest_id: str) -> int:
    """Works off one run, batch by batch. Nothing to do where another worker is at it. Answers how many scores were tried."""
    tried = 0
    while (done := batch(backtest_id)) is not None:
        tried += done
    return tried


def batch(backtest_id: str) -> int | None:
    """The next subjects. Answers how many scores it tried; ``None`` where there is no more to do."""
    with transaction.atomic():
        backtest = (
            Backtest.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("app", "rule_set")
            .filter(pk=backtest_id, finished_at=None)
            .first()
        )
        if backtest is None:
            return None
        app, window = backtest.app, _window(backtest.app, backtest.rule_set, backtest.since, backtest.until)
        ids = [row[0] for row in sql.rows(_SUBJECTS, {"app_id": app.pk, "after": backtest.place, "limit": BATCH})]
        tally = Tally.of(backtest.result)
        if not ids:
            return _finish(backtest, tally)
        scores = [Kept(*row) for row in sql.rows(_SCORES, window | {"ids": ids, "most": MOST_SCORES})]
        weights = from_rules(backtest.rule_set.version, backtest.rule_set.rules)
        verdicts = {row[:2]: row[2] for row in sql.rows(_VERDICTS, {"app_id": app.pk, "ids": ids})}
        changed = tally.add(scores, weights, verdicts, book.current(app).settings.coin_hold_at)
        tally.add_money(app, changed)
        backtest.place, backtest.result = ids[-1], tally.result
        backtest.done = min(backtest.done + len(scores), max(backtest.total, 1))
        backtest.save(update_fields=["place", "done", "result"])
        return len(scores)


def _finish(backtest: Backtest, tally: "Tally") -> None:
    backtest.done, backtest.result = backtest.total, tally.result
    backtest.finished_at = clock.now(backtest.app)
    backtest.save(update_fields=["done", "finished_at", "result"])


# --- trying ---------------------------------------------------------------------------------------------------------
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
            Reason("MANUAL_FLAG", each.get("points", 0), each.get("message", ""), code=each["code"], family=CERTAIN)
            for each in self.reasons
            if each.get("code", "").startswith(("DENIED_", "ALLOWED_"))
        ]
        if any(each.get("silenced") == "allowed" for each in self.reasons):
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
    """The mutes as they were: a signal that was silenced by one stays silent."""

    def __init__(self, reasons: Iterable[Mapping]):
        self.codes = {each.get("code") for each in reasons if each.get("silenced") == "muted"}

    def holds(self, signal: str, *_: object, **__: object) -> bool:
        return signal in self.codes


def retry(kept: Kept, facts: Facts, weights: Weights, thresholds: Thresholds) -> tuple[Assessment, Action]:
    """What these weights make of a score's values."""
    stages = (rules.REQUEST,) if kept.stage == Stage.REQUEST else (rules.REQUEST, rules.LATER)
    assessment = judge(
        facts, weights, said=kept.said, muted=_MutedThen(kept.reasons), stages=stages, is_degraded=kept.is_degraded
    )
    return assessment, decide(assessment, thresholds)


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


# --- faces ----------------------------------------------------------------------------------------------------------
def face(backtest: Backtest) -> dict:
    """A run as the API shows it; ``result`` fills while it goes on."""
    return {
        "id": backtest.pk,
        "ruleSetId": backtest.rule_set_id,
        "since": clock.iso(backtest.since),
        "until": clock.iso(backtest.until),
        "state": "DONE" if backtest.finished_at else "RUNNING",
        "done": backtest.done,
        "total": backtest.total,
        "createdBy": backtest.actor,
        "createdAt": clock.iso(backtest.created_at),
        "finishedAt": clock.iso(backtest.finished_at),
        "result": result_face(backtest),
    }


def result_face(backtest: Backtest) -> dict:
    """The counters with what follows from them: shares with their intervals, and how many cases a day."""
    result = Tally.of(backtest.result).result
    days = max((backtest.until - backtest.since) / timedelta(days=1), 1 / 24)
    return result | {
        "perDay": {name: round(result[f"flagged{name.title()}"] / days, 1) for name in ("then", "now")},
        "then": result["then"] | quality(result["then"]),
        "now": result["now"] | quality(result["now"]),
    }


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
    low, high = wilson(right, of)
    return {"share": round(right / of, 3), "low": round(low, 3), "high": round(high, 3), "right": right, "of": of}


# --- in shadow ------------------------------------------------------------------------------------------------------
_SHADOW = """
SELECT count(*), count(*) FILTER (WHERE would AND NOT does), count(*) FILTER (WHERE does AND NOT would),
  count(*) FILTER (WHERE would AND does)
FROM (
  SELECT shadow_action IN ('HOLD', 'BLOCK') AS would, action IN ('HOLD', 'BLOCK') AS does FROM fraud_score
  WHERE app_id = %(app_id)s AND at >= %(since)s AND shadow_action IS NOT NULL
    AND (%(campaign_id)s = '' OR campaign_id = %(campaign_id)s) AND NOT coalesce(campaign_id, '') = ANY(%(others)s)
) s
"""


def shadow_view(app: App, rule_set: RuleSet) -> dict | None:
    """What a rule set in shadow would have done since it is there, against what was done. ``None`` where it is not in shadow."""
    if rule_set.state != RuleSetState.SHADOW:
        return None
    put = app.fraud_changes.filter(noun=FraudChange.Noun.RULES, subject_id=rule_set.pk, kind="shadowed")
    since = put.order_by("-version").values_list("at", flat=True).first() or rule_set.created_at
    window = _window(app, rule_set, since, since)
    scores, more, less, both = sql.row(_SHADOW, window)
    return {"since": clock.iso(since), "scores": scores, "wouldHold": more, "wouldNotHold": less, "bothHold": both}
