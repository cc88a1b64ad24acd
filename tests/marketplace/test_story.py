"""A season at the market: two merchants, three users, from the first coin to the month's statement, over HTTP.

At the end each figure that anybody is shown is computed again from the ledger's transfers and from the settlement entries, by
statements that are written here and nowhere else.
"""

import csv
import io
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from incenta.database import sql
from marketplace import expiring, profiles
from marketplace.models import Redemption
from tests.cast import Answer, Caller, caller, merchant
from tests.dashboard.conftest import body, sign_in
from tests.marketplace.stalls import books_are_right, cancels, fulfils, opens, redeems, sells, statement

pytestmark = pytest.mark.django_db(transaction=True)

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
M = "/incentives/marketplace"


@dataclass
class Backend(Caller):
    """A merchant's server, which is a process away: it has an address, a key and JSON."""

    base: str = ""

    def __call__(self, method: str, path: str, sent: object = None, **headers: str) -> Answer:
        request = urllib.request.Request(
            f"{self.base}/v1{path}",
            method=method,
            data=None if sent is None else json.dumps(sent).encode(),
            headers={"x-api-key": self.secret, "Content-Type": "application/json"},
        )
        try:
            with OPENER.open(request, timeout=20) as answer:
                return _read(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as refused:
            return _read(refused.code, refused.read(), dict(refused.headers))


def _read(status: int, content: bytes, headers: dict) -> Answer:
    if headers["Content-Type"].startswith("application/json"):
        return Answer(status, json.loads(content), headers)
    return Answer(status, list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")))), headers)


@pytest.fixture
def shops(live_server) -> tuple[Backend, Backend]:
    """Himal, an outfitter in Kathmandu, and Mitra, a café in New York."""
    apps = [merchant(name).apps.get(sandbox_of=None) for name in ("himal", "mitra")]
    for app, zone in zip(apps, ("Asia/Kathmandu", "America/New_York"), strict=True):
        app.timezone = zone
        app.save()
    himal, mitra = (Backend(app, caller(app).secret, live_server.url) for app in apps)
    return himal, mitra


def does(shop: Backend, user: str, action: str, times: int) -> None:
    for place in range(times):
        sent = {"userId": user, "actionKey": action, "idempotencyKey": f"{user}_{action}_{place}"}
        assert shop.post("/incentives/events", sent).status == 201


def passes(answer: Answer) -> None:
    """The time in which a code could be used."""
    found = Redemption.objects.filter(pk=answer["redemptionId"], expires_at__isnull=False)
    assert found.update(expires_at=found.get().redeemed_at + timedelta(milliseconds=1)) == 1


def coins_of(shop: Backend, user: str) -> tuple[int, int]:
    """Coins and tokens, added up from the transfers."""
    row = sql.row(
        """SELECT coalesce(sum(m) FILTER (WHERE asset = 'COIN'), 0)::int, coalesce(sum(m) FILTER (WHERE asset = 'TOKEN'), 0)::int
        FROM (SELECT asset, amount * ((target = 'AVAILABLE')::int - (source = 'AVAILABLE')::int) AS m FROM incentives_transfer t
          JOIN incentives_wallet w ON w.id = t.wallet_id WHERE w.app_id = %(app)s AND w.user_id = %(user)s) moved""",
        {"app": shop.app.pk, "user": user},
    )
    shown = shop.get(f"/incentives/balances/{user}").json
    assert (shown["coins"], shown["tokens"]) == row
    assert shop.get(f"{M}/verify/{user}")["balances"] == {"xp": shown["xp"], "coins": row[0], "tokens": row[1]}
    return row


def owed_to(creditor: Backend, debtor: Backend) -> int:
    """Cents, added up from the settlement entries."""
    return sql.row(
        """SELECT coalesce(sum(CASE kind WHEN 'OWE' THEN amount_minor ELSE -amount_minor END), 0)::int
        FROM marketplace_settlemententry WHERE creditor_id = %(creditor)s AND debtor_id = %(debtor)s""",
        {"creditor": creditor.app.pk, "debtor": debtor.app.pk},
    )[0]


def test_a_season_at_the_market(shops):
    himal, mitra = shops

    # coins are earned
    for shop, key, gives in (
        (himal, "review", {"coins": 60, "tokens": 1}),
        (mitra, "visit", {"coins": 40, "tokens": 0}),
    ):
        sent = {"key": key, "name": key.title(), "type": "STANDARD"} | gives
        assert shop.post("/incentives/actions", sent).status == 201
    does(himal, "asha", "review", 5)
    does(himal, "bikram", "review", 3)
    does(mitra, "chandra", "visit", 10)
    assert [coins_of(himal, "asha"), coins_of(himal, "bikram"), coins_of(mitra, "chandra")] == [
        (300, 5), (180, 3), (400, 0),
    ]  # fmt: skip

    # the market opens: nobody sells before the operator has looked at him, and nobody spends who has not joined
    assert mitra.post(f"{M}/profile", {"name": "Café Mitra"}).status == 201
    coffee = sells(mitra, "Coffee", coinCost=30, coinRate=0.0125, inventory=6, validDays=14)
    sent = {"listingId": coffee, "userId": "asha"}
    assert himal.post(f"{M}/redeem", sent)["code"] == "marketplace_not_joined"
    assert himal.patch(f"{M}/settings", {"joined": True, "maxPerCoin": 0.02, "maxPerToken": 0.5}).status == 200
    assert himal.post(f"{M}/redeem", sent)["code"] == "business_not_verified"
    profiles.verify(mitra.app.business.pk)
    assert mitra.patch(f"{M}/settings", {"joined": True}).status == 200
    opens(himal, "Himal Outfitters")
    assert himal.patch(f"{M}/settings", {"maxPerCoin": 0.02}).status == 200
    cake = sells(mitra, "Cake", coinCost=50, tokenCost=1, coinRate=0.01, tokenRate=0.5)
    workshop = sells(mitra, "Latte art", coinCost=70, coinRate=0.02, validDays=1, onExpiry="KEEP")
    dear = sells(mitra, "Truffle", coinCost=10, coinRate=0.05)
    tent = sells(himal, "Tent for a day", coinCost=120, coinRate=0.004, codes=["TENT-1", "TENT-2", "TENT-3"])
    starts, ends = "2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
    promotion = {"listingId": cake, "percentOff": 25, "startsAt": starts, "endsAt": ends}
    assert mitra.post(f"{M}/promotions", promotion).status == 201

    # asha sees what she can afford, at its price of today, and not what himal does not agree to owe
    seen = {each["listingId"]: each["coinCost"] for each in himal.get(f"{M}/verify/asha")["listings"]}
    assert seen == {coffee: 30, cake: 38, workshop: 70, tent: 120}
    assert himal.post(f"{M}/redeem", {"listingId": dear, "userId": "asha"})["code"] == "listing_not_available"

    # coins are spent: 37.5 cents round to 38, and 38 coins and a token to 88
    first, second = redeems(himal, coffee), redeems(himal, coffee)
    slice_ = redeems(himal, cake)
    missed = redeems(himal, workshop)
    his = redeems(himal, coffee, "bikram")
    late = redeems(himal, coffee, "bikram")
    theirs, undone = redeems(mitra, tent, "chandra"), redeems(mitra, tent, "chandra")
    own = redeems(himal, tent, "bikram")
    assert [coins_of(himal, "asha"), coins_of(himal, "bikram"), coins_of(mitra, "chandra")] == [
        (300 - 30 - 30 - 38 - 70, 4), (180 - 30 - 30 - 120, 3), (400 - 240, 0),
    ]  # fmt: skip
    assert {theirs["discountCode"], undone["discountCode"], own["discountCode"]} == {"TENT-1", "TENT-2", "TENT-3"}
    assert mitra.post(f"{M}/redeem", {"listingId": tent, "userId": "chandra"})["code"] == "out_of_stock"
    assert himal.post(f"{M}/redeem", {"listingId": coffee, "userId": "bikram"})["code"] == "insufficient_balance"

    # at the counter, with a key for that alone
    till = Backend(mitra.app, caller(mitra.app, "pos").secret, mitra.base)
    assert till.get(f"{M}/verify/{first['discountCode']}")["valid"] is True
    assert fulfils(till, first["discountCode"].lower(), orderReference="bill 17").status == 200
    assert fulfils(till, first["discountCode"])["code"] == "already_fulfilled"
    assert fulfils(till, slice_["discountCode"]).status == 200
    assert fulfils(himal, theirs["discountCode"]).status == 200
    assert fulfils(himal, own["discountCode"]).status == 200

    # some is taken back: by the issuer, by the business, and by time, which gives coins back or does not
    assert cancels(himal, second["redemptionId"]).status == 200
    assert cancels(himal, first["redemptionId"])["code"] == "redemption_fulfilled"
    assert cancels(himal, undone["redemptionId"], reason="No tents in May").status == 200
    assert cancels(mitra, own["redemptionId"]).status == 404
    passes(late)
    passes(missed)
    assert fulfils(till, late["discountCode"])["code"] == "redemption_expired"
    assert expiring.expire_all() == 2 and expiring.expire_all() == 0
    assert till.get(f"{M}/verify/{his['discountCode']}")["valid"] is True

    # what everybody has
    assert [coins_of(himal, "asha"), coins_of(himal, "bikram"), coins_of(mitra, "chandra")] == [
        (300 - 30 - 38 - 70, 4), (180 - 30 - 120, 3), (400 - 120, 0),
    ]  # fmt: skip
    assert mitra.get(f"{M}/listings/{coffee}")["inventory"] == 6 - 4 + 2
    assert himal.get(f"{M}/listings/{tent}")["inventory"] == 0, "a code that was shown is not given again"
    statuses = {each["id"]: each["status"] for each in himal.get(f"{M}/redemptions")["redemptions"]}
    assert statuses == {
        first["redemptionId"]: "FULFILLED",
        second["redemptionId"]: "CANCELLED",
        slice_["redemptionId"]: "FULFILLED",
        missed["redemptionId"]: "EXPIRED",
        his["redemptionId"]: "PENDING",
        late["redemptionId"]: "EXPIRED",
        own["redemptionId"]: "FULFILLED",
    }

    # who owes whom: himal two coffees and a cake, mitra one tent
    assert owed_to(mitra, himal) == 38 + 88 + 38
    assert owed_to(himal, mitra) == 48
    month = agree(himal, mitra, "You pay", "USD 1.16")
    assert agree(mitra, himal, "You receive", "USD 1.16") == month
    assert books_are_shown_right(himal) and books_are_shown_right(mitra)
    books_are_right(himal.app, mitra.app)
    told_to_both(himal, mitra)


def agree(us: Backend, them: Backend, words: str, amount: str) -> str:
    """JSON, CSV and page of one side say what the entries say. Answers the month."""
    found = statement(us)
    (account,) = found["partners"]
    to_us, by_us = owed_to(us, them), owed_to(them, us)
    assert [round(account[name] * 100) for name in ("owedToUs", "owedByUs", "net")] == [to_us, by_us, to_us - by_us]
    assert sum(round(each["net"] * 100) for each in found["entries"]) == to_us - by_us
    rows = us.get(f"{M}/statement?month={found['month']}&format=csv").json
    assert [row["entryId"] for row in rows] == [each["id"] for each in found["entries"]]
    assert [Decimal(row["net"]) for row in rows] == [Decimal(str(each["net"])) for each in found["entries"]]
    owner = sign_in(us.app.merchant)
    page = body(owner.get(f"/dashboard/{us.app.pk}/marketplace/statement/?month={found['month']}"))
    assert f"<strong>{words} {amount}</strong>" in page
    assert all(row["redemptionId"] in page for row in rows)
    # the same entries are the other's, the other way round
    assert [(each["id"], -each["net"]) for each in statement(them)["entries"]] == [
        (each["id"], each["net"]) for each in found["entries"]
    ]
    return found["month"]


def books_are_shown_right(shop: Backend) -> bool:
    found = shop.get("/incentives/ledger/verify")
    return found["ok"] and found["drift"] == []


def told_to_both(himal: Backend, mitra: Backend) -> None:
    """Each party hears of each redemption between them; whose coins they were is the issuer's to know."""
    for kind in ("CREATED", "FULFILLED", "CANCELLED"):
        ours, theirs = (
            [each.data for each in shop.app.events.filter(type=f"MARKETPLACE_REDEMPTION_{kind}")]
            for shop in (himal, mitra)
        )
        between = [each for each in ours if each["business"]["name"] != "Himal Outfitters" or "userId" not in each]
        assert {each["redemptionId"] for each in between} == {each["redemptionId"] for each in theirs}
        users = {each["redemptionId"]: each.get("userId") for each in ours}
        for each in theirs:
            assert (each.get("userId") is None) != (users[each["redemptionId"]] is None), each
