"""A business: its profile and the operator's word, its listings, codes and promotions."""

import json

import pytest
from django.db import transaction
from django.test import Client

from incenta.accounts.models import User
from incenta.errors import InvalidInput
from marketplace import listings, low_stock, profiles
from marketplace.models import Listing, ListingCode, Profile
from tests.cast import caller

from .conftest import M, business, listing, redeem

pytestmark = pytest.mark.django_db


# --- the profile -------------------------------------------------------------------------------------------------------
def test_a_live_profile_waits_for_the_operator_and_a_sandboxs_does_not(himal, told):
    assert himal.get(f"{M}/profile")["code"] == "profile_not_found"
    made = himal.post(f"{M}/profile", {"name": "Himal Books", "country": "NP", "contactEmail": "books@himal.example"})
    assert made.status == 201 and made["status"] == "PENDING" and himal.get(f"{M}/profile").json == made.json
    assert [event["profileId"] for event in told(himal, "PROFILE_CREATED")] == [made["id"]]
    assert not told(himal, "PROFILE_VERIFIED")
    again = himal.post(f"{M}/profile", {"name": "Another"})
    assert (again.status, again["code"]) == (409, "profile_exists")
    for _ in range(2):
        profiles.verify(made["id"], reason="We called them")
    assert himal.get(f"{M}/profile")["status"] == "VERIFIED"
    assert [event["status"] for event in told(himal, "PROFILE_VERIFIED")] == ["VERIFIED"]
    sandbox = caller(himal.app.sandbox)
    assert sandbox.post(f"{M}/profile", {"name": "Try"})["status"] == "VERIFIED"
    assert len(told(sandbox, "PROFILE_VERIFIED")) == 1


def test_what_the_operator_has_looked_at_cannot_be_swapped_afterwards(himal, cafe):
    assert cafe.patch(f"{M}/profile", {"description": "Now with cake", "name": "Café Mitra"})["status"] == "VERIFIED"
    assert cafe.patch(f"{M}/profile", {"url": "https://phishing.example"})["status"] == "PENDING"
    profile = Profile.objects.get()
    profiles.reject(profile.pk, reason="Not yours")
    assert cafe.get(f"{M}/profile")["statusReason"] == "Not yours"
    assert cafe.patch(f"{M}/profile", {"url": "https://mitra.example.com"})["status"] == "PENDING"
    profiles.suspend(profile.pk, reason="Complaints")
    refused = cafe.patch(f"{M}/profile", {"name": "New"})
    assert (refused.status, refused["code"]) == (409, "profile_suspended")


def test_the_operator_decides_in_the_admin_and_says_why(himal, rival):
    profile = business(rival, verified=False)
    User.objects.create_superuser("operator@incenta.example", "correct horse battery")
    operator = Client()
    operator.force_login(User.objects.get(is_superuser=True))
    address = "/staff/marketplace/profile/"
    assert b"Caf" in operator.get(f"{address}?status=PENDING").content

    def decide(action: str, reason: str = "") -> Profile:
        sent = {"action": action, "reason": reason, "_selected_action": [profile]}
        assert operator.post(address, sent).status_code == 302
        return Profile.objects.get()

    assert decide("reject").status == "PENDING", "no reason, no refusal"
    assert decide("verify").status == "VERIFIED"
    found = decide("suspend", "Complaints")
    assert (found.status, found.status_reason, found.decided_by) == (
        "SUSPENDED",
        "Complaints",
        User.objects.get(is_superuser=True),
    )
    assert operator.get(f"{address}{profile}/change/").status_code == 200
    clerk = Client()
    clerk.force_login(User.objects.create_user("clerk@incenta.example", "correct horse battery", is_staff=True))
    assert clerk.post(address, {"action": "verify", "_selected_action": [profile]}).status_code == 403
    assert Profile.objects.get().status == "SUSPENDED"


@pytest.mark.parametrize(
    "wrong",
    [{}, {"name": ""}, {"name": 5}, {"name": "x" * 121}, {"name": "A", "url": "javascript:alert(1)"}, {"name": "A", "country": "Nepal"},
     {"name": "A", "contactEmail": "nobody"}, {"name": "A", "status": "VERIFIED"}],
    ids=str,
)  # fmt: skip
def test_profiles_that_cannot_be_are_refused(himal, wrong):
    assert himal.post(f"{M}/profile", wrong).status == 400 and not Profile.objects.exists()


# --- listings ----------------------------------------------------------------------------------------------------------
def test_a_listing_needs_a_business(himal):
    refused = himal.post(f"{M}/listings", {"title": "Tea", "coinCost": 1})
    assert (refused.status, refused["code"]) == (409, "profile_missing") and not Listing.objects.exists()


def test_a_listing_is_made_changed_and_taken_down(himal, cafe, told):
    made = cafe.post(
        f"{M}/listings",
        {
            "title": "Tea", "coinCost": 12, "inventory": 5, "maxPerUser": 2, "validDays": 30, "countries": ["NP"],
            "discount": {"type": "FIXED_AMOUNT", "value": 1.5}, "coinRate": 0.015, "currency": "EUR", "onExpiry": "KEEP",
            "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "terms": "One a day", "lowStockAt": 2,
        },
    )  # fmt: skip
    assert made.status == 201
    assert made["inventory"] == 5 and made["discount"] == {"type": "FIXED_AMOUNT", "value": 1.5}
    assert made["coinRate"] == 0.015 and made["tokenRate"] == 0 and made["currency"] == "EUR" and not made["isLowStock"]
    (event,) = told(cafe, "LISTING_CREATED")
    assert event == {"listingId": made["id"]} | {name: value for name, value in made.json.items() if name != "id"}
    changed = cafe.patch(f"{M}/listings/{made['id']}", {"inventory": -1, "coinCost": 7, "maxPerUser": None})
    assert changed["inventory"] == -1 and changed["coinCost"] == 7 and changed["maxPerUser"] is None
    assert cafe.get(f"{M}/listings/{made['id']}").json == changed.json
    assert himal.get(f"{M}/listings/{made['id']}").status == 404
    assert cafe.delete(f"{M}/listings/{made['id']}").status == 204
    assert cafe.get(f"{M}/listings/{made['id']}")["code"] == "listing_not_found"
    assert cafe.get(f"{M}/listings")["listings"] == []


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"coinCost": 0}, "coinCost"), ({"coinCost": -1}, "coinCost"), ({"coinCost": 1.5}, "coinCost"),
        ({"coinCost": 10**12}, "coinCost"), ({"title": ""}, "title"), ({"inventory": -2}, "inventory"),
        ({"maxPerUser": 0}, "maxPerUser"), ({"validDays": 0}, "validDays"), ({"currency": "XXX"}, "currency"),
        ({"discount": {"type": "PERCENTAGE", "value": 101}}, "discount"), ({"discount": {"type": "PERCENTAGE", "value": 0}}, "discount"),
        ({"discount": {"type": "FIXED_AMOUNT", "value": 1.005}}, "discount"), ({"discount": {"type": "FREE"}}, "discount"),
        ({"startsAt": "2026-03-02T00:00:00Z", "endsAt": "2026-03-01T00:00:00Z"}, "endsAt"), ({"coinRate": -0.01}, "coinRate"),
        ({"coinRate": 100_001}, "coinRate"), ({"tokenRate": 0.0000001}, "tokenRate"), ({"countries": ["np"]}, "countries"),
        ({"codePrefix": "A-B"}, "codePrefix"), ({"codes": ["=1+1"]}, "codes"), ({"price": 5}, "price"),
    ],
    ids=str,
)  # fmt: skip
def test_listings_that_cannot_be_are_refused(cafe, wrong, field):
    refused = cafe.post(f"{M}/listings", {"title": "Tea", "coinCost": 5} | wrong)
    assert refused.status == 400 and any(name.startswith(field) for name in refused["details"]), refused
    assert not Listing.objects.exists() and not ListingCode.objects.exists()


def test_a_change_that_cannot_be_changes_nothing(cafe, coffee):
    before = cafe.get(f"{M}/listings/{coffee}").json
    for wrong in (
        {"coinCost": 0},
        {"title": "", "coinCost": 3},
        {"endsAt": "2020-01-01T00:00:00Z", "startsAt": "2021-01-01T00:00:00Z"},
    ):
        assert cafe.patch(f"{M}/listings/{coffee}", wrong).status == 400
    assert cafe.get(f"{M}/listings/{coffee}").json == before


# --- codes -------------------------------------------------------------------------------------------------------------
def test_a_pool_is_previewed_and_then_added_all_or_none(himal, cafe, coffee):
    file = '\ufeffcode,note\n"Mitra,1",first\nMITRA-2,\nmitra-2,again\n\n'
    address = f"{M}/listings/{coffee}/codes"
    preview = cafe.post(address, {"csv": file, "preview": True})
    assert preview.status == 200 and preview.json == {"new": 2, "duplicate": 1, "bad": 0, "badLines": []}
    assert not ListingCode.objects.exists() and cafe.get(f"{M}/listings/{coffee}")["codeSource"] == "GENERATED"
    added = cafe.post(address, {"csv": file})
    assert added.status == 201 and added.json == preview.json
    assert sorted(ListingCode.objects.values_list("code", flat=True)) == ["MITRA-2", "Mitra,1"]
    assert cafe.get(f"{M}/listings/{coffee}")["codesLeft"] == 2
    given = redeem(himal, coffee)["discountCode"]
    ListingCode.objects.filter(code=given).delete()  # known all the same: it was given
    assert cafe.post(address, {"codes": ["Mitra,1", "mitra-2", "MITRA-3"]}).json == preview.json | {
        "new": 1,
        "duplicate": 2,
    }
    bad = cafe.post(address, {"codes": ["MITRA-4", '=cmd|"/c calc"!A1', "x" * 65], "preview": True})
    assert bad["bad"] == 2 and bad["badLines"][0] == {"line": 2, "text": '=cmd|"/c calc"!A1'}
    assert cafe.post(address, {"codes": ["MITRA-4", "@SUM(1)"]}).status == 400
    assert not ListingCode.objects.filter(code="MITRA-4").exists()
    assert (
        himal.post(address, {"codes": ["X"]}).status
        == himal.post(address, {"codes": ["X"], "preview": True}).status
        == 404
    )


@pytest.mark.parametrize(
    "wrong",
    [{}, {"codes": "A"}, {"codes": [5]}, {"csv": 5}, {"codes": ["A"], "csv": "A"}, {"csv": '"A'}, {"codes": None}],
    ids=str,
)
def test_uploads_that_cannot_be_are_refused(cafe, coffee, wrong):
    assert cafe.post(f"{M}/listings/{coffee}/codes", wrong).status == 400 and not ListingCode.objects.exists()


def test_a_hundred_thousand_codes_and_not_one_more(cafe, coffee):
    many = [f"M{number}" for number in range(100_001)]
    with pytest.raises(InvalidInput, match="At most 100000"), transaction.atomic():
        listings.add_codes(cafe.app, coffee, many)
    assert not ListingCode.objects.exists()
    assert listings.add_codes(cafe.app, coffee, many[1:])["new"] == 100_000
    assert cafe.get(f"{M}/listings/{coffee}")["inventory"] == 100_000
    too_large = cafe.post(f"{M}/listings/{coffee}/codes", json.dumps({"csv": "A\n" * 600_000}).encode())
    assert (too_large.status, too_large["code"]) == (413, "body_too_large")


def test_a_business_is_told_once_that_few_are_left(himal, cafe):
    stock, pool = (
        listing(cafe, inventory=3, lowStockAt=2, coinCost=1),
        listing(cafe, codes=["A", "B"], lowStockAt=1, coinCost=1),
    )

    def told() -> list[bool]:
        return [Listing.objects.get(pk=each).low_stock_told_at is not None for each in (stock, pool)]

    assert low_stock.watch() == 0 and told() == [False, False]
    redeem(himal, stock)
    redeem(himal, pool)
    assert low_stock.watch() == 2 and told() == [True, True]
    assert cafe.get(f"{M}/listings/{pool}")["isLowStock"] is True
    redeem(himal, stock)
    assert low_stock.watch() == 0, "once a crossing"
    cafe.patch(f"{M}/listings/{stock}", {"inventory": 9})
    cafe.post(f"{M}/listings/{pool}/codes", {"codes": ["C", "D"]})
    assert low_stock.watch() == 2 and told() == [False, False]


# --- promotions --------------------------------------------------------------------------------------------------------
def test_a_promotion_is_made_listed_and_ended(himal, cafe, coffee, told):
    made = cafe.post(
        f"{M}/promotions", {"listingId": coffee, "percentOff": 20, "endsAt": "2099-01-01T00:00:00Z", "name": "Winter"}
    )
    assert made.status == 201 and made["status"] == "RUNNING" and made["listingTitle"] == "A coffee"
    (event,) = told(cafe, "PROMOTION_CREATED")
    assert event["promotionId"] == made["id"] and event["percentOff"] == 20
    assert cafe.get(f"{M}/promotions?listingId={coffee}")["promotions"] == [made.json]
    assert himal.get(f"{M}/promotions/{made['id']}")["code"] == "promotion_not_found"
    assert himal.get(f"{M}/public/listings/{coffee}")["coinCost"] == 24
    assert cafe.delete(f"{M}/promotions/{made['id']}").status == 204
    assert himal.get(f"{M}/public/listings/{coffee}")["coinCost"] == 30
    assert (
        himal.post(f"{M}/promotions", {"listingId": coffee, "percentOff": 20, "endsAt": "2099-01-01T00:00:00Z"}).status
        == 404
    )


@pytest.mark.parametrize(
    "wrong",
    [{"percentOff": 0}, {"percentOff": 101}, {"percentOff": 1.5}, {"endsAt": "2020-01-01T00:00:00Z"}, {"endsAt": "tomorrow"},
     {"startsAt": "2099-02-01T00:00:00Z"}, {"listingId": 5}, {"endsAt": None}],
    ids=str,
)  # fmt: skip
def test_promotions_that_cannot_be_are_refused(cafe, coffee, wrong):
    body = {"listingId": coffee, "percentOff": 20, "endsAt": "2099-01-01T00:00:00Z"} | wrong
    assert cafe.post(f"{M}/promotions", body).status == 400 and cafe.get(f"{M}/promotions")["promotions"] == []
