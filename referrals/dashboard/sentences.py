"""A campaign's rules in words that a merchant would use. Pure: what the sentence says is what ``rewarding`` does."""

from decimal import Decimal

from incenta import money
from referrals.models import Campaign
from referrals.models.campaign import BudgetPolicy, FraudMode, FulfillmentType, ReferralType, RewardModel


def asset_of(campaign: Campaign) -> str:
    """What its rewards are paid in: coins, or its currency."""
    return money.COIN if campaign.fulfillment_type == FulfillmentType.COINS else campaign.currency


def amount(value: Decimal, asset: str) -> str:
    """``USD 10.00`` of a decimal in major units."""
    return money.display(money.round_half_up(Decimal(value).scaleb(money.exponent(asset))), asset)


def plain(value: Decimal) -> str:
    """``12.5`` and ``10``, without the noughts that the column keeps."""
    text = f"{Decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _one(value: Decimal, model: str, asset: str, cap: Decimal | None = None) -> str:
    if model != RewardModel.PERCENTAGE:
        told = amount(value, asset)
    elif asset == money.COIN:
        told = f"{plain(value)} % of the order in coins"
    else:
        told = f"{plain(value)} % of the order"
    most = (
        f", at most {amount(cap, asset)}"
        if cap is not None and (model == RewardModel.PERCENTAGE or cap < value)
        else ""
    )
    return told + most


def _tiers(campaign: Campaign, asset: str) -> str:
    steps = []
    for tier in sorted(campaign.tiers, key=lambda tier: tier["minConversions"]):
        cap = tier.get("rewardCap", campaign.reward_cap)
        told = _one(
            Decimal(str(tier["rewardValue"])),
            campaign.tier_reward_model,
            asset,
            None if cap is None else Decimal(str(cap)),
        )
        least = tier["minConversions"]
        steps.append(f"{told} {_from(least)}")
    return "; ".join(steps)


def _from(least: int) -> str:
    return f"after {least} earlier friend{'s' if least > 1 else ''}" if least else "from the first friend on"


def reward_in_short(campaign: Campaign) -> str:
    """For a table cell: ``USD 10.00 + 5.00 for the friend``, ``10 %``, ``3 tiers``."""
    asset = asset_of(campaign)
    if campaign.reward_model == RewardModel.TIERED:
        return f"{len(campaign.tiers)} tier{'s' if len(campaign.tiers) != 1 else ''}"
    return (
        f"{plain(campaign.reward_value)} %"
        if campaign.reward_model == RewardModel.PERCENTAGE
        else amount(campaign.reward_value, asset)
    )


def sentences(campaign: Campaign) -> list[str]:
    """What happens when a friend converts, who gets how much, and what stops it; one sentence a thought."""
    asset = asset_of(campaign)
    is_tiered = campaign.reward_model == RewardModel.TIERED
    model = campaign.tier_reward_model if is_tiered else campaign.reward_model
    own = _tiers(campaign, asset) if is_tiered else _one(campaign.reward_value, model, asset, campaign.reward_cap)
    first = f"When a friend converts, the referrer gets {own}"
    joint = ";" if is_tiered else ","
    if campaign.referral_type == ReferralType.TWO_SIDED and campaign.referee_reward_value:
        friends = _one(campaign.referee_reward_value, model, asset, campaign.reward_cap)
        first += f"{joint} and the friend gets {friends}"
    if campaign.referral_type == ReferralType.MULTI_LEVEL and campaign.level2_reward_value:
        above = _one(campaign.level2_reward_value, model, asset, campaign.level2_reward_cap)
        first += f"{joint} and whoever brought the referrer gets {above}"
    told = [f"{first}."]
    told.append(
        "Each friend counts once."
        if campaign.first_time_user_only
        else "Every conversion counts, also a friend's second."
    )
    if campaign.conversion_window_days:
        told.append(f"The friend has {_days(campaign.conversion_window_days)} after the latest click.")
    if campaign.hold_days:
        told.append(f"A reward matures after {_days(campaign.hold_days)}.")
    if campaign.max_rewards_per_referrer:
        most = campaign.max_rewards_per_referrer
        told.append(f"One referrer is rewarded at most {'once' if most == 1 else f'{most:,} times'}.")
    if campaign.budget is not None:
        then = "wait until it is raised" if campaign.budget_policy == BudgetPolicy.HOLD else "stop; conversions go on"
        told.append(f"At {amount(campaign.budget, asset)} in all, rewards {then}.")
    return told


def reward_facts(campaign: Campaign) -> list[tuple[str, object]]:
    """What of the reward the sentences leave out, as label and value."""
    discount = campaign.discount
    off = discount and (
        f"{plain(Decimal(str(discount['value'])))} % off"
        if discount["type"] == "PERCENTAGE"
        else f"{amount(Decimal(str(discount['value'])), campaign.currency)} off"
    )
    return _known(
        ("Type", campaign.get_referral_type_display()),
        ("Handed over as", campaign.get_fulfillment_type_display()),
        ("A code gives", off),
    )


def rule_facts(campaign: Campaign) -> list[tuple[str, object]]:
    """What of the rules and codes the sentences leave out; a ``datetime`` is told in the reader's zone."""
    prefix = f", beginning with {campaign.code_prefix}" if campaign.code_prefix else ""
    hours = campaign.fraud_deadline_hours
    blocks = f", refused from {campaign.block_at}" if campaign.fraud_mode == FraudMode.BLOCK else ""
    return _known(
        ("Codes", campaign.get_code_format_display() + prefix),
        ("Landing page", campaign.landing_url or None),
        ("Starts", campaign.start_at),
        ("Ends", campaign.end_at),
        ("Claim within", _days(campaign.claim_within_days) if campaign.claim_within_days else None),
        (
            "A claimed code is good for",
            _days(campaign.reward_expiration_days) if campaign.reward_expiration_days else None,
        ),
        (
            "Suspicious conversions",
            f"{campaign.get_fraud_mode_display()}, from a risk score of {campaign.hold_at}{blocks}",
        ),
        (
            "What is held and not decided",
            None if hours is None else f"{campaign.get_fraud_deadline_outcome_display()} after {hours} hours",
        ),
    )


def _known(*told: tuple[str, object]) -> list[tuple[str, object]]:
    return [(label, value) for label, value in told if value is not None]


def _days(count: int) -> str:
    return f"{count} day{'s' if count != 1 else ''}"
