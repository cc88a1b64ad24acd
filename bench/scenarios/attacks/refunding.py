"""F9: buys by his own code, waits until the reward is out, and takes the money back; then once more under another name."""

from datetime import timedelta
from random import Random

from ..truth import LEVELS as LEVELS
from ..truth import Label
from ..world import World
from .care import Care

SCENARIO, CONVERSIONS = "F9", 80


def add(world: World, rng: Random, level: str, count: int) -> None:
    people, care = world.registry(rng), Care(level)
    made = place = 0
    while made < count:
        place += 1
        merchant = world.merchant(rng)
        home, card = [people.home_ip()], people.card()
        machine = people.device()
        referrer = people.person(merchant.index, merchant.country, devices=[machine], ips=home, card=card)
        at = world.day(rng, merchant, 0, max(world.config.days - 3 * (merchant.hold_days + 9), 20))
        for attempt in range(1, rng.randint(2, 4) + 1):
            label = Label("F9", True, level, f"F9 {level} {place}", "refunds after the reward", attempt)
            account = people.person(
                merchant.index,
                merchant.country,
                devices=[people.device() if care.rotates_device or rng.random() < 0.2 else machine],
                ips=care.address(rng, people, home),
                card=card if rng.random() < 0.7 else people.card(),
            )
            done = world.journey(
                rng,
                referrer,
                account,
                at,
                label,
                wait=None if care.waits else world.wait(rng, 8, 0.9),
                amount=merchant.amount(rng),
                refund=0,
            )
            back = done.at + timedelta(days=merchant.hold_days + rng.uniform(0.3, 3 if not care.waits else 8))
            world.reverse(back, done)
            at = back + timedelta(days=rng.uniform(0.2, 4))
            made += 1
