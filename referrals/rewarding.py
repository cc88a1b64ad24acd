"""How much a conversion earns, and whom. Pure: no query, no clock; every step it takes is written into the trace."""

from dataclasses import dataclass, field
from decimal import Decimal

from incenta import money

from .models.campaign import RewardModel
from .rules import Rules


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read of the world, after the lock, at the moment of deciding.

    ``earlier_conversions``: the referrer's good ones in this campaign. ``rewards_of``: user → rewards as a referrer so far.
    ``promised_minor``: what of the budget is promised, where there is a budget.
    """

    amount_minor: int | None
    referrer_id: str
    referee_id: str
    upline_id: str | None = None
    earlier_conversions: int = 0
    rewards_of: dict[str, int] = field(default_factory=dict)
    promised_minor: int = 0


@dataclass(frozen=True, slots=True)
class Award:
    user_id: str
    side: str
    level: int
    amount_minor: int
    over_budget: bool = False


@dataclass(slots=True)
class Decision:
    awards: list[Award]
    trace: list[dict]

    @property
    def promised_minor(self) -> int:
        """What the budget has to promise for these awards."""
        return sum(award.amount_minor for award in self.awards if not award.over_budget)


def decide(rules: Rules, facts: Facts) -> Decision:
    """The awards of one conversion: referrer, then referee (two-sided), then the referrer's referrer (multi-level).

    Rounding is half up to the minor unit; a cap is the most for one award; a budget or a limit that is reached stops the reward
    and never the conversion (contract, section 2).
    """
    decision = Decision([], [])
    model, value, cap = rules.model, rules.value, rules.cap_minor
    if rules.model == RewardModel.TIERED:
        model = rules.tier_model
        value, cap = _tier(rules, facts, decision.trace)
    _award(decision, rules, facts, facts.referrer_id, "REFERRER", 1, model, value, cap)
    if rules.referee_value:
        _award(decision, rules, facts, facts.referee_id, "REFEREE", 1, model, rules.referee_value, rules.cap_minor)
    if rules.level2_value and facts.upline_id:
        _award(
            decision, rules, facts, facts.upline_id, "REFERRER", 2, model, rules.level2_value, rules.level2_cap_minor
        )
    return decision


def _tier(rules: Rules, facts: Facts, trace: list[dict]) -> tuple[Decimal, int | None]:
    reached = [tier for tier in rules.tiers if tier.min_conversions <= facts.earlier_conversions]
    step = {"rule": "tier", "earlierConversions": facts.earlier_conversions}
    if not reached:
        trace.append(step | {"outcome": "no tier reached"})
        return Decimal(0), None
    tier = reached[-1]
    trace.append(step | {"outcome": f"tier from {tier.min_conversions} conversions", "value": float(tier.value)})
    return tier.value, rules.cap_minor if tier.cap_minor is None else tier.cap_minor


def _award(
    decision: Decision,
    rules: Rules,
    facts: Facts,
    user_id: str,
    side: str,
    level: int,
    model: str,
    value: Decimal,
    cap: int | None,
):
    trace = decision.trace
    who = {"side": side, "level": level, "userId": user_id}
    amount = _amount(rules, facts, model, value)
    step = {
        "rule": "reward",
        **who,
        "model": model,
        "value": float(value),
        "amount": money.to_number(amount, rules.asset),
    }
    if cap is not None and amount > cap:
        amount = cap
        capped = money.to_number(cap, rules.asset)
        step |= {"computed": step["amount"], "cap": capped, "amount": capped, "outcome": "cap hit"}
    trace.append(step)
    if not amount:
        step["outcome"] = (
            "nothing to reward"
            if facts.amount_minor is not None or model == RewardModel.FIXED
            else "no amount to take a share of"
        )
        return
    most = rules.max_rewards_per_referrer
    if side == "REFERRER" and most is not None:
        had = facts.rewards_of.get(user_id, 0)
        trace.append(
            {
                "rule": "maxRewardsPerReferrer",
                **who,
                "limit": most,
                "rewards": had,
                "outcome": "reached" if had >= most else "pass",
            }
        )
        if had >= most:
            return
    over = False
    if rules.budget_minor is not None:
        left = rules.budget_minor - facts.promised_minor - decision.promised_minor
        over = amount > left
        told = ("held until the budget is raised" if rules.holds_over_budget else "budget reached") if over else "pass"
        trace.append({"rule": "budget", **who, "left": money.to_number(max(left, 0), rules.asset), "outcome": told})
        if over and not rules.holds_over_budget:
            return
    decision.awards.append(Award(user_id, side, level, amount, over))


def _amount(rules: Rules, facts: Facts, model: str, value: Decimal) -> int:
    if model == RewardModel.FIXED:
        return money.round_half_up(value.scaleb(money.exponent(rules.asset)))
    if facts.amount_minor is None:
        return 0
    # a share of the order in the order's currency; coins are whole, one for each unit of that share
    share = Decimal(facts.amount_minor) * value / 100
    return money.round_half_up(share.scaleb(money.exponent(rules.asset) - money.exponent(rules.currency)))


def worth_after(original_minor: int, converted_minor: int | None, reversed_minor: int) -> int:
    """What a reward is worth after any number of reversals: original × (1 − reversed ÷ converted), rounded half up.

    From the totals, not step by step, so that ten small reversals and one large one end at the same penny.
    """
    if not converted_minor:
        return 0
    # whole numbers all the way: a decimal's 28 digits would not hold the largest product
    return (2 * original_minor * (converted_minor - reversed_minor) + converted_minor) // (2 * converted_minor)
