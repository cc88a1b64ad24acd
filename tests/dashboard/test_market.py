"""The market that anybody may open: verified live businesses, cheapest first, and not a word of who takes part."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from marketplace import profiles
from tests.cast import caller
from tests.dashboard.conftest import body
from tests.marketplace.stalls import opens, sells

pytestmark = pytest.mark.django_db


def titles(client, query: str = "") -> list[str]:
    return re.findall(r'<h2><a href="/market/[^"]+">([^<]+)</a>', body(client.get(f"/market{query}")))


def test_it_shows_what_is_on_offer_cheapest_first(himal, rival, client):
    assert "Nothing is on offer yet" in body(client.get("/market"))
    opens(himal, "Himal Outfitters")
    opens(rival, "Café Mitra")
    coffee = sells(rival, "Coffee", coinCost=100, category="Food", discount={"type": "FIXED_AMOUNT", "value": 2.5})
    sells(himal, "Tent", coinCost=90, category="Outdoors", description="A roof of 100 % cotton")
    sells(himal, "Boots", coinCost=95)
    sells(himal, "Hidden", published=False)
    sells(himal, "Later", startsAt="2099-01-01T00:00:00Z")
    sells(himal, "Over", endsAt="2020-01-01T00:00:00Z")
    sells(himal, "Gone", inventory=0)
    sells(himal, "No codes", codeSource="POOL")
    assert titles(client) == ["Tent", "Boots", "Coffee"]
    rival.post(
        "/incentives/marketplace/promotions",
        {"listingId": coffee, "percentOff": 50, "endsAt": "2099-01-01T00:00:00Z"},
    )
    assert titles(client) == ["Coffee", "Tent", "Boots"]
    page = body(client.get("/market"))
    assert "USD 2.50 off" in page
    assert "−50 %" in page
    assert titles(client, "?category=food") == ["Coffee"]
    assert titles(client, "?q=himal") == ["Tent", "Boots"]
    assert titles(client, "?q=100 %25") == ["Tent"]
    assert titles(client, "?q=%25") == ["Tent"]
    assert titles(client, "?q=_") == []
    assert "Nothing like that is on offer" in body(client.get("/market?q=zulu"))


def test_unverified_suspended_and_sandbox_businesses_are_not_there(himal, client):
    himal.post("/incentives/marketplace/profile", {"name": "Himal"})
    listing = sells(himal, "Tent")
    sandbox = caller(himal.app.sandbox)
    opens(sandbox, "Test")
    tried = sells(sandbox, "Trial")
    assert titles(client) == []
    assert client.get(f"/market/{listing}").status_code == client.get(f"/market/{tried}").status_code == 404
    profiles.verify(profiles.of(himal.app).pk)
    assert titles(client) == ["Tent"]
    assert client.get(f"/market/{listing}").status_code == 200
    himal.app.status = "SUSPENDED"
    himal.app.save()
    assert titles(client) == []
    himal.app.status = "ACTIVE"
    himal.app.save()
    profiles.suspend(profiles.of(himal.app).pk, reason="No")
    assert titles(client) == []
    assert client.get(f"/market/{listing}").status_code == 404


def test_a_listing_says_what_it_is_and_nothing_of_the_tenant(himal, client):
    opens(himal, "Himal Outfitters", maxPerCoin=0.0123)
    himal.patch(
        "/incentives/marketplace/profile", {"contactEmail": "secret@himal.example", "url": "https://himal.example/"}
    )
    profiles.verify(profiles.of(himal.app).pk)
    listing = sells(
        himal, "<b>Tent</b>", description="Two\nlines", terms="Once", validDays=30, inventory=17, coinRate=0.0321
    )
    page = body(client.get(f"/market/{listing}"))
    assert "&lt;b&gt;Tent&lt;/b&gt;" in page
    assert "30 days" in page
    assert 'href="https://himal.example/" rel="nofollow noopener noreferrer"' in page
    for secret in (himal.app.pk, "secret@himal.example", "0.0321", "0.0123", ">17<"):
        assert secret not in page
        assert secret not in body(client.get("/market"))
    assert client.get("/market/lst_00000000000000000000000000").status_code == 404
    assert client.get("/market/%00").status_code in (400, 404)
    assert client.get("/market/?q=a").url == "/market?q=a"


def test_pages_are_kept_by_caches_and_ask_little(himal, client):
    opens(himal)
    for number in range(50):
        sells(himal, f"Tent {number:02}", coinCost=100 + number)
    first = client.get("/market")
    assert first["Cache-Control"] == "public, max-age=60"
    assert first["Vary"] == "Cookie"
    assert not first.cookies
    assert titles(client) == [f"Tent {number:02}" for number in range(24)]
    assert titles(client, "?page=3") == ["Tent 48", "Tent 49"]
    assert client.get("/market?page=9&q=tent").url == "/market?q=tent"
    for odd in ("?page=0", "?page=-1", "?page=many", "?page=99999999999999999999", "?nonsense=1"):
        assert titles(client, odd)[0] == "Tent 00", odd
    with CaptureQueriesContext(connection) as captured:
        client.get("/market")
    assert len(captured) <= 4
    client.cookies["theme"] = "dark"
    assert '<html lang="en" class="dark">' in body(client.get("/market"))
