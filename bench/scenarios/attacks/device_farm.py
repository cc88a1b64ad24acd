"""F2: five to forty accounts on one machine, one after the other."""

import math
from datetime import timedelta
from random import Random

from .. import families
from ..truth import LEVELS as LEVELS
from ..truth import Label
from ..world import World
from .care import Care, addresses

SCENARIO, CONVERSIONS = "F2", 220


def add(world: World, rng: Random, level: str, count: int) -> None:
    made = place = 0
    while made < count:
        place += 1
        merchant = world.merchant(rng)
        label = Label("F2", True, level, f"F2 {level} {place}", "device farms")
        made += farm(world, rng, merchant, Care(level), label, at=world.day(rng, merchant, 0, world.config.days - 4))


def farm(world, rng, merchant, care, label, *, at, referrer=None, ips=None, browser=None, accounts=None) -> int:
    """One operator and his accounts; also what is hidden in an office or behind an influencer."""
    people, ranges = world.registry(rng), world.ranges
    size = accounts or families.whole(rng, ranges.farm_accounts)
    device = people.device(browser)
    home = ips or [people.home_ip()]
    if referrer is None:
        own = [device] if rng.random() < 0.5 else [people.device(browser)]
        referrer = people.person(merchant.index, merchant.country, devices=own, ips=home)
    cards = rng.choice(("pool", "pool", "none", "own"))
    pool = [people.card() for _ in range(1 + size // rng.randint(4, 9))]
    letters = addresses(rng, people, size)
    median = families.between(rng, ranges.farm_gap_hours) * (rng.uniform(1.5, 3) if care.waits else 1)
    sigma = families.between(rng, ranges.farm_gap_sigma)
    spread = families.between(rng, ranges.farm_amount_sigma) * (2.5 if care.waits else 1)
    price = merchant.amount(rng) if rng.random() < 0.5 else merchant.least
    for place in range(size):
        if care.rotates_device and place % rng.randint(1, 2) == 0:
            device = people.device(browser)
        account = people.person(
            merchant.index,
            merchant.country,
            devices=[device],
            ips=care.address(rng, people, home),
            email=letters[place],
            card=rng.choice(pool) if cards == "pool" else people.card(),
        )
        if cards == "none":
            account.card = None
        world.journey(
            rng,
            referrer,
            account,
            at,
            label,
            wait=world.wait(rng, 20, 1.5, 2) if care.waits else world.wait(rng, 5, 0.8),
            amount=merchant.near(rng, price, spread),
            refund=0.05,
        )
        at += timedelta(hours=min(rng.lognormvariate(math.log(median), sigma), 72))
    return size
