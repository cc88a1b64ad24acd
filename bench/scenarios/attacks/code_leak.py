"""F6: a coupon site shows somebody's code. Nobody lies: hundreds of honest buyers come, none of whom the referrer knows."""

from datetime import timedelta
from random import Random

from .. import families
from ..truth import Label
from ..world import START, World

SCENARIO, CONVERSIONS, LEVELS = "F6", 900, ("L0",)


def add(world: World, rng: Random, level: str, count: int) -> None:
    people = world.registry(rng)
    made = place = 0
    while made < count:
        place += 1
        label = Label("F6", False, level, f"leak {place}", "buyers by a leaked code")
        merchant = world.merchant(rng, "shop", "plans", "fixed")
        owner = people.person(merchant.index, merchant.country)
        leaks = START + timedelta(days=rng.uniform(8, world.config.days - 8))
        code = world.code(rng, leaks - timedelta(days=rng.uniform(2, 8)), owner)
        for _ in range(rng.randint(0, 3)):  # he had friends before
            world.journey(
                rng,
                owner,
                people.person(merchant.index, merchant.country),
                leaks - timedelta(days=rng.uniform(0.5, 2)),
                label,
            )
        host = rng.choice(("retailmenot.com", "couponfollow.com", "honey.io", "mydealz.de", "promokodes.example"))
        for _ in range(min(families.whole(rng, world.ranges.leak_buyers), max(count - made, 200))):
            buyer = people.person(merchant.index, merchant.country)
            at = leaks + timedelta(hours=rng.uniform(0, 72) * rng.uniform(0.2, 1))
            landing = (
                f"https://shop{merchant.index}.example/start?utm_source={host if rng.random() < 0.9 else 'direct'}"
            )
            for _ in range(rng.choice((0, 1, 2))):  # many look, some buy
                world.click(
                    rng,
                    at - timedelta(minutes=rng.uniform(1, 90)),
                    code,
                    people.person(merchant.index, merchant.country),
                    landing=landing,
                )
            world.journey(rng, owner, buyer, at, label, wait=world.wait(rng, 9, 1.0), landing=landing)
            made += 1
        world.leak(code, leaks, label)
