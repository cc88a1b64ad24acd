"""L9: a business programme. Everybody's address ends in the firm's domain, and names follow its scheme."""

from datetime import timedelta
from random import Random

from ..truth import Label
from ..world import World

SCENARIO, CONVERSIONS = "L9", 1900


def add(world: World, rng: Random, count: int) -> None:
    people = world.registry(rng)
    merchant = world.merchant(rng, "business")
    made = place = 0
    while made < count:
        place += 1
        label = Label("L9", False, ring=f"firm {place}", cohort="colleagues of one firm")
        domain, office = people.company(), people.office_ip()
        scheme = rng.choice(("{f}.{l}", "{i}{l}", "{f}{i2}", "{l}{i}"))

        def colleague(domain=domain, office=office, scheme=scheme):
            first, last = people.name()
            address = f"{scheme.format(f=first, l=last, i=first[0], i2=last[0])}@{domain}"
            while address in people._emails:
                local = address.partition("@")[0]
                address = f"{local}{rng.randint(2, 9)}@{domain}"
            people.take(address)
            ips = [office, people.home_ip()] if rng.random() < 0.6 else [people.home_ip()]
            return people.person(merchant.index, merchant.country, name=(first, last), email=address, ips=ips)

        known = [colleague()]
        begins = rng.uniform(0, world.config.days - 30)
        for _ in range(rng.randint(4, 40)):
            friend = colleague()
            at = world.day(rng, merchant, begins, begins + 25)
            world.journey(rng, rng.choice(known[:6]), friend, at + timedelta(minutes=rng.uniform(0, 30)), label)
            known.append(friend)
            made += 1
