"""L4: somebody with an audience posts his code: thousands of true friends in two days, most of them from one place."""

import math
from datetime import timedelta
from random import Random

from .. import families
from ..truth import Label
from ..world import START, World

SCENARIO, CONVERSIONS = "L4", 2700


def add(world: World, rng: Random, count: int) -> None:
    people = world.registry(rng)
    made = place = 0
    while made < count:
        place += 1
        label = Label("L4", False, ring=f"influencer {place}", cohort="friends of influencers")
        merchant = world.merchant(rng)
        star = people.person(merchant.index, merchant.country)
        audience = min(families.whole(rng, world.ranges.influencer_friends), max(count - made, 150))
        begins = START + timedelta(days=rng.uniform(5, world.config.days - 5))
        code = world.code(rng, begins - timedelta(days=rng.uniform(1, 30)), star)
        code.label = label
        host = rng.choice(("instagram.com", "youtube.com", "tiktok.com"))
        for _ in range(audience):
            friend = people.person(merchant.index, rng.choice((merchant.country, merchant.country, "US", "GB", "IN")))
            # most in the first hours, the rest on the day after
            hours = min(rng.lognormvariate(math.log(5), 1.1), 48)
            landing = f"https://shop{merchant.index}.example/start?utm_source={host if rng.random() < 0.6 else 'share'}"
            world.journey(
                rng,
                star,
                friend,
                begins + timedelta(hours=hours),
                label,
                wait=world.wait(rng, 12, 1.6),
                landing=landing,
            )
            made += 1
