"""Making and changing campaigns. The API and the dashboard's form come here, and hear the same refusals."""

import copy
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit

from django.db.models import F, Sum

from incenta import clock, money
from incenta.accounts.models import App
from incenta.database.sql import row, transaction_joined
from incenta.errors import BadRequest, Conflict, InvalidInput, NotFound

from .models import Campaign, CampaignSpend, CampaignVersion
from .models.campaign import CampaignStatus, FulfillmentType, ReferralType, RewardModel

FIELDS: dict[str, str] = {
    "name": "name",
    "status": "declared_status",
    "referralType": "referral_type",
    "rewardModel": "reward_model",
    "currency": "currency",
    "rewardValue": "reward_value",
    "rewardCap": "reward_cap",
    "refereeRewardValue": "referee_reward_value",
    "level2RewardValue": "level2_reward_value",
    "level2RewardCap": "level2_reward_cap",
    "tierRewardModel": "tier_reward_model",
    "tiers": "tiers",
    "budget": "budget",
    "budgetPolicy": "budget_policy",
    "maxRewardsPerReferrer": "max_rewards_per_referrer",
    "firstTimeUserOnly": "first_time_user_only",
    "startDate": "start_at",
    "endDate": "end_at",
    "conversionWindowDays": "conversion_window_days",
    "holdDays": "hold_days",
    "claimWithinDays": "claim_within_days",
    "rewardExpirationDays": "reward_expiration_days",
    "codePrefix": "code_prefix",
    "codeFormat": "code_format",
    "landingUrl": "landing_url",
    "fulfillmentType": "fulfillment_type",
    "discount": "discount",
    "fraudMode": "fraud_mode",
    "holdAt": "hold_at",
    "blockAt": "block_at",
    "fraudDeadlineHours": "fraud_deadline_hours",
    "fraudDeadlineOutcome": "fraud_deadline_outcome",
}
"""The fields of a campaign: as the API spells them → as the model does."""
_SPELLING = {ours: theirs for theirs, ours in FIELDS.items()}
PERCENT_PLACES = 6
_AMOUNTS = ("reward_value", "reward_cap", "referee_reward_value", "level2_reward_value", "level2_reward_cap", "budget")


def face(campaign: Campaign, now: datetime) -> dict:
    """A campaign as the API shows it."""
    return {
        "id": campaign.pk,
        **rules_face(campaign),
        "status": campaign.status_at(now),
        "ruleVersion": campaign.version,
        "createdAt": clock.iso(campaign.created_at),
        "updatedAt": clock.iso(campaign.updated_at),
    }


def rules_face(campaign: Campaign) -> dict:
    """Every field that a version keeps."""
    shown = {}
    for theirs, ours in FIELDS.items():
        value = getattr(campaign, ours)
        shown[theirs] = (
            clock.iso(value) if isinstance(value, datetime) else _number(value) if isinstance(value, Decimal) else value
        )
    return shown


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def present(app: App) -> Campaign:
    """The newest campaign that runs now: what is meant where a page of the merchant's names none. Raises ``BadRequest``."""
    running = app.campaigns.with_status(clock.now(app)).filter(current_status=CampaignStatus.ACTIVE)
    found = running.order_by("-created_at", "-pk").first()
    if found is None:
        raise BadRequest("campaign_not_active", "No campaign runs now.")
    return found


def unsaved(app: App, values: dict) -> Campaign:
    """The campaign that ``create`` would make of these fields, not written. Raises ``InvalidInput`` as it does."""
    now = clock.now(app)
    campaign = Campaign(app=app, currency=values.get("currency") or app.currency, created_at=now, updated_at=now)
    _take(campaign, values)
    _check(campaign)
    return campaign


def create(app: App, values: dict, *, actor: str = "") -> Campaign:
    """A new campaign from fields in the model's spelling; amounts are decimals in major units.

    Raises ``InvalidInput`` naming each field as the API spells it.
    """
    campaign = unsaved(app, values)
    with transaction_joined():
        campaign.save(force_insert=True)
        if campaign.budget is not None:
            CampaignSpend.objects.create(campaign=campaign, app=app)
        _keep_version(campaign, {}, actor, campaign.created_at)
    return campaign


def outdated(campaign: Campaign) -> Conflict:
    """The refusal to change what is no longer as somebody saw it."""
    return Conflict(
        "campaign_changed",
        f"Somebody changed this campaign meanwhile: it is at version {campaign.version}. Please open it again.",
    )


def revise(app: App, campaign_id: str, changes: dict, *, actor: str = "", seen: int | None = None) -> Campaign:
    """Changes a campaign and numbers its new version; unchanged values make none. Rewards already made keep the rules that made them.

    ``seen``: the version that somebody had before his eyes. Raises ``NotFound`` ``campaign_not_found``, ``InvalidInput``, and
    ``Conflict`` ``campaign_changed`` where it is another one by now.
    """
    with transaction_joined():
        campaign = app.campaigns.select_for_update().filter(pk=campaign_id).first()
        if campaign is None:
            raise NotFound("campaign_not_found", "Campaign not found.")
        if seen not in (None, campaign.version):
            raise outdated(campaign)
        before = rules_face(campaign)
        currency, in_coins = campaign.currency, campaign.fulfillment_type == FulfillmentType.COINS
        _take(campaign, changes)
        if campaign.currency != currency and app.referrals.filter(campaign=campaign).exists():
            raise InvalidInput({"currency": ["Cannot change once the campaign has codes."]})
        if (campaign.fulfillment_type == FulfillmentType.COINS) != in_coins and app.rewards.filter(
            campaign=campaign
        ).exists():
            # the budget, its spend and the figures are in the one or in the other
            raise InvalidInput(
                {"fulfillmentType": ["Cannot change between coins and money once the campaign has rewards."]}
            )
        _check(campaign)
        after = rules_face(campaign)
        changed = {field: [before[field], after[field]] for field in FIELDS if before[field] != after[field]}
        if changed:
            now = clock.now(app)
            campaign.version += 1
            campaign.updated_at = now
            campaign.save()
            if campaign.budget is not None and not CampaignSpend.objects.filter(campaign=campaign).exists():
                _wait_for_conversions(campaign)
                CampaignSpend.objects.create(campaign=campaign, app=app, promised_minor=_promised(campaign))
            _keep_version(campaign, changed, actor, now)
    return campaign


def drafted(app: App, campaign_id: str, changes: dict) -> tuple[Campaign, Campaign]:
    """The campaign as it stands, and a copy with ``changes``, not written.

    Raises ``NotFound`` ``campaign_not_found``, ``InvalidInput`` as ``revise`` does.
    """
    campaign = app.campaigns.filter(pk=campaign_id).first()
    if campaign is None:
        raise NotFound("campaign_not_found", "Campaign not found.")
    draft = copy.copy(campaign)
    _take(draft, changes)
    if draft.currency != campaign.currency:
        raise InvalidInput({"currency": ["Cannot change: what was converted is counted in it."]})
    _check(draft)
    return campaign, draft


def _wait_for_conversions(campaign: Campaign) -> None:
    """Returns when no conversion of a campaign without a budget is under way; later ones wait for us, and see the budget."""
    row("SELECT pg_advisory_xact_lock(hashtext('referrals.campaign'), hashtext(%(id)s))", {"id": campaign.pk})


def _promised(campaign: Campaign) -> int:
    """What the campaign's rewards have promised, for a budget that is set after the fact."""
    open_rewards = campaign.rewards.filter(app=campaign.app).exclude(status="CANCELLED")
    return open_rewards.aggregate(sum=Sum(F("amount_minor") - F("reversed_minor")))["sum"] or 0


def _take(campaign: Campaign, values: dict) -> None:
    for ours, value in values.items():
        if ours not in _SPELLING:
            raise ValueError(f"{ours} is no field of a campaign")
        setattr(campaign, ours, value)


def _keep_version(campaign: Campaign, changed: dict, actor: str, now: datetime) -> None:
    CampaignVersion.objects.create(
        app=campaign.app,
        campaign=campaign,
        number=campaign.version,
        rules=rules_face(campaign),
        changed=changed,
        actor=actor,
        created_at=now,
    )


def _check(campaign: Campaign) -> None:
    """Raises ``InvalidInput`` for rules that cannot be meant."""
    wrong: dict[str, list[str]] = {}

    def refuse(ours: str, told: str) -> None:
        wrong.setdefault(_SPELLING[ours], []).append(told)

    if not money.is_currency(campaign.currency):
        refuse("currency", "Must be an ISO 4217 currency code such as USD.")
        raise InvalidInput(wrong)
    asset = money.COIN if campaign.fulfillment_type == FulfillmentType.COINS else campaign.currency
    share = RewardModel.PERCENTAGE in (
        campaign.reward_model,
        campaign.tier_reward_model if campaign.reward_model == RewardModel.TIERED else None,
    )
    for ours in _AMOUNTS:
        value = getattr(campaign, ours)
        if value is None:
            continue
        if value < 0:
            refuse(ours, "Must not be negative.")
        elif share and ours in ("reward_value", "referee_reward_value", "level2_reward_value"):
            if value > 100:
                refuse(ours, "A percentage is at most 100.")
            elif _is_finer(value):
                refuse(ours, f"A percentage has at most {PERCENT_PLACES} decimals.")
        elif not (ours == "reward_value" and campaign.reward_model == RewardModel.TIERED):
            try:
                money.parse(value, asset, ours)
            except InvalidInput as told:
                refuse(ours, told.details[ours][0])
    if campaign.reward_value is None:
        refuse("reward_value", "Must be a number.")
    if campaign.reward_model == RewardModel.TIERED:
        if not campaign.tiers:
            refuse("tiers", "A tiered campaign needs at least one tier.")
        starts = [tier["minConversions"] for tier in campaign.tiers]
        if len(set(starts)) != len(starts):
            refuse("tiers", "Two tiers begin at the same number of conversions.")
        for tier in campaign.tiers:
            for key in ("rewardValue", "rewardCap"):
                amount = tier.get(key)
                if amount is None:
                    continue
                if key == "rewardValue" and campaign.tier_reward_model == RewardModel.PERCENTAGE:
                    if not 0 <= amount <= 100:
                        refuse("tiers", "A percentage is between 0 and 100.")
                    elif _is_finer(amount):
                        refuse("tiers", f"A percentage has at most {PERCENT_PLACES} decimals.")
                    continue
                try:
                    money.parse(amount, asset, "tiers")
                except InvalidInput as told:
                    refuse("tiers", told.details["tiers"][0])
    if campaign.referral_type == ReferralType.TWO_SIDED and campaign.referee_reward_value is None:
        refuse("referee_reward_value", "A two-sided campaign says what the friend gets.")
    if campaign.referral_type == ReferralType.MULTI_LEVEL and campaign.level2_reward_value is None:
        refuse("level2_reward_value", "A multi-level campaign says what the second level gets.")
    if campaign.start_at and campaign.end_at and campaign.end_at <= campaign.start_at:
        refuse("end_at", "Must lie after the start.")
    if campaign.declared_status == CampaignStatus.SCHEDULED and not campaign.start_at:
        refuse("start_at", "A scheduled campaign needs a start date.")
    if campaign.discount is not None:
        _check_discount(campaign, refuse)
    if campaign.landing_url and urlsplit(campaign.landing_url).scheme.lower() not in ("http", "https"):
        refuse("landing_url", "Must be an http or https address.")
    if campaign.block_at < campaign.hold_at:
        refuse("block_at", "Must not be under the score from which rewards are held.")
    if campaign.fraud_deadline_hours is not None and campaign.fraud_deadline_outcome is None:
        refuse("fraud_deadline_outcome", "Say what becomes of what nobody decided in time: RELEASE or REJECT.")
    if campaign.fraud_deadline_hours is None and campaign.fraud_deadline_outcome is not None:
        refuse("fraud_deadline_outcome", "Only a deadline has an outcome: say after how many hours, or send null.")
    if wrong:
        raise InvalidInput(wrong)


def _is_finer(percent: Decimal | float) -> bool:
    """Whether a percentage has more decimals than are kept."""
    number = Decimal(str(percent))
    return number != round(number, PERCENT_PLACES)


def _check_discount(campaign: Campaign, refuse) -> None:
    kind, value = campaign.discount.get("type"), campaign.discount.get("value")
    if set(campaign.discount) - {"type", "value"} or kind not in ("PERCENTAGE", "FIXED_AMOUNT") or value is None:
        refuse("discount", "Must be {type: PERCENTAGE or FIXED_AMOUNT, value: a number}.")
        return
    try:
        if kind == "PERCENTAGE":
            if not 0 < money.as_decimal(value, "discount") <= 100:
                refuse("discount", "A percentage is over 0 and at most 100.")
        elif not money.parse(value, campaign.currency, "discount"):
            refuse("discount", "Must be over 0.")
    except InvalidInput as told:
        refuse("discount", told.details["discount"][0])
