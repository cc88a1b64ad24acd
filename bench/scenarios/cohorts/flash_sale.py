"""L5: a newsletter or a flash sale. Thirty times the usual rate for two hours, all at one price."""

from datetime import timedelta
from random import Random

from .. import families
from ..truth import Label
from ..world import World
from .everybody import out_degree

SCENARIO, CONVERSIONS = "L5", 2000


def add(world: World, rng: Random, count: int) -> None:
    people = world.registry(rng)
    made = place = 0
    while made < count:
        place += 1
        label = Label("L5", False, ring=f"sale {place}", cohort="flash sales")
        merchant = world.merchant(rng, "shop", "plans", "fixed")
        rush = (
            families.whole(rng, world.ranges.sale_rush) * 18
        )  # what a merchant of this size sells in two common hours, times so much
        price = merchant.amount(rng)
        begins = world.day(rng, merchant, 3)
        sold = 0
        while sold < min(rush, max(count - made, 60)):
            referrer = people.person(merchant.index, merchant.country)
            for _ in range(min(out_degree(rng), 25)):
                friend = people.person(merchant.index, merchant.country)
                at = begins + timedelta(minutes=min(rng.expovariate(1 / 45), 120))
                world.journey(rng, referrer, friend, at, label, wait=world.wait(rng, 9, 1.0), amount=price)
                sold += 1
        made += sold
