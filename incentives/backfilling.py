"""Granting a rule to those who qualify already: only on request, in the background, in batches that may die and be repeated.

Each batch is a transaction of its own: wallets locked, everybody looked at again, all of it written with where it goes on.
So a worker that is killed has done whole batches, and the next one goes on after them; and nobody is given anything twice,
for what is held stands in the row that is read under the lock.
"""

import logging

from django.db import transaction

from incenta import clock
from incenta.accounts.models import App
from incenta.events.doorbell import Doorbell
from incenta.ids import new_id

from . import book as rulebook
from . import engine, ledger, qualifying
from .book import Book
from .models import Backfill
from .models.backfill import BackfillState
from .plan import Asked, Plan, read
from .qualifying import Question, Rule

logger = logging.getLogger(__name__)

BATCH = 500
"""Users whose wallets are locked at once: a fraction of a second's work."""
OPEN = (BackfillState.QUEUED, BackfillState.RUNNING)

bell = Doorbell("incentives.run_backfills")


def face(backfill: Backfill) -> dict:
    return {
        "id": backfill.pk,
        "noun": backfill.noun,
        "key": int(backfill.key) if backfill.noun == "level" else backfill.key,
        "state": backfill.state,
        "total": max(backfill.total, backfill.done),
        "done": backfill.done,
        "granted": backfill.granted,
        "createdAt": clock.iso(backfill.created_at),
        "finishedAt": clock.iso(backfill.finished_at),
    }


def begin(app: App, noun: str, key: str, rule: Rule, *, actor: str = "") -> Backfill:
    """Asks for a backfill of a rule, in the transaction that makes or changes it. A worker is woken after the commit."""
    now = clock.now(app)
    total = qualifying.count(app, rule)
    backfill = Backfill.objects.create(
        id=new_id("bkf"),
        app=app,
        noun=noun,
        key=key,
        state=BackfillState.QUEUED if total else BackfillState.DONE,
        total=total,
        actor=actor,
        created_at=now,
        finished_at=None if total else now,
    )
    if total:
        transaction.on_commit(bell.ring, robust=True)
    return backfill


def run_all() -> int:
    """Works off every open backfill. Answers how many users were looked at."""
    looked_at = 0
    for backfill_id in Backfill.objects.filter(state__in=OPEN).order_by("id").values_list("id", flat=True):
        try:
            looked_at += run(backfill_id)
        except Exception:
            logger.exception("backfill %s stumbled; it goes on at the next bell", backfill_id)
    return looked_at


def run(backfill_id: str) -> int:
    """Works off one backfill, batch by batch. Nothing to do where another worker is at it. Answers how many users were looked at."""
    looked_at = 0
    while done := _batch(backfill_id):
        looked_at += done
    return looked_at


def _batch(backfill_id: str) -> int:
    """Answers how many users it looked at; 0 where there is no more to do."""
    with transaction.atomic():
        backfill = (
            Backfill.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("app")
            .filter(pk=backfill_id, state__in=OPEN)
            .first()
        )
        if backfill is None:
            return 0
        app = backfill.app
        rule, question = _rule(rulebook.current(app), backfill)
        if rule is None:
            return _finish(backfill, BackfillState.CANCELLED)
        users = question.users(app, after=backfill.after, limit=BATCH) if question else []
        if not users:
            return _finish(backfill, BackfillState.DONE)
        wallets = ledger.lock(app, users)
        asked = Asked(actions={question.action_key} if question.action_key else set())
        book, found = read(app, wallets, users, asked)
        rule, question = _rule(book, backfill)  # the rules may have changed while we waited for the wallets
        if rule is None or question is None:
            return _finish(backfill, BackfillState.CANCELLED)
        plan = Plan(app, book, wallets, found.states, wallets.now)
        for (user_id, action_key), (count, _) in found.tallies.items():
            found.states[user_id].counts[action_key] = count
        for user_id in users:
            if question.is_met(found.states[user_id]):
                backfill.granted += _give(plan, user_id, rule, backfill)
        plan.write()
        backfill.after, backfill.state = users[-1], BackfillState.RUNNING
        backfill.done += len(users)
        backfill.save(update_fields=["after", "state", "done", "granted"])
        return len(users)


def _rule(book: Book, backfill: Backfill) -> tuple[Rule | None, Question | None]:
    rule = qualifying.rule_of(book, backfill.noun, backfill.key)
    return rule, rule and Question.of(rule, {each.level: each.threshold for each in book.levels})


def _give(plan: Plan, user_id: str, rule: Rule, backfill: Backfill) -> bool:
    state = plan.states[user_id]
    xp, coins, level = state.xp, state.coins_earned, plan.book.level_of(state.xp)
    given = qualifying.give(plan.book, state, rule)
    if not given:
        return False
    plan.give(user_id, given, cause=backfill.pk, cause_type="backfill", at=plan.now)
    plan.touch(user_id)
    plan.score(user_id, plan.now, xp=state.xp - xp, coins=state.coins_earned - coins)
    reached = {"balances": plan.balances(user_id), **engine.reached(given, state.level, level)}
    common = {"eventId": None, "userId": user_id, "actionKey": None, "backfillId": backfill.pk}
    engine.tell_reached(plan, user_id, reached, common, ("backfill", backfill.pk), backfill.actor)
    return True


def _finish(backfill: Backfill, state: str) -> int:
    backfill.state, backfill.finished_at = state, clock.now(backfill.app)
    backfill.save(update_fields=["state", "finished_at"])
    return 0
