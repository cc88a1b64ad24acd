"""The effects of decisions, added up by kind."""

from collections.abc import Iterable
from dataclasses import dataclass

from fraud.deciding import Outcome
from incenta import money

WORDS = {
    "reward_released": "rewards are released",
    "reward_cancelled": "rewards are cancelled",
    "conversion_counted": "conversions count",
    "conversion_reversed": "conversions are taken back",
    "points_taken_back": "takings of points",
    "payout_needs_proposal": "rewards are paid already: to be settled by hand",
    "person_released": "people may earn and spend again",
    "awarded": "awards that were withheld are made",
    "reward_reduced": "rewards are reduced",
    "reward_still_held": "rewards stay held for another reason",
    "still_held": "conversions stay held for another reason",
    "code_released": "codes count again",
    "code_stays_flagged": "codes stay flagged for good",
    "keys_confirmed": "× keys are known as a cheat's from now on",
    "neighbours_rescored": "× neighbours are looked at again",
    "withheld_forfeited": "awards that were withheld are not given",
    "points_spent": "amounts of points are spent and cannot be taken back",
    "redemption_released": "redemptions go on",
    "redemption_cancelled": "redemptions are cancelled, and their points go back",
    "redemption_stays": "redemptions were handed over already, and stay",
}


@dataclass(slots=True)
class Line:
    """One kind of effect, of all cases together."""

    text: str
    count: int
    worth: str


def lines(outcomes: Iterable[Outcome]) -> list[Line]:
    """All their effects, added up by kind."""
    held: dict[str, list] = {}
    for outcome in outcomes:
        for effect in outcome.effects:
            counted = held.setdefault(effect.kind, [0, {}])
            counted[0] += 1
            if effect.asset and effect.minor:
                counted[1][effect.asset] = counted[1].get(effect.asset, 0) + effect.minor
    return [
        Line(WORDS.get(kind, kind.replace("_", " ")), count, worth(minors) if minors else "")
        for kind, (count, minors) in sorted(held.items())
    ]


def worth(held: dict[str, int]) -> str:
    """``USD 1,210.00 and 300 coins``"""
    return " and ".join(money.display(minor, asset) for asset, minor in sorted(held.items())) or "no money"
