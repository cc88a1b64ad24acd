"""One verb for many rewards, as a person orders it from a page: looked at first, then done, in batches that hold nobody up.

Each batch is a transaction of its own with its wallets locked at once, so thirty people who press the same button at
the same moment pay nobody twice: whoever comes second finds that what he saw has changed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from django.db import models, transaction

from incenta.accounts.models import App
from incenta.errors import DomainError

from . import faces_reward, reward_state, rewards
from .models import Reward

MOST_AT_ONCE = 1_000
"""Rewards of one order; more are a matter of another round."""
BATCH = 50
"""Rewards whose wallets are locked at once: what it takes is over before anybody notices that he waited."""


class Verb(models.TextChoices):
    APPROVE = "approve", "Approve"
    PAY = "pay", "Mark paid"
    CANCEL = "cancel", "Cancel"


@dataclass(slots=True)
class Batch:
    """What came of it, or would come of it. ``done`` are the rewards as they are afterwards."""

    verb: str
    done: list[Reward] = field(default_factory=list)
    skipped: list[tuple[Reward | None, str, DomainError | None]] = field(default_factory=list)
    """The reward as it stands, its id, and why it was refused; ``None``: it was so already."""
    seen: rewards.Seen = field(default_factory=dict)
    """The seals of ``done`` before it was done: what to send back when ordering what was looked at."""

    def totals(self) -> list[tuple[str, int, int, int]]:
        """``(asset, rewards, minor units, minor units that settled earlier debts)`` of what is done, by asset."""
        sums: dict[str, list[int]] = {}
        for reward in self.done:
            of_asset = sums.setdefault(reward.asset, [0, 0, 0])
            of_asset[0] += 1
            of_asset[1] += reward.worth_minor
            of_asset[2] += reward.netted_minor if self.verb == Verb.PAY else 0
        return [(asset, *told) for asset, told in sorted(sums.items())]


Many = Callable[..., list[rewards.Outcome]]


def _verb(verb: str, told: str) -> Many:
    """``told``: the reference of a payment, the reason of a cancellation."""
    if verb == Verb.PAY:
        return partial(rewards.pay_many, payout_reference=told or None)
    return partial(rewards.cancel_many, reason=told) if verb == Verb.CANCEL else rewards.approve_many


def look(app: App, verb: str, ids: Iterable[str], *, actor: str = "") -> Batch:
    """What the verb would do to these rewards now, to the last debt that it would settle. Nothing stays of it."""
    found = app.rewards.select_related(*faces_reward.SHOWN).in_bulk(list(ids)[:MOST_AT_ONCE])
    before = {id: reward_state.seal(reward) for id, reward in found.items()}
    batch = _each(app, _verb(verb, "looking"), verb, before, actor, is_real=False)
    batch.seen = {reward.pk: before[reward.pk] for reward in batch.done}
    return batch


def look_again(app: App, verb: str, seen: rewards.Seen, *, actor: str = "") -> Batch:
    """What ``carry_out`` would do now to what was seen before. Nothing stays of it."""
    return _each(app, _verb(verb, "looking"), verb, dict(list(seen.items())[:MOST_AT_ONCE]), actor, is_real=False)


def carry_out(app: App, verb: str, seen: rewards.Seen, *, told: str = "", actor: str = "") -> Batch:
    """Does it to all that is still as it was seen. ``told``: the payment's reference, the cancellation's reason."""
    return _each(app, _verb(verb, told), verb, dict(list(seen.items())[:MOST_AT_ONCE]), actor, is_real=True)


def _each(app: App, act: Many, verb: str, seen: rewards.Seen, actor: str, *, is_real: bool) -> Batch:
    done = Batch(verb)
    ids = list(seen)
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        standing = app.rewards.select_related(*faces_reward.SHOWN).in_bulk(some)
        with transaction.atomic():
            outcomes = act(app, some, actor=actor, seen=seen)
            if not is_real:
                transaction.set_rollback(True)
        for outcome in outcomes:
            was = standing.get(outcome.id)
            if outcome.refusal is not None:
                done.skipped.append((was, outcome.id, outcome.refusal))
            elif was is None or outcome.reward.status == was.status:
                done.skipped.append((was, outcome.id, None))
            else:
                done.done.append(outcome.reward)
    return done
