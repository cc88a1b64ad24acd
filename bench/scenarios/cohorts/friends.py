"""L8: friends who refer each other, travellers, people behind VPNs and private relays, and those whose address has a tag."""

from datetime import timedelta
from random import Random

from ..truth import Label
from ..world import World

SCENARIO, CONVERSIONS = "L8", 1000


def add(world: World, rng: Random, count: int) -> None:
    people = world.registry(rng)
    label = Label("L8", False, cohort="friends, travellers, VPNs, aliases")
    made = 0
    while made < count:
        merchant = world.merchant(rng)
        one, other = (people.person(merchant.index, merchant.country) for _ in range(2))
        at = world.day(rng, merchant)
        kind = rng.random()
        if kind < 0.35:  # each is the other's friend
            if rng.random() < 0.3:
                other.ips = [*other.ips, one.ips[0]]  # and sometimes visits
            world.journey(rng, other, one, at + timedelta(days=rng.uniform(0.1, 8)), label)
            made += 1
        elif kind < 0.55:  # abroad
            one.ips, one.country = [people.home_ip(), people.carrier_ip()], rng.choice(("TH", "PT", "MX", "AE"))
        elif kind < 0.8:  # behind a VPN, sometimes the same one
            one.ips = [people.hosting_ip() for _ in range(3)]
            other.ips = one.ips if rng.random() < 0.2 else [people.hosting_ip() for _ in range(3)]
        else:
            for person in (one, other):
                local, _, domain = person.email.partition("@")
                person.email = people.take(f"{local}+{rng.choice(('shop', 'promo', 'news', 'ref'))}@{domain}")
        world.journey(rng, one, other, at, label)
        made += 1
        for _ in range(rng.choice((0, 0, 1, 2))):
            friend = people.person(merchant.index, merchant.country)
            world.journey(rng, one, friend, world.day(rng, merchant), label)
            made += 1
