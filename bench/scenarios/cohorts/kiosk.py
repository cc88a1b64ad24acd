"""L7: a shop with one tablet at the till: hundreds of customers sign up on it, with codes of their friends that staff type."""

from random import Random

from .. import families
from ..truth import Label
from ..world import World

SCENARIO, CONVERSIONS = "L7", 1100


def add(world: World, rng: Random, count: int) -> None:
    people = world.registry(rng)
    made = place = 0
    while made < count:
        place += 1
        label = Label("L7", False, ring=f"shop {place}", cohort="tills and kiosks")
        merchant = world.merchant(rng)
        tablet, ip = people.device(), people.home_ip()
        staff = [people.person(merchant.index, merchant.country) for _ in range(rng.randint(2, 6))]
        friends = [people.person(merchant.index, merchant.country) for _ in range(20)]
        begins = rng.uniform(0, world.config.days - 50)
        for _ in range(min(families.whole(rng, world.ranges.kiosk_people), max(count - made, 60))):
            customer = people.person(merchant.index, merchant.country, devices=[tablet], ips=[ip])
            referrer = rng.choice(staff) if rng.random() < 0.25 else rng.choice(friends)
            at = world.day(rng, merchant, begins, begins + 45)
            world.journey(rng, referrer, customer, at, label, wait=world.wait(rng, 4, 0.6), clicks=rng.random() < 0.5)
            friends.append(people.person(merchant.index, merchant.country) if rng.random() < 0.7 else customer)
            made += 1
