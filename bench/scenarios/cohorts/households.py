"""L3: families. Two to five people with one address, one or two machines and sometimes one card, who sign up on the same evening."""

from datetime import timedelta
from random import Random

from ..truth import Label
from ..world import World

SCENARIO, CONVERSIONS = "L3", 1300


def add(world: World, rng: Random, count: int) -> None:
    people = world.registry(rng)
    made = place = 0
    while made < count:
        place += 1
        label = Label("L3", False, ring=f"family {place}", cohort="families")
        merchant = world.merchant(rng)
        home, surname = people.home_ip(), people.name()[1]
        shared = [people.device() for _ in range(rng.choice((1, 1, 2)))]
        card = people.card() if rng.random() < 0.3 else None
        members = []
        for _ in range(rng.choice((2, 2, 2, 3, 3, 4, 4, 5))):
            first, last = people.name()[0], surname if rng.random() < 0.85 else people.name()[1]
            mine = [people.device()] if rng.random() < 0.75 else []
            members.append(
                people.person(
                    merchant.index,
                    merchant.country,
                    name=(first, last),
                    devices=mine + shared if rng.random() < 0.8 or not mine else mine,
                    ips=[home, home, people.carrier_ip()] if mine else [home],
                    card=card,
                )
            )
        same_evening = rng.random() < 0.4
        at = world.day(rng, merchant)
        if same_evening:
            at = at.replace(hour=0, minute=0) + timedelta(hours=(rng.uniform(18, 22) - merchant.zone_hours) % 24)
        brings = members[0]
        for friend in members[1:]:
            world.journey(rng, brings, friend, at, label, wait=world.wait(rng, 12, 0.8) if same_evening else None)
            made += 1
            at += timedelta(minutes=rng.uniform(4, 60)) if same_evening else timedelta(days=rng.expovariate(1 / 9))
            if rng.random() < 0.3:
                brings = friend
