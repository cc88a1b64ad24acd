"""Redemptions in both roles: the issuer sees its users, the business sees codes; each ends what it may end."""

import csv
import html
import io
import re

import pytest

from tests.cast import Caller
from tests.dashboard.conftest import body, sign_in
from tests.marketplace.stalls import earns, fulfils, joins, opens, redeems, sells

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(rival) -> Caller:
    opens(rival, "Café Mitra")
    return rival


@pytest.fixture
def redeemed(himal, cafe) -> dict:
    """Asha, who is himal's, holds a code for a coffee at the café."""
    joins(himal)
    earns(himal, "asha@example.com")
    return redeems(himal, sells(cafe, "Coffee", inventory=5), "asha@example.com").json


@pytest.fixture
def barista(cafe):
    return sign_in(cafe.app.merchant)


def exported(browser, where: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(body(browser.get(where)).lstrip("\ufeff"))))


def pressed(page: str, word: str) -> str:
    return next(html.unescape(each) for each in re.findall(r'action="([^"]+)"', page) if word in each)


def told(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


ISSUED, HERE = "marketplace/redemptions/", "marketplace/redemptions/here/"


def test_only_the_issuer_is_told_the_user(himal, cafe, owner, barista, url, redeemed):
    ours = body(owner.get(url(ISSUED)))
    assert "asha@example.com" in ours
    assert "Café Mitra" in ours
    assert "you owe USD 1.00" in told(ours)
    theirs = body(barista.get(url(HERE, cafe.app)))
    assert "Coffee" in theirs
    assert "Himal Shop" in theirs
    assert "you get USD 1.00" in told(theirs)
    others = (HERE + "?export=csv", f"marketplace/listings/{redeemed['listingId']}/", "marketplace/statement/")
    for page in (theirs, *(body(barista.get(url(path, cafe.app))) for path in others)):
        assert "asha@example.com" not in page
        assert redeemed["discountCode"] not in page
    assert "No redemption matches" in body(barista.get(url(HERE + "?q=asha@example.com", cafe.app)))
    assert exported(owner, url(ISSUED + "?export=csv"))[0]["userId"] == "asha@example.com"
    assert "userId" not in exported(barista, url(HERE + "?export=csv", cafe.app))[0]
    # nor does either see it in the other's role
    assert "Nobody has spent anything yet" in body(barista.get(url(ISSUED, cafe.app)))
    assert "Nothing was redeemed here yet" in body(owner.get(url(HERE)))


def test_the_business_fulfils_and_the_filter_stays(cafe, himal, owner, barista, url, redeemed):
    page = body(barista.get(url(HERE + "?status=PENDING", cafe.app)))
    assert "Himal Shop owes you USD 1.00." in told(page)
    answer = barista.post(pressed(page, "/fulfil/"))
    assert answer.url == url(HERE + "?status=PENDING", cafe.app)
    assert "Coffee is fulfilled" in body(barista.get(answer.url))
    assert [row["status"] for row in exported(owner, url(ISSUED + "?export=csv"))] == ["FULFILLED"]
    late = owner.post(url(f"{ISSUED}{redeemed['redemptionId']}/cancel/"), follow=True)
    assert "was honoured, and can no longer be cancelled" in body(late)
    assert himal.get("/incentives/balances/asha@example.com")["coins"] == 900


@pytest.mark.parametrize("by", ["issuer", "business"])
def test_either_cancels_what_was_not_used(himal, cafe, owner, barista, url, redeemed, by):
    browser, path, app = (owner, ISSUED, himal.app) if by == "issuer" else (barista, HERE, cafe.app)
    page = body(browser.get(url(path, app)))
    assert "100 coins go back to the user" in told(page)
    assert "ends and is not given again" in told(page)
    answer = browser.post(pressed(page, "/cancel/"), {"reason": "Out of milk"}, follow=True)
    assert "100 coins went back to the user" in body(answer)
    assert himal.get("/incentives/balances/asha@example.com")["coins"] == 1_000
    assert cafe.get(f"/incentives/marketplace/listings/{redeemed['listingId']}")["inventory"] == 5
    for each, where, whose in ((owner, ISSUED, himal.app), (barista, HERE, cafe.app)):
        page = told(body(each.get(url(where, whose))))
        assert "Out of milk" in page
        assert "USD 1.00 returned" in page
    assert fulfils(cafe, redeemed["discountCode"]).status == 409


def test_the_issuer_does_not_fulfil(himal, cafe, owner, url, redeemed):
    assert "/fulfil/" not in body(owner.get(url(ISSUED)))
    answer = owner.post(url(f"{HERE}{redeemed['redemptionId']}/fulfil/"))
    assert answer.status_code == 403
    assert "Only the business itself fulfils" in body(answer)
    assert himal.app.marketplace_redemptions.get().status == "PENDING"


def test_each_role_finds_its_own_way(himal, cafe, owner, barista, url, redeemed):
    tea = redeems(himal, sells(cafe, "Tea"), "bikram") if earns(himal, "bikram") is None else None
    fulfils(cafe, tea["discountCode"], orderReference="table 4")

    def issued(query: str) -> list[str]:
        return [row["listing"] for row in exported(owner, url(f"{ISSUED}?export=csv&{query}"))]

    def here(query: str) -> list[str]:
        return [row["listing"] for row in exported(barista, url(f"{HERE}?export=csv&{query}", cafe.app))]

    assert issued("") == here("") == ["Tea", "Coffee"]
    assert issued("q=bikram") == ["Tea"]
    assert here("q=bikram") == []
    assert (
        issued(f"q={redeemed['discountCode'].lower()}") == here(f"q={redeemed['discountCode'].lower()}") == ["Coffee"]
    )
    assert here("q=table 4") == ["Tea"]
    assert issued("q=table 4") == []
    assert here(f"q={tea['redemptionId']}") == ["Tea"]
    assert here(f"listing={tea['listingId']}") == ["Tea"]
    assert issued("status=PENDING") == ["Coffee"]
    assert "not understood" in body(owner.get(url(ISSUED + "?status=LOST")))


def test_deep_pages_lead_on_and_back_in_both_roles(himal, cafe, owner, barista, url, redeemed):
    listing = sells(cafe, "Tea", coinCost=1)
    for _ in range(26):
        redeems(himal, listing, "asha@example.com")
    for browser, path, app in ((owner, ISSUED, himal.app), (barista, HERE, cafe.app)):
        first = body(browser.get(url(path, app)))
        assert "Coffee" not in re.sub(r"<select.*?</select>", "", first, flags=re.S)
        older = re.search(r'href="(\?after=[^"]+)"', first).group(1)
        second = body(browser.get(url(path, app) + older))
        assert "Coffee" in re.sub(r"<select.*?</select>", "", second, flags=re.S)
        newer = re.search(r'href="(\?before=[^"]+)"', second).group(1)
        assert "25 shown" in body(browser.get(url(path, app) + newer))
