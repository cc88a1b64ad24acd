"""F1: somebody refers himself under other spellings of his name, on his own machine or with his own card."""

from datetime import timedelta
from random import Random

from .. import families
from ..truth import LEVELS as LEVELS
from ..truth import Label
from ..world import World
from .care import Care, alike

SCENARIO, CONVERSIONS = "F1", 170


def add(world: World, rng: Random, level: str, count: int) -> None:
    people, care = world.registry(rng), Care(level)
    made = place = 0
    while made < count:
        place += 1
        merchant = world.merchant(rng)
        label = Label("F1", True, level, f"F1 {level} {place}", "aliases of oneself")
        self_ = people.person(merchant.index, merchant.country, card=people.card())
        at = world.day(rng, merchant)
        price = merchant.least if rng.random() < 0.5 else merchant.amount(rng)
        for _ in range(families.whole(rng, world.ranges.aliases)):
            device = rng.random() < 0.85
            card = rng.random() < 0.6 or not device
            alias = people.person(
                merchant.index,
                merchant.country,
                name=(self_.first, self_.last),
                devices=[people.device()] if care.rotates_device else [rng.choice(self_.devices)] if device else None,
                ips=care.address(rng, people, self_.ips),
                email=alike(rng, people, self_.email),
                card=self_.card if card and not (care.rotates_device and rng.random() < 0.4) else people.card(),
            )
            world.journey(
                rng,
                self_,
                alias,
                at,
                label,
                wait=None if care.waits else world.wait(rng, 6, 0.9),
                amount=merchant.amount(rng) if care.waits else price,
                refund=0.1,
            )
            gap = families.between(rng, world.ranges.alias_gap_hours)
            at += timedelta(hours=gap * (rng.uniform(3, 40) if care.waits else 1))
            made += 1
