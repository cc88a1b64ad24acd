"""L6: a partner whose server tells everything afterwards: batches, users numbered one after the other, a second between two, and
either nothing of the end user or, by mistake, the server itself."""

from datetime import timedelta
from random import Random

from ..calls import Context
from ..truth import Label
from ..world import World

SCENARIO, CONVERSIONS = "L6", 4600
SILENT = Label("L6", False, cohort="server-only partners")
MISTAKEN = Label("L6", False, cohort="partners who send their own address")


def add(world: World, rng: Random, count: int) -> None:
    people = world.registry(rng)
    merchant = world.merchant(rng, "partner")
    made = 0
    while made < count:
        mistaken = made >= count * 0.87
        at = world.day(rng, merchant, 1)
        gap = rng.choice((0.4, 1.0, 1.0, 2.0, 5.0))
        batch = rng.randint(80, 400)
        referrers = []
        for _ in range(min(batch, count - made)):
            if not referrers or rng.random() < 0.4:
                referrers.append(people.person(merchant.index, merchant.country, is_silent=True))
            referrer = rng.choice(referrers[-12:])
            friend = people.person(merchant.index, merchant.country, is_silent=True)
            code = world.code(rng, at - timedelta(seconds=gap * rng.randint(2, 5)), referrer)
            at += timedelta(seconds=gap)
            done = world.convert(rng, at, code, friend, MISTAKEN if mistaken else SILENT, merchant.amount(rng))
            if mistaken:
                code.context = done.context = Context(ip=merchant.server, user_agent=merchant.library)
            if rng.random() < merchant.refund_share:
                world.reverse(at + timedelta(days=rng.uniform(1, 20)), done)
            made += 1
