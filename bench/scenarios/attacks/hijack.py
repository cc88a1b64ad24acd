"""F10: the account of somebody long trusted is taken over, and rewards come for a ring that he never met."""

import math
from datetime import timedelta
from random import Random

from .. import families
from ..truth import LEVELS as LEVELS
from ..truth import Label
from ..world import START, World
from .care import Care, addresses

SCENARIO, CONVERSIONS = "F10", 60
BEFORE = Label("L0", False, cohort="everybody else")


def add(world: World, rng: Random, level: str, count: int) -> None:
    people, care = world.registry(rng), Care(level)
    made = place = 0
    while made < count:
        place += 1
        merchant = world.merchant(rng)
        label = Label("F10", True, level, f"F10 {level} {place}", "hijacked accounts")
        owner = people.person(merchant.index, merchant.country)
        for _ in range(rng.randint(6, 12)):
            friend = people.person(merchant.index, merchant.country)
            at = START - timedelta(days=rng.uniform(185, 260))
            world.journey(rng, owner, friend, at, BEFORE, refund=0.02)
        machine, home = people.device(), [people.home_ip()]
        at = world.day(rng, merchant, 5, world.config.days - 6)
        # he signs in from where he never was
        owner.devices, owner.ips = [machine], home
        world.code(rng, at - timedelta(minutes=rng.uniform(3, 40)), owner, again=True)
        size = families.whole(rng, world.ranges.hijack_accounts)
        letters = addresses(rng, people, size)
        for number in range(size):
            account = people.person(
                merchant.index,
                merchant.country,
                devices=[people.device()] if care.rotates_device else [machine],
                ips=care.address(rng, people, home),
                email=letters[number],
            )
            world.journey(
                rng,
                owner,
                account,
                at,
                label,
                wait=None if care.waits else world.wait(rng, 5, 0.8),
                amount=merchant.near(rng, merchant.amount(rng), 0.3),
                refund=0.05,
            )
            at += timedelta(hours=min(rng.lognormvariate(math.log(1.5 if care.waits else 0.5), 0.9), 48))
            made += 1
