"""Rewards, conversions and codes in the words of whoever looks after them."""

from dataclasses import dataclass
from datetime import datetime

from incenta import money
from incenta.errors import DomainError
from referrals import reward_state
from referrals.models import Reward
from referrals.models.reward import HoldReason, RewardStatus

HELD_BY = {
    HoldReason.FRAUD_REVIEW: ("In fraud review", "The decision on its case releases or cancels it."),
    HoldReason.HOLD_PERIOD: ("Time for returns", "It ends by itself."),
    HoldReason.BUDGET: ("Over the budget", "It is released as soon as the campaign's budget has room for it."),
    HoldReason.MANUAL: ("Held by hand", "Somebody held it; release it below."),
}
"""Hold reason → what it is called, and what ends it."""

WHY = {
    "reward_on_hold": "On hold",
    "reward_cancelled": "Cancelled before",
    "reward_already_paid": "Paid before",
    "already_paid": "Paid before",
    "reward_not_payable": "Paid by redeeming its code: claim or approve it first",
    "reward_changed": "Changed since you looked",
    "code_expired": "Its code has expired",
    "reward_not_found": "Not here",
}
ALREADY = {"approve": "Approved before", "pay": "Paid before", "cancel": "Cancelled before"}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a reward waits for or came to: a few words, the moment that goes with them, and what to call that moment."""

    text: str
    at: datetime | None = None
    note: str = ""
    is_held: bool = False


def standing(reward: Reward, now: datetime) -> Standing:
    """For a list's cell: why it is held and until when, or what comes next."""
    if reward.status == RewardStatus.PAID:
        return Standing("Paid", reward.paid_at, reward.payout_reference or "")
    if reward.status == RewardStatus.CANCELLED:
        return Standing("Cancelled", reward.cancelled_at, reward.cancel_reason or "")
    if held := reward_state.hold_reasons(reward, now):
        names = [HELD_BY[HoldReason(reason)][0] for reason in held]
        until = reward.matures_at if held == [HoldReason.HOLD_PERIOD] else None
        return Standing(", ".join(names), until, "until" if until else "", is_held=True)
    if reward_state.has_lapsed(reward, now):
        return Standing("Not claimed in time", reward.claim_by)
    if reward_state.is_code_expired(reward, now):
        return Standing("Its code has expired", reward.expires_at)
    if reward.status == RewardStatus.PENDING:
        if reward.fulfillment_type in reward_state.COMPLETES_ITSELF:
            return Standing("Completes by itself")
        if reward.fulfillment_type in reward_state.ISSUES_CODE:
            return Standing("To be claimed", reward.claim_by, "by" if reward.claim_by else "")
        return Standing("To be approved", reward.claim_by, "claimed by" if reward.claim_by else "")
    if reward.claimed_at and reward.code:
        return Standing("Code to be redeemed", reward.expires_at, "by" if reward.expires_at else "")
    return Standing("To be paid", reward.expires_at, "by" if reward.expires_at else "")


def why(refusal: DomainError | None, verb: str) -> str:
    """Why a verb left a reward alone, in so few words that many of a kind can be counted under them."""
    if refusal is None:
        return ALREADY[verb]
    if refusal.code == "reward_on_hold":
        names = [HELD_BY[HoldReason(reason)][0].lower() for reason in refusal.details["holdReasons"]]
        return f"On hold: {', '.join(names)}"
    return WHY.get(refusal.code, refusal.message)


def step_words(step: dict, asset: str) -> tuple[str, str]:
    """One step of a conversion's trace: what was looked at, and what came of it."""
    rule, outcome = step.get("rule"), step.get("outcome", "")
    who = f"{step['userId']}, " if "userId" in step else ""
    if rule == "campaign":
        return f"Campaign, rule version {step['version']}", "Takes conversions" if outcome == "open" else outcome
    if rule == "firstTimeUserOnly":
        return "Each friend counts once", "The friend's first in this campaign"
    if rule == "conversionWindow":
        since = "latest click" if step["from"] == "click" else "code's creation"
        return f"Within {step['days']} days of the {since}", "In time"
    if rule == "tier":
        return f"Tier by {step['earlierConversions']:,} earlier conversions", outcome[:1].upper() + outcome[1:]
    if rule == "reward":
        side = "Second level" if step["level"] == 2 else "Friend" if step["side"] == "REFEREE" else "Referrer"
        share = f"{step['value']:g} % of the order" if step["model"] == "PERCENTAGE" else "fixed amount"
        told = _amount(step["amount"], asset)
        if "computed" in step:
            told += f" (capped, would be {_amount(step['computed'], asset)})"
        elif outcome:
            told = outcome[:1].upper() + outcome[1:]
        return f"{side}: {who}{share}", told
    if rule == "maxRewardsPerReferrer":
        return f"At most {step['limit']:,} rewards for {step['userId']}", f"Had {step['rewards']:,}"
    if rule == "budget":
        told = "Budget reached" if outcome != "pass" else f"{_amount(step['left'], asset)} was left"
        return f"Budget, for {step['userId']}", told
    return str(rule), str(outcome)


def _amount(number: float, asset: str) -> str:
    return money.display(money.parse(number, asset, largest=10**15), asset)


def effect_words(effect: dict) -> str:
    """One effect of a reversal, as the API tells it."""
    if effect["type"] == "reward":
        asset, who = effect["currency"], effect["userId"]
        told = f"{_amount(effect['takenBack'], asset)} of {who} is taken back; {_amount(effect['after'], asset)} stays."
        if effect["statusAfter"] == RewardStatus.CANCELLED:
            told = f"{_amount(effect['takenBack'], asset)} of {who} is cancelled."
        if effect["owed"]:
            told += f" It was paid already: {who} owes {_amount(effect['owed'], asset)}, and later rewards settle it."
        if effect["uncollected"]:
            told += f" {_amount(effect['uncollected'], asset)} of it is spent and cannot be fetched."
        return told
    if effect["type"] == "points":
        asset = {"xp": money.XP, "coins": money.COIN, "tokens": money.TOKEN}[effect["asset"]]
        return f"{_amount(effect['takenBack'], asset)} of {effect['userId']} is taken back."
    told = {
        "referralCount": "One conversion less counts for {userId}.",
        "level": "{userId} falls from level {before} to {after}.",
        "badge": "{userId} loses the badge {key}.",
        "milestone": "{userId} loses the milestone {key}.",
    }.get(effect["type"], "Something of {userId} is taken back.")
    return told.format(**{name: effect.get(name) for name in ("userId", "before", "after", "key")})
