"""Taking a conversion back, in full or in part: only compensating entries, nothing deleted, and nothing taken twice."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from fraud import cases
from fraud.models import FlagStatus, Subject
from incenta import clock, events, money
from incenta.accounts.models import App
from incenta.database.sql import execute, transaction_joined
from incenta.errors import InvalidInput, NotFound
from incenta.ids import new_id
from incentives import ledger, taking_back

from . import faces_reward, firing, rewarding, stats
from .models import CampaignSpend, Conversion, Reversal, Reward
from .models.conversion import ConversionStatus
from .models.reward import RewardStatus

UNDONE = "The rejection was undone."
"""The reason of a reversal that gives back."""


@dataclass(slots=True)
class Taking:
    """What a reversal does to one reward: ``minor`` is what it takes, ``short_minor`` what of it could not be taken, and
    ``owed_minor`` what of it is a debt that later rewards settle."""

    reward: Reward
    minor: int
    status_after: str
    short_minor: int = 0
    owed_minor: int = 0
    credit: ledger.TransferState | None = None
    """Of points that were credited: how they came to the user."""

    @property
    def ends(self) -> bool:
        """Whether nothing of the reward is left to claim or pay."""
        return self.status_after == RewardStatus.CANCELLED

    def face(self) -> dict:
        before = self.reward.amount_minor - self.reward.reversed_minor
        asset = self.reward.asset
        return {
            "type": "reward",
            "rewardId": self.reward.pk,
            "userId": self.reward.user_id,
            "side": self.reward.side,
            "level": self.reward.level,
            "currency": asset,
            "before": money.to_number(before, asset),
            "after": money.to_number(before - self.minor, asset),
            "takenBack": money.to_number(self.minor, asset),
            "owed": money.to_number(self.owed_minor, asset),
            "uncollected": money.to_number(self.short_minor, asset),
            "statusBefore": self.reward.status,
            "statusAfter": self.status_after,
        }


def reverse(
    app: App, conversion_id: str, *, reason: str, amount: object = None, preview: bool = False, actor: str = ""
) -> dict:
    """Takes back ``amount`` of what was converted (major units; ``None``: all that is left) and answers every effect.

    After any number of partial reversals each reward is worth its original amount × (1 − reversed ÷ converted), rounded half up.
    Reversing what is wholly reversed changes nothing, but that it takes back what a review left with whom it was paid to, and that
    undoing a rejection no longer gives the conversion back.
    ``preview`` answers the same and writes nothing.
    Raises ``NotFound`` ``conversion_not_found``; ``InvalidInput`` for more than was converted.
    """
    with transaction_joined():
        done = take_back(app, conversion_id, reason=reason, amount=amount, preview=preview, actor=actor)
        if done.was_held and not preview:
            cases.reweigh(app, [(Subject.CONVERSION.value, conversion_id)])
    return done.answer


@dataclass(frozen=True, slots=True)
class Reversed:
    """What came of a taking back."""

    answer: dict
    takings: list[Taking] = field(default_factory=list)
    left: list[Reward] = field(default_factory=list)
    """Rewards that are PAID and were left alone."""
    points: list[dict] = field(default_factory=list)
    """What the incentive engine takes back."""
    was_held: bool = False
    """Whether it was in review."""
    was_whole: bool = False
    """Whether all of it was taken back before."""


def take_back(
    app: App,
    conversion_id: str,
    *,
    reason: str,
    amount: object = None,
    preview: bool = False,
    leaves_paid: bool = False,
    actor: str = "",
) -> Reversed:
    """``reverse``, for whoever needs its parts. ``leaves_paid``: what was paid stays with whom it was paid to, and is named."""
    with transaction_joined():
        # the referrer's wallet too where he earned nothing: it is the lock that his conversions queue for
        people = app.conversions.filter(pk=conversion_id).values_list("referrer_id", "rewards__user_id")
        wallets = ledger.lock(app, {user_id for row in people for user_id in row if user_id is not None}, create=False)
        conversion = app.conversions.select_for_update().filter(pk=conversion_id).first()
        if conversion is None:
            raise NotFound("conversion_not_found", "Conversion not found.")
        now = clock.now(app)
        was_whole = conversion.status == ConversionStatus.REVERSED and amount is None
        back = _amount_back(conversion, amount)
        total = conversion.reversed_minor + back
        wholly = amount is None or total == conversion.amount_minor
        takings, left = _plan(app, conversion, total if not wholly else None, leaves_paid)
        if was_whole and not takings:
            if not preview and not leaves_paid:
                _remember(app, conversion, reason, actor, now)
            return Reversed(_answer(conversion, 0, [], preview), left=left, was_whole=True)
        was, after = conversion.status, ConversionStatus.REVERSED if wholly else conversion.status
        _move(app, wallets, takings, now)
        # what the conversion set off in the incentive engine, in the same wallets and by the same rule
        points = taking_back.plan(
            app,
            wallets,
            conversion.pk,
            worth=firing.worth_of(conversion.amount_minor, total),
            wholly=wholly,
            taken=[(t.credit, t.minor - t.short_minor) for t in takings if t.credit],
        )
        effects = [taking.face() for taking in takings] + points.effects
        conversion.reversed_minor, conversion.status = total, after
        if preview:
            return Reversed(_answer(conversion, back, effects, preview), takings, left, points.effects)
        points.write()
        conversion.save(update_fields=["reversed_minor", "status"])
        told = [_record(app, conversion, back, reason, effects, actor, now)]
        for taking in takings:
            if taking.ends:
                # with what it was worth until now
                data = faces_reward.reward_cancelled_data(taking.reward, reason)
                told.append(
                    events.event(
                        app,
                        "REWARD_CANCELLED",
                        data,
                        subject=("reward", taking.reward.pk),
                        actor=actor,
                        occurred_at=now,
                    )
                )
            _apply(app, taking, reason, now)
        _count(app, conversion, was, wholly, takings, left)
        if wholly:
            settle_referral(app, conversion)
        events.write(told)
        return Reversed(
            _answer(conversion, back, effects, preview), takings, left, points.effects, was == ConversionStatus.FLAGGED
        )


def is_merchants_too(app: App, conversion: Conversion) -> bool:
    """Whether the merchant said of a conversion that was taken back whole, by a rejection, that he takes it back himself."""
    total, is_whole, said = 0, False, False
    rows = conversion.reversals.filter(app=app).order_by("id")
    for minor, reason in rows.values_list("amount_minor", "reason"):
        if reason == UNDONE and (minor or 0) <= 0:
            total, is_whole, said = total + (minor or 0), False, False
        elif is_whole:
            said = True
        else:
            total += minor or 0
            is_whole = conversion.amount_minor is None or total == conversion.amount_minor
    return said


def _remember(app: App, conversion: Conversion, reason: str, actor: str, now) -> None:
    """Nothing moves, but the merchant's own word outlives the analyst's, which may be undone."""
    rejected = app.fraud_flags.filter(
        subject_type=Subject.CONVERSION, subject_id=conversion.pk, status=FlagStatus.REJECTED
    )
    if rejected.exists() and not is_merchants_too(app, conversion):
        Reversal.objects.create(
            id=new_id("rev"),
            app=app,
            conversion=conversion,
            amount_minor=0,
            reason=reason,
            effects=[],
            actor=actor,
            created_at=now,
        )


def _amount_back(conversion: Conversion, amount: object) -> int:
    if conversion.amount_minor is None:
        if amount is not None:
            raise InvalidInput({"amount": ["The conversion has no amount: it is reversed whole."]})
        return 0
    left = conversion.amount_minor - conversion.reversed_minor
    if amount is None:
        return left
    back = money.parse(amount, conversion.currency)
    if not back:
        raise InvalidInput({"amount": ["Must be over 0."]})
    if back > left:
        raise InvalidInput(
            {"amount": [f"Only {money.display(left, conversion.currency)} of this conversion is left to reverse."]}
        )
    return back


def _plan(app: App, conversion: Conversion, total: int | None, leaves_paid: bool) -> tuple[list[Taking], list[Reward]]:
    """What each reward loses when ``total`` of the conversion is reversed (``None``: all of it), and which are left alone."""
    takings, left = [], []
    # after the conversion's lock: claims and payouts of these rewards queue for the same wallets
    for reward in app.rewards.select_for_update().filter(conversion=conversion).order_by("id"):
        if reward.status == RewardStatus.CANCELLED:
            continue
        worth = 0 if total is None else rewarding.worth_after(reward.amount_minor, conversion.amount_minor, total)
        taken = reward.worth_minor - worth
        ends = worth == 0 and reward.status != RewardStatus.PAID
        if taken or ends:
            if leaves_paid and reward.status == RewardStatus.PAID:
                left.append(reward)
            else:
                takings.append(Taking(reward, taken, RewardStatus.CANCELLED if ends else reward.status))
    return takings, left


def _move(app: App, wallets: ledger.Wallets, takings: list[Taking], now) -> None:
    """Plans what moves in the wallets. Nothing is written before the plan is saved."""
    open_holds = ledger.holds(
        app, [t.reward.ledger_hold_id for t in takings if t.reward.status == RewardStatus.PENDING]
    )
    credits = _credits(
        app, [t.reward for t in takings if t.reward.asset in money.POINTS and t.reward.status != RewardStatus.PENDING]
    )
    lots_read = set()
    for taking in takings:
        reward = taking.reward
        if not taking.minor:
            continue
        entry = {"cause": reward.pk, "cause_type": "reversal", "occurred_at": now, "rule_version": reward.rule_version}
        if reward.status == RewardStatus.PENDING:
            wallets.move(
                reward.user_id, ledger.VOID, reward.asset, taking.minor, hold=open_holds[reward.ledger_hold_id], **entry
            )
            continue
        if reward.asset in money.POINTS:
            if reward.user_id not in lots_read:
                wallets.load_lots([reward.user_id], reward.asset)
                wallets.expire_due(reward.user_id, reward.asset)
                lots_read.add(reward.user_id)
            missing = taking.minor - min(max(wallets[reward.user_id].available(reward.asset), 0), taking.minor)
            if app.allows_negative_points:
                taking.owed_minor = missing
            else:
                # coins that are spent cannot be fetched; the answer says how many
                taking.short_minor = missing
            taking.credit = credits[reward.ledger_hold_id]
            # from the lot that it opened, and off the board of the day on which it was earned
            entry |= {"reverses": taking.credit, "occurred_at": taking.credit.occurred_at}
        elif reward.status == RewardStatus.PAID:
            taking.owed_minor = taking.minor
        if taking.minor - taking.short_minor:
            wallets.move(reward.user_id, ledger.REVERSE, reward.asset, taking.minor - taking.short_minor, **entry)


def _credits(app: App, rewards: list[Reward]) -> dict[str, ledger.TransferState]:
    """Hold → the transfer that made the promised points the user's."""
    if not rewards:
        return {}
    posted = app.transfers.filter(hold__in=[reward.ledger_hold_id for reward in rewards], kind=ledger.POST)
    return {credit.hold_id: credit for credit in ledger.transfers(app, posted.values_list("pk", flat=True)).values()}


def _apply(app: App, taking: Taking, reason: str, now) -> None:
    reward = taking.reward
    reward.reversed_minor += taking.minor
    fields = ["reversed_minor"]
    if taking.ends:
        reward.status, reward.cancelled_at, reward.cancel_reason = RewardStatus.CANCELLED, now, reason
        fields += ["status", "cancelled_at", "cancel_reason"]
    reward.save(update_fields=fields)
    if reward.in_budget and taking.minor:
        execute(
            f"UPDATE {CampaignSpend._meta.db_table} SET promised_minor = greatest(promised_minor - %(taken)s, 0) "
            "WHERE campaign_id = %(campaign_id)s",
            {"taken": taking.minor, "campaign_id": reward.campaign_id},
        )


def _record(app: App, conversion: Conversion, back: int, reason: str, effects: list[dict], actor: str, now) -> dict:
    Reversal.objects.create(
        id=new_id("rev"),
        app=app,
        conversion=conversion,
        amount_minor=back,
        reason=reason,
        effects=effects,
        actor=actor,
        created_at=now,
    )
    data = {
        "conversionId": conversion.pk,
        "referralId": conversion.referral_id,
        "campaignId": conversion.campaign_id,
        "reason": reason,
        "amount": money.to_number(back, conversion.currency),
        "currency": conversion.currency,
        "status": conversion.status,
        "effects": effects,
    }
    return events.event(
        app, "REFERRAL_REVERSED", data, subject=("conversion", conversion.pk), actor=actor, occurred_at=now
    )


def _count(app: App, conversion: Conversion, was: str, wholly: bool, takings: list[Taking], left: list[Reward]) -> None:
    """The figures: a counted conversion's rewards lose worth; a wholly reversed one is no longer counted at all, nor is what of it
    was left alone."""
    counted = was == ConversionStatus.CONVERTED
    by_asset: dict[str, int] = {}
    for reward in left if wholly else []:
        by_asset[reward.asset] = by_asset.get(reward.asset, 0) + reward.worth_minor
    for taking in takings:
        by_asset[taking.reward.asset] = by_asset.get(taking.reward.asset, 0) + taking.minor
    asset = conversion.reward_asset
    by_asset.setdefault(asset, 0)
    day = conversion.converted_at.astimezone(ZoneInfo(app.timezone)).date().isoformat()
    for each, taken in by_asset.items():
        stats.delta(
            app,
            campaign_id=conversion.campaign_id,
            referral_id=conversion.referral_id,
            asset=each,
            day=day,
            conversions=-1 if wholly and counted and each == asset else 0,
            flagged=-1 if wholly and was == ConversionStatus.FLAGGED and each == asset else 0,
            reward_minor=-taken if counted else 0,
        )


def settle_referral(app: App, conversion: Conversion) -> None:
    """A code whose only conversion is gone is as it was before: clicked, or pending."""
    others = app.conversions.filter(referral_id=conversion.referral_id, status=ConversionStatus.CONVERTED).exists()
    if not others:
        clicked = app.clicks.filter(referral_id=conversion.referral_id).exists()
        app.referrals.filter(pk=conversion.referral_id, status="CONVERTED").update(
            status="CLICKED" if clicked else "PENDING"
        )


def _answer(conversion: Conversion, back: int, effects: list[dict], preview: bool) -> dict:
    left = None if conversion.amount_minor is None else conversion.amount_minor - conversion.reversed_minor
    return {
        "success": True,
        "conversionId": conversion.pk,
        "status": conversion.status,
        "preview": preview,
        "amount": money.to_number(back, conversion.currency),
        "reversedAmount": money.to_number(conversion.reversed_minor, conversion.currency),
        "remainingAmount": None if left is None else money.to_number(left, conversion.currency),
        "currency": conversion.currency,
        "effects": effects,
    }
