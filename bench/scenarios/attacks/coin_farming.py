"""F7: a program earns points for many users: each action the moment its pause is over, up to every limit, all for one item."""

from datetime import timedelta
from random import Random

from .. import families
from ..truth import LEVELS as LEVELS
from ..truth import Label
from ..world import World
from .care import Care

SCENARIO, CONVERSIONS = "F7", 18
"""Users, not conversions."""


def add(world: World, rng: Random, level: str, count: int) -> None:
    people, care = world.registry(rng), Care(level)
    merchant = next(each for each in world.merchants if each.actions)
    made = place = 0
    while made < count:
        place += 1
        label = Label("F7", True, level, f"F7 {level} {place}", "farmers of points")
        size = min(families.whole(rng, world.ranges.earners), max(count - made, 5))
        machines = [people.device() for _ in range(1 + size // 6)]
        home = [people.home_ip()]
        begins = world.day(rng, merchant, 0, world.config.days - 14)
        days = rng.uniform(8, 12)
        item = rng.randrange(len(merchant.items))
        for _ in range(size):
            user = people.person(
                merchant.index,
                merchant.country,
                devices=[people.device()] if care.rotates_device else [rng.choice(machines)],
                ips=care.address(rng, people, home),
            )
            starts = begins + timedelta(hours=rng.uniform(0, 6))
            world.earner(user, label, starts)
            earned = []
            for action in merchant.actions:
                ends = starts + timedelta(days=days)
                earned += [(done.at, action.coins) for done in _farm(world, rng, care, user, action, starts, ends)]
            _spend(world, rng, user, item, merchant.items[item], sorted(earned, key=lambda each: each[0]))
            made += 1


def _spend(world, rng: Random, user, item: int, cost: int, earned) -> None:
    """Takes the item as soon as he has enough, or a little later."""
    coins = 0
    for at, more in earned:
        coins += more
        if coins >= cost:
            world.redeem(at + timedelta(hours=rng.uniform(0.1, 10)), user, item)
            coins -= cost


def _farm(world, rng: Random, care: Care, user, action, at, ends) -> list:
    done = []
    # the careless lose nothing, the careful leave a little on the table
    misses = (0.0, 0.06, 0.10, 0.20)[care.number]
    if not action.cooldown:
        while at < ends:
            for _ in range(action.max_per_day or 1):
                if rng.random() >= misses:
                    moment = at + timedelta(seconds=rng.uniform(1, 3600 if care.waits else 90))
                    done.append(world.happen(rng, moment, user, action))
            at += timedelta(days=1)
        return done
    while at < ends:
        done.append(world.happen(rng, at, user, action))
        late = (rng.uniform(0, 5), rng.uniform(2, 60), rng.uniform(20, 1200), rng.uniform(60, 3600))[care.number]
        at += timedelta(seconds=action.cooldown + late)
        if care.number >= 2 and rng.random() < misses:
            at += timedelta(hours=rng.uniform(1, 7))
    return done
