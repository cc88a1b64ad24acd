"""The world of one seed: merchants, and what cohorts and attacks add to them; sealed into calls and truth at the end."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from . import families
from .calls import Call, Click, Context, Convert, Guess, Happen, Redeem, Refer, Reverse
from .families import Ranges
from .people import Person, Registry, uuid
from .truth import LEVELS, Label, Truth

START = datetime(2026, 5, 4, tzinfo=UTC)
"""A Monday. Trusted people's histories begin earlier."""
_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 12, 13, 12, 11, 11, 11, 12, 14, 16, 16, 13, 9, 5)
_WEEKDAYS = (1.0, 1.05, 1.05, 1.0, 1.0, 0.85, 0.8)


@dataclass(frozen=True)
class Config:
    family: str = "dev"
    seed: int = 1
    scale: float = 1.0
    """Of the number of groups; a group keeps its size."""
    fraud: float = 1.0
    """The same for the cheats alone."""
    days: int = 90
    only: frozenset[str] = frozenset()
    """Scenarios such as F2 and L3; all where none is named."""
    levels: tuple[str, ...] = LEVELS


@dataclass(frozen=True)
class Action:
    key: str
    coins: int
    cooldown: int
    """Seconds."""
    max_per_day: int | None = None


@dataclass(frozen=True)
class Merchant:
    """One app with one campaign."""

    index: int
    style: str
    """``shop`` (any amount), ``plans`` (a few prices), ``fixed`` (one price), ``business``, ``game`` (points), ``partner``."""
    prices: tuple[float, ...]
    sigma: float
    currency: str
    percent: float | None
    """Of the amount; else ``reward`` for each."""
    reward: float
    hold_days: int
    zone_hours: int
    """East of UTC."""
    id_style: str
    names_friend: bool
    """Makes a code for each friend, and not one for all."""
    click_knows_friend: bool
    refund_share: float
    country: str
    actions: tuple[Action, ...] = ()
    items: tuple[int, ...] = ()
    """What its items cost, in coins."""
    server: str = ""
    """From which address it calls the API."""
    library: str = ""
    """And with what."""

    def amount(self, rng: Random) -> float:
        """What an honest buyer pays."""
        if self.sigma:
            return round(min(max(rng.lognormvariate(math.log(self.prices[0]), self.sigma), 1.0), 20_000.0), 2)
        weights = [1 / (place + 1) for place in range(len(self.prices))]
        return rng.choices(self.prices, weights)[0]

    @property
    def least(self) -> float:
        """The cheapest way to convert; of a shop, what its campaign asks for."""
        return round(self.prices[0] * 0.5, 2) if self.sigma else min(self.prices)

    def near(self, rng: Random, price: float, spread: float) -> float:
        """An amount about this one, as this merchant's prices allow it."""
        if self.sigma:
            return round(max(price * rng.lognormvariate(0, spread), 1.0), 2)
        return min(self.prices, key=lambda each: (abs(math.log(each / price)) + rng.random() * spread, each))


@dataclass(eq=False)
class Draft:
    """A call while the world is made: people in it have no ids yet, and what it refers to no number."""

    at: datetime
    kind: type[Call]
    app: int
    actor: Person | None = None
    friend: Person | None = None
    of: "Draft | None" = None
    label: Label | None = None
    amount: float | None = None
    context: Context | None = None
    text: str = ""
    place: int = 0
    number: int = -1


@dataclass
class Sealed:
    """What comes out."""

    config: Config
    merchants: list[Merchant]
    calls: list[Call]
    truth: Truth


class World:
    def __init__(self, config: Config):
        self.config = config
        self.ranges: Ranges = families.RANGES[config.family]
        self.drafts: list[Draft] = []
        self.truth = Truth()
        self._codes: dict[tuple[int, int], Draft] = {}
        self._earners: list[tuple[Person, Label, datetime]] = []
        self._leaks: list[tuple[Draft, datetime]] = []
        self._hands = 0
        self._counters: dict[int, int] = {}
        self._emails: set[str] = set()
        self._order = self.random("order")
        self.merchants = list(self._make_merchants(self.random("merchants")))

    def random(self, *parts: str) -> Random:
        return families.random_of(self.config.family, self.config.seed, *parts)

    def registry(self, rng: Random) -> Registry:
        registry = Registry(rng)
        registry._emails = self._emails  # no two people of one world have one address by chance
        return registry

    def _make_merchants(self, rng: Random) -> Iterable[Merchant]:
        styles = ("shop", "plans", "fixed", "business", "game", "partner")
        id_styles = ["number", "hex", "uuid", "handle", "prefixed"]
        rng.shuffle(id_styles)
        currencies = ["USD", "EUR", "GBP", "USD", "NPR", "USD"]
        for index, style in enumerate(styles):
            base = rng.choice((9, 12, 15, 19, 24, 29, 39, 49))
            if style in ("shop", "partner"):
                prices, sigma = (float(rng.randint(25, 90)),), 1.45 if style == "shop" else 0.9
            elif style in ("plans", "business"):
                prices, sigma = (base - 0.01, base * 2 + 0.99, base * 5 - 0.01, base * 11.0), 0.0
            else:
                prices, sigma = (base + rng.choice((0.0, 0.5, 0.9, 0.99)),), 0.0
            percent = float(rng.randint(5, 15)) if style in ("shop", "business", "partner") else None
            game = style == "game"
            quick, slow = rng.choice((60, 75, 90, 120)) * 60, rng.choice((2, 3, 4)) * 3600
            yield Merchant(
                index=index,
                style=style,
                prices=prices,
                sigma=sigma,
                currency=currencies[index],
                percent=percent,
                reward=float(rng.randint(3, 10)),
                hold_days=rng.choice((1, 3, 7, 14)),
                zone_hours=rng.choice((-8, -5, 0, 1, 2, 5)),
                # partners number their orders' customers one after the other
                id_style="number" if style == "partner" else id_styles[index % len(id_styles)],
                names_friend=style == "business",
                click_knows_friend=style not in ("plans", "partner"),
                refund_share=families.between(rng, self.ranges.refunds),
                country=rng.choice(("US", "GB", "DE", "NP", "IN", "FR")),
                actions=(
                    Action("login", rng.randint(3, 8), 0, 1),
                    Action("quiz", rng.randint(2, 6), quick),
                    Action("video", rng.randint(4, 10), slow),
                    Action("review", rng.randint(5, 15), 0, rng.choice((4, 5, 6))),
                )
                if game
                else (),
                items=(300, 450, 700, 1200) if game else (),
                server=Registry(rng).hosting_ip(),
                library=rng.choice(("python-requests/2.32.3", "Guzzle/7", "okhttp/4.12.0", "axios/1.7.2")),
            )

    # --- choosing -----------------------------------------------------------------------------------------------------
    def merchant(self, rng: Random, *styles: str) -> Merchant:
        """One of these styles; of any but the partner's where none is named."""
        return rng.choice(
            [
                each
                for each in self.merchants
                if each.style in (styles or ("shop", "plans", "fixed", "business", "game"))
            ]
        )

    def day(self, rng: Random, merchant: Merchant, first: float = 0, last: float | None = None) -> datetime:
        """A moment at which people are awake there, from one day of the world to another."""
        last = self.config.days - 1 if last is None else last
        while True:
            day = rng.uniform(first, last)
            moment = START + timedelta(days=math.floor(day))
            if rng.random() < _WEEKDAYS[moment.weekday()]:
                break
        hour = rng.choices(range(24), _HOURS)[0] - merchant.zone_hours
        return moment + timedelta(hours=hour % 24, seconds=rng.uniform(0, 3600))

    def wait(self, rng: Random, median_minutes: float = 20, sigma: float = 2.2, most_days: float = 20) -> timedelta:
        """From a click to what comes of it."""
        minutes = min(rng.lognormvariate(math.log(median_minutes), sigma), most_days * 1440)
        return timedelta(minutes=max(minutes, 0.25))

    # --- adding -------------------------------------------------------------------------------------------------------
    def code(
        self, rng: Random, at: datetime, referrer: Person, friend: Person | None = None, *, again: bool = False
    ) -> Draft:
        """The referrer's code: asked for once, or again (which answers the same one)."""
        named = friend if self.merchants[referrer.app].names_friend else None
        key = (id(referrer), id(named))
        known = self._codes.get(key)
        if known is not None:
            if at < known.at:
                known.at = at
            if not again:
                return known
        draft = self._add(
            Draft(at, Refer, referrer.app, actor=referrer, friend=named, context=referrer.context(rng, paying=True))
        )
        if known is None:
            self._codes[key] = draft
        return known or draft

    def click(self, rng: Random, at: datetime, code: Draft, friend: Person, *, landing: str | None = None) -> Draft:
        knows = self.merchants[code.app].click_knows_friend
        return self._add(
            Draft(
                at,
                Click,
                code.app,
                friend=friend if knows else None,
                of=code,
                context=friend.context(rng, landing=landing),
            )
        )

    def convert(
        self, rng: Random, at: datetime, code: Draft, friend: Person, label: Label, amount: float | None
    ) -> Draft:
        return self._add(
            Draft(
                at,
                Convert,
                code.app,
                friend=friend,
                of=code,
                label=label,
                amount=amount,
                context=friend.context(rng, paying=True),
            )
        )

    def reverse(self, at: datetime, conversion: Draft, amount: float | None = None, reason: str = "refund") -> Draft:
        return self._add(Draft(at, Reverse, conversion.app, of=conversion, amount=amount, text=reason))

    def journey(
        self,
        rng: Random,
        referrer: Person,
        friend: Person,
        at: datetime,
        label: Label,
        *,
        wait: timedelta | None = None,
        amount: float | None = None,
        clicks: bool = True,
        refund: float | None = None,
        landing: str | None = None,
    ) -> Draft:
        """One friend follows one code: a code, a click at ``at``, a conversion after ``wait``, sometimes a refund."""
        merchant = self.merchants[referrer.app]
        wait = self.wait(rng) if wait is None else wait
        amount = merchant.amount(rng) if amount is None else amount
        asked = at - timedelta(minutes=min(rng.lognormvariate(math.log(240), 1.5), 20_000) + 1)
        code = self.code(rng, asked, referrer, friend)
        if clicks and merchant.style != "partner":
            self.click(rng, at, code, friend, landing=landing)
        made = self.convert(rng, at + wait, code, friend, label, amount)
        if rng.random() < (merchant.refund_share if refund is None else refund):
            back = amount if rng.random() < 0.8 else round(amount * rng.uniform(0.2, 0.9), 2)
            self.reverse(
                made.at + timedelta(days=rng.uniform(1, 25)), made, None if back == amount else max(back, 0.01)
            )
        return made

    def happen(self, rng: Random, at: datetime, person: Person, action: Action) -> Draft:
        return self._add(Draft(at, Happen, person.app, actor=person, text=action.key, context=person.context(rng)))

    def redeem(self, at: datetime, person: Person, item: int) -> Draft:
        return self._add(Draft(at, Redeem, person.app, actor=person, place=item))

    def earner(self, person: Person, label: Label, since: datetime) -> None:
        """Somebody who is judged by what he earns."""
        self._earners.append((person, label, since))

    def leak(self, code: Draft, at: datetime, label: Label) -> None:
        self._leaks.append((code, at))
        code.label = label

    def hand(self, label: Label) -> int:
        self._hands += 1
        self.truth.hands[self._hands] = label
        return self._hands

    def guess(self, at: datetime, app: int, hand: int, code: str) -> Draft:
        return self._add(Draft(at, Guess, app, place=hand, text=code))

    def _add(self, draft: Draft) -> Draft:
        self.drafts.append(draft)
        return draft

    # --- sealing ------------------------------------------------------------------------------------------------------
    def seal(self) -> Sealed:
        """Calls in the order of time, cut at the last day; people get their ids in the order in which they come."""
        end = START + timedelta(days=self.config.days)
        tie = {id(draft): self._order.random() for draft in self.drafts}
        inside = [draft for draft in self.drafts if draft.at < end]
        # to the millisecond, as merchants' clocks have it
        for draft in inside:
            draft.at = draft.at.replace(microsecond=draft.at.microsecond // 1000 * 1000)
        inside.sort(key=lambda draft: (draft.at, tie[id(draft)]))
        inside = list(_in_turn(inside))
        for number, draft in enumerate(inside):
            draft.number = number
            for person in (draft.actor, draft.friend):
                if person is not None and person.seen_at is None:
                    person.seen_at = draft.at
                    person.id = self._next_id(person)
        calls = [self._call(draft) for draft in inside]
        truth = self.truth
        for draft in inside:
            if draft.label is not None:
                (truth.conversions if draft.kind is Convert else truth.codes)[draft.number] = draft.label
        for person, label, since in self._earners:
            if person.seen_at is not None:
                truth.users[person.app, person.id] = label
                truth.started[person.app, person.id] = since
        for code, at in self._leaks:
            if code.number >= 0:
                truth.leaked[code.number] = at
        return Sealed(self.config, self.merchants, calls, truth)

    def _next_id(self, person: Person) -> str:
        """As the merchant's own system would name him."""
        rng, style = self._order, self.merchants[person.app].id_style
        if style in ("number", "prefixed"):
            counters = self._counters
            before = counters.get(person.app) or rng.randint(1_000, 400_000)
            # most users of a merchant come by themselves, and are not in this world; a partner imports in rows
            step = 1 if self.merchants[person.app].style == "partner" else 1 + int(rng.expovariate(1 / 12))
            counters[person.app] = before + step
            return f"{'u_' if style == 'prefixed' else ''}{before + step}"
        if style == "hex":
            return f"{rng.getrandbits(64):016x}"
        if style == "uuid":
            return uuid(rng)
        tail = f"{rng.randint(1, 9999)}{rng.choice('abcdefgh')}{rng.getrandbits(20):x}"
        return f"{person.first}{rng.choice(('', '.', '_'))}{person.last}{tail}"

    def _call(self, draft: Draft) -> Call:
        number, at, app, context = draft.number, draft.at, draft.app, draft.context
        if draft.kind is Refer:
            return Refer(number, at, app, draft.actor.id, draft.friend.id if draft.friend else None, context)
        if draft.kind is Click:
            return Click(number, at, app, draft.of.number, draft.friend.id if draft.friend else None, context)
        if draft.kind is Convert:
            # a merchant's order number tells nothing but that there is one
            order = f"{self._order.getrandbits(48):012x}"
            return Convert(number, at, app, draft.of.number, draft.friend.id, draft.amount, order, context)
        if draft.kind is Reverse:
            return Reverse(number, at, app, draft.of.number, draft.amount, draft.text)
        if draft.kind is Happen:
            return Happen(number, at, app, draft.actor.id, draft.text, f"{self._order.getrandbits(64):016x}", context)
        if draft.kind is Redeem:
            return Redeem(number, at, app, draft.actor.id, draft.place)
        return Guess(number, at, app, draft.place, draft.text)


def _in_turn(drafts: list[Draft]) -> Iterable[Draft]:
    """Leaves out what refers to a call that fell off the end or that comes later."""
    kept: set[int] = set()
    for draft in drafts:
        if draft.of is None or id(draft.of) in kept:
            kept.add(id(draft))
            yield draft


def generate(config: Config) -> Sealed:
    """The calls and the truth of this seed."""
    from . import attacks, cohorts

    world = World(config)
    for module in cohorts.ALL:
        if not config.only or module.SCENARIO in config.only:
            rng = world.random(module.SCENARIO)
            module.add(world, rng, max(1, round(module.CONVERSIONS * config.scale)))
    for module in attacks.ALL:
        if not config.only or module.SCENARIO in config.only:
            for level in module.LEVELS:
                if level in config.levels or len(module.LEVELS) == 1:
                    rng = world.random(module.SCENARIO, level)
                    module.add(world, rng, level, max(1, round(module.CONVERSIONS * config.scale * config.fraud)))
    return world.seal()
