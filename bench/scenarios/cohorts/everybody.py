"""L0: everybody else. A few refer many and most refer one; and those who earn points as they please."""

from datetime import timedelta
from random import Random

from ..truth import Label
from ..world import World

SCENARIO, CONVERSIONS = "L0", 3000
LABEL = Label("L0", False, cohort="everybody else")
EARNERS = Label("L0", False, cohort="earners of points")
EAGER = Label("L0", False, cohort="eager earners of points")


def out_degree(rng: Random) -> int:
    """How many one person refers: log-normal for most, with a Pareto tail (alpha 1.6)."""
    if rng.random() < 0.85:
        return max(1, round(rng.lognormvariate(0.3, 0.7)))
    return min(60, int(2 * rng.paretovariate(1.6)))


def add(world: World, rng: Random, count: int) -> None:
    people = world.registry(rng)
    made = 0
    while made < count:
        merchant = world.merchant(rng)
        referrer = people.person(merchant.index, merchant.country)
        for _ in range(min(out_degree(rng), count - made)):
            country = merchant.country if rng.random() < 0.93 else rng.choice(("US", "GB", "IN", "AU", "CA"))
            friend = people.person(merchant.index, country)
            if rng.random() < 0.05:  # a VPN leaves at a data centre
                friend.ips = [people.hosting_ip()]
            elif rng.random() < 0.06:  # at the referrer's home
                friend.ips = [referrer.ips[0]]
            world.journey(rng, referrer, friend, world.day(rng, merchant), LABEL, clicks=rng.random() < 0.93)
            made += 1
    _earners(world, rng, people, max(6, count // 25))


def _earners(world: World, rng: Random, people, count: int) -> None:
    merchant = next(each for each in world.merchants if each.actions)
    for place in range(count):
        person = people.person(merchant.index, merchant.country)
        since = world.day(rng, merchant, 0, world.config.days - 25)
        eager = place % 6 == 0
        label = EAGER if eager else EARNERS
        days = rng.randint(8, 14) if eager else rng.randint(3, 24)
        world.earner(person, label, since)
        for day in range(days):
            if not eager and rng.random() < 0.35:
                continue
            # in the evening, a few of what there is; the eager come back whenever they think of it
            morning = since.replace(hour=0, minute=0, second=0) + timedelta(days=day + 1)
            if rng.random() < 0.9:
                world.happen(
                    rng, morning + timedelta(hours=rng.gauss(8, 1.5) - merchant.zone_hours), person, merchant.actions[0]
                )
            for action in merchant.actions[1:]:
                if not eager and rng.random() < 0.55:
                    continue
                at = morning + timedelta(hours=rng.gauss(9.5 if eager else 18, 1.2) - merchant.zone_hours)
                for _ in range(action.max_per_day or rng.randint(1, 3 if eager else 2)):
                    world.happen(rng, at, person, action)
                    pause = rng.lognormvariate(3.4 if eager else 4.2, 0.9) * 60
                    at += timedelta(seconds=action.cooldown + pause)
        if rng.random() < 0.4:
            world.redeem(since + timedelta(days=days + rng.uniform(0, 3)), person, rng.randrange(len(merchant.items)))
