"""F3: six to fifty people, or one with as many faces, who refer each other as a star, a chain or a circle and share one to three
things: a machine, a card, a telephone, a home."""

import math
from datetime import timedelta
from random import Random

from .. import families
from ..truth import LEVELS as LEVELS
from ..truth import Label
from ..world import World
from .care import Care

SCENARIO, CONVERSIONS = "F3", 240
STRONG = ("device", "card", "phone")


def add(world: World, rng: Random, level: str, count: int) -> None:
    made = place = 0
    while made < count:
        place += 1
        merchant = world.merchant(rng)
        label = Label("F3", True, level, f"F3 {level} {place}", "rings")
        made += ring(world, rng, merchant, Care(level), label)


def ring(world, rng, merchant, care, label) -> int:
    people, ranges = world.registry(rng), world.ranges
    low, high = ranges.ring_members
    size = int(min(max(rng.lognormvariate(math.log(families.between(rng, ranges.ring_median)), 0.5), low), high))
    life = (
        families.between(rng, ranges.ring_days)
        * (rng.uniform(1, 3) if care.waits else 1)
        * (4 if care.rotates_address else 1)
    )
    kinds = [kind for kind in (*STRONG, "ip") if not (kind == "ip" and care.rotates_address)]
    kinds = [kind for kind in kinds if not (kind == "device" and care.rotates_device)]
    shared = {kind: rng.uniform(*ranges.ring_sharing) for kind in rng.sample(kinds, min(rng.randint(1, 3), len(kinds)))}
    if not set(shared) & set(STRONG):
        shared[rng.choice([kind for kind in STRONG if kind in kinds])] = rng.uniform(*ranges.ring_sharing)
    values = 1 + size // 14
    machines = [people.device() for _ in range(values)]
    cards = [people.card() for _ in range(values)]
    phones = [people.phone() for _ in range(values)]
    homes = [[people.home_ip()] for _ in range(values)]
    daisy = "daisy" in ranges.variants and rng.random() < 0.4
    members = []
    for place in range(size):
        has = {kind for kind, likely in shared.items() if rng.random() < likely}
        strong = [kind for kind in shared if kind in STRONG]
        # whoever shares nothing is not of this ring; the careful sometimes manage
        if not has & set(STRONG) and rng.random() < (0.97, 0.95, 0.85, 0.5)[care.number]:
            has.add(rng.choice(strong))
        of = rng.randrange(values) if not daisy else 0
        member = people.person(
            merchant.index,
            merchant.country,
            devices=[machines[of]] if "device" in has else [people.device()],
            card=cards[of] if "card" in has else people.card(),
            phone=phones[of] if "phone" in has else None,
            ips=homes[of] if "ip" in has else care.address(rng, people, [people.home_ip()]),
        )
        if daisy and place:
            _link(rng, members[-1], member, care)
        members.append(member)
    shape = rng.choice(("star", "chain", "cycle", "tree"))
    begins = world.day(rng, merchant, 0, max(world.config.days - 1 - life, 1))
    gaps = [rng.expovariate(1) for _ in range(size)]
    price, at = merchant.amount(rng), begins
    spread = 0.7 if care.waits else 0.05
    for place in range(0 if shape == "cycle" else 1, size):
        before = {"star": 0, "chain": place - 1, "cycle": place - 1, "tree": rng.randrange(max(place, 1))}[shape]
        at += timedelta(days=life * gaps[place] / sum(gaps))
        world.journey(
            rng,
            members[before],
            members[place],
            at,
            label,
            wait=None if care.waits else world.wait(rng, 8, 1.0),
            amount=merchant.near(rng, price, spread),
            refund=0.06,
        )
    return size


def _link(rng: Random, one, other, care: Care) -> None:
    """Each shares something with his neighbours, and nothing with the rest."""
    kind = rng.choice(("card", "phone") if care.rotates_device else ("card", "phone", "device"))
    if kind == "card":
        other.card = one.card
    elif kind == "phone":
        one.phone = other.phone = (
            one.phone or other.phone or f"+1{rng.randint(200, 989)}{rng.randint(0, 9_999_999):07d}"
        )
    else:
        other.devices = [*other.devices, one.devices[-1]]
