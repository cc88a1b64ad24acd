"""What a reward allows now. Pure: it reads the reward it is given and the moment, and answers or raises
``Conflict``."""

from datetime import datetime
from hashlib import blake2b

from incenta.clock import iso
from incenta.errors import Conflict

from .models import Reward
from .models.campaign import FulfillmentType
from .models.reward import HoldReason, RewardStatus

OPEN = (RewardStatus.PENDING, RewardStatus.APPROVED)
ISSUES_CODE = (FulfillmentType.DISCOUNT_CODE, FulfillmentType.COUPON_CODE)
"""A claim gives these a code, and redeeming the code is how they are paid."""
COMPLETES_ITSELF = (FulfillmentType.AUTOMATED, FulfillmentType.COINS)
"""Approved (coins: credited) by the job as soon as nothing holds it; nobody needs to claim it."""
TAKES_COUPON = (*ISSUES_CODE, FulfillmentType.GIFT_CARD, FulfillmentType.CUSTOM)
"""The merchant may bring the code himself: his shop or his gift card provider made it."""

EXPIRED = "expired"
"""The cancel reason of a claimed code whose time ran out."""
NOT_CLAIMED_IN_TIME = "not claimed in time"

RELEASED_BY = {
    HoldReason.FRAUD_REVIEW: "The decision on its fraud flag releases or cancels it.",
    HoldReason.HOLD_PERIOD: "It ends by itself at {until}.",
    HoldReason.BUDGET: "It is released as soon as the campaign's budget has room for it.",
    HoldReason.MANUAL: "POST /v1/rewards/{id}/release releases it.",
}


# --- questions ------------------------------------------------------------------------------------------------------
def is_open(reward: Reward) -> bool:
    """Whether it may still move: neither PAID nor CANCELLED."""
    return reward.status in OPEN


def hold_reasons(reward: Reward, now: datetime) -> list[str]:
    """Every reason that holds it at ``now``; none once it is final."""
    return reward.hold_reasons(now) if is_open(reward) else []


def holds(reward: Reward, now: datetime) -> list[dict]:
    """The holds, each with what releases it: ``[{reason, releasedBy, until, note}]``, ``until`` a time or null, ``note`` why somebody
    held it by hand, or null."""
    told = []
    for reason in hold_reasons(reward, now):
        until = iso(reward.matures_at) if reason == HoldReason.HOLD_PERIOD else None
        sentence = RELEASED_BY[HoldReason(reason)].format(id=reward.pk, until=until)
        note = reward.hold_note or None if reason == HoldReason.MANUAL else None
        told.append({"reason": reason, "releasedBy": sentence, "until": until, "note": note})
    return told


def has_lapsed(reward: Reward, now: datetime) -> bool:
    """Whether it was not claimed in time, whether or not the job has seen it yet. What is on hold cannot lapse."""
    if reward.status != RewardStatus.PENDING:
        return reward.status == RewardStatus.CANCELLED and reward.cancel_reason == NOT_CLAIMED_IN_TIME
    is_late = reward.claim_by is not None and reward.claim_by <= now
    return is_late and reward.fulfillment_type not in COMPLETES_ITSELF and not hold_reasons(reward, now)


def is_code_expired(reward: Reward, now: datetime) -> bool:
    """Whether its code ran out before it was redeemed, whether or not the job has seen it yet. What is on hold cannot
    run out."""
    if reward.status == RewardStatus.CANCELLED:
        return reward.cancel_reason == EXPIRED
    is_late = reward.expires_at is not None and reward.expires_at <= now
    return is_late and is_open(reward) and not hold_reasons(reward, now)


def seal(reward: Reward) -> str:
    """What somebody sees of a reward, in a few characters. It differs after whatever a verb or a reversal changes."""
    seen = (
        reward.status,
        sorted(reward.holds),
        reward.amount_minor,
        reward.reversed_minor,
        reward.code,
        iso(reward.claimed_at),
        iso(reward.matures_at),
    )
    return blake2b(repr(seen).encode(), digest_size=6).hexdigest()


# --- refusals -------------------------------------------------------------------------------------------------------
def refuse_held(reward: Reward, now: datetime) -> None:
    """Raises 409 ``reward_on_hold``, naming every reason and what releases it."""
    if told := holds(reward, now):
        reasons = [hold["reason"] for hold in told]
        raise Conflict(
            "reward_on_hold",
            f"This reward is on hold ({', '.join(reasons)}). {' '.join(hold['releasedBy'] for hold in told)}",
            details={"holdReasons": reasons, "holds": told},
        )


def _status_details(reward: Reward) -> dict:
    details = {"status": reward.status}
    if reward.paid_at:
        details["paidAt"] = iso(reward.paid_at)
    if reward.cancelled_at:
        details |= {"cancelledAt": iso(reward.cancelled_at), "cancelReason": reward.cancel_reason}
    return details


def _refuse_lapsed(reward: Reward, now: datetime, code: str) -> None:
    if has_lapsed(reward, now):
        raise Conflict(
            code,
            f"This reward was to be claimed before {iso(reward.claim_by)}.",
            details=_status_details(reward) | {"claimBy": iso(reward.claim_by)},
        )


def refuse_claim(reward: Reward, now: datetime) -> None:
    """Raises 409 ``reward_not_claimable`` (naming the status) or ``reward_on_hold``. A claim made before is no matter
    here."""
    _refuse_lapsed(reward, now, "reward_not_claimable")
    if not is_open(reward):
        raise Conflict(
            "reward_not_claimable",
            f"This reward is {reward.status}, so it cannot be claimed.",
            details=_status_details(reward),
        )
    refuse_held(reward, now)
    _refuse_expired(reward, now, "reward_not_claimable")


def refuse_approval(reward: Reward, now: datetime) -> None:
    """Raises 409 ``reward_cancelled``, ``reward_already_paid``, ``reward_on_hold`` or ``reward_not_approvable``."""
    _refuse_lapsed(reward, now, "reward_not_approvable")
    _refuse_cancelled(reward)
    if reward.status == RewardStatus.PAID:
        raise already_paid(reward)
    refuse_held(reward, now)


def refuse_payment(reward: Reward, now: datetime) -> None:
    """Raises 409 ``reward_cancelled``, ``code_expired``, ``reward_on_hold`` or ``reward_not_payable``."""
    _refuse_lapsed(reward, now, "reward_not_payable")
    _refuse_expired(reward, now)
    _refuse_cancelled(reward)
    refuse_held(reward, now)
    if reward.status == RewardStatus.PENDING and reward.fulfillment_type in ISSUES_CODE:
        raise Conflict(
            "reward_not_payable",
            "This reward is paid by redeeming its code: claim or approve it first.",
            details=_status_details(reward),
        )


def refuse_redemption(reward: Reward, now: datetime) -> None:
    """Raises 409 ``already_redeemed``, ``code_expired``, ``reward_cancelled``, ``reward_on_hold`` or
    ``reward_not_claimed``."""
    if reward.status == RewardStatus.PAID:
        raise Conflict(
            "already_redeemed",
            f"This reward was redeemed at {iso(reward.paid_at)}.",
            details={"redeemedAt": iso(reward.paid_at), "orderReference": reward.payout_reference},
        )
    _refuse_expired(reward, now)
    _refuse_cancelled(reward)
    refuse_held(reward, now)
    _refuse_lapsed(reward, now, "reward_not_claimed")
    if reward.status != RewardStatus.APPROVED or reward.claimed_at is None:
        raise Conflict("reward_not_claimed", "This reward has not been claimed.", details=_status_details(reward))


def refuse_taking_back(reward: Reward) -> None:
    """Raises 409 ``reward_already_paid``: what was paid is taken back by reversing its conversion."""
    if reward.status == RewardStatus.PAID:
        raise already_paid(reward)


def refuse_holding(reward: Reward) -> None:
    """Raises 409 ``reward_already_paid`` or ``reward_cancelled``: there is nothing left to hold."""
    refuse_taking_back(reward)
    _refuse_cancelled(reward)


def refuse_unseen(reward: Reward, seen: str | None) -> None:
    """Raises 409 ``reward_changed``: it is no longer what somebody saw who now decides on it."""
    if seal(reward) != seen:
        raise Conflict("reward_changed", "This reward changed since you looked.", details=_status_details(reward))


def already_paid(reward: Reward, code: str = "reward_already_paid") -> Conflict:
    """The refusal that names when and under which reference it was paid."""
    return Conflict(
        code,
        f"This reward was paid at {iso(reward.paid_at)}.",
        details=_status_details(reward) | {"payoutReference": reward.payout_reference},
    )


def _refuse_cancelled(reward: Reward) -> None:
    if reward.status == RewardStatus.CANCELLED:
        raise Conflict("reward_cancelled", "This reward was cancelled.", details=_status_details(reward))


def _refuse_expired(reward: Reward, now: datetime, code: str = "code_expired") -> None:
    if is_code_expired(reward, now):
        raise Conflict(
            code,
            f"This code expired at {iso(reward.expires_at)}.",
            details=_status_details(reward) | {"expiresAt": iso(reward.expires_at)},
        )


def why_not_redeemable(reward: Reward, now: datetime) -> Conflict | None:
    """The refusal that redeeming it now would meet, or ``None``."""
    try:
        refuse_redemption(reward, now)
    except Conflict as refusal:
        return refusal
    return None
