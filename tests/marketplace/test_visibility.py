"""Who sees what: one matrix for the list, the single listing, ``verify`` and ``redeem``, which are made of the same clauses."""

from collections.abc import Callable

import pytest

from incenta.accounts.models import App
from marketplace import profiles
from marketplace.models import Profile
from tests.cast import Caller, caller

from .conftest import M, business, give, join, listing, redeem
from .stalls import sells

pytestmark = pytest.mark.django_db


def sees(who: Caller, listing_id: str, user: str = "asha") -> bool:
    """Whether this app's users see a listing and can have it: every way of asking must say the same."""
    listed = listing_id in [each["listingId"] for each in who.get(f"{M}/public/listings?limit=100")["listings"]]
    single = who.get(f"{M}/public/listings/{listing_id}").status == 200
    verified = listing_id in [each["listingId"] for each in who.get(f"{M}/verify/{user}?limit=100")["listings"]]
    redeemed = redeem(who, listing_id, user).status == 201
    assert listed == single == verified == redeemed, (listed, single, verified, redeemed)
    return redeemed


def biz() -> str:
    return Profile.objects.get().pk


HIDDEN: dict[str, Callable[[Caller, Caller], dict | None]] = {
    "not joined": lambda himal, cafe: join(himal, joined=False),
    "blocked": lambda himal, cafe: join(himal, blockedBusinesses=[biz()]),
    "blocked and allowed": lambda himal, cafe: join(himal, blockedBusinesses=[biz()], allowedBusinesses=[biz()]),
    "another one is allowed": lambda himal, cafe: join(himal, allowedBusinesses=[business(himal)]),
    "another country": lambda himal, cafe: join(himal, countries=["IN"]) or {"countries": ["NP"]},
    "rate over the ceiling": lambda himal, cafe: join(himal, maxPerCoin=0.009),
    "rate in another currency": lambda himal, cafe: join(himal, maxPerCoin=1) or {"currency": "EUR"},
    "token rate over the ceiling": lambda himal, cafe: (
        join(himal, maxPerToken=0.1) or {"tokenCost": 1, "tokenRate": 0.2}
    ),
    "pending": lambda himal, cafe: cafe.patch(f"{M}/profile", {"name": "Starbucks"}) and None,
    "rejected": lambda himal, cafe: profiles.reject(biz(), reason="Who are you?") and None,
    "suspended": lambda himal, cafe: profiles.suspend(biz(), reason="Complaints") and None,
    "its app is suspended": lambda himal, cafe: App.objects.filter(pk=cafe.app.pk).update(status="SUSPENDED") and None,
}
SHOWN: dict[str, Callable[[Caller, Caller], dict | None]] = {
    "joined": lambda himal, cafe: None,
    "allowed": lambda himal, cafe: join(himal, allowedBusinesses=[biz()]),
    "another one is blocked": lambda himal, cafe: join(himal, blockedBusinesses=[business(himal)]),
    "one of its countries": lambda himal, cafe: join(himal, countries=["IN", "NP"]) or {"countries": ["NP", "BT"]},
    "a listing for every country": lambda himal, cafe: join(himal, countries=["IN"]),
    "an app of every country": lambda himal, cafe: {"countries": ["NP"]},
    "rate at the ceiling": lambda himal, cafe: join(himal, maxPerCoin=0.01, maxPerToken=0),
    "no rate in another currency": lambda himal, cafe: join(himal, maxPerCoin=0) or {"currency": "EUR", "coinRate": 0},
    "a rate of what it does not cost": lambda himal, cafe: join(himal, maxPerToken=0) or {"tokenRate": 5},
}


@pytest.mark.parametrize("case", HIDDEN)
def test_hidden(himal, cafe, case):
    give(himal, "asha", 100, tokens=10)
    fields = HIDDEN[case](himal, cafe) or {}
    wanted = listing(cafe, **fields) if case != "its app is suspended" else None
    if wanted is None:
        App.objects.filter(pk=cafe.app.pk).update(status="ACTIVE")
        wanted = listing(cafe)
        App.objects.filter(pk=cafe.app.pk).update(status="SUSPENDED")
    assert not sees(himal, wanted)


@pytest.mark.parametrize("case", SHOWN)
def test_shown(himal, cafe, case):
    give(himal, "asha", 100, tokens=10)
    assert sees(himal, listing(cafe, **(SHOWN[case](himal, cafe) or {})))


def test_own_listings_are_shown_to_own_users_at_any_rate(cafe):
    join(cafe, maxPerCoin=0)
    give(cafe, "asha")
    assert sees(cafe, listing(cafe, coinRate=5))


def test_live_never_meets_sandbox(himal, cafe, coffee, sandbox):
    """A sandbox meets the sandboxes of its own merchant, and nobody else anything of it."""
    own = listing(sandbox)
    assert sees(sandbox, own) and not sees(sandbox, coffee) and not sees(himal, own) and sees(himal, coffee)
    other = caller(cafe.app.sandbox)
    business(other, verified=False)
    theirs = listing(other)
    join(other)
    give(other, "asha")
    assert sees(other, theirs) and not sees(sandbox, theirs) and not sees(other, own)
    for refused in (redeem(sandbox, coffee), redeem(himal, own), redeem(other, own)):
        assert (refused.status, refused["code"]) == (404, "listing_not_found")


def test_a_suspended_business_still_sees_its_listings(himal, cafe, coffee):
    profiles.suspend(biz(), reason="Complaints")
    assert [each["id"] for each in cafe.get(f"{M}/listings")["listings"]] == [coffee]


def test_what_cannot_be_had_now_is_listed_but_not_offered(himal, cafe):
    """The list shows what is sold out; ``verify`` names only what can be redeemed."""
    gone, once = listing(cafe, inventory=0), listing(cafe, maxPerUser=1)
    assert redeem(himal, once).status == 201
    assert not himal.get(f"{M}/verify/asha")["listings"]
    shown = {each["listingId"]: each["inStock"] for each in himal.get(f"{M}/public/listings")["listings"]}
    assert shown == {gone: False, once: True}


def test_the_list_is_searched_and_narrowed(himal, cafe):
    tea = listing(cafe, title="Tea", category="Drinks", coinCost=10)
    cake = listing(cafe, title="Cake", category="food", coinCost=90)
    found = lambda query: [each["listingId"] for each in himal.get(f"{M}/public/listings?{query}")["listings"]]  # noqa: E731
    assert found("search=tea") == [tea] and found("search=mitra") == [cake, tea] and found("search=nothing") == []
    assert found("category=FOOD") == [cake] and found("maxCoins=10") == [tea] and found("maxCoins=9") == []
    assert found(f"businessId={biz()}") == [cake, tea]
    assert himal.get(f"{M}/public/listings?maxCoins=-1").status == 400
    first = himal.get(f"{M}/public/listings?cursor=&limit=1")
    again = himal.get(f"{M}/public/listings?limit=1&cursor={first['pagination']['nextCursor']}")
    assert [first["listings"][0]["listingId"], again["listings"][0]["listingId"]] == [cake, tea]


def test_only_businesses_that_are_there_are_allowed_or_blocked(himal, cafe):
    unknown = himal.patch(f"{M}/settings", {"blockedBusinesses": ["biz_01m831b2qts05fen4vdq67f4qp"]})
    assert unknown.status == 400 and "blockedBusinesses" in unknown["details"]
    join(himal, blockedBusinesses=[biz(), biz()])
    assert himal.get(f"{M}/settings")["blockedBusinesses"] == [biz()]
    profiles.suspend(biz(), reason="Complaints")
    join(himal, blockedBusinesses=[biz()])  # one that was listed may stay
    join(himal, blockedBusinesses=[])
    assert himal.patch(f"{M}/settings", {"blockedBusinesses": [biz()]}).status == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"joined": "yes"},
        {"countries": ["Nepal"]},
        {"allowedBusinesses": ["app_1"]},
        {"maxPerCoin": -1},
        {"maxPerCoin": 0.0000001},
        {"maxPerToken": 10**6},
        {"join": True},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(himal, wrong):
    assert himal.patch(f"{M}/settings", wrong).status == 400
    assert himal.get(f"{M}/settings")["joined"] is True


def test_an_amount_off_says_of_which_money(himal, cafe):
    off = sells(cafe, currency="EUR", coinRate=0.015, discount={"type": "FIXED_AMOUNT", "value": 1.5})
    share = sells(cafe, "Tea", discount={"type": "PERCENTAGE", "value": 20})
    give(himal, "asha", 900)
    shown = {
        listing: himal.get(f"/incentives/marketplace/public/listings/{listing}")["discount"] for listing in (off, share)
    }
    assert shown[off] == {"type": "FIXED_AMOUNT", "value": 1.5, "currency": "EUR"}
    assert shown[share] == {"type": "PERCENTAGE", "value": 20, "currency": None}
    affordable = himal.get("/incentives/marketplace/verify/asha")["listings"]
    assert {each["listingId"]: each["discount"] for each in affordable} == shown
    code = himal.post("/incentives/marketplace/redeem", {"listingId": off, "userId": "asha"})["discountCode"]
    assert cafe.get(f"/incentives/marketplace/verify/{code}")["listing"]["discount"] == shown[off]
