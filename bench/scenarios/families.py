"""Three families of seeds that share no world: dev is open to everybody, tune is what points may be set by, held-out is opened at a
release and each opening is told.

The held-out family draws from wider ranges and plays two variants that the others do not know: rings in which each member shares
something with his neighbours only, and bots that are people at real machines.
"""

from dataclasses import dataclass, replace
from random import Random

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ranges:
    """What the parameters of scenarios are drawn from: low and high."""

    aliases: Range = (1, 6)
    alias_gap_hours: Range = (0.05, 1.5)
    farm_accounts: Range = (5, 40)
    farm_gap_hours: Range = (0.74, 0.74)
    """The median."""
    farm_gap_sigma: Range = (0.8, 1.2)
    farm_amount_sigma: Range = (0.31, 0.31)
    ring_members: Range = (6, 50)
    ring_median: Range = (14, 14)
    ring_days: Range = (0.3, 6)
    """Of the careless; those who take care may take twenty times as long."""
    ring_sharing: Range = (0.3, 0.9)
    bot_seconds: Range = (0.5, 30)
    bot_accounts: Range = (8, 60)
    drip_a_day: Range = (1, 2)
    drip_days: Range = (40, 60)
    leak_buyers: Range = (500, 900)
    earners: Range = (6, 14)
    guess_a_minute: Range = (5, 500)
    guess_hands: Range = (1, 40)
    hijack_accounts: Range = (8, 20)
    office_people: Range = (50, 900)
    office_browsers: Range = (5, 40)
    carrier_addresses: Range = (8, 30)
    influencer_friends: Range = (1300, 1700)
    sale_rush: Range = (20, 40)
    kiosk_people: Range = (300, 500)
    refunds: Range = (0.03, 0.12)
    variants: tuple[str, ...] = ()


DEV = Ranges()
RANGES = {
    "dev": DEV,
    "tune": DEV,
    "held-out": replace(
        DEV,
        aliases=(1, 9),
        alias_gap_hours=(0.03, 6),
        farm_accounts=(5, 48),
        farm_gap_hours=(0.4, 1.6),
        farm_gap_sigma=(0.5, 1.8),
        farm_amount_sigma=(0.1, 0.8),
        ring_median=(9, 20),
        ring_days=(0.2, 10),
        ring_sharing=(0.25, 0.95),
        bot_seconds=(0.3, 50),
        bot_accounts=(6, 90),
        drip_a_day=(0.7, 3),
        drip_days=(30, 75),
        leak_buyers=(400, 1500),
        earners=(5, 20),
        hijack_accounts=(6, 30),
        office_people=(40, 1500),
        office_browsers=(3, 60),
        carrier_addresses=(5, 60),
        influencer_friends=(1000, 2500),
        sale_rush=(10, 60),
        kiosk_people=(200, 700),
        refunds=(0.01, 0.18),
        variants=("daisy", "click_workers"),
    ),
}


def random_of(family: str, seed: int, *parts: str) -> Random:
    """A source of chance of its own for each part of each world: leaving one out changes no other."""
    if family not in RANGES:
        raise ValueError(f"No family of seeds is named {family}: {', '.join(RANGES)}.")
    return Random(f"{family}:{seed}:{':'.join(parts)}")


def whole(rng: Random, range_: Range) -> int:
    """Between low and high, each size as likely as its double: there are more small ones than large ones."""
    low, high = range_
    return round(low * (high / low) ** rng.random())


def between(rng: Random, range_: Range) -> float:
    low, high = range_
    return low * (high / low) ** rng.random()
