"""Adjustments by hand: entries with a reason, never an edited balance."""

from datetime import datetime

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.ids import new_id
from incenta.money import COIN, TOKEN, XP, display

from . import engine, explaining, ledger, progress
from .models import Adjustment
from .plan import Plan, read

ASSETS = {"xp": XP, "coins": COIN, "tokens": TOKEN}


def adjust(
    app: App, user_id: str, *, reason: str, xp: int = 0, coins: int = 0, tokens: int = 0, actor: str = ""
) -> dict:
    """Adds to or takes from a user's points; XP moves level and boards, and what is crossed is given, as by an event.

    What is taken leaves the lots that expire soonest first. Answers the public face with the entries made.
    Raises ``InsufficientBalance`` where a balance would go below zero and the app does not allow it; nothing moves then.
    """
    with sql.transaction_joined():
        plan = _begin(app, user_id)
        return _write(plan, user_id, {"xp": xp, "coins": coins, "tokens": tokens}, reason, actor)


def set_scores(app: App, user_id: str, *, xp: int, coins: int | None = None, actor: str = "") -> dict | None:
    """Sets XP, and coins earned where given, by the adjustment that leads there; ``None`` where they are so already."""
    with sql.transaction_joined():
        plan = _begin(app, user_id)
        state = plan.states[user_id]
        gains = {"xp": xp - state.xp, "coins": 0 if coins is None else coins - state.coins_earned}
        return _write(plan, user_id, gains, "Score set", actor) if any(gains.values()) else None


def face(adjustment: Adjustment) -> dict:
    return {
        "adjustmentId": adjustment.pk,
        "userId": adjustment.user_id,
        "reason": adjustment.reason,
        "xp": adjustment.xp,
        "coins": adjustment.coins,
        "tokens": adjustment.tokens,
        **adjustment.outcome,
        "createdAt": clock.iso(adjustment.created_at),
    }


def _begin(app: App, user_id: str) -> Plan:
    wallets = ledger.lock(app, [user_id])
    book, found = read(app, wallets, [user_id])
    return Plan(app, book, wallets, found.states, wallets.now)


def _write(plan: Plan, user_id: str, gains: dict[str, int], reason: str, actor: str) -> dict:
    app, state, at = plan.app, plan.states[user_id], plan.now
    before, xp, seq = state.measures(), state.xp, plan.wallets[user_id].seq
    cause = new_id("adj")
    for name, gain in gains.items():
        if gain > 0:
            plan.earn(user_id, cause=cause, cause_type="adjustment", at=at, **{name: gain})
        elif gain < 0:
            _take(plan, user_id, ASSETS[name], -gain, cause, at)
    state.xp += gains["xp"]
    state.coins_earned += gains["coins"]
    given = progress.advance(plan.book, before, state)
    plan.give(user_id, given, cause=cause, cause_type="adjustment", at=at)
    plan.touch(user_id)
    plan.score(user_id, at, xp=state.xp - xp, coins=state.coins_earned - before.coins_earned)
    reached = {"balances": plan.balances(user_id), **engine.reached(given, state.level, plan.book.level_of(before.xp))}
    common = {"eventId": None, "userId": user_id, "actionKey": None, "adjustmentId": cause}
    engine.tell_reached(plan, user_id, reached, common, ("adjustment", cause), actor)
    plan.write()
    made = Adjustment.objects.create(
        id=cause, app=app, user_id=user_id, reason=reason, actor=actor, rule_version=plan.book.version, outcome=reached, created_at=at,
        **gains,
    )  # fmt: skip
    moved = explaining.entries(app, user_id).filter(seq__gt=seq).order_by("seq")
    return face(made) | {"entries": explaining.faces(app, list(moved))}


def _take(plan: Plan, user_id: str, asset: str, amount: int, cause: str, at: datetime) -> None:
    """REVERSE: what was given goes back to the issuer, so that the boards of what was earned follow."""
    wallets = plan.wallets
    wallets.load_lots([user_id], asset)
    wallets.expire_due(user_id, asset)
    has = wallets[user_id].available(asset)
    if has < amount and not plan.app.allows_negative_points:
        raise ledger.InsufficientBalance(
            message=f"The balance is {display(has, asset)}, which does not cover {display(amount, asset)}.",
            details={"available": has, "required": amount, "asset": asset},
        )
    wallets.move(
        user_id,
        ledger.REVERSE,
        asset,
        amount,
        cause=cause,
        cause_type="adjustment",
        occurred_at=at,
        rule_version=plan.book.version,
    )
