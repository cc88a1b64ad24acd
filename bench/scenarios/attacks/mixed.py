"""F11: farms that hide: inside an office, with its address and its browsers, and behind an influencer's code."""

import math
from datetime import timedelta
from random import Random

from .. import families
from ..cohorts.office import Office, _word_of_mouth
from ..truth import LEVELS as LEVELS
from ..truth import Label
from ..world import START, World
from .care import Care
from .device_farm import farm

SCENARIO, CONVERSIONS = "F11", 80


def add(world: World, rng: Random, level: str, count: int) -> None:
    made = place = 0
    while made < count:
        place += 1
        merchant = world.merchant(rng)
        label = Label("F11", True, level, f"F11 {level} {place}", "farms that hide")
        made += (_in_an_office if place % 2 else _behind_a_star)(world, rng, merchant, Care(level), label)


def _in_an_office(world: World, rng: Random, merchant, care: Care, label: Label) -> int:
    office = Office(world, rng, merchant, rng.randint(60, 160))
    _word_of_mouth(world, rng, office, Label("F11", False, ring=label.ring, cohort="colleagues of a farm"))
    return farm(
        world,
        rng,
        merchant,
        care,
        label,
        at=world.day(rng, merchant, 2, world.config.days - 5),
        ips=office.ips,
        browser=rng.choice(office.browsers),
        accounts=families.whole(rng, (6, 24)),
    )


def _behind_a_star(world: World, rng: Random, merchant, care: Care, label: Label) -> int:
    people = world.registry(rng)
    star = people.person(merchant.index, merchant.country)
    begins = START + timedelta(days=rng.uniform(3, world.config.days - 6))
    honest = Label("F11", False, ring=label.ring, cohort="friends beside a farm")
    world.code(rng, begins - timedelta(days=2), star)
    for _ in range(rng.randint(80, 200)):
        friend = people.person(merchant.index, merchant.country)
        hours = min(rng.lognormvariate(math.log(5), 1.1), 48)
        world.journey(rng, star, friend, begins + timedelta(hours=hours), honest, wait=world.wait(rng, 12, 1.6))
    # the farm earns the friend's side, or is paid by the star
    return farm(
        world,
        rng,
        merchant,
        care,
        label,
        at=begins + timedelta(hours=rng.uniform(0, 30)),
        referrer=star,
        accounts=families.whole(rng, (6, 24)),
    )
