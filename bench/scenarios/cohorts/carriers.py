"""L2: mobile carriers. A pool of addresses for thousands of strangers, another one at each visit."""

from random import Random

from .. import families
from ..truth import Label
from ..world import World
from .everybody import out_degree

SCENARIO, CONVERSIONS = "L2", 3000


def add(world: World, rng: Random, count: int) -> None:
    people = world.registry(rng)
    made = place = 0
    while made < count:
        place += 1
        label = Label("L2", False, ring=f"carrier {place}", cohort="mobile carriers")
        ips = [people.carrier_ip() for _ in range(families.whole(rng, world.ranges.carrier_addresses))]
        merchant = world.merchant(rng)
        for _ in range(rng.randint(80, 300)):
            referrer = people.person(merchant.index, merchant.country, ips=ips)
            # a carrier sells the same few telephones to all
            for _ in range(min(out_degree(rng), 12)):
                friend = people.person(merchant.index, merchant.country, ips=ips)
                world.journey(rng, referrer, friend, world.day(rng, merchant), label)
                made += 1
