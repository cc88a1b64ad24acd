"""Profile, participation, listings and promotions in the dashboard: the same checks as the API, told beside the fields."""

import csv
import io
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from marketplace import profiles
from marketplace.models import Participation
from tests.dashboard.conftest import body
from tests.marketplace.stalls import earns, joins, opens, redeems, sells

pytestmark = pytest.mark.django_db

PROFILE = {"name": "Himal Outfitters", "category": "Outdoors", "country": "np", "url": "https://himal.example/"}
LISTING = {
    "title": "Coffee",
    "coin_cost": "100",
    "currency": "USD",
    "coin_rate": "0.02",
    "on_expiry": "RETURN",
    "code_source": "GENERATED",
    "published": "on",
}


def told(page: str) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def hidden(page: str, *names: str) -> dict:
    return {name: re.search(rf'name="{name}" value="([^"]*)"', page).group(1) for name in names}


def exported(browser, where: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(body(browser.get(where)).lstrip("\ufeff"))))


# --- profile ----------------------------------------------------------------------------------------------------------
def test_a_profile_waits_and_hears_what_the_operator_says(himal, owner, url):
    where = url("marketplace/profile/")
    assert "Submit for verification" in body(owner.get(where))
    assert owner.post(where, PROFILE).status_code == 302
    face = himal.get("/incentives/marketplace/profile")
    assert (face["name"], face["country"], face["status"]) == ("Himal Outfitters", "NP", "PENDING")
    assert "Waits for verification" in told(body(owner.get(where)))
    profiles.reject(face["id"], reason="Whose shop is this?")
    page = body(owner.get(where))
    assert "Whose shop is this?" in page
    assert owner.post(where, PROFILE | hidden(page, "seen") | {"name": "Himal & Sons"}).status_code == 302
    assert himal.get("/incentives/marketplace/profile")["status"] == "PENDING"
    profiles.verify(face["id"])
    assert "See it in the market" in body(owner.get(where))
    profiles.suspend(face["id"], reason="Codes were refused")
    page = body(owner.get(where))
    assert "Codes were refused" in page
    refused = owner.post(where, PROFILE | hidden(page, "seen"))
    assert refused.status_code == 422
    assert "The operator has suspended this business" in body(refused)


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ({"name": ""}, {"name": ""}),
        ({"url": "javascript:alert(1)"}, {"url": "javascript:alert(1)"}),
        ({"country": "nepal"[:2] + "1"}, None),
        ({"contact_email": "nobody"}, {"contactEmail": "nobody"}),
    ],
)
def test_the_profile_refuses_what_the_api_refuses(himal, owner, url, form, sent):
    page = owner.post(url("marketplace/profile/"), PROFILE | form)
    assert page.status_code == 422
    if sent:
        refused = himal.post("/incentives/marketplace/profile", {"name": "Himal"} | sent)
        assert refused.status == 400
        for sentence in (each for all_told in refused["details"].values() for each in all_told):
            assert escape(sentence) in body(page)
    assert profiles.of(himal.app) is None


# --- taking part ------------------------------------------------------------------------------------------------------
def test_joining_says_what_it_costs_in_plain_words(himal, rival, owner, url):
    partner = opens(rival, "Café Mitra")
    where = url("marketplace/")
    page = body(owner.get(where))
    assert "Until you join, your users see no listing" in told(page)
    form = hidden(page, "seen") | {"joined": "on", "most_a_coin": "0.015", "countries": "np in"}
    assert "can spend at partners from now on" in body(owner.post(where, form, follow=True))
    settled = himal.get("/incentives/marketplace/settings")
    assert (settled["joined"], settled["maxPerCoin"], settled["countries"]) == (True, 0.015, ["NP", "IN"])
    page = body(owner.get(where))
    assert "You owe a partner up to USD 0.015 for each coin that your users spend there" in told(page)
    assert "up to USD 1.50 for 100 coins." in told(page)
    assert "in another currency than USD, are not offered" in told(page)
    assert "Café Mitra" in page

    assert "no longer see Café Mitra" in body(owner.post(url(f"marketplace/partners/{partner}/block/"), follow=True))
    owner.post(url(f"marketplace/partners/{partner}/block/"))
    assert himal.get("/incentives/marketplace/settings")["blockedBusinesses"] == [partner]
    assert "Blocked" in body(owner.get(where))
    owner.post(url(f"marketplace/partners/{partner}/unblock/"))
    assert himal.get("/incentives/marketplace/settings")["blockedBusinesses"] == []

    leaving = hidden(body(owner.get(where)), "seen")
    assert "can no longer spend" in body(owner.post(where, leaving, follow=True))
    assert owner.post(where, leaving).status_code == 422  # somebody has changed it since


def test_joining_refuses_what_the_api_refuses(himal, owner, url):
    where = url("marketplace/")
    form = hidden(body(owner.get(where)), "seen") | {"joined": "on"}
    for wrong, sentence in (
        ({"most_a_coin": "much"}, "Must be a number."),
        ({"most_a_token": "-1"}, "Must not be negative."),
        ({"blocked": "biz_00000000000000000000000000"}, "There is no verified business"),
        ({"allowed": "somebody"}, "This value does not match the required pattern."),
    ):
        page = owner.post(where, form | wrong)
        assert page.status_code == 422
        assert sentence in body(page)
    assert not Participation.objects.filter(app=himal.app).exists()


# --- listings ---------------------------------------------------------------------------------------------------------
def test_a_listing_of_the_form_is_a_listing_of_the_api(himal, owner, url):
    opens(himal)
    more = {
        "description": "Hot", "category": "Food", "terms": "Once", "token_cost": "2", "token_rate": "0.5", "inventory": "5",
        "max_per_user": "1", "low_stock_at": "2", "valid_days": "30", "on_expiry": "KEEP", "countries": "np, IN",
        "code_prefix": "CUP", "discount_type": "PERCENTAGE", "discount_value": "20", "starts_at": "2026-01-02T03:04",
    }  # fmt: skip
    assert owner.post(url("marketplace/listings/new/"), LISTING | more).status_code == 302
    sent = {
        "title": "Coffee", "coinCost": 100, "currency": "USD", "coinRate": 0.02, "description": "Hot", "category": "Food",
        "terms": "Once", "tokenCost": 2, "tokenRate": 0.5, "inventory": 5, "maxPerUser": 1, "lowStockAt": 2, "validDays": 30,
        "onExpiry": "KEEP", "countries": ["NP", "IN"], "codePrefix": "CUP",
        "discount": {"type": "PERCENTAGE", "value": 20}, "startsAt": "2026-01-02T03:04:00Z",
    }  # fmt: skip
    assert himal.post("/incentives/marketplace/listings", sent).status == 201
    own = ("id", "createdAt", "updatedAt")
    theirs, ours = (
        {name: value for name, value in face.items() if name not in own}
        for face in himal.get("/incentives/marketplace/listings")["listings"]
    )
    assert ours == theirs


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ({"title": ""}, {"title": ""}),
        ({"coin_cost": ""}, {"coinCost": 0}),
        ({"coin_cost": "-5"}, {"coinCost": -5}),
        ({"inventory": "many"}, {"inventory": "many"}),
        ({"max_per_user": "0"}, {"maxPerUser": 0}),
        ({"coin_rate": "0.1234567"}, {"coinRate": 0.1234567}),
        ({"coin_rate": "cheap"}, {"coinRate": "cheap"}),
        ({"discount_type": "PERCENTAGE", "discount_value": "120"}, {"discount": {"type": "PERCENTAGE", "value": 120}}),
        ({"countries": "Nepal"}, {"countries": ["NEPAL"]}),
        ({"code_prefix": "no spaces"}, {"codePrefix": "no spaces"}),
        (
            {"starts_at": "2026-02-02T00:00", "ends_at": "2026-01-01T00:00"},
            {"startsAt": "2026-02-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"},
        ),
    ],
)
def test_the_form_refuses_what_the_api_refuses(himal, owner, url, form, sent):
    opens(himal)
    body_sent = {"title": "Coffee", "coinCost": 100, "currency": "USD", "coinRate": 0.02} | sent
    refused = himal.post("/incentives/marketplace/listings", body_sent)
    assert refused.status == 400, refused
    page = owner.post(url("marketplace/listings/new/"), LISTING | form)
    assert page.status_code == 422
    for sentence in (each for all_told in refused["details"].values() for each in all_told):
        assert escape(sentence) in body(page)
    assert himal.app.listings.count() == 0


def test_first_a_profile(himal, owner, url):
    assert "First your profile" in body(owner.get(url("marketplace/listings/")))
    refused = owner.post(url("marketplace/listings/new/"), LISTING)
    assert refused.status_code == 422
    assert "Make your business profile first." in body(refused)


def test_the_price_is_told_while_it_is_typed(himal, owner, url):
    opens(himal)
    listing = sells(himal)
    ask = url("marketplace/listings/price/")

    def said(query: str) -> str:
        return told(body(owner.get(f"{ask}?{query}"))).strip()

    assert said("coin_cost=150&coin_rate=0.02&currency=USD") == (
        "A user pays 150 coins. The app that the user comes from owes you USD 3.00 for it."
    )
    assert "your gift to new customers" in said("coin_cost=1&token_cost=2&currency=USD")
    assert said("coin_cost=7&coin_rate=0.335&currency=JPY").endswith("owes you JPY 2 for it.")
    for nonsense in ("", "coin_cost=many&currency=USD", "coin_cost=5&currency=XXX", "coin_cost=-5&currency=USD"):
        assert said(nonsense) == "Type a price: what it means for both sides stands here."
    himal.post(
        "/incentives/marketplace/promotions",
        {"listingId": listing, "percentOff": 25, "endsAt": "2099-01-01T00:00:00Z"},
    )
    running = said(f"coin_cost=150&coin_rate=0.02&currency=USD&listing={listing}")
    assert "While your promotion of 25 % off runs, a user pays 113 coins, and you are owed USD 2.26." in running


def test_editing_another_field_gives_no_stock_back(himal, owner, url):
    opens(himal)
    listing = sells(himal, inventory=5)
    earns(himal, "asha")
    where = url(f"marketplace/listings/{listing}/edit/")
    opened = hidden(body(owner.get(where)), "seen", "inventory_seen")
    redeems(himal, listing)
    form = LISTING | opened | {"inventory": "5", "title": "Good coffee"}
    assert owner.post(where, form).status_code == 302
    face = himal.get(f"/incentives/marketplace/listings/{listing}")
    assert (face["inventory"], face["title"]) == (4, "Good coffee")
    seen = hidden(body(owner.get(where)), "seen")
    stale = owner.post(where, form | seen | {"inventory": "9"})
    assert stale.status_code == 422
    assert "Meanwhile it became 4" in body(stale)
    assert owner.post(where, form | seen | {"inventory": "9", "inventory_seen": "4"}).status_code == 302
    assert himal.get(f"/incentives/marketplace/listings/{listing}")["inventory"] == 9


def test_the_list_says_how_each_listing_stands(himal, owner, url):
    opens(himal)
    earns(himal, "asha")
    coffee = sells(himal, "Coffee", inventory=1, lowStockAt=1)
    sells(himal, "Tea", published=False, coinCost=5)
    sells(himal, "Soup", startsAt="2099-01-01T00:00:00Z")
    sells(himal, "Ice", endsAt="2020-01-01T00:00:00Z")
    where = url("marketplace/listings/?export=csv&sort=title")

    def states(query: str = "") -> list[tuple]:
        return [(row["title"], row["status"]) for row in exported(owner, where + query)]

    assert states() == [("Coffee", "On offer"), ("Ice", "Ended"), ("Soup", "Scheduled"), ("Tea", "Not on offer")]
    assert states("&status=off&status=ended") == [("Ice", "Ended"), ("Tea", "Not on offer")]
    assert [title for title, _ in states("&status=active")] == ["Coffee"]
    assert [title for title, _ in states("&stock=low")] == ["Coffee"]
    assert [title for title, _ in states("&q=sou")] == ["Soup"]
    assert "low stock" in body(owner.get(url("marketplace/listings/")))
    redeems(himal, coffee)
    assert states()[0] == ("Coffee", "Sold out")
    page = told(body(owner.get(url(f"marketplace/listings/{coffee}/"))))
    assert "Low stock. 0 left; you asked to be warned at 1." in page
    assert "Pending 1" in page
    assert "No listing matches" in body(owner.get(url("marketplace/listings/?q=zulu")))
    assert "not understood" in body(owner.get(url("marketplace/listings/?status=LOST")))
    owner.post(url(f"marketplace/listings/{coffee}/delete/"))
    assert owner.get(url(f"marketplace/listings/{coffee}/")).status_code == 404
    assert [title for title, _ in states()] == ["Ice", "Soup", "Tea"]


# --- promotions -------------------------------------------------------------------------------------------------------
def test_a_promotion_lowers_the_price_and_ends(himal, owner, url):
    opens(himal)
    listing = sells(himal, "Coffee")
    new = url("marketplace/promotions/new/")
    assert f'<option value="{listing}" selected>' in body(owner.get(f"{new}?listing={listing}"))
    refused = owner.post(new, {"listing_id": listing, "percent_off": "101", "ends_at": "2099-01-01T00:00"})
    assert refused.status_code == 422
    assert "less than or equal to 100" in body(refused)
    assert "Must be in the future." in body(
        owner.post(new, {"listing_id": listing, "percent_off": "10", "starts_at": "2020-01-01T00:00", "ends_at": "2020-02-01T00:00"})
    )  # fmt: skip
    made = owner.post(new, {"listing_id": listing, "percent_off": "30", "ends_at": "2099-01-01T00:00"}, follow=True)
    assert "30 % off Coffee is saved." in body(made)
    assert exported(owner, url("marketplace/listings/?export=csv"))[0]["percentOffNow"] == "30"
    assert "70 coins" in told(body(owner.get(url("marketplace/listings/"))))
    promotion = himal.app.promotions.get()
    ended = owner.post(url(f"marketplace/promotions/{promotion.pk}/end/"), follow=True)
    assert "is ended" in body(ended)
    assert exported(owner, url("marketplace/promotions/?export=csv&status=ended"))[0]["id"] == promotion.pk
    assert exported(owner, url("marketplace/promotions/?export=csv&status=running")) == []
    assert exported(owner, url("marketplace/listings/?export=csv"))[0]["percentOffNow"] == "0"
    assert owner.post(url(f"marketplace/promotions/{promotion.pk}/end/")).status_code == 404


@pytest.mark.parametrize("path", ["", "listings/", "promotions/", "redemptions/", "redemptions/here/"])
def test_the_lists_cost_the_same_with_many(himal, rival, owner, url, path):
    opens(himal)
    opens(rival)
    joins(rival)
    earns(himal, "asha", 100_000)
    earns(rival, "bikram", 100_000)
    counts = []
    for target in (2, 20):
        while himal.app.listings.count() < target:
            listing = sells(himal, inventory=3)
            himal.post(
                "/incentives/marketplace/promotions",
                {"listingId": listing, "percentOff": 10, "endsAt": "2099-01-01T00:00:00Z"},
            )
            redeems(himal, listing)
            redeems(rival, listing, "bikram")
        owner.get(url(f"marketplace/{path}"))
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(url(f"marketplace/{path}")).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12, counts
