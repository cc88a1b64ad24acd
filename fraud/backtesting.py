"""Backtests: a draft of rules tried on the scores of the past, with the values as they were. In the background, batch by batch.

Each batch is a transaction of its own: what it found is added to the result and written with where it goes on. So a worker that is
killed has done whole batches, and the next one goes on after them. What is kept of a run does not grow with the scores it reads.
"""

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import Conflict, InvalidInput, NotFound
from incenta.events.doorbell import Doorbell

from . import book, rule_sets
from .models import Backtest, RuleSet, RuleSetState
from .tally import Kept, Tally, quality
from .weights import from_rules

logger = logging.getLogger("incenta.fraud")

BATCH: Final = 500
"""Subjects at once: a fraction of a second's work."""
MOST_SCORES: Final = 20
"""Of one subject, the newest."""
LONGEST: Final = timedelta(days=366)
MOST_OPEN: Final = 3
DAYS: Final = (7, 30, 90)
"""What the pages offer."""

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
            total=sql.row(_TOTAL, window_of(app, rule_set, since, until))[0],
        )  # fmt: skip
        transaction.on_commit(bell.ring, robust=True)
    return backtest


def get(app: App, backtest_id: str) -> Backtest:
    """Raises ``NotFound`` ``backtest_not_found``."""
    found = app.fraud_backtests.select_related("rule_set").filter(pk=backtest_id).first()
    if found is None:
        raise NotFound("backtest_not_found", "Backtest not found.")
    return found


def window_of(app: App, rule_set: RuleSet, since: datetime, until: datetime) -> dict[str, Any]:
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
        app, window = backtest.app, window_of(backtest.app, backtest.rule_set, backtest.since, backtest.until)
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


def _finish(backtest: Backtest, tally: Tally) -> None:
    backtest.done, backtest.result = backtest.total, tally.result
    backtest.finished_at = clock.now(backtest.app)
    backtest.save(update_fields=["done", "finished_at", "result"])


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
