"""What a campaign would do, told before anybody has shared a code: one story, and what a hundred orders would cost.

Pure but for the usual order, which is looked up. The amounts are those of ``rewarding``, which decides the real ones.
"""

from dataclasses import dataclass
from decimal import Decimal

from incenta import money
from incenta.accounts.models import App
from referrals import codes, rewarding
from referrals.models import Campaign
from referrals.models.campaign import ReferralType, RewardModel
from referrals.rules import Rules

from .sentences import asset_of

ORDERS = 100
LOOKED_AT = 100
"""Of the newest orders in the campaign's currency so many make the usual one."""
SUPPOSED = Decimal(50)
"""An order, in major units, where there has been none."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """``story``: one sentence. ``cost``: what a hundred orders cost, ``note``: what was supposed."""

    story: str
    cost: str
    note: str


def usual_order(app: App, currency: str) -> int | None:
    """The average of the newest orders, in minor units."""
    newest = app.conversions.filter(currency=currency, amount_minor__isnull=False).order_by("-converted_at", "-pk")
    amounts = list(newest.values_list("amount_minor", flat=True)[:LOOKED_AT])
    return round(sum(amounts) / len(amounts)) if amounts else None


def estimate(campaign: Campaign, usual: int | None) -> Estimate:
    """Of a campaign that need not be saved; it carries its ``app``."""
    rules = Rules.of(campaign)
    order = usual if usual else money.round_half_up(SUPPOSED.scaleb(money.exponent(rules.currency)))
    return Estimate(_story(campaign, rules, order), *_cost(campaign, rules, order, is_known=usual is not None))


def _awards(campaign: Campaign, rules: Rules, order: int, earlier: int) -> list[rewarding.Award]:
    upline = "upline" if campaign.referral_type == ReferralType.MULTI_LEVEL else None
    facts = rewarding.Facts(order, "asha", "bimal", upline, earlier)
    return rewarding.decide(rules, facts).awards


def _story(campaign: Campaign, rules: Rules, order: int) -> str:
    """``Asha shares ASHA-7F2 → Bimal buys → Asha gets NPR 500.00 after 7 days``"""
    asset = asset_of(campaign)
    code = codes.propose(rules, username="asha", email="asha@example.com", attempt=0)
    is_share = RewardModel.PERCENTAGE in (campaign.reward_model, campaign.tier_reward_model) and (
        campaign.reward_model != RewardModel.FIXED
    )
    bought = f"Bimal buys for {money.display(order, rules.currency)}" if is_share else "Bimal buys"
    names = {("REFERRER", 1): "Asha gets", ("REFEREE", 1): "Bimal gets", ("REFERRER", 2): "whoever brought Asha gets"}
    given = [
        f"{names[award.side, award.level]} {money.display(award.amount_minor, asset)}"
        for award in _awards(campaign, rules, order, _first_tier(rules))
    ]
    gets = " and ".join(given) if given else "nobody gets anything"
    days = campaign.hold_days
    when = f" after {days} day{'s' if days != 1 else ''}" if days and given else ""
    return f"Asha shares {code} → {bought} → {gets}{when}"


def _first_tier(rules: Rules) -> int:
    return rules.tiers[0].min_conversions if rules.tiers else 0


def _cost(campaign: Campaign, rules: Rules, order: int, *, is_known: bool) -> tuple[str, str]:
    asset = asset_of(campaign)
    steps = sorted({tier.min_conversions for tier in rules.tiers} or {0})
    sums = sorted(
        {ORDERS * sum(award.amount_minor for award in _awards(campaign, rules, order, step)) for step in steps}
    )
    is_capped = rules.budget_minor is not None and sums[-1] > rules.budget_minor
    if is_capped:
        sums = sorted({min(each, rules.budget_minor) for each in sums})
    told = " to ".join(money.display(each, asset) for each in dict.fromkeys((sums[0], sums[-1])))
    depends = RewardModel.PERCENTAGE in (campaign.reward_model, rules.tier_model if rules.tiers else "")
    notes = []
    if depends:
        kind = "your average order" if is_known else "supposed, there is no order yet"
        notes.append(f"orders of {money.display(order, rules.currency)}, {kind}")
    if len(steps) > 1:
        notes.append("by how many friends each referrer has brought before")
    if campaign.referral_type == ReferralType.MULTI_LEVEL:
        notes.append("if somebody brought every referrer")
    if is_capped:
        notes.append("no more than the budget")
    note = "; ".join(notes)
    return told, note[:1].upper() + note[1:]
