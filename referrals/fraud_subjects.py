"""What fraud asks of this room: conversions and referral codes that are suspected, held, cleared, or found to be fraud."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from fraud import subjects
from fraud.models import FlagStatus, Subject
from fraud.rules.code_leak import CODE_LEAK
from fraud.subjects import Description, Effect
from incenta import clock, money
from incenta.accounts.models import App
from incentives import ledger

from . import firing, maturing, restoring, reversing, reward_state, rewards
from .locked_rewards import LockedRewards
from .models import Conversion, Referral, Reward, StatDelta
from .models.conversion import ConversionStatus
from .models.referral import ReferralStatus
from .models.reward import HoldReason, RewardStatus

LONGEST_REASON = 500
"""Of a reversal; what an analyst writes may be longer, and is whole in his decision."""
MOST_CLICKS = 500
"""Clicks on a code that are made good when it is cleared."""


def register() -> None:
    """Names this room as the one that answers; once, when it is ready."""
    subjects.register(Subject.CONVERSION, Conversions())
    subjects.register(Subject.REFERRAL, Referrals())


def _lock_wallets(app: App, users: set[str]) -> None:
    """Before everything else. Who decides has locked them already; the second pass may not have."""
    ledger.lock(app, users, create=False)


def _suspected(app: App, ids: Iterable[str]) -> set[str]:
    """Of these subjects, those against which something is still open. A code that was published is no suspicion of its buyers."""
    found = app.fraud_flags.filter(subject_id__in=list(ids), status=FlagStatus.OPEN).exclude(signal=CODE_LEAK.code)
    return set(found.values_list("subject_id", flat=True))


class Conversions:
    """CONVERSION. Held means FLAGGED: out of the figures, its rewards in review."""

    def describe(self, app: App, ids: Sequence[str]) -> dict[str, Description]:
        """Two statements for any number."""
        found = app.conversions.select_related("referral", "campaign").defer("trace").filter(pk__in=ids)
        held: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for reward in app.rewards.filter(conversion__in=ids, status__in=reward_state.OPEN):
            if HoldReason.FRAUD_REVIEW in reward.holds:
                held[reward.conversion_id][reward.asset] += reward.worth_minor
        return {each.pk: _describe_conversion(each, dict(held.get(each.pk, {}))) for each in found}

    def people(self, app: App, ids: Sequence[str]) -> set[str]:
        rows = app.conversions.filter(pk__in=ids).values_list("referrer_id", "rewards__user_id")
        return {user_id for row in rows for user_id in row if user_id is not None}

    def hold(self, app: App, ids: Sequence[str], *, actor: str) -> list[Effect]:
        """CONVERTED → FLAGGED. What its actions gave the referrer stays until it is rejected."""
        _lock_wallets(app, self.people(app, ids))
        found = _locked(app, ids, ConversionStatus.CONVERTED)
        if not found:
            return []
        locked = LockedRewards(app, _reward_ids(app, found), actor=actor)
        effects = []
        for conversion in found:
            effects.append(
                Effect("conversion_held", conversion.pk, conversion.referrer_id, text=f"{_name(conversion)} is held.")
            )
        for reward in locked.rewards.values():
            if reward.status == RewardStatus.PAID:
                effects.append(_proposal(reward, "It was paid already, so it cannot be held."))
            elif reward_state.is_open(reward) and HoldReason.FRAUD_REVIEW not in reward.holds:
                reward.holds = sorted([*reward.holds, HoldReason.FRAUD_REVIEW.value])
                locked.changed(reward)
                effects.append(_moved("reward_held", reward, "{amount} of {user} is in review."))
        _count(app, found, locked.rewards.values(), counted=False)
        locked.save()
        _set_status(found, ConversionStatus.FLAGGED)
        for conversion in {each.referral_id: each for each in found}.values():
            reversing.settle_referral(app, conversion)
        return effects

    def release(self, app: App, ids: Sequence[str], *, actor: str, preview: bool = False) -> list[Effect]:
        """FLAGGED → CONVERTED, but for those against which, or against whose code, something else is open."""
        _lock_wallets(app, self.people(app, ids))
        found = _locked(app, ids, ConversionStatus.FLAGGED)
        if not found:
            return []
        # a code that is only talked about (a coupon site has it) is not held, and holds nobody's conversion
        codes = {each.referral_id for each in found if each.referral.is_flagged}
        suspected = _suspected(app, {each.pk for each in found} | codes)
        effects = []
        free = []
        for conversion in found:
            if {conversion.pk, conversion.referral_id} & suspected:
                why = "it has another open flag" if conversion.pk in suspected else "its code is in review"
                text = f"{_name(conversion)} stays held: {why}."
                effects.append(Effect("still_held", conversion.pk, conversion.referrer_id, text=text))
            else:
                free.append(conversion)
        if not free or preview:
            return effects + [_counted(each) for each in free]
        locked = LockedRewards(app, _reward_ids(app, free), actor=actor)
        for conversion in free:
            effects.append(_counted(conversion))
        for reward in locked.rewards.values():
            if HoldReason.FRAUD_REVIEW not in reward.holds:
                continue
            rewards.lift(locked, reward, HoldReason.FRAUD_REVIEW)
            if reward_state.is_open(reward):
                effects.append(_released(reward, locked))
        _count(app, free, locked.rewards.values(), counted=True)
        locked.save()
        _set_status(free, ConversionStatus.CONVERTED)
        app.referrals.filter(
            pk__in={each.referral_id for each in free}, status__in=(ReferralStatus.PENDING, ReferralStatus.CLICKED)
        ).update(status=ReferralStatus.CONVERTED)
        firing.make_good(app, conversions=free)
        maturing.ring_soon(locked.rewards.values())
        return effects

    def reject(self, app: App, ids: Sequence[str], *, reason: str, actor: str, preview: bool = False) -> list[Effect]:
        """Reversed as by ``POST /v1/conversions/{id}/reverse``, but that what is PAID stays: a proposal."""
        _lock_wallets(app, self.people(app, ids))
        effects = []
        # campaign by campaign: each taking back locks its campaign's spend until the end
        ordered = app.conversions.filter(pk__in=ids).order_by("campaign_id", "pk")
        for conversion_id in ordered.values_list("pk", flat=True):
            done = reversing.take_back(
                app, conversion_id, reason=reason[:LONGEST_REASON], leaves_paid=True, preview=preview, actor=actor
            )
            if not done.was_whole:  # else the merchant took it back himself, and an undoing gives nothing of it back
                effects.append(
                    Effect("conversion_reversed", conversion_id, text=f"Conversion {conversion_id} is taken back.")
                )
            for taking in done.takings:
                reward = taking.reward
                what = "reward_cancelled" if taking.ends else "reward_reduced"
                effects.append(
                    Effect(
                        what,
                        reward.pk,
                        reward.user_id,
                        reward.asset,
                        taking.minor,
                        f"{money.display(taking.minor, reward.asset)} of {reward.user_id} is taken back.",
                    )
                )
            effects += [_proposal(reward, "It was paid already: propose to take it back.") for reward in done.left]
            effects += [_taken(point, conversion_id) for point in done.points]
        return effects

    def restore(self, app: App, ids: Sequence[str], *, was: str, effects: list[dict], actor: str) -> list[Effect]:
        if was == "APPROVE":
            told = self.hold(app, ids, actor=actor)
            given = {each["subjectId"] for each in effects if each["kind"] == "conversion_counted"}
            fired = firing.fired(app, given & set(ids))
            return told + [
                Effect("points_stay", cause, text="What its actions gave the referrer stays until it is rejected.")
                for cause in sorted(fired)
            ]
        _lock_wallets(app, self.people(app, ids))
        return restoring.restore(app, ids, effects=effects, actor=actor)


class Referrals:
    """REFERRAL. Held means FLAGGED: conversions on the code are held one by one, as they come."""

    def describe(self, app: App, ids: Sequence[str]) -> dict[str, Description]:
        """One statement for any number. What its conversions hold is theirs to tell."""
        found = app.referrals.select_related("campaign").filter(pk__in=ids)
        return {
            each.pk: Description(
                Subject.REFERRAL,
                each.pk,
                f"Code {each.code} of {each.referrer_id}" + (f" for {each.referee_id}" if each.referee_id else ""),
                each.referrer_id,
                each.referee_id,
                each.campaign_id,
                each.campaign.name,
                each.created_at,
                {},
                {
                    "Code": each.code,
                    "Referrer": each.referrer_id,
                    "Friend": each.referee_id or "anyone",
                    "Status": each.get_status_display(),
                    "Made": clock.iso(each.created_at),
                },
                f"referrals/{each.pk}/",
            )
            for each in found
        }

    def people(self, app: App, ids: Sequence[str]) -> set[str]:
        owners = app.referrals.filter(pk__in=ids).values_list("referrer_id", flat=True)
        earners = app.conversions.filter(referral__in=ids, status=ConversionStatus.FLAGGED)
        rows = earners.values_list("referrer_id", "rewards__user_id")
        return {*owners, *(user_id for row in rows for user_id in row if user_id is not None)}

    def along(self, app: App, ids: Sequence[str]) -> list[tuple[str, str]]:
        held = app.conversions.filter(referral__in=ids, status=ConversionStatus.FLAGGED)
        return [(Subject.CONVERSION.value, pk) for pk in held.order_by("pk").values_list("pk", flat=True)]

    def hold(self, app: App, ids: Sequence[str], *, actor: str) -> list[Effect]:
        found = [each for each in self._locked(app, ids) if not each.is_flagged]
        _mark(app, found)
        return [
            Effect("code_held", each.pk, each.referrer_id, text=f"Conversions on {each.code} are held from now on.")
            for each in found
        ]

    def release(self, app: App, ids: Sequence[str], *, actor: str, preview: bool = False) -> list[Effect]:
        """Later conversions are normal; those that were held for the code alone are released."""
        _lock_wallets(app, self.people(app, ids))
        suspected = _suspected(app, ids)
        free = [each for each in self._locked(app, ids) if each.is_flagged and each.pk not in suspected]
        effects = [
            Effect("code_released", each.pk, each.referrer_id, text=f"Conversions on {each.code} count again.")
            for each in free
        ]
        if preview or not free:
            return effects
        converted = set(
            app.conversions.filter(referral__in=free, status=ConversionStatus.CONVERTED).values_list(
                "referral_id", flat=True
            )
        )
        clicked = set(app.clicks.filter(referral__in=free).values_list("referral_id", flat=True).distinct())
        for each in free:
            each.is_flagged = False
            each.status = _status_of(each.pk, converted, clicked)
        app.referrals.bulk_update(free, ["is_flagged", "status"])
        waiting = app.conversions.filter(referral__in=free, status=ConversionStatus.FLAGGED)
        effects += Conversions().release(app, list(waiting.values_list("pk", flat=True)), actor=actor)
        clicks = app.clicks.filter(referral__in=free).order_by("id")[:MOST_CLICKS]
        firing.make_good(app, referrals=free, clicks=clicks)
        return effects

    def reject(self, app: App, ids: Sequence[str], *, reason: str, actor: str, preview: bool = False) -> list[Effect]:
        """The code stays flagged for ever. Its held conversions are rejected beside it (``along``)."""
        found = self._locked(app, ids)
        if not preview:
            _mark(app, [each for each in found if not each.is_flagged])
        return [
            Effect("code_stays_flagged", each.pk, each.referrer_id, text=f"{each.code} stays flagged for good.")
            for each in found
        ]

    def restore(self, app: App, ids: Sequence[str], *, was: str, effects: list[dict], actor: str) -> list[Effect]:
        if was == "REJECT":
            return []  # it is flagged as it was before
        return self.hold(app, ids, actor=actor)

    def _locked(self, app: App, ids: Sequence[str]) -> list[Referral]:
        return list(app.referrals.select_for_update().filter(pk__in=ids).order_by("pk"))


def _mark(app: App, found: list[Referral]) -> None:
    for each in found:
        each.is_flagged, each.status = True, ReferralStatus.FLAGGED
    if found:
        app.referrals.bulk_update(found, ["is_flagged", "status"])


def _status_of(referral_id: str, converted: set[str], clicked: set[str]) -> str:
    if referral_id in converted:
        return ReferralStatus.CONVERTED
    return ReferralStatus.CLICKED if referral_id in clicked else ReferralStatus.PENDING


# --- conversions ----------------------------------------------------------------------------------------------------
def _locked(app: App, ids: Sequence[str], status: str) -> list[Conversion]:
    # locked in one statement and read in the next: a locking join would answer joined rows from before its wait
    list(app.conversions.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))
    found = app.conversions.select_related("referral").filter(pk__in=ids, status=status).order_by("pk")
    return list(found)


def _reward_ids(app: App, found: list[Conversion]) -> list[str]:
    return list(app.rewards.filter(conversion__in=found).values_list("pk", flat=True))


def _set_status(found: list[Conversion], status: str) -> None:
    for conversion in found:
        conversion.status = status
    Conversion.objects.filter(pk__in=[each.pk for each in found]).update(status=status)


def _count(app: App, found: list[Conversion], of_them: Iterable[Reward], *, counted: bool) -> None:
    """Moves conversions between the counted and the flagged, with what their rewards are worth now."""
    zone = ZoneInfo(app.timezone)
    sign = 1 if counted else -1
    worth: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for reward in of_them:
        if reward.status != RewardStatus.CANCELLED:
            worth[reward.conversion_id][reward.asset] += reward.worth_minor
    deltas = []
    for conversion in found:
        by_asset = worth[conversion.pk]
        by_asset[conversion.reward_asset] += 0
        for asset, minor in by_asset.items():
            is_own = asset == conversion.reward_asset
            deltas.append(
                StatDelta(
                    app=app,
                    campaign_id=conversion.campaign_id,
                    referral_id=conversion.referral_id,
                    asset=asset,
                    day=conversion.converted_at.astimezone(zone).date(),
                    conversions=sign * is_own,
                    flagged=-sign * is_own,
                    reward_minor=sign * minor,
                )
            )
    StatDelta.objects.bulk_create(deltas)


# --- words ----------------------------------------------------------------------------------------------------------
def _name(conversion: Conversion) -> str:
    return f"The conversion of {conversion.referee_id} by {conversion.referrer_id}'s code {conversion.referral.code}"


def _describe_conversion(conversion: Conversion, held: dict[str, int]) -> Description:
    amount = "none" if conversion.amount_minor is None else money.display(conversion.amount_minor, conversion.currency)
    return Description(
        Subject.CONVERSION,
        conversion.pk,
        f"Conversion of {conversion.referee_id} by {conversion.referrer_id}'s code {conversion.referral.code}",
        conversion.referrer_id,
        conversion.referee_id,
        conversion.campaign_id,
        conversion.campaign.name,
        conversion.converted_at,
        held,
        {
            "Amount": amount,
            "Reward": money.display(conversion.reward_minor, conversion.reward_asset),
            "Code": conversion.referral.code,
            "Order": conversion.external_id or "",
            "Status": conversion.get_status_display(),
            "Code made": clock.iso(conversion.referral.created_at),
            "Converted": clock.iso(conversion.converted_at),
        },
        f"conversions/{conversion.pk}/",
        "It was reversed as a whole." if conversion.status == ConversionStatus.REVERSED and not held else "",
    )


def _counted(conversion: Conversion) -> Effect:
    asset = conversion.currency if conversion.amount_minor is not None else ""
    minor = (conversion.amount_minor or 0) - conversion.reversed_minor
    return Effect(
        "conversion_counted", conversion.pk, conversion.referrer_id, asset, minor, f"{_name(conversion)} counts."
    )


def _moved(kind: str, reward: Reward, text: str) -> Effect:
    amount = money.display(reward.worth_minor, reward.asset)
    told = text.format(amount=amount, user=reward.user_id)
    return Effect(kind, reward.pk, reward.user_id, reward.asset, reward.worth_minor, told)


def _released(reward: Reward, locked: LockedRewards) -> Effect:
    others = reward_state.hold_reasons(reward, locked.now)
    if others:
        return _moved("reward_still_held", reward, f"{{amount}} of {{user}} stays held: {', '.join(others)}.")
    return _moved("reward_released", reward, "{amount} of {user} is released.")


def _proposal(reward: Reward, why: str) -> Effect:
    return _moved("payout_needs_proposal", reward, f"{{amount}} of {{user}}: {why}")


def _taken(point: dict, conversion_id: str) -> Effect:
    """What the incentive engine takes back, as it tells it."""
    if point["type"] == "points":
        asset = {"xp": money.XP, "coins": money.COIN, "tokens": money.TOKEN}[point["asset"]]
        text = f"{money.display(point['takenBack'], asset)} of {point['userId']} is taken back."
        return Effect("points_taken_back", point["eventId"], point["userId"], asset, point["takenBack"], text)
    told = {
        "referralCount": "One conversion less counts for {user}.",
        "level": "{user} falls from level {before} to {after}.",
        "badge": "{user} loses the badge {key}.",
        "milestone": "{user} loses the milestone {key}.",
    }.get(point["type"], "Something of {user} is taken back.")
    text = told.format(user=point["userId"], **{name: point.get(name) for name in ("before", "after", "key")})
    return Effect("points_taken_back", conversion_id, point["userId"], text=text)
