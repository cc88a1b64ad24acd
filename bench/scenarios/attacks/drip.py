"""F5: one or two a day for two months, each just over the least that counts, taken back when the reward is out."""

from datetime import timedelta
from random import Random

from ..truth import LEVELS as LEVELS
from ..truth import Label
from ..world import START, World
from .care import Care, addresses

SCENARIO, CONVERSIONS = "F5", 170


def add(world: World, rng: Random, level: str, count: int) -> None:
    people, care, ranges = world.registry(rng), Care(level), world.ranges
    made = place = 0
    while made < count:
        place += 1
        merchant = world.merchant(rng)
        label = Label("F5", True, level, f"F5 {level} {place}", "slow drips")
        homes = [people.home_ip() for _ in range(rng.randint(1, 3))]
        machines = [people.device() for _ in range(rng.randint(1, 2))]
        cards = [people.card() for _ in range(rng.randint(2, 6))]
        operator = people.person(merchant.index, merchant.country, ips=homes)
        days = rng.uniform(*ranges.drip_days)
        begins = rng.uniform(0, max(world.config.days - days - 2, 1))
        rate = rng.uniform(*ranges.drip_a_day)
        total = int(days * rate)
        letters = addresses(rng, people, total)
        for number in range(total):
            account = people.person(
                merchant.index,
                merchant.country,
                devices=[people.device()] if care.rotates_device else [rng.choice(machines)],
                ips=care.address(rng, people, homes),
                email=letters[number],
                card=rng.choice(cards) if rng.random() < (0.5, 0.4, 0.3, 0.2)[care.number] else None,
            )
            day = begins + number / rate
            at = (
                world.day(rng, merchant, day, day + 1)
                if care.waits
                else START + timedelta(days=day, minutes=rng.uniform(0, 120))
            )
            amount = merchant.least * rng.uniform(1, 1.2 if care.waits else 1.05)
            done = world.journey(rng, operator, account, at, label, amount=merchant.near(rng, amount, 0.01), refund=0)
            if rng.random() < 0.6:
                world.reverse(done.at + timedelta(days=rng.uniform(14, 30)), done)
            made += 1
