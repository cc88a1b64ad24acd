"""The marketplace's pages in a real browser: axe, both themes, both widths, and one journey from a profile to the counter."""

import pytest
from playwright.sync_api import expect

from marketplace import profiles
from tests.browser.looks import assert_fine, enter
from tests.cast import Caller
from tests.marketplace.stalls import cancels, earns, fulfils, joins, opens, redeems, sells

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "customer:4711/a-rather-long-identifier@example.com"
PAGES = (
    "", "profile/", "listings/", "listings/?q=nothing-like-it", "listings/?status=LOST", "listings/new/",
    "listings/{listing}/", "listings/{listing}/edit/", "listings/{pool}/", "listings/{pool}/codes/",
    "promotions/", "promotions/?q=nothing-like-it", "promotions/new/?listing={listing}",
    "redemptions/", "redemptions/?q=nothing-like-it", "redemptions/here/", "redemptions/here/?status=LOST",
)  # fmt: skip
EMPTY = ("", "profile/", "listings/", "promotions/", "redemptions/", "redemptions/here/")


def filled(shop: Caller, partner: Caller) -> dict:
    """Listings of every kind, a promotion, and redemptions in every state for a user with a long id. Answers some ids."""
    opens(shop, "Himal Outfitters and Sons, formerly of Thamel", maxPerCoin=0.05)
    opens(partner, "Café Mitra")
    listing = sells(
        shop,
        "A listing with a title that is too long for a line of a table on a telephone",
        category="Outdoors",
        description="Any tent.\nAlso those that are reduced.",
        discount={"type": "FIXED_AMOUNT", "value": 12.5},
        terms="Once",
        inventory=9,
        lowStockAt=10,
        validDays=30,
    )
    pool = sells(shop, "Boots", codes=["BOOT-1111-2222", "BOOT-3333-4444"], countries=["NP"], maxPerUser=2)
    sells(shop, "Later", startsAt="2099-01-01T00:00:00Z", tokenCost=5)
    shop.post(
        "/incentives/marketplace/promotions",
        {"listingId": listing, "percentOff": 10, "endsAt": "2099-01-01T00:00:00Z", "name": "Spring"},
    )
    earns(shop, LONG, 100_000)
    earns(partner, LONG, 100_000)
    for issuer in (shop, partner):
        redeems(issuer, listing, LONG)
        redeems(issuer, pool, LONG)
        fulfils(shop, redeems(issuer, listing, LONG)["discountCode"], orderReference="order-10417")
        cancels(issuer, redeems(issuer, listing, LONG)["redemptionId"], reason="The customer changed her mind about it")
    return {"listing": listing, "pool": pool}


def test_every_page_is_fine(visit, himal, rival):
    names = filled(himal, rival)
    owner = visit()
    enter(owner, himal)
    assert_fine(owner, [f"/dashboard/{himal.app.pk}/marketplace/{path.format(**names)}" for path in PAGES])


def test_every_page_is_fine_where_there_is_nothing_yet(visit, himal):
    owner = visit()
    enter(owner, himal)
    assert_fine(owner, [f"/dashboard/{himal.app.sandbox.pk}/marketplace/{path}" for path in EMPTY])


def test_the_market_is_fine(visit, himal, rival):
    names = filled(himal, rival)
    anybody = visit()
    market = ("/market", "/market?q=nothing-like-it", "/market?category=outdoors", f"/market/{names['listing']}")
    assert_fine(anybody, market)


def test_from_a_profile_to_the_counter(visit, himal, rival):
    owner = visit(width=390)
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/marketplace/listings/")
    page.get_by_role("link", name="Make the profile").click()
    page.get_by_label("Name").fill("Himal Outfitters")
    page.get_by_role("button", name="Submit for verification").click()
    expect(page.get_by_role("heading", name="Waits for verification", exact=True)).to_be_visible()
    profiles.verify(profiles.of(himal.app).pk)

    owner.go(f"/dashboard/{himal.app.pk}/marketplace/listings/")
    page.get_by_role("link", name="Make the first listing").click()
    page.get_by_label("Title").fill("Ten percent off a tent")
    page.get_by_role("textbox", name="Coins").fill("150")
    page.get_by_label("Owed for a coin").fill("0.02")
    expect(page.get_by_text("The app that the user comes from owes you USD 3.00 for it.")).to_be_visible()
    page.get_by_role("button", name="Create listing").click()
    expect(page.get_by_role("status").get_by_text("1 listing")).to_be_visible()
    page.get_by_role("link", name="Ten percent off a tent").click()
    page.get_by_role("button", name="Take off the shelf").click()
    expect(page.get_by_text("Not on offer")).to_be_visible()
    page.get_by_role("button", name="Put on offer").click()

    joins(rival)
    earns(rival, "asha")
    listing = himal.app.listings.get().pk
    first, second = (redeems(rival, listing) for _ in range(2))

    anybody = visit()
    anybody.go("/market")
    anybody.page.get_by_role("link", name="Ten percent off a tent").click()
    expect(anybody.page.get_by_text("150 coins")).to_be_visible()
    expect(anybody.page.get_by_role("heading", name="How to get it")).to_be_visible()

    owner.go(f"/dashboard/{himal.app.pk}/marketplace/counter/")
    page.get_by_label("Code", exact=True).fill(first["discountCode"].lower())
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Fulfil").click()
    expect(page.get_by_text("Ten percent off a tent").first).to_be_visible()
    assert rival.get("/incentives/marketplace/redemptions")["redemptions"][1]["status"] == "FULFILLED"

    owner.go(f"/dashboard/{himal.app.pk}/marketplace/redemptions/here/?status=PENDING")
    page.get_by_role("button", name="Cancel Ten percent").click()
    dialog = page.get_by_role("dialog", name="Cancel Ten percent off a tent?")
    expect(dialog.get_by_text("no longer owes you USD 3.00")).to_be_visible()
    assert owner.violations() == []
    dialog.get_by_role("button", name="Cancel redemption").click()
    expect(page.get_by_text("150 coins went back to the user")).to_be_visible()
    assert rival.get("/incentives/balances/asha")["coins"] == 1_000 - 150
    assert second["redemptionId"]
    owner.look()


def test_a_file_that_is_too_large_is_said_before_it_travels(visit, himal, tmp_path):
    opens(himal)
    listing = sells(himal, codeSource="POOL")
    large = tmp_path / "codes.csv"
    with large.open("wb") as file:
        file.truncate(11 * 1024 * 1024)
    owner = visit()
    enter(owner, himal)
    page = owner.page
    owner.go(f"/dashboard/{himal.app.pk}/marketplace/listings/{listing}/codes/")
    page.get_by_label("CSV file").set_input_files(large)
    expect(page.get_by_text("codes.csv is over 10 MB: please send it in parts.")).to_be_visible()
    assert page.get_by_label("CSV file").input_value() == ""
    small = tmp_path / "few.csv"
    small.write_text("code\nAB-1111\nAB-2222\n=1+1\n")
    page.get_by_label("CSV file").set_input_files(small)
    page.get_by_role("button", name="Look at them").click()
    expect(page.get_by_role("heading", name="2 new codes")).to_be_visible()
    assert owner.violations() == []
    page.get_by_role("button", name="Add 2 codes").click()
    expect(page.get_by_text("2 left in the pool, 0 given.")).to_be_visible()
    owner.look()
