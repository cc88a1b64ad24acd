"""The marketplace's cast: himal's users spend at the café, which is the rival's business."""

from collections.abc import Callable

import pytest

from marketplace import profiles
from tests.cast import Caller, caller
from tests.referrals.moments import START, at

M = "/incentives/marketplace"


def business(who: Caller, name: str = "Café Mitra", *, verified: bool = True, **fields) -> str:
    """A business profile of this app, verified by the operator. Answers its id."""
    made = who.post(f"{M}/profile", {"name": name, "url": "https://mitra.example.com"} | fields)
    assert made.status == 201, made
    if verified:
        profiles.verify(made["id"])
    return made["id"]


def listing(who: Caller, **fields) -> str:
    """A coffee for 30 coins, at a rate of one cent a coin, unless told otherwise. Answers its id."""
    made = who.post(f"{M}/listings", {"title": "A coffee", "coinCost": 30, "coinRate": 0.01} | fields)
    assert made.status == 201, made
    return made["id"]


def join(who: Caller, **settings) -> None:
    answer = who.patch(f"{M}/settings", {"joined": True} | settings)
    assert answer.status == 200, answer


def give(who: Caller, user: str, coins: int = 100, **more) -> None:
    given = who.post("/incentives/adjustments", {"userId": user, "coins": coins, "reason": "Thanks"} | more)
    assert given.status == 201, given


def redeem(who: Caller, listing_id: str, user: str = "asha"):
    return who.post(f"{M}/redeem", {"listingId": listing_id, "userId": user})


def coins(who: Caller, user: str = "asha") -> int:
    return who.app.wallets.get(user_id=user).coins


@pytest.fixture
def cafe(rival: Caller) -> Caller:
    """The rival's app, with a verified business."""
    business(rival)
    return rival


@pytest.fixture
def himal(himal: Caller) -> Caller:
    """Our merchant, who has joined the marketplace; asha has a hundred coins."""
    join(himal)
    give(himal, "asha")
    return himal


@pytest.fixture
def coffee(himal: Caller, cafe: Caller) -> str:
    return listing(cafe)


@pytest.fixture
def sandbox(himal: Caller) -> Caller:
    """Himal's sandbox, where it is noon on the first of March 2026: it has joined, and has a business of its own."""
    sandbox = caller(himal.app.sandbox)
    at(sandbox, START)
    business(sandbox, "Café Test", verified=False)
    join(sandbox)
    give(sandbox, "asha")
    return sandbox


@pytest.fixture
def told() -> Callable:
    """The events of a type that an app was told, oldest first, as their data."""

    def events_of(who: Caller, kind: str) -> list[dict]:
        return [event.data for event in who.app.events.filter(type=f"MARKETPLACE_{kind}").order_by("id")]

    return events_of
