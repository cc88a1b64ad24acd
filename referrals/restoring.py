"""Undoing a rejection: a conversion that was taken back as fraud waits for review again, and new rewards of the same worth with it.

Nothing that was done is deleted: the reversal stays, and an opposite one stands after it; the cancelled rewards stay cancelled.
"""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from fraud.subjects import Effect
from incenta import events, money
from incenta.accounts.models import App
from incenta.database.sql import transaction_joined
from incenta.ids import new_id
from incentives import ledger

from . import faces, firing, reversing, rewards, stats
from .models import CampaignSpend, Conversion, Reversal, Reward
from .models.conversion import ConversionStatus
from .models.reward import HoldReason, RewardStatus

FRESH = {
    "status": RewardStatus.PENDING,
    "netted_minor": 0,
    "paid_minor": None,
    "code": None,
    "code_key": None,
    "claimed_at": None,
    "expires_at": None,
    "approved_at": None,
    "paid_at": None,
    "cancelled_at": None,
    "cancel_reason": None,
    "payout_reference": None,
    "fulfillment_reference": None,
}


def restore(app: App, ids: Sequence[str], *, effects: list[dict], actor: str) -> list[Effect]:
    """REVERSED → FLAGGED for those of ``ids`` that the rejection with these ``effects`` took back, but for those of which the
    merchant said since that he takes them back himself. Their people are locked."""
    taken = {each["subjectId"] for each in effects if each["kind"] == "conversion_reversed"}
    minor = {each["subjectId"]: each["minor"] for each in effects if each["kind"] == "reward_cancelled"}
    gave = {each["userId"] for each in effects if each["kind"] == "points_taken_back"}
    told: list[Effect] = []
    with transaction_joined():
        list(app.conversions.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))
        since = {
            each.pk for each in app.conversions.filter(pk__in=taken & set(ids)) if reversing.is_merchants_too(app, each)
        }
        found = app.conversions.select_related("referral").filter(
            pk__in=taken & set(ids) - since, status=ConversionStatus.REVERSED
        )
        by_conversion: dict[str, list[Reward]] = {}
        cancelled = app.rewards.select_related("campaign", "referral").filter(pk__in=minor).order_by("pk")
        for reward in cancelled:
            by_conversion.setdefault(reward.conversion_id, []).append(reward)
        wallets = ledger.lock(app, {reward.user_id for reward in cancelled}, create=False)
        for conversion in found.order_by("campaign_id", "pk"):
            told += _one(app, wallets, conversion, by_conversion.get(conversion.pk, []), minor, actor)
            if conversion.referrer_id in gave and firing.fired(app, {conversion.pk}):
                told.append(
                    Effect(
                        "points_not_restored",
                        conversion.pk,
                        conversion.referrer_id,
                        text="What its actions had given the referrer is not given again: adjust it by hand.",
                    )
                )
        for each in sorted(taken & set(ids) - {each.subject_id for each in told}):
            why = "You have taken it back yourself since." if each in since else "It is not taken back any more."
            told.append(Effect("not_restored", each, text=why))
        return told


def _one(
    app: App,
    wallets: ledger.Wallets,
    conversion: Conversion,
    cancelled: list[Reward],
    minor: dict[str, int],
    actor: str,
) -> list[Effect]:
    now = wallets.now
    last = conversion.reversals.filter(app=app).order_by("-id").first()
    back = last.amount_minor if last and last.amount_minor else 0
    conversion.reversed_minor -= back
    conversion.status = ConversionStatus.FLAGGED
    conversion.save(update_fields=["reversed_minor", "status"])
    spend = CampaignSpend.objects.select_for_update().filter(app=app, campaign=conversion.campaign_id).first()
    room = None
    if spend is not None and conversion.campaign.budget is not None:
        asset = conversion.reward_asset
        budget = money.round_half_up(conversion.campaign.budget.scaleb(money.exponent(asset)))
        room = budget - spend.promised_minor
    told = [
        Effect(
            "conversion_restored",
            conversion.pk,
            conversion.referrer_id,
            text=f"The conversion of {conversion.referee_id} waits for review again.",
        )
    ]
    made = []
    promised = 0
    for old in cancelled:
        fits = room is None or minor[old.pk] <= room - promised
        reward = _again(app, wallets, old, minor[old.pk], fits, now)
        promised += minor[old.pk] if fits else 0
        made.append(reward)
        amount = money.display(reward.worth_minor, reward.asset)
        lost = "; it needs a new code" if old.code else ""
        told.append(
            Effect(
                "reward_restored",
                reward.pk,
                reward.user_id,
                reward.asset,
                reward.worth_minor,
                f"{amount} of {reward.user_id} is promised again, as reward {reward.pk}{lost}.",
            )
        )
    wallets.save()
    Reward.objects.bulk_create(made)
    Reversal.objects.create(
        id=new_id("rev"),
        app=app,
        conversion=conversion,
        amount_minor=-back,
        reason=reversing.UNDONE,
        effects=[each.face() for each in told],
        actor=actor[:60],
        created_at=now,
    )
    stats.delta(
        app,
        campaign_id=conversion.campaign_id,
        referral_id=conversion.referral_id,
        asset=conversion.reward_asset,
        day=_day(app, conversion),
        flagged=1,
    )
    events.write(
        [
            events.event(
                app,
                "REWARD_CREATED",
                faces.reward_created(
                    {field.attname: getattr(reward, field.attname) for field in reward._meta.concrete_fields},
                    referrer_id=conversion.referrer_id,
                    hold_reasons=reward.hold_reasons(now),
                ),
                subject=("reward", reward.pk),
                actor=actor,
                occurred_at=now,
            )
            for reward in made
        ]
    )
    if spend is not None and promised:
        spend.promised_minor += promised
        spend.save(update_fields=["promised_minor"])
    return told


def _again(app: App, wallets: ledger.Wallets, old: Reward, worth: int, fits: bool, now) -> Reward:
    """A reward like the one that was cancelled, held for review, and for the budget where that has no room for it any more."""
    reward = Reward(**{field.attname: getattr(old, field.attname) for field in old._meta.concrete_fields} | FRESH)
    reward.pk = new_id("rew")
    reward.reversed_minor = old.reversed_minor - worth
    reward.created_at = now
    reward.recorded_at = now
    reward.in_budget = fits
    reward.holds = sorted({*old.holds, HoldReason.FRAUD_REVIEW.value} | (set() if fits else {HoldReason.BUDGET.value}))
    days = rewards.rule_days(old, "claim_within_days")
    reward.claim_by = max(now, reward.matures_at or now) + timedelta(days=days) if days else None
    reward.ledger_hold_id = wallets.move(
        reward.user_id,
        ledger.GRANT,
        reward.asset,
        worth,
        cause=reward.pk,
        cause_type="reward",
        occurred_at=now,
        rule_version=reward.rule_version,
    ).id
    return reward


def _day(app: App, conversion: Conversion) -> str:
    return conversion.converted_at.astimezone(ZoneInfo(app.timezone)).date().isoformat()
