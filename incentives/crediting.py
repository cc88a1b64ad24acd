"""Coins that come from elsewhere, such as a referral's reward: they are coins earned, on the boards and towards milestones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from incenta.accounts.models import App
from incenta.money import COIN

from . import book as rulebook
from . import engine, ledger, progress
from .plan import Plan, read


@dataclass(frozen=True, slots=True)
class Coins:
    """So many coins, earned or (below zero) taken back, by entries that are planned in the wallets already."""

    user_id: str
    amount: int
    at: datetime
    cause: str
    """The id of what earned them."""
    cause_type: str


def expires_at(app: App, at: datetime) -> datetime | None:
    """When coins expire that become the user's at this moment: their time begins when they can be spent."""
    return rulebook.current(app).expires_at(COIN, at)


def plan(app: App, wallets: ledger.Wallets, gains: Sequence[Coins], *, actor: str = "") -> Plan:
    """Plans that these coins count, and what they reach, beside what is planned in the wallets; ``.write()`` writes it all."""
    book, found = read(app, wallets, sorted({coins.user_id for coins in gains}))
    planned = Plan(app, book, wallets, found.states, wallets.now)
    for coins in gains:
        user_id, state = coins.user_id, found.states[coins.user_id]
        before, xp = state.measures(), state.xp
        state.coins_earned += coins.amount
        given = progress.advance(book, before, state)
        planned.give(user_id, given, cause=coins.cause, cause_type=coins.cause_type, at=coins.at)
        planned.touch(user_id)
        planned.score(user_id, coins.at, xp=state.xp - xp, coins=state.coins_earned - before.coins_earned)
        reached = {
            "balances": planned.balances(user_id),
            **engine.reached(given, state.level, book.level_of(before.xp)),
        }
        common = {"eventId": None, "userId": user_id, "actionKey": None, "causeId": coins.cause}
        engine.tell_reached(planned, user_id, reached, common, (coins.cause_type, coins.cause), actor)
    return planned
