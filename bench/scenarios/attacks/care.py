"""How careful a cheat is: each level adds to the one before."""

from dataclasses import dataclass
from random import Random

from ..people import Registry
from ..truth import LEVELS


@dataclass(frozen=True)
class Care:
    level: str

    @property
    def number(self) -> int:
        return LEVELS.index(self.level)

    @property
    def waits(self) -> bool:
        """And varies his amounts."""
        return self.number >= 1

    @property
    def rotates_address(self) -> bool:
        return self.number >= 2

    @property
    def rotates_device(self) -> bool:
        return self.number >= 3

    def address(self, rng: Random, people: Registry, own: list[str]) -> list[str]:
        """Where he is seen: at home, or behind whatever he rents."""
        if not self.rotates_address:
            return own
        kind = rng.random()
        return [people.carrier_ip() if kind < 0.4 else people.home_ip() if kind < 0.75 else people.hosting_ip()]


def alike(rng: Random, people: Registry, address: str) -> str:
    """Another spelling of one's own address: dots, a tag, another provider, a number."""
    local, _, domain = address.partition("@")
    for _ in range(30):
        kind = rng.random()
        if kind < 0.30:
            made = f"{local}+{rng.choice(('1', '2', 'a', 'b', 'new', 'x', 'shop', 'me', str(rng.randint(3, 99))))}@{domain}"
        elif kind < 0.55 and domain == "gmail.com" and len(local) > 3:
            place = rng.randint(1, len(local) - 1)
            made = f"{local[:place]}.{local[place:]}@{domain}"
        elif kind < 0.85:
            made = f"{local}@{rng.choice(('gmail.com', 'outlook.com', 'yahoo.com', 'proton.me', 'gmx.de', 'mail.com', 'icloud.com'))}"
        else:
            made = f"{local.rstrip('0123456789')}{rng.randint(1, 999)}@{domain}"
        if made not in people._emails and ".." not in made and ".@" not in made:
            return people.take(made)
    return people.take(f"{local}+{rng.getrandbits(30)}@{domain}")


def addresses(rng: Random, people: Registry, count: int) -> list[str | None]:
    """What a gang signs up with: a stem and numbers, throw-away mail, or names like everybody's (``None``: make one)."""
    style = rng.random()
    first, last = people.name()
    if style < 0.4:
        start, step = rng.randint(1, 900), rng.choice((1, 1, 1, 3, 7))
        domain = rng.choice(("gmail.com", "outlook.com", "mail.com", "yahoo.com"))
        stem = f"{first}{rng.choice(('', '.', '_'))}{last[: rng.randint(1, len(last))]}{rng.choice(('', '.', 'x'))}"
        return [people.take(f"{stem}{start + step * place}@{domain}") for place in range(count)]
    if style < 0.5:
        from ..people import DISPOSABLE

        domain = rng.choice(DISPOSABLE)
        return [people.take(f"{rng.getrandbits(36):x}@{domain}") for _ in range(count)]
    return [None] * count
