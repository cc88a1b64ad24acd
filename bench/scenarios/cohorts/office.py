"""L1: offices and campuses. One address, five to forty kinds of browser, and colleagues who refer each other in the morning."""

from datetime import timedelta
from random import Random

from .. import families
from ..truth import Label
from ..world import Merchant, World

SCENARIO, CONVERSIONS = "L1", 3400


class Office:
    """Its address, its standard machines, and who works there."""

    def __init__(self, world: World, rng: Random, merchant: Merchant, people_wanted: int):
        self.world, self.rng, self.merchant = world, rng, merchant
        self.people = world.registry(rng)
        self.ips = [self.people.office_ip() for _ in range(rng.choice((1, 1, 1, 2)))]
        self.browsers = [self.people.user_agent() for _ in range(families.whole(rng, world.ranges.office_browsers))]
        self.domain = self.people.company() if rng.random() < 0.5 else None
        self.language = self.people.device().language
        self.staff = [self.worker() for _ in range(people_wanted)]

    def worker(self):
        rng = self.rng
        # machines are bought by the lot
        browser = self.browsers[int(len(self.browsers) * rng.random() ** 2)]
        return self.people.person(
            self.merchant.index,
            self.merchant.country,
            devices=[self.people.device(browser, self.language)],
            ips=[*self.ips * 4, self.people.home_ip()],
            domain=self.domain,
        )

    def moment(self, first: float, last: float):
        """Mostly when the office begins."""
        rng = self.rng
        moment = self.world.day(rng, self.merchant, first, last)
        if rng.random() < 0.7:
            moment = moment.replace(hour=0, minute=0, second=0) + timedelta(
                hours=(rng.uniform(9, 11) - self.merchant.zone_hours) % 24
            )
        return moment


def add(world: World, rng: Random, count: int) -> None:
    made = place = 0
    while made < count:
        place += 1
        merchant = world.merchant(rng)
        office = Office(world, rng, merchant, families.whole(rng, world.ranges.office_people))
        label = Label("L1", False, ring=f"office {place}", cohort="offices and campuses")
        made += _word_of_mouth(world, rng, office, label)


def _word_of_mouth(world: World, rng: Random, office: Office, label: Label) -> int:
    """Somebody starts, and whoever came is likely to bring a few."""
    begins = rng.uniform(0, max(world.config.days - 35, 1))
    lasts = rng.uniform(3, 30)
    known, waiting, made = [office.staff[0]], office.staff[1:], 0
    while waiting and made < len(office.staff) * 0.75:
        referrer = rng.choice(known[-40:])
        for _ in range(min(len(waiting), 1 + int(rng.expovariate(0.7)))):
            friend = waiting.pop()
            share = made / len(office.staff)
            world.journey(
                rng,
                referrer,
                friend,
                office.moment(begins + lasts * share * 0.8, begins + lasts * (0.2 + share)),
                label,
            )
            known.append(friend)
            made += 1
    return made
