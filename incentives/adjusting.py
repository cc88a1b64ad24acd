"""Adjustments by hand: entries with a reason, never an edited balance."""

from datetime import datetime

from incenta.accounts.models import App
from incenta.database import sql
from incenta.ids import new_id
from incenta.money import COIN, TOKEN, XP

from . import engine, ledger, progress

_ASSETS = (("xp", XP), ("coins", COIN), ("tokens", TOKEN))


def adjust(app: App, user_id: str, *, reason: str, xp: int = 0, coins: int = 0, tokens: int = 0, actor: str = "") -> dict:
    """Adds to or takes from a user's points; XP moves level and boards as an event would. Answers the public face.

    Raises ``InsufficientBalance`` where a balance would go below zero and the app does not allow it.
    """
    with sql.transaction_joined():
        wallets = ledger.lock(app, [user_id])
        book, found = engine.read(app, wallets, [user_id])
        plan = engine.Plan(app, book, wallets, found.states, wallets.now)
        answer = _plan(plan, user_id, {"xp": xp, "coins": coins, "tokens": tokens}, reason, actor)
        plan.write()
    return answer


def set_scores(app: App, user_id: str, *, xp: int, coins: int | None = None, actor: str = "") -> dict:
    """Sets XP, and coins where given, by the adjustment that leads there."""
    with sql.transaction_joined():
        wallets = ledger.lock(app, [user_id])
        book, found = engine.read(app, wallets, [user_id])
        plan = engine.Plan(app, book, wallets, found.states, wallets.now)
        gains = {"xp": xp - wallets[user_id].available(XP)}
        if coins is not None:
            gains["coins"] = coins - wallets[user_id].available(COIN)
        answer = _plan(plan, user_id, gains, "score set", actor)
        plan.write()
    return answer


def _plan(plan: engine.Plan, user_id: str, gains: dict[str, int], reason: str, actor: str) -> dict:
    state, at = plan.states[user_id], plan.now
    before = state.measures()
    cause = new_id("adj")
    for name, asset in _ASSETS:
        amount = gains.get(name, 0)
        if amount > 0:
            plan.earn(user_id, cause=cause, cause_type="adjustment", at=at, **{name: amount})
        elif amount < 0:
            _take(plan, user_id, asset, -amount, cause, at)
    state.xp += gains.get("xp", 0)
    state.coins_earned += gains.get("coins", 0)
    given = progress.advance(plan.book, before, state)
    plan.give(user_id, given, cause=cause, cause_type="adjustment", at=at)
    plan.touched[user_id] = state
    plan.score(user_id, at, xp=state.xp - before[0], coins=state.coins_earned - before[1])
    return {
        "adjustmentId": cause,
        "userId": user_id,
        "reason": reason,
        **{name: gains.get(name, 0) for name, _ in _ASSETS},
        "balances": plan.balances(user_id),
        "level": state.level,
    }


def _take(plan: engine.Plan, user_id: str, asset: str, amount: int, cause: str, at: datetime) -> None:
    """REVERSE: the points go back where they came from, so the boards of what was earned follow."""
    plan.wallets.load_lots([user_id], asset)
    if amount > plan.wallets[user_id].available(asset) and not plan.app.allows_negative_points:
        raise plan.wallets._insufficient(plan.wallets[user_id], asset, amount)
    plan.wallets.move(user_id, ledger.REVERSE, asset, amount, cause=cause, cause_type="adjustment", occurred_at=at, rule_version=plan.book.version)
