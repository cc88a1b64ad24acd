"""What happens to rewards by the passing of time: they complete themselves, they expire, a budget makes room for them.

Each app is swept by its own clock. A sweep reads what is due without a lock, locks a batch as every verb does (wallets
first: a ``SKIP LOCKED`` on the rewards before that would turn the order round), looks again, and acts. So two sweeps
at once, or one that is killed, change nothing twice; and a reward on which a batch stumbles is left, with a trace in
the log, and holds up no other.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet

from incenta import clock
from incenta.accounts.models import App
from incenta.database.sql import transaction_joined
from incenta.events.doorbell import Doorbell
from incenta.events.models import Event

from . import reward_state, rewards, rules
from .locked_rewards import LockedRewards
from .models import CampaignSpend, Reward
from .models.campaign import FulfillmentType
from .models.reward import HoldReason, RewardStatus

logger = logging.getLogger(__name__)

BATCH = 50
"""Rewards whose wallets are locked at once: enough to be quick, few enough to keep nobody waiting."""
ACTOR = "system"


bell = Doorbell("referrals.complete_rewards")


def ring_for(batch: Iterable[Event]) -> None:
    """After ``REWARD_CREATED``: what completes itself and is not held need not wait for the next sweep."""
    if any(
        event.data["fulfillmentType"] in reward_state.COMPLETES_ITSELF and not event.data["holdReasons"]
        for event in batch
    ):
        transaction.on_commit(bell.ring, robust=True)


def ring_soon(released: Iterable[Reward]) -> None:
    """After a review let rewards go: what completes itself need not wait for the next sweep either."""
    if any(
        reward.status == RewardStatus.PENDING
        and not reward.holds
        and reward.fulfillment_type in reward_state.COMPLETES_ITSELF
        for reward in released
    ):
        transaction.on_commit(bell.ring, robust=True)


def complete_all() -> int:
    """Completes what is due in every app. Answers how many rewards moved."""
    waiting = Reward.objects.filter(
        app=OuterRef("pk"),
        status=RewardStatus.PENDING,
        fulfillment_type__in=reward_state.COMPLETES_ITSELF,
        holds=[],
    )
    return _in_each_app(waiting, mature)


def sweep_all() -> int:
    """Sweeps every app that has open rewards. Answers how many rewards moved."""
    return _in_each_app(Reward.objects.filter(app=OuterRef("pk"), status__in=reward_state.OPEN), sweep)


def _in_each_app(rows: QuerySet, act: Callable[[App], int]) -> int:
    moved = 0
    for app in App.objects.filter(Exists(rows)).order_by("pk"):
        try:
            moved += act(app)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("the rewards of %s could not be swept", app.pk)
    return moved


def sweep(app: App) -> int:
    """All that is due in one app: first what people gain by, then what they lose."""
    return release_budgets(app) + mature(app) + expire(app)


def next_due(app: App) -> datetime | None:
    """When the next reward of the app matures or runs out."""
    waiting, now = app.rewards.filter(status__in=reward_state.OPEN), clock.now(app)
    dues = {name: Min(name, filter=Q(**{f"{name}__gt": now})) for name in ("matures_at", "claim_by", "expires_at")}
    return min((moment for moment in waiting.aggregate(**dues).values() if moment is not None), default=None)


# --- maturing -------------------------------------------------------------------------------------------------------
def mature(app: App) -> int:
    """AUTOMATED rewards that nothing holds any more are APPROVED, COINS are credited and PAID. Answers how many."""

    def due(now: datetime) -> QuerySet:
        waiting = app.rewards.filter(status=RewardStatus.PENDING, fulfillment_type__in=reward_state.COMPLETES_ITSELF)
        return waiting.not_on_hold(now)

    return _each_due(app, due, _complete)


def _complete(locked: LockedRewards, reward: Reward) -> bool:
    if reward.status != RewardStatus.PENDING or reward_state.hold_reasons(reward, locked.now):
        return False
    if reward.fulfillment_type == FulfillmentType.COINS:
        locked.credit(reward)
    else:
        locked.post(reward)
    return True


# --- expiring -------------------------------------------------------------------------------------------------------
def expire(app: App) -> int:
    """Claimed codes past ``expires_at``, and rewards not claimed by ``claim_by``, are CANCELLED. Answers how many."""

    def due(now: datetime) -> QuerySet:
        code_ran_out = Q(status=RewardStatus.APPROVED, expires_at__lte=now)
        not_claimed = Q(status=RewardStatus.PENDING, claim_by__lte=now) & ~Q(
            fulfillment_type__in=reward_state.COMPLETES_ITSELF
        )
        return app.rewards.filter(code_ran_out | not_claimed).not_on_hold(now)

    return _each_due(app, due, _end)


def _end(locked: LockedRewards, reward: Reward) -> bool:
    if not reward_state.is_open(reward):
        return False
    if reward_state.is_code_expired(reward, locked.now):
        locked.take_back(reward, reward_state.EXPIRED)
    elif reward_state.has_lapsed(reward, locked.now):
        locked.take_back(reward, reward_state.NOT_CLAIMED_IN_TIME)
    else:
        return False
    return True


# --- budgets --------------------------------------------------------------------------------------------------------
def release_budgets(app: App) -> int:
    """Releases what waits for budget in every campaign that has room for it by now. Answers how many rewards."""
    campaigns = _over_budget(app).order_by().values_list("campaign_id", flat=True).distinct()
    return sum(release_budget_holds(app, campaign_id) for campaign_id in sorted(campaigns))


def release_budget_holds(app: App, campaign_id: str) -> int:
    """Releases rewards that wait for this campaign's budget, oldest first, until the next one does not fit.

    Not inside a transaction that has locked the campaign or a wallet. Answers how many rewards were released.
    """
    waiting = _over_budget(app).filter(campaign=campaign_id).order_by("created_at", "pk")
    released = 0
    while ids := list(waiting.values_list("pk", flat=True)[:BATCH]):
        fitting = _fit_budget(app, campaign_id, ids)
        released += fitting
        if fitting < len(ids):
            break
    return released


def _over_budget(app: App) -> QuerySet:
    return app.rewards.filter(status=RewardStatus.PENDING, holds__contains=[HoldReason.BUDGET])


def _fit_budget(app: App, campaign_id: str, ids: list[str]) -> int:
    released = 0
    with transaction_joined():
        locked = LockedRewards(app, ids, actor=ACTOR)
        campaign = app.campaigns.get(pk=campaign_id)
        budget = rules.of_version(app, campaign.pk, campaign.version).budget_minor
        spend = CampaignSpend.objects.select_for_update().filter(app=app, campaign=campaign).first()
        for reward in sorted(locked.rewards.values(), key=lambda reward: (reward.created_at, reward.pk)):
            if reward.status != RewardStatus.PENDING or HoldReason.BUDGET not in reward.holds:
                continue
            if budget is not None and spend is not None and spend.promised_minor + reward.worth_minor > budget:
                break
            rewards.lift(locked, reward, HoldReason.BUDGET)
            reward.in_budget = True
            if spend is not None:
                spend.promised_minor += reward.worth_minor
            released += 1
        if spend is not None and released:
            spend.save(update_fields=["promised_minor"])
        locked.save()
    return released


# --- batches --------------------------------------------------------------------------------------------------------
def _each_due(app: App, due: Callable[[datetime], QuerySet], step: Callable[[LockedRewards, Reward], bool]) -> int:
    moved = 0
    last = ""
    while True:
        ids = list(due(clock.now(app)).filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not ids:
            return moved
        last = ids[-1]
        try:
            moved += _batch(app, ids, step)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("a batch of %s rewards is taken one by one, for one of them fails", len(ids))
            moved += sum(_alone(app, reward_id, step) for reward_id in ids)


def _batch(app: App, ids: Iterable[str], step: Callable[[LockedRewards, Reward], bool]) -> int:
    with transaction_joined():
        locked = LockedRewards(app, ids, actor=ACTOR)
        moved = sum(step(locked, reward) for reward in locked.rewards.values())
        locked.save()
    return moved


def _alone(app: App, reward_id: str, step: Callable[[LockedRewards, Reward], bool]) -> int:
    try:
        return _batch(app, [reward_id], step)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("reward %s could not be moved", reward_id)
        return 0
