"""The month's statement: it sums to the settlement entries, by the days of the app's own zone, seen from either side."""

import csv
import io
from decimal import Decimal

import pytest
from django.test import Client

from incenta.database import sql
from marketplace import settlement
from tests.cast import Caller, caller, merchant
from tests.dashboard.conftest import body, sign_in
from tests.marketplace.stalls import at, books_are_right, cancels, earns, opens, redeems, sells, statement

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(himal) -> Caller:
    """A second shop of himal's merchant, in its sandbox and in another zone: clocks can be stopped there."""
    shop = caller(himal.app.merchant.open_app("Himal Cafe", timezone="America/New_York").sandbox)
    opens(shop, "Himal Cafe")
    return shop


@pytest.fixture
def shop(himal) -> Caller:
    sandbox = himal.app.sandbox
    sandbox.timezone = "Asia/Kathmandu"
    sandbox.save()
    shop = caller(sandbox)
    opens(shop, "Himal Shop")
    return shop


def lines_of(answer) -> list[tuple]:
    return [(each["kind"], each["direction"], each["net"]) for each in answer["entries"]]


def as_csv(shop: Caller, month: str):
    address = f"/v1/incentives/marketplace/statement?month={month}&format=csv"
    return Client().get(address, headers={"x-api-key": shop.secret})


def as_rows(shop: Caller, month: str) -> list[dict]:
    """The CSV, as a program reads it."""
    answer = as_csv(shop, month)
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/csv"), answer
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def test_each_side_sees_the_other_and_the_two_views_cancel_out(himal, rival):
    for each in (himal, rival):
        opens(each)
        earns(each, "asha")
    coffee, boots = sells(himal, "Coffee", coinRate=0.0125), sells(rival, "Boots", coinRate=0.02)
    redeems(rival, coffee)
    redeems(himal, boots)
    taken_back = redeems(himal, boots)
    cancels(himal, taken_back["redemptionId"])
    redeems(himal, coffee)  # one's own users owe oneself nothing

    ours, theirs = statement(himal), statement(rival)

    (account,) = ours["partners"]
    assert account == {
        "partner": {"appId": rival.app.pk, "businessId": rival.app.business.pk, "name": rival.app.name},
        "currency": "USD",
        "owedToUs": 1.25,
        "owedByUs": 2,
        "net": -0.75,
        "redemptions": 3,
        "returns": 1,
    }
    assert ours["totals"] == [{name: account[name] for name in account if name != "partner"}]
    (mirrored,) = theirs["partners"]
    assert (mirrored["owedToUs"], mirrored["owedByUs"], mirrored["net"]) == (2, 1.25, 0.75)
    assert lines_of(ours) == [
        ("OWE", "TO_US", 1.25),
        ("OWE", "BY_US", -2),
        ("OWE", "BY_US", -2),
        ("RETURN", "BY_US", 2),
    ]
    assert [(kind, net) for kind, _, net in lines_of(theirs)] == [(kind, -net) for kind, _, net in lines_of(ours)]
    first = ours["entries"][0]
    assert first["listing"] == {"id": coffee, "title": "Coffee"} and first["coins"] == 100 and first["amount"] == 1.25
    assert "asha" not in str(theirs.json), "whose coins it were is the issuer's to know"
    books_are_right(himal.app, rival.app)


def test_a_month_is_of_the_apps_own_zone(shop, cafe):
    """Half past midnight on 1 December in Kathmandu is 30 November in New York: each has it in its own month."""
    coffee = sells(cafe)
    at(shop.app, "2026-11-30T23:59:59.999")
    earns(shop, "asha")
    last = redeems(shop, coffee)
    at(shop.app, "2026-12-01T00:00:00")
    first = redeems(shop, coffee)

    november, december = (statement(shop, month) for month in ("2026-11", "2026-12"))
    assert [each["redemptionId"] for each in november["entries"]] == [last["redemptionId"]]
    assert [each["redemptionId"] for each in december["entries"]] == [first["redemptionId"]]
    assert (november["from"], november["to"]) == ("2026-10-31T18:15:00.000Z", "2026-11-30T18:15:00.000Z")
    assert december["from"] == november["to"]
    theirs = statement(cafe, "2026-11")
    assert len(theirs["entries"]) == 2 and theirs["totals"][0]["owedToUs"] == 2
    assert statement(cafe, "2026-12")["entries"] == []
    # without a month it is the present one, by the app's clock
    assert statement(shop)["month"] == "2026-12"


def test_what_is_taken_back_later_stands_in_the_later_month(shop, cafe):
    coffee = sells(cafe)
    at(shop.app, "2026-10-20T12:00")
    earns(shop, "asha")
    redeemed = redeems(shop, coffee)
    at(shop.app, "2026-11-03T12:00")
    cancels(cafe, redeemed["redemptionId"], reason="No more beans")
    assert statement(shop, "2026-10")["totals"][0]["net"] == -1
    november = statement(shop, "2026-11")
    assert lines_of(november) == [("RETURN", "BY_US", 1)] and november["totals"][0]["owedByUs"] == -1
    assert statement(shop, "2026-09")["partners"] == []


def test_currencies_are_never_mixed(himal, rival):
    opens(himal)
    opens(rival)
    earns(himal, "asha", 10_000)
    for currency, rate in (("USD", 0.01), ("JPY", 1.5), ("BHD", 0.0035)):
        redeems(himal, sells(rival, currency, currency=currency, coinRate=rate))
    found = statement(himal)
    assert [(each["currency"], each["net"]) for each in found["totals"]] == [("BHD", -0.35), ("JPY", -150), ("USD", -1)]
    month = found["month"]
    assert {row["currency"]: row["net"] for row in as_rows(himal, month)} == {
        "USD": "-1.00",
        "JPY": "-150",
        "BHD": "-0.350",
    }


def test_json_csv_page_and_entries_agree_to_the_unit_whatever_the_number_of_lines(himal, rival):
    for each in (himal, rival):
        opens(each)
        earns(each, "asha", 100_000)
    theirs = [sells(rival, f"Thing {place}", coinCost=7 * place + 1, coinRate=0.013) for place in range(4)]
    ours = sells(himal, "=cmd|' /C calc'!A0", coinCost=33, coinRate=0.017)
    for place in range(30):
        redeemed = redeems(himal, theirs[place % 4])
        redeems(rival, ours)
        if place % 5 == 0:
            cancels(himal, redeemed["redemptionId"])
    month = statement(himal)["month"]

    pages, cursor = [], ""
    while cursor is not None:
        page = himal.get(f"/incentives/marketplace/statement?month={month}&limit=7&cursor={cursor}")
        pages += page["entries"]
        cursor = page["pagination"]["nextCursor"]
    rows = as_rows(himal, month)
    owed = sql.row(
        """SELECT sum(CASE WHEN (creditor_id = %(app)s) = (kind = 'OWE') THEN amount_minor ELSE -amount_minor END), count(*)
        FROM marketplace_settlemententry""",
        {"app": himal.app.pk},
    )
    assert len(pages) == len(rows) == owed[1] == 66
    assert [each["id"] for each in pages] == [row["entryId"] for row in rows]
    assert sum(Decimal(row["net"]) for row in rows).scaleb(2) == owed[0]
    assert sum(round(each["net"] * 100) for each in pages) == owed[0]
    assert round(statement(himal)["totals"][0]["net"] * 100) == owed[0]
    # what a spreadsheet would run is text
    assert {row["listing"] for row in rows if row["direction"] == "TO_US"} == {"'=cmd|' /C calc'!A0"}

    owner = sign_in(himal.app.merchant)
    address = f"/dashboard/{himal.app.pk}/marketplace/statement/?month={month}"
    shown = body(owner.get(address))
    assert f"USD {abs(Decimal(owed[0]).scaleb(-2))}" in shown and "66 entries" in shown
    assert "=cmd|&#x27; /C calc&#x27;!A0" in shown
    download = owner.get(f"{address}&export=csv")
    assert body(download).splitlines() == body(as_csv(himal, month)).splitlines()
    books_are_right(himal.app, rival.app)


def test_it_costs_the_same_at_few_lines_and_at_many(himal, rival, django_assert_max_num_queries):
    opens(himal)
    opens(rival)
    earns(himal, "asha", 100_000)
    coffee = sells(rival)
    for _ in range(40):
        redeems(himal, coffee)
    for query, most in (("", 3), ("?limit=100", 3), ("?cursor=", 2), ("?format=csv", 3)):
        with django_assert_max_num_queries(most):
            himal.get(f"/incentives/marketplace/statement{query}")
    owner = sign_in(himal.app.merchant)
    page = f"/dashboard/{himal.app.pk}/marketplace/statement/"
    owner.get(page)
    with django_assert_max_num_queries(10):
        owner.get(page)


@pytest.mark.parametrize(
    "query",
    [
        *("month=2026-13", "month=2026-00", "month=26-11", "month=2026-11-01", "month=", "month=1999-12", "month=٢٠٢٦-١١"),
        *("format=xml", "format=", "month=2026-11&month=2026-12", "who=rival", "format=csv&page=2", "cursor=x&page=2"),
    ],
)  # fmt: skip
def test_what_is_no_month_is_refused(himal, query):
    refused = himal.get(f"/incentives/marketplace/statement?{query}")
    assert refused.status == 400 and refused["details"], refused


@pytest.mark.parametrize("month", ["2000-01", "2999-12", "2026-02"])
def test_an_empty_month_is_an_empty_statement(himal, month):
    found = statement(himal, month)
    assert found.status == 200 and found["partners"] == found["totals"] == found["entries"] == []
    assert as_rows(himal, month) == []


def test_the_page_shows_a_month_and_says_when_it_understands_none(himal):
    owner = sign_in(himal.app.merchant)
    page = f"/dashboard/{himal.app.pk}/marketplace/statement/"
    assert "Nothing was settled in February 2026" in body(owner.get(f"{page}?month=2026-02"))
    assert "not understood" in body(owner.get(f"{page}?month=soon"))


def test_a_third_merchant_sees_nothing_of_it(himal, rival):
    stranger = caller(merchant("stranger").apps.get(sandbox_of=None))
    opens(himal)
    opens(rival)
    earns(himal, "asha")
    redeems(himal, sells(rival))
    assert statement(stranger)["entries"] == [] and statement(stranger)["partners"] == []
    assert settlement.verify(stranger.app) == []


# --- the recount ------------------------------------------------------------------------------------------------------
def tampered(statement: str, **values) -> None:
    """By the hand of somebody who may do anything: the trigger alone would refuse it."""
    sql.execute("SET LOCAL session_replication_role = replica")
    assert sql.execute(statement, values) == 1
    sql.execute("SET LOCAL session_replication_role = origin")


def test_the_recount_finds_what_is_missing_too_much_or_wrong(himal, rival):
    for each in (himal, rival):
        opens(each)
        earns(each, "asha")
    coffee = sells(rival)
    kept, cancelled = redeems(himal, coffee)["redemptionId"], redeems(himal, coffee)["redemptionId"]
    cancels(himal, cancelled)
    books_are_right(himal.app, rival.app)

    def found(shop: Caller = himal) -> list[tuple]:
        return [(each["check"], each["id"], each["expected"], each["found"]) for each in settlement.verify(shop.app)]

    tampered("UPDATE marketplace_settlemententry SET amount_minor = 99 WHERE redemption_id = %(id)s", id=kept)
    assert found() == found(rival) == [("settlement_owe", kept, 100, 99)]
    tampered("UPDATE marketplace_settlemententry SET amount_minor = 100 WHERE redemption_id = %(id)s", id=kept)
    tampered("UPDATE marketplace_redemption SET status = 'PENDING' WHERE id = %(id)s", id=cancelled)
    assert found() == [("settlement_return", cancelled, 0, 100)]
    tampered("UPDATE marketplace_redemption SET status = 'EXPIRED' WHERE id = %(id)s", id=cancelled)
    assert found() == []
    tampered("DELETE FROM marketplace_settlemententry WHERE redemption_id = %(id)s AND kind = 'RETURN'", id=cancelled)
    assert found() == [("settlement_return", cancelled, 100, 0)]
    # the ledger's check shows it to both
    for shop in (himal, rival):
        told = shop.get("/incentives/ledger/verify")
        assert told["ok"] is False
        (drift,) = told["drift"]
        assert drift == {
            "check": "settlement_return",
            "id": cancelled,
            "asset": "USD",
            "expected": 100,
            "found": 0,
        }
