"""The life of a reward after its creation: held, claimed, approved, paid, redeemed, cancelled.

Every verb locks the wallet of the reward's user, then the reward's row, then (where it frees budget) the campaign's
spend; it decides by ``reward_state``, plans the ledger's transfers, and writes rows, transfers and events in one
transaction, its own or the caller's. A refused verb has changed nothing. Repeating a verb answers what the first call
did.

The money: a reward is promised by a GRANT (its hold is ``ledger_hold_id``), POSTed to the user's available balance
when it is approved or claimed, and PAID OUT when it is paid or redeemed. Coins end in the available balance; there
they are spent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction

from incenta import codes
from incenta.accounts.models import App
from incenta.database.sql import transaction_joined
from incenta.errors import Conflict, DomainError, InvalidInput
from incenta.serializers import camel

from . import discount_code, faces_reward, reward_state
from .locked_rewards import LockedRewards, not_found
from .models import CampaignVersion, Reward
from .models.campaign import FulfillmentType
from .models.reward import HoldReason, RewardStatus

MOST_AT_ONCE = 100
"""Ids of one bulk call."""
TRIES_FOR_A_CODE = 5
LONGEST_WAIT_DAYS = 36_500
"""No rule of a campaign waits longer: beyond lie dates that cannot be stored."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a bulk call did to one id: the reward as it is now, or why it was refused."""

    id: str
    reward: Reward | None = None
    refusal: DomainError | None = None


Step = Callable[[LockedRewards, Reward], None]


def _one(app: App, reward_id: str, actor: str, step: Step) -> Reward:
    with transaction_joined():
        locked = LockedRewards(app, [reward_id], actor=actor)
        reward = locked[reward_id]
        step(locked, reward)
        locked.save()
    return reward


Seen = dict[str, str]
"""Id → the ``reward_state.seal`` of the reward as it was when somebody decided on it."""


def _many(app: App, ids: list[str], actor: str, step: Step, seen: Seen | None = None) -> list[Outcome]:
    """Each id stands alone: a step decides before it plans, so one that is refused leaves the plan of the others
    whole. With ``seen`` what has changed meanwhile is refused."""
    outcomes = []
    with transaction_joined():
        locked = LockedRewards(app, ids, actor=actor)
        for reward_id in ids:
            try:
                reward = locked[reward_id]
                if seen is not None:
                    reward_state.refuse_unseen(reward, seen.get(reward_id))
                step(locked, reward)
                outcomes.append(Outcome(reward_id, reward))
            except DomainError as refusal:
                outcomes.append(Outcome(reward_id, refusal=refusal))
        locked.save()
    return outcomes


def rule_days(reward: Reward, field: str) -> int | None:
    """A number of days from the rules that made the reward: ``reward_expiration_days`` or ``claim_within_days``."""
    campaign = reward.campaign
    if reward.rule_version == campaign.version:
        days = getattr(campaign, field)
    else:
        version = CampaignVersion.objects.filter(
            app=reward.app_id, campaign=campaign, number=reward.rule_version
        ).first()
        days = version.rules.get(camel(field)) if version else getattr(campaign, field)
    return None if days is None else min(days, LONGEST_WAIT_DAYS)


# --- claim ----------------------------------------------------------------------------------------------------------
def claim(
    app: App, reward_id: str, *, coupon_code: str | None = None, reference: str | None = None, actor: str = ""
) -> Reward:
    """The user takes the reward: it is APPROVED (coins: PAID at once) and, where codes are issued, has its code.

    A second claim answers the first one's reward and tells nobody. ``coupon_code``: the merchant's own code instead of
    one of ours. ``reference``: the merchant's own name for the fulfilment.

    Raises ``NotFound`` ``reward_not_found``; 409 ``reward_not_claimable``, ``reward_on_hold``, ``code_taken``;
    ``InvalidInput``.
    """
    coupon = None if coupon_code is None else discount_code.parse_coupon(coupon_code)

    def step(locked: LockedRewards, reward: Reward) -> None:
        if (
            reward.claimed_at
            and reward.fulfillment_type == FulfillmentType.COINS
            and reward.status == RewardStatus.PAID
        ):
            return
        reward_state.refuse_claim(reward, locked.now)
        if reward.claimed_at:
            return
        if coupon and reward.fulfillment_type not in reward_state.TAKES_COUPON:
            raise InvalidInput({"couponCode": [f"A reward of type {reward.fulfillment_type} has no code."]})
        if coupon or reward.fulfillment_type in reward_state.ISSUES_CODE:
            _give_code(reward, coupon)
            days = rule_days(reward, "reward_expiration_days")
            reward.expires_at = locked.now + timedelta(days=days) if days else None
        reward.claimed_at = locked.now
        reward.fulfillment_reference = reference or reward.fulfillment_reference
        locked.changed(reward)
        locked.tell(reward, "REWARD_CLAIMED", faces_reward.reward_claimed_data(reward))
        if reward.fulfillment_type == FulfillmentType.COINS:
            locked.credit(reward)
        elif reward.status == RewardStatus.PENDING:
            locked.post(reward)

    return _one(app, reward_id, actor, step)


def _give_code(reward: Reward, coupon: str | None) -> None:
    """Writes the reward's code. The database says whether it is free: a look before would race."""
    for _ in range(TRIES_FOR_A_CODE):
        reward.code = coupon or discount_code.new_code(reward.campaign.code_prefix)
        reward.code_key = codes.key_of(reward.code)
        try:
            with transaction.atomic():
                reward.save(update_fields=["code", "code_key"])
            return
        except IntegrityError:
            if coupon:
                raise Conflict(
                    "code_taken", f"The code {coupon} belongs to another reward.", details={"couponCode": [coupon]}
                ) from None
    raise RuntimeError("No free discount code was found")


# --- approve, pay, cancel -------------------------------------------------------------------------------------------
def _approve(locked: LockedRewards, reward: Reward) -> None:
    is_coins = reward.fulfillment_type == FulfillmentType.COINS
    if reward.status == (RewardStatus.PAID if is_coins else RewardStatus.APPROVED):
        return
    reward_state.refuse_approval(reward, locked.now)
    if is_coins:
        locked.credit(reward)
    else:
        locked.post(reward)


def approve(app: App, reward_id: str, *, actor: str = "") -> Reward:
    """PENDING → APPROVED: the merchant owes it (coins are credited, and the reward is PAID). Repeating it is harmless.

    Raises ``NotFound``; 409 ``reward_cancelled``, ``reward_already_paid``, ``reward_on_hold``,
    ``reward_not_approvable``.
    """
    return _one(app, reward_id, actor, _approve)


def approve_many(app: App, ids: list[str], *, actor: str = "", seen: Seen | None = None) -> list[Outcome]:
    """``approve`` for each of these ids, in their order."""
    return _many(app, ids, actor, _approve, seen)


def _pay(reference: str | None) -> Step:
    def step(locked: LockedRewards, reward: Reward) -> None:
        if reward.status == RewardStatus.PAID:
            if reference in (None, reward.payout_reference):
                return
            raise reward_state.already_paid(reward, "already_paid")
        reward_state.refuse_payment(reward, locked.now)
        if reward.fulfillment_type == FulfillmentType.COINS:
            locked.credit(reward, reference)
            return
        if reward.status == RewardStatus.PENDING:
            locked.post(reward)
        locked.pay_out(reward, reference, "paid")

    return step


def pay(app: App, reward_id: str, *, payout_reference: str | None = None, actor: str = "") -> Reward:
    """APPROVED → PAID: the merchant has paid it outside; PENDING too where no code stands between. Repeating it under
    the same ``payout_reference`` (or none) is harmless. What of it settled an earlier debt is in ``netted_minor``; the
    rest was to be paid.

    Raises ``NotFound``; 409 ``already_paid`` (under another reference), ``reward_cancelled``, ``code_expired``,
    ``reward_on_hold``, ``reward_not_payable``.
    """
    return _one(app, reward_id, actor, _pay(payout_reference))


def pay_many(
    app: App, ids: list[str], *, payout_reference: str | None = None, actor: str = "", seen: Seen | None = None
) -> list[Outcome]:
    """``pay`` for each of these ids, in their order, under one reference."""
    return _many(app, ids, actor, _pay(payout_reference), seen)


def _cancel(reason: str) -> Step:
    def step(locked: LockedRewards, reward: Reward) -> None:
        reward_state.refuse_taking_back(reward)
        if reward.status != RewardStatus.CANCELLED:
            locked.take_back(reward, reason)

    return step


def cancel(app: App, reward_id: str, *, reason: str, actor: str = "") -> Reward:
    """PENDING or APPROVED → CANCELLED, on hold or not; what it promised is free for others. Repeating it is harmless.

    Raises ``NotFound``; 409 ``reward_already_paid``.
    """
    return _one(app, reward_id, actor, _cancel(reason))


def cancel_many(app: App, ids: list[str], *, reason: str, actor: str = "", seen: Seen | None = None) -> list[Outcome]:
    """``cancel`` for each of these ids, in their order."""
    return _many(app, ids, actor, _cancel(reason), seen)


# --- redeem ---------------------------------------------------------------------------------------------------------
def redeem(
    app: App, reward_id: str, *, user_id: str | None = None, order_reference: str | None = None, actor: str = ""
) -> Reward:
    """The user has what was promised: a claimed reward is PAID, once. With ``user_id`` only that user's reward is
    found.

    Raises ``NotFound`` ``reward_not_found``; 409 ``already_redeemed``, ``reward_cancelled``, ``reward_not_claimed``,
    ``code_expired``, ``reward_on_hold``.
    """

    def step(locked: LockedRewards, reward: Reward) -> None:
        if user_id is not None and reward.user_id != user_id:
            raise not_found()
        reward_state.refuse_redemption(reward, locked.now)
        locked.pay_out(reward, order_reference, "redeemed")

    return _one(app, reward_id, actor, step)


def by_code(app: App, code: str) -> Reward | None:
    """The reward with this code, typed in any case, ready for its face; ``None`` where there is none."""
    key = codes.key_of(code)
    if not key.isprintable() or not 0 < len(key) <= discount_code.LONGEST:
        return None
    return app.rewards.select_related(*faces_reward.SHOWN).filter(code_key=key).first()


# --- holds ----------------------------------------------------------------------------------------------------------
def hold(
    app: App, reward_id: str, *, reason: HoldReason = HoldReason.MANUAL, note: str = "", actor: str = ""
) -> Reward:
    """Adds a reason to hold an open reward; while any is left it can be cancelled and nothing else. Repeating it is
    harmless; ``note`` says why, and a later one replaces it.

    Raises ``NotFound``; 409 ``reward_already_paid``, ``reward_cancelled``.
    """

    def step(locked: LockedRewards, reward: Reward) -> None:
        reward_state.refuse_holding(reward)
        if reason not in reward.holds:
            reward.holds = sorted([*reward.holds, reason.value])
            reward.hold_note = note
            locked.changed(reward)
        elif note and note != reward.hold_note:
            reward.hold_note = note
            locked.changed(reward)

    return _one(app, reward_id, actor, step)


def release(app: App, reward_id: str, *, reason: HoldReason = HoldReason.MANUAL, actor: str = "") -> Reward:
    """Takes one reason to hold away; the others hold on. Repeating it is harmless. Raises ``NotFound``."""
    return _one(app, reward_id, actor, lambda locked, reward: lift(locked, reward, reason))


def lift(locked: LockedRewards, reward: Reward, reason: HoldReason) -> None:
    """Takes one reason to hold away from a locked reward. With the last one gone, the times to claim and to redeem
    start anew, for nobody could use them meanwhile."""
    if reason not in reward.holds:
        return
    reward.holds = [held for held in reward.holds if held != reason]
    if not reward.holds and reward_state.is_open(reward):
        start = max(locked.now, reward.matures_at or locked.now)
        if reward.claim_by:
            reward.claim_by = max(reward.claim_by, start + timedelta(days=rule_days(reward, "claim_within_days") or 0))
        if reward.expires_at:
            reward.expires_at = max(
                reward.expires_at, start + timedelta(days=rule_days(reward, "reward_expiration_days") or 0)
            )
    locked.changed(reward)
