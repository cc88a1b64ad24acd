"""How much a conversion earns, and whom: decided by pure functions, held against a naive model in fractions."""

import random
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incenta import money
from incenta.accounts.models import App
from referrals.models import Campaign
from referrals.rewarding import Facts, decide, worth_after
from referrals.rules import Rules


def rules(**fields) -> Rules:
    """The rules of a campaign that is stored nowhere: 10 % in USD unless told otherwise."""
    given = {"currency": "USD", "reward_model": "PERCENTAGE", "reward_value": Decimal(10)} | fields
    return Rules.of(Campaign(app=App(timezone="UTC"), declared_status="ACTIVE", **given))


def earned(of: Rules, amount: object = None, **facts) -> list[tuple]:
    """(user, side, level, minor units) of each award of asha's friend bikram buying for ``amount``."""
    minor = None if amount is None else money.parse(amount, of.currency)
    known = Facts(amount_minor=minor, referrer_id="asha", referee_id="bikram", **facts)
    return [(award.user_id, award.side, award.level, award.amount_minor) for award in decide(of, known).awards]


def ashas(of: Rules, amount: object = None, **facts) -> int:
    """What asha gets, in minor units."""
    return next((minor for user, _, _, minor in earned(of, amount, **facts) if user == "asha"), 0)


# --- rounding -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("currency", "percent", "amount", "minor"),
    [
        ("USD", "10", "49.99", 500),  # 4.999: an earlier implementation answered 4.999000000000001
        ("USD", "10", "0.05", 1),  # 0.005: half goes up
        ("USD", "10", "0.04", 0),
        ("USD", "2.5", "0.2", 1),  # 0.005 again
        ("USD", "33.333333", "1000000000000", 33333333000000),  # the largest amount, exact
        ("USD", "100", "1000000000000", 10**14),
        ("JPY", "5", "50", 3),  # 2.5 yen
        ("JPY", "5", "49", 2),
        ("BHD", "10", "1.005", 101),  # 0.1005 dinar, three decimals
        ("BHD", "1", "0.05", 1),  # 0.0005
        ("BHD", "99.999999", "1000000000000", 999999990000000),
    ],
)
def test_a_share_is_rounded_half_up_to_the_currencys_unit(currency, percent, amount, minor):
    assert ashas(rules(currency=currency, reward_value=Decimal(percent)), amount) == minor


@pytest.mark.parametrize(("currency", "value", "minor"), [("USD", "5", 500), ("JPY", "500", 500), ("BHD", "1.5", 1500)])
def test_a_fixed_reward_asks_for_no_amount(currency, value, minor):
    of = rules(currency=currency, reward_model="FIXED", reward_value=Decimal(value))
    assert ashas(of) == ashas(of, 1) == ashas(of, 10**12) == minor


def test_coins_are_whole_whatever_the_order_is_paid_in():
    assert ashas(rules(fulfillment_type="COINS"), "49.99") == 5  # 4.999 coins
    assert ashas(rules(fulfillment_type="COINS", currency="JPY"), 45) == 5  # 4.5
    assert ashas(rules(fulfillment_type="COINS", currency="BHD"), "4.4") == 0  # 0.44
    assert ashas(rules(fulfillment_type="COINS", reward_model="FIXED", reward_value=Decimal(250))) == 250


def test_a_share_of_nothing_is_nothing():
    assert earned(rules(), None) == earned(rules(), 0) == []


# --- caps, tiers ----------------------------------------------------------------------------------------------------
def test_a_cap_is_the_most_for_one_award():
    of = rules(reward_cap=Decimal("7.50"))
    assert [ashas(of, amount) for amount in ("74.99", 75, "75.10", 10**12)] == [750, 750, 750, 750]
    assert ashas(of, "74.9") == 749


def test_a_cap_of_nothing_pays_nothing():
    assert earned(rules(reward_cap=Decimal(0)), 50) == []


TIERS = [
    {"minConversions": 10, "rewardValue": 20, "rewardCap": 12.5},
    {"minConversions": 0, "rewardValue": 5},
    {"minConversions": 3, "rewardValue": 7.5},
]


@pytest.mark.parametrize(("earlier", "minor"), [(0, 500), (2, 500), (3, 750), (9, 750), (10, 1250), (10_000, 1250)])
def test_the_highest_tier_reached_counts_whatever_their_order(earlier, minor):
    for tiers in (TIERS, TIERS[::-1], sorted(TIERS, key=lambda tier: tier["minConversions"])):
        of = rules(reward_model="TIERED", tiers=tiers, tier_reward_model="PERCENTAGE")
        assert ashas(of, 100, earlier_conversions=earlier) == minor


def test_below_the_first_tier_there_is_nothing():
    of = rules(reward_model="TIERED", tiers=[{"minConversions": 2, "rewardValue": 5}])
    assert [earned(of, 100, earlier_conversions=earlier) for earlier in (0, 1)] == [[], []]
    assert ashas(of, 100, earlier_conversions=2) == 500


def test_a_tier_without_a_cap_keeps_the_campaigns():
    tiers = [{"minConversions": 0, "rewardValue": 50}, {"minConversions": 1, "rewardValue": 50, "rewardCap": 30}]
    of = rules(reward_model="TIERED", tiers=tiers, tier_reward_model="PERCENTAGE", reward_cap=Decimal(20))
    assert [ashas(of, 100, earlier_conversions=earlier) for earlier in (0, 1)] == [2000, 3000]


# --- who ------------------------------------------------------------------------------------------------------------
def test_two_sides():
    of = rules(referral_type="TWO_SIDED", referee_reward_value=Decimal(3), reward_cap=Decimal(4))
    assert earned(of, 50) == [("asha", "REFERRER", 1, 400), ("bikram", "REFEREE", 1, 150)]
    one_sided = rules(referral_type="ONE_SIDED", referee_reward_value=Decimal(3))
    assert earned(one_sided, 50) == [("asha", "REFERRER", 1, 500)]


def test_two_levels():
    of = rules(referral_type="MULTI_LEVEL", level2_reward_value=Decimal(2), level2_reward_cap=Decimal("0.90"))
    assert earned(of, 50, upline_id="tara") == [("asha", "REFERRER", 1, 500), ("tara", "REFERRER", 2, 90)]
    assert earned(of, 40, upline_id="tara")[1] == ("tara", "REFERRER", 2, 80)
    assert earned(of, 50) == [("asha", "REFERRER", 1, 500)]


def test_the_friend_may_be_rewarded_where_the_referrer_is_not():
    of = rules(referral_type="TWO_SIDED", reward_value=Decimal(0), referee_reward_value=Decimal(3))
    assert earned(of, 50) == [("bikram", "REFEREE", 1, 150)]


# --- what stops a reward --------------------------------------------------------------------------------------------
def test_the_most_rewards_of_a_referrer_count_for_each_level_and_never_for_the_friend():
    of = rules(referral_type="TWO_SIDED", referee_reward_value=Decimal(3), max_rewards_per_referrer=2)
    assert len(earned(of, 50, rewards_of={"asha": 1})) == 2
    assert earned(of, 50, rewards_of={"asha": 2, "bikram": 9}) == [("bikram", "REFEREE", 1, 150)]
    deep = rules(referral_type="MULTI_LEVEL", level2_reward_value=Decimal(2), max_rewards_per_referrer=2)
    assert earned(deep, 50, upline_id="tara", rewards_of={"tara": 2}) == [("asha", "REFERRER", 1, 500)]
    assert earned(deep, 50, upline_id="tara", rewards_of={"asha": 2}) == [("tara", "REFERRER", 2, 100)]


def test_a_budget_is_spent_to_the_last_cent_and_no_further():
    of = rules(budget=Decimal(100))
    assert ashas(of, 50, promised_minor=9500) == 500
    assert earned(of, 50, promised_minor=9501) == []
    assert ashas(of, 40, promised_minor=9501) == 400  # a smaller one still fits


def test_a_budget_counts_both_sides_of_one_conversion():
    of = rules(budget=Decimal(6), referral_type="TWO_SIDED", referee_reward_value=Decimal(3))
    assert earned(of, 50) == [("asha", "REFERRER", 1, 500)]  # 1.50 more would be too much
    assert len(earned(of, 46)) == 2  # 4.60 and 1.38


def test_over_budget_a_reward_is_held_where_the_campaign_says_so():
    of = rules(budget=Decimal(6), budget_policy="HOLD", referral_type="TWO_SIDED", referee_reward_value=Decimal(3))
    decision = decide(of, Facts(amount_minor=5000, referrer_id="asha", referee_id="bikram"))
    assert [(award.amount_minor, award.over_budget) for award in decision.awards] == [(500, False), (150, True)]
    assert decision.promised_minor == 500


# --- the trace ------------------------------------------------------------------------------------------------------
def test_every_step_is_traced():
    of = rules(
        reward_model="TIERED",
        tiers=TIERS,
        tier_reward_model="PERCENTAGE",
        budget=Decimal(10),
        max_rewards_per_referrer=5,
    )
    known = Facts(2000_00, "asha", "bikram", earlier_conversions=12, rewards_of={"asha": 4}, promised_minor=800)
    who = {"side": "REFERRER", "level": 1, "userId": "asha"}
    assert decide(of, known).trace == [
        {"rule": "tier", "earlierConversions": 12, "outcome": "tier from 10 conversions", "value": 20.0},
        {"rule": "reward", **who, "model": "PERCENTAGE", "value": 20.0, "computed": 400, "cap": 12.5, "amount": 12.5}
        | {"outcome": "cap hit"},
        {"rule": "maxRewardsPerReferrer", **who, "limit": 5, "rewards": 4, "outcome": "pass"},
        {"rule": "budget", **who, "left": 2, "outcome": "budget reached"},
    ]


def test_the_trace_says_why_there_is_nothing():
    def outcome(of: Rules, amount: object = 50, **facts) -> str:
        minor = None if amount is None else money.parse(amount, "USD")
        return decide(of, Facts(minor, "asha", "bikram", **facts)).trace[-1]["outcome"]

    assert outcome(rules(), None) == "no amount to take a share of"
    assert outcome(rules(), "0.04") == "nothing to reward"
    assert outcome(rules(max_rewards_per_referrer=1), rewards_of={"asha": 1}) == "reached"
    assert outcome(rules(budget=Decimal(1))) == "budget reached"
    assert outcome(rules(budget=Decimal(1), budget_policy="HOLD")) == "held until the budget is raised"
    assert outcome(rules(reward_model="TIERED", tiers=[{"minConversions": 1, "rewardValue": 5}])) == "nothing to reward"


# --- against a naive model ------------------------------------------------------------------------------------------
def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def naive(fields: dict, facts: Facts) -> list[tuple]:
    """The contract's sentences in exact fractions of major units, with nothing clever."""
    coins = fields["fulfillment_type"] == "COINS"
    unit = Fraction(1, 1 if coins else 10 ** money.exponent(fields["currency"]))
    order = (
        None if facts.amount_minor is None else Fraction(facts.amount_minor, 10 ** money.exponent(fields["currency"]))
    )
    model, value, cap = fields["reward_model"], fields["reward_value"], fields["reward_cap"]
    if model == "TIERED":
        model, value = fields["tier_reward_model"], 0
        for tier in sorted(fields["tiers"], key=lambda tier: tier["minConversions"]):
            if tier["minConversions"] <= facts.earlier_conversions:
                value = Decimal(str(tier["rewardValue"]))
                cap = Decimal(str(tier["rewardCap"])) if "rewardCap" in tier else fields["reward_cap"]
    wanted = [(facts.referrer_id, "REFERRER", 1, value, cap)]
    if fields["referral_type"] == "TWO_SIDED":
        wanted.append((facts.referee_id, "REFEREE", 1, fields["referee_reward_value"], fields["reward_cap"]))
    if fields["referral_type"] == "MULTI_LEVEL" and facts.upline_id:
        wanted.append((facts.upline_id, "REFERRER", 2, fields["level2_reward_value"], fields["level2_reward_cap"]))
    awards, spent = [], facts.promised_minor * unit
    for user, side, level, value, cap in wanted:
        worth = Fraction(value) if model == "FIXED" else Fraction(0) if order is None else order * Fraction(value) / 100
        worth = half_up(worth / unit) * unit
        if cap is not None:
            worth = min(worth, Fraction(cap))
        if not worth:
            continue
        most = fields["max_rewards_per_referrer"]
        if side == "REFERRER" and most is not None and facts.rewards_of.get(user, 0) >= most:
            continue
        over = fields["budget"] is not None and spent + worth > Fraction(fields["budget"])
        if over and fields["budget_policy"] == "STOP":
            continue
        spent += 0 if over else worth
        awards.append((user, side, level, int(worth / unit), over))
    return awards


@st.composite
def cases(draw) -> tuple[dict, Facts]:
    currency = draw(st.sampled_from(["USD", "JPY", "BHD", "CLF"]))
    coins = draw(st.booleans())
    places = 0 if coins else money.exponent(currency)

    def amount(most: int = 2000):
        return st.decimals(0, most, places=places)

    model = draw(st.sampled_from(["FIXED", "PERCENTAGE", "TIERED"]))
    tier_model = draw(st.sampled_from(["FIXED", "PERCENTAGE"]))
    share = "PERCENTAGE" in (model, tier_model if model == "TIERED" else "")
    value = st.decimals(0, 100, places=6) if share else amount()
    plain = value.map(lambda number: int(number) if number == int(number) else float(number))
    whole = amount().map(lambda number: int(number) if number == int(number) else float(number))
    tier = st.fixed_dictionaries(
        {"minConversions": st.integers(0, 12), "rewardValue": plain}, optional={"rewardCap": whole}
    )
    tiers = draw(st.lists(tier, min_size=1, max_size=4, unique_by=lambda tier: tier["minConversions"]))
    fields = {
        "currency": currency,
        "fulfillment_type": "COINS" if coins else "MANUAL",
        "referral_type": draw(st.sampled_from(["ONE_SIDED", "TWO_SIDED", "MULTI_LEVEL"])),
        "reward_model": model,
        "tier_reward_model": tier_model,
        "tiers": tiers if model == "TIERED" else [],
        "reward_value": draw(value),
        "referee_reward_value": draw(value),
        "level2_reward_value": draw(value),
        "reward_cap": draw(st.none() | amount()),
        "level2_reward_cap": draw(st.none() | amount()),
        "budget": draw(st.none() | amount(5000)),
        "budget_policy": draw(st.sampled_from(["STOP", "HOLD"])),
        "max_rewards_per_referrer": draw(st.none() | st.integers(1, 5)),
    }
    facts = Facts(
        amount_minor=draw(st.none() | st.integers(0, 10**6) | st.integers(0, 10 ** (12 + money.exponent(currency)))),
        referrer_id="asha",
        referee_id="bikram",
        upline_id=draw(st.sampled_from([None, "tara"])),
        earlier_conversions=draw(st.integers(0, 13)),
        rewards_of={"asha": draw(st.integers(0, 6)), "tara": draw(st.integers(0, 6))},
        promised_minor=draw(st.integers(0, 5000 * 10**places)),
    )
    return fields, facts


@settings(max_examples=250, deadline=None)
@given(cases())
def test_decisions_equal_the_naive_model(case):
    fields, facts = case
    decision = decide(rules(**fields), facts)
    found = [(a.user_id, a.side, a.level, a.amount_minor, a.over_budget) for a in decision.awards]
    assert found == naive(fields, facts)
    assert all(award.amount_minor > 0 for award in decision.awards)
    if fields["budget"] is not None and decision.promised_minor:
        asset = rules(**fields).asset
        assert facts.promised_minor + decision.promised_minor <= money.parse(fields["budget"], asset)
    assert all(isinstance(step["rule"], str) for step in decision.trace)


# --- worth after reversals ------------------------------------------------------------------------------------------
def test_what_a_reward_is_worth_after_reversals():
    assert worth_after(500, 5000, 2500) == 250
    assert worth_after(5, 2, 1) == 3  # 2.5
    assert worth_after(1, 3, 2) == 0  # 0.333
    assert worth_after(1, 3, 1) == 1  # 0.667
    assert worth_after(500, 5000, 0) == 500
    assert worth_after(500, 5000, 5000) == 0
    assert worth_after(500, None, 0) == worth_after(500, 0, 0) == 0  # what has no amount is reversed whole


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 10**16),
    st.integers(1, 10**16),
    st.lists(st.integers(1, 10**16), max_size=12),
    st.randoms(use_true_random=False),
)
def test_partial_reversals_end_at_the_same_penny_in_any_order(original, converted, parts, chance: random.Random):
    parts = [part % converted for part in parts]
    while sum(parts) > converted:
        parts.pop()
    exact = half_up(Fraction(original) * (1 - Fraction(sum(parts), converted)))
    for _ in range(3):
        chance.shuffle(parts)
        worth, back, takings = original, 0, []
        for part in parts:
            back += part
            after = worth_after(original, converted, back)
            takings.append(worth - after)
            worth = after
        assert worth == exact
        assert sum(takings) == original - exact
        assert all(taking >= 0 for taking in takings)
