"""What a campaign would do, told before anybody has shared a code: one story, and what a hundred orders would cost.

Pure but for the usual order, which is looked up. The amounts are those of ``rewarding``, which decides the real ones: the hundred
orders of the estimate go through it one after another, with the budget and each referrer's limit filling up.
"""

from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal

from incenta import money
from incenta.accounts.models import App
from referrals import codes, faces, rewarding
from referrals.models import Campaign
from referrals.models.campaign import ReferralType, RewardModel
from referrals.rules import Rules

from .campaign_form import CampaignForm
from .sentences import asset_of, sentences

ORDERS = 100
LOOKED_AT = 100
"""Of the newest orders in the campaign's currency so many make the usual one."""
SUPPOSED = Decimal(50)
"""An order, in major units, where there has been none."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """``story``: one sentence. ``cost``: what a hundred orders cost, ``note``: what was supposed. ``code`` and its ``link``: how
    Asha's could look."""

    story: str
    cost: str
    note: str
    code: str
    link: str


def usual_order(app: App, currency: str) -> int | None:
    """The average of the newest orders, in minor units."""
    newest = app.conversions.filter(currency=currency, amount_minor__isnull=False).order_by("-converted_at", "-pk")
    amounts = list(newest.values_list("amount_minor", flat=True)[:LOOKED_AT])
    return round(sum(amounts) / len(amounts)) if amounts else None


def foreseen(form: CampaignForm) -> dict:
    """What stands beside a form that has been checked: what its campaign would do, or what has to be put right before that can be
    told. What is still empty is not wrong yet."""
    if form.unsaved is not None:
        usual = usual_order(form.app, form.unsaved.currency)
        return {"estimate": estimate(form.unsaved, usual), "sentences": sentences(form.unsaved)}
    wrong = [(field.label, field.errors[0]) for field in form if field.errors and field.value()]
    return {"wrong": wrong + [("Tiers", told) for told in form.tier_errors]}


def estimate(campaign: Campaign, usual: int | None) -> Estimate:
    """Of a campaign that need not be saved; it carries its ``app``."""
    rules = Rules.of(campaign)
    order = usual if usual else money.round_half_up(SUPPOSED.scaleb(money.exponent(rules.currency)))
    code = codes.propose(rules, username="asha", email="asha@example.com", attempt=0)
    cost, note = _cost(campaign, rules, order, is_known=usual is not None)
    return Estimate(_story(campaign, rules, order, code), cost, note, code, faces.referral_url(code))


def _story(campaign: Campaign, rules: Rules, order: int, code: str) -> str:
    """``Asha shares ASHA-7F2 → Bimal buys → Asha gets NPR 500.00 after 7 days``"""
    asset = asset_of(campaign)
    is_share = RewardModel.PERCENTAGE in (campaign.reward_model, campaign.tier_reward_model) and (
        campaign.reward_model != RewardModel.FIXED
    )
    bought = f"Bimal buys for {money.display(order, rules.currency)}" if is_share else "Bimal buys"
    names = {("REFERRER", 1): "Asha gets", ("REFEREE", 1): "Bimal gets", ("REFERRER", 2): "whoever brought Asha gets"}
    first = rewarding.Facts(order, "asha", "bimal", _upline(campaign, "asha"), _first_tier(rules))
    given = [
        f"{names[award.side, award.level]} {money.display(award.amount_minor, asset)}"
        for award in rewarding.decide(rules, first).awards
    ]
    gets = " and ".join(given) if given else "nobody gets anything"
    days = campaign.hold_days
    when = f" after {days} day{'s' if days != 1 else ''}" if days and given else ""
    return f"Asha shares {code} → {bought} → {gets}{when}"


def _upline(campaign: Campaign, referrer: str) -> str | None:
    """Who brought the referrer: in an estimate somebody brought each."""
    return f"who brought {referrer}" if campaign.referral_type == ReferralType.MULTI_LEVEL else None


def _first_tier(rules: Rules) -> int:
    return rules.tiers[0].min_conversions if rules.tiers else 0


def spent(campaign: Campaign, rules: Rules, order: int, referrers: int) -> tuple[int, bool]:
    """Minor units that a hundred orders of one size cost, brought by so many referrers in turn, and whether the budget was too small
    for all of them."""
    promised, is_short = 0, False
    earlier: Counter[str] = Counter()
    rewards: Counter[str] = Counter()
    unbounded = replace(rules, budget_minor=None)
    for number in range(ORDERS):
        referrer = f"referrer {number % referrers}"
        facts = rewarding.Facts(
            order, referrer, f"friend {number}", _upline(campaign, referrer), earlier[referrer], dict(rewards), promised
        )
        decision = rewarding.decide(rules, facts)
        if rules.budget_minor is not None and not is_short:
            is_short = decision.promised_minor < rewarding.decide(unbounded, facts).promised_minor
        promised += decision.promised_minor
        earlier[referrer] += 1
        rewards.update(award.user_id for award in decision.awards if award.side == "REFERRER")
    return promised, is_short


def _cost(campaign: Campaign, rules: Rules, order: int, *, is_known: bool) -> tuple[str, str]:
    """By as many referrers as orders, and by a single one: between the two lies whatever happens."""
    many, one = spent(campaign, rules, order, ORDERS), spent(campaign, rules, order, 1)
    sums = sorted({many[0], one[0]})
    told = " to ".join(money.display(each, asset_of(campaign)) for each in sums)
    depends = RewardModel.PERCENTAGE in (campaign.reward_model, rules.tier_model if rules.tiers else "")
    notes = []
    if depends:
        kind = "your average order" if is_known else "supposed, there is no order yet"
        notes.append(f"orders of {money.display(order, rules.currency)}, {kind}")
    if len(sums) > 1:
        less, more = ("a hundred referrers", "a single one") if many[0] < one[0] else ("a single referrer", "a hundred")
        notes.append(f"brought by {less} or by {more}")
    if campaign.referral_type == ReferralType.MULTI_LEVEL:
        notes.append("if somebody brought every referrer")
    if many[1] or one[1]:
        notes.append("the rest waits for more budget" if rules.holds_over_budget else "no more than the budget")
    note = "; ".join(notes)
    return told, note[:1].upper() + note[1:]
