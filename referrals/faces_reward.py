"""The public faces of a reward: what the API answers and what webhooks tell, each written once.

A face reads ``reward.referral``, ``reward.campaign`` and ``reward.conversion``: fetch rewards with ``SHOWN``.
"""

from datetime import datetime

from incenta.clock import iso
from incenta.money import to_number

from .models import Reward
from .models.reward import RewardStatus
from .reward_state import hold_reasons, holds, is_code_expired, why_not_redeemable

SHOWN = ("referral", "campaign", "conversion")
"""For ``select_related``."""


def reward_face(reward: Reward, now: datetime) -> dict:
    """The item of contract section 5, and more. ``amount`` is what it is worth now, ``originalAmount`` at first."""
    asset = reward.asset
    held = holds(reward, now)
    conversion = reward.conversion
    return {
        "id": reward.pk,
        "userId": reward.user_id,
        "amount": to_number(reward.worth_minor, asset),
        "currency": asset,
        "status": reward.status,
        "holdReasons": [hold["reason"] for hold in held],
        "holds": held,
        "heldUntil": next((hold["until"] for hold in held if hold["until"]), None),
        "level": reward.level,
        "side": reward.side,
        "fulfillmentType": reward.fulfillment_type,
        "fulfillmentReference": reward.fulfillment_reference,
        "discountCode": reward.code,
        "discount": reward.discount,
        "originalAmount": to_number(reward.amount_minor, asset),
        "reversedAmount": to_number(reward.reversed_minor, asset),
        "nettedAmount": to_number(reward.netted_minor, asset),
        "paidAmount": None if reward.paid_minor is None else to_number(reward.paid_minor, asset),
        "claimBy": iso(reward.claim_by),
        "expiresAt": iso(reward.expires_at),
        "claimedAt": iso(reward.claimed_at),
        "approvedAt": iso(reward.approved_at),
        "paidAt": iso(reward.paid_at),
        "cancelledAt": iso(reward.cancelled_at),
        "cancelReason": reward.cancel_reason,
        "payoutReference": reward.payout_reference,
        "createdAt": iso(reward.created_at),
        "campaignId": reward.campaign_id,
        "ruleVersion": reward.rule_version,
        "Referral": {
            "id": reward.referral_id,
            "referralCode": reward.referral.code,
            "campaignId": reward.campaign_id,
            "Campaign": {"name": reward.campaign.name},
        },
        "Conversion": conversion
        and {
            "id": conversion.pk,
            "amount": None
            if conversion.amount_minor is None
            else to_number(conversion.amount_minor, conversion.currency),
            "createdAt": iso(conversion.converted_at),
        },
    }


def code_face(reward: Reward, now: datetime) -> dict:
    """What a till needs to know of a code: contract section 5, ``validate``.

    ``type`` and ``discount`` say what the code is worth: what the campaign said when the reward was made, or where it
    said nothing, the reward's own amount in ``currency``.
    """
    refusal = why_not_redeemable(reward, now)
    discount = reward.discount or {"type": "FIXED_AMOUNT", "value": to_number(reward.worth_minor, reward.asset)}
    face = {
        "valid": refusal is None,
        "code": reward.code,
        "type": discount.get("type"),
        "discount": discount.get("value"),
        "currency": reward.asset,
        "expiresAt": iso(reward.expires_at),
        "rewardId": reward.pk,
        "userId": reward.user_id,
        "status": reward.status,
        "isExpired": is_code_expired(reward, now),
        "isRedeemed": reward.status == RewardStatus.PAID,
        "isCancelled": reward.status == RewardStatus.CANCELLED,
        "isOnHold": bool(hold_reasons(reward, now)),
        "redeemedAt": iso(reward.paid_at),
        "fulfillmentType": reward.fulfillment_type,
        "amount": to_number(reward.worth_minor, reward.asset),
    }
    return face if refusal is None else face | {"error": refusal.message, "errorCode": refusal.code}


# --- what webhooks tell (contract, section 9) -----------------------------------------------------------------------
def reward_claimed_data(reward: Reward) -> dict:
    """``REWARD_CLAIMED``."""
    return {
        "rewardId": reward.pk,
        "userId": reward.user_id,
        "discountCode": reward.code,
        "amount": to_number(reward.worth_minor, reward.asset),
        "currency": reward.asset,
        "fulfillmentType": reward.fulfillment_type,
        "claimedAt": iso(reward.claimed_at),
        "expiresAt": iso(reward.expires_at),
        "referralId": reward.referral_id,
        "campaignId": reward.campaign_id,
    }


def _ended_data(reward: Reward, reason: str | None) -> dict:
    return {
        "rewardId": reward.pk,
        "userId": reward.user_id,
        "amount": to_number(reward.worth_minor, reward.asset),
        "currency": reward.asset,
        "discountCode": reward.code,
        "paidAt": iso(reward.paid_at),
        "payoutReference": reward.payout_reference,
        "reason": reason,
        "fulfillmentType": reward.fulfillment_type,
        "referralId": reward.referral_id,
        "campaignId": reward.campaign_id,
        "nettedAmount": to_number(reward.netted_minor, reward.asset),
        "paidAmount": None if reward.paid_minor is None else to_number(reward.paid_minor, reward.asset),
    }


def reward_redeemed_data(reward: Reward, reason: str) -> dict:
    """``REWARD_REDEEMED``: the reward is PAID. ``reason``: ``redeemed`` (its code or id), ``paid`` (by the merchant) or
    ``credited`` (coins)."""
    return _ended_data(reward, reason)


def reward_cancelled_data(reward: Reward, reason: str | None = None) -> dict:
    """``REWARD_CANCELLED``. ``reason`` is what the merchant gave, ``expired`` or ``not claimed in time``."""
    return _ended_data(reward, reason or reward.cancel_reason)
