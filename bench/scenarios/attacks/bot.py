"""F4: a program clicks and converts: within seconds, from data centres, in a browser without a window."""

import math
from datetime import timedelta
from random import Random

from .. import families
from ..truth import LEVELS as LEVELS
from ..truth import Label
from ..world import World
from .care import Care, addresses

SCENARIO, CONVERSIONS = "F4", 200


def add(world: World, rng: Random, level: str, count: int) -> None:
    people, care, ranges = world.registry(rng), Care(level), world.ranges
    made = place = 0
    while made < count:
        place += 1
        merchant = world.merchant(rng)
        label = Label("F4", True, level, f"F4 {level} {place}", "bots")
        size = families.whole(rng, ranges.bot_accounts)
        workers = "click_workers" in ranges.variants and rng.random() < 0.3
        profiles = [
            people.device(
                people.headless() if not workers and rng.random() < (0.92, 0.85, 0.7, 0.4)[care.number] else None
            )
            for _ in range(1 + size // 12)
        ]
        machines = [people.hosting_ip() for _ in range(rng.randint(1, 6))]
        operator = people.person(merchant.index, merchant.country)
        letters = addresses(rng, people, size)
        at = world.day(rng, merchant, 0, world.config.days - 4)
        for number in range(size):
            profile = rng.choice(profiles)
            account = people.person(
                merchant.index,
                merchant.country,
                devices=[people.device(profile.user_agent) if care.rotates_device else profile],
                ips=care.address(rng, people, machines if not workers else [people.home_ip()]),
                email=letters[number],
            )
            if rng.random() < 0.7:
                account.card = None
            seconds = rng.uniform(*ranges.bot_seconds)
            if care.waits:
                seconds = families.between(rng, (120, 2 * 86_400))
            world.journey(
                rng,
                operator,
                account,
                at,
                label,
                wait=timedelta(seconds=seconds),
                amount=merchant.amount(rng) if care.waits else merchant.least,
                refund=0.03,
            )
            at += timedelta(minutes=rng.lognormvariate(math.log(90 if care.waits else 12), 1.0))
            made += 1
