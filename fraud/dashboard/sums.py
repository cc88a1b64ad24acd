"""The effects of decisions, added up by kind."""

from collections.abc import Iterable
from dataclasses import dataclass

from fraud.deciding import Outcome
from incenta import money

WORDS = {
    "reward_released": ("reward is released", "rewards are released"),
    "reward_cancelled": ("reward is cancelled", "rewards are cancelled"),
    "conversion_counted": ("conversion counts", "conversions count"),
    "conversion_reversed": ("conversion is taken back", "conversions are taken back"),
    "points_taken_back": ("taking of points", "takings of points"),
    "payout_needs_proposal": (
        "reward is paid already: to be settled by hand",
        "rewards are paid already: to be settled by hand",
    ),
    "person_released": ("person may earn and spend again", "people may earn and spend again"),
    "awarded": ("award that was withheld is made", "awards that were withheld are made"),
    "reward_reduced": ("reward is reduced", "rewards are reduced"),
    "reward_still_held": ("reward stays held for another reason", "rewards stay held for another reason"),
    "still_held": ("conversion stays held for another reason", "conversions stay held for another reason"),
    "code_released": ("code counts again", "codes count again"),
    "code_stays_flagged": ("code stays flagged for good", "codes stay flagged for good"),
    "withheld_forfeited": ("award that was withheld is not given", "awards that were withheld are not given"),
    "points_spent": (
        "amount of points is spent and cannot be taken back",
        "amounts of points are spent and cannot be taken back",
    ),
    "redemption_released": ("redemption goes on", "redemptions go on"),
    "redemption_cancelled": (
        "redemption is cancelled, and its points go back",
        "redemptions are cancelled, and their points go back",
    ),
    "redemption_stays": (
        "redemption was handed over already, and stays",
        "redemptions were handed over already, and stay",
    ),
}
"""Kind of effect -> of one, of several."""
UNCOUNTED = {
    "keys_confirmed": "their devices, addresses and the like are known as a cheat's from now on",
    "neighbours_rescored": "whoever shares one of these is looked at again",
}
"""Kinds of which one effect tells of many."""


@dataclass(slots=True)
class Line:
    """One kind of effect, of all cases together. ``text`` says how many."""

    text: str
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
        Line(in_words(kind, count), worth(minors) if minors else "") for kind, (count, minors) in sorted(held.items())
    ]


def in_words(kind: str, count: int) -> str:
    """``1 reward is released``, ``1,200 rewards are released``"""
    if kind in UNCOUNTED:
        return UNCOUNTED[kind]
    one, several = WORDS.get(kind, (kind.replace("_", " "),) * 2)
    return f"{count:,} {one if count == 1 else several}"


def worth(held: dict[str, int]) -> str:
    """``USD 1,210.00 and 300 coins``"""
    return " and ".join(money.display(minor, asset) for asset, minor in sorted(held.items())) or "no money"
