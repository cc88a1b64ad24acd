"""F8: somebody tries codes, five to five hundred a minute, from one hand or many."""

from datetime import timedelta
from random import Random

from .. import families
from ..truth import Label
from ..world import World

SCENARIO, CONVERSIONS, LEVELS = "F8", 5, ("L0",)
"""Attacks, not conversions."""
MOST = 400


def add(world: World, rng: Random, level: str, count: int) -> None:
    alphabet = "34679ACDEFGHJKMNPQRTWXY"
    for place in range(count):
        merchant = world.merchant(rng)
        label = Label("F8", True, level, f"F8 {place}", "guessers of codes")
        hands = [world.hand(label) for _ in range(families.whole(rng, world.ranges.guess_hands))]
        rate = families.between(rng, world.ranges.guess_a_minute)
        at = world.day(rng, merchant)
        for _ in range(MOST):
            at += timedelta(minutes=rng.expovariate(rate))
            world.guess(
                at, merchant.index, rng.choice(hands), "".join(rng.choice(alphabet) for _ in range(rng.choice((8, 14))))
            )
