"""Spending at a business: what it costs, what it answers, who is told, and each refusal with its code."""

import pytest

from incentives import ledger, withholding
from marketplace import profiles
from marketplace.models import ListingCode, ListingStock, Profile, Redemption, SettlementEntry
from tests.cast import at_once

from .conftest import M, business, coins, give, join, listing, redeem

pytestmark = pytest.mark.django_db


def test_asha_spends_coins_at_the_cafe_and_has_a_code(himal, cafe, coffee, told):
    answer = redeem(himal, coffee)
    assert answer.status == 201
    profile = Profile.objects.get()
    assert answer.json | {"redemptionId": "", "discountCode": "", "redeemedAt": ""} == {
        "redemptionId": "",
        "listingId": coffee,
        "userId": "asha",
        "status": "PENDING",
        "discountCode": "",
        "riskScore": None,
        "holdReasons": [],
        "coinCost": 30,
        "tokenCost": 0,
        "balances": {"xp": 0, "coins": 70, "tokens": 0},
        "redeemedAt": "",
        "expiresAt": None,
        "business": {"id": profile.pk, "name": "Café Mitra", "url": "https://mitra.example.com"},
    }
    (hers,), (theirs,) = told(himal, "REDEMPTION_CREATED"), told(cafe, "REDEMPTION_CREATED")
    assert hers == theirs | {"userId": "asha"} and "asha" not in str(theirs)
    assert theirs["discountCode"] == answer["discountCode"] and theirs["owed"] == 0.3
    assert theirs["issuer"] == {"name": himal.app.name}
    (entry,) = SettlementEntry.objects.all()
    assert (entry.debtor, entry.creditor, entry.kind) == (himal.app, cafe.app, "OWE")
    assert (entry.amount_minor, entry.currency, entry.redemption_id) == (30, "USD", answer["redemptionId"])
    assert ledger.verify(himal.app)["ok"]
    (spent, _) = himal.get("/incentives/balances/asha/entries")["entries"]
    assert spent["cause"]["text"] == "Redeemed: A coffee at Café Mitra"


def test_each_refusal_has_its_code_and_moves_nothing(himal, cafe, coffee, rival):
    once = listing(cafe, maxPerUser=1)
    assert redeem(himal, once).status == 201
    gone = listing(cafe)
    assert cafe.delete(f"{M}/listings/{gone}").status == 204
    before = (coins(himal), Redemption.objects.count(), SettlementEntry.objects.count())
    for wanted, status, code in (
        (listing(cafe, coinCost=101), 409, "insufficient_balance"),
        (listing(cafe, coinCost=0, tokenCost=1), 409, "insufficient_balance"),
        (listing(cafe, published=False), 409, "listing_not_published"),
        (listing(cafe, startsAt="2099-01-01T00:00:00Z"), 409, "listing_not_started"),
        (listing(cafe, endsAt="2020-01-01T00:00:00Z"), 409, "listing_ended"),
        (listing(cafe, inventory=0), 409, "out_of_stock"),
        (listing(cafe, codeSource="POOL"), 409, "out_of_stock"),
        (once, 409, "user_limit"),
        (gone, 404, "listing_not_found"),
        ("lst_nobody", 404, "listing_not_found"),
    ):
        refused = redeem(himal, wanted)
        assert (refused.status, refused["code"]) == (status, code), refused
    join(himal, blockedBusinesses=[Profile.objects.get().pk])
    assert redeem(himal, coffee)["code"] == "listing_not_available"
    join(himal, blockedBusinesses=[], joined=False)
    assert redeem(himal, coffee)["code"] == "marketplace_not_joined"
    join(himal)
    profiles.suspend(Profile.objects.get().pk, reason="Closed")
    assert redeem(himal, coffee)["code"] == "business_not_verified"
    assert before == (coins(himal), Redemption.objects.count(), SettlementEntry.objects.count())


def test_an_unverified_business_is_refused_by_its_own_code(himal, rival):
    business(rival, verified=False)
    assert redeem(himal, listing(rival))["code"] == "business_not_verified"


def test_who_is_in_review_spends_nothing(himal, coffee):
    withholding.hold(himal.app, ["asha"])
    refused = redeem(himal, coffee)
    assert (refused.status, refused["code"]) == (409, "on_hold")
    assert coins(himal) == 100 and not Redemption.objects.exists() and not SettlementEntry.objects.exists()
    withholding.release(himal.app, ["asha"], cause="case_1")
    assert redeem(himal, coffee).status == 201


@pytest.mark.parametrize(
    "cost, percent, price", [(30, 50, 15), (15, 50, 8), (33, 10, 30), (1, 50, 1), (1, 51, 0), (7, 100, 0)]
)
def test_a_promotion_lowers_the_price_rounded_half_up(himal, cafe, cost, percent, price):
    wanted = listing(cafe, coinCost=cost)
    for each in (percent, 1):  # the best one counts
        made = cafe.post(f"{M}/promotions", {"listingId": wanted, "percentOff": each, "endsAt": "2099-01-01T00:00:00Z"})
        assert made.status == 201, made
    redeemed = redeem(himal, wanted)
    assert redeemed["coinCost"] == price and coins(himal) == 100 - price
    assert Redemption.objects.get().promotion_id and Redemption.objects.get().owed_minor == price
    assert SettlementEntry.objects.count() == (price > 0)
    assert ledger.verify(himal.app)["ok"]


def test_a_promotion_counts_from_its_beginning_to_its_end(sandbox):
    from tests.referrals.moments import at

    wanted = listing(sandbox, coinCost=20)
    made = sandbox.post(
        f"{M}/promotions",
        {
            "listingId": wanted,
            "percentOff": 50,
            "startsAt": "2026-03-02T00:00:00Z",
            "endsAt": "2026-03-03T00:00:00Z",
        },
    )
    for moment, price, state in (
        ("2026-03-01T23:59:59Z", 20, "SCHEDULED"),
        ("2026-03-02T00:00:00Z", 10, "RUNNING"),
        ("2026-03-03T00:00:00Z", 20, "ENDED"),
    ):
        at(sandbox, moment)
        assert redeem(sandbox, wanted)["coinCost"] == price
        assert sandbox.get(f"{M}/promotions/{made['id']}")["status"] == state
        assert sandbox.get(f"{M}/public/listings/{wanted}")["coinCost"] == price


def test_tokens_and_coins_are_both_paid_and_both_owed(himal, cafe):
    give(himal, "asha", 50, tokens=10)
    wanted = listing(cafe, coinCost=33, tokenCost=3, coinRate=0.005, tokenRate=0.1, currency="EUR")
    assert redeem(himal, wanted)["balances"] == {"xp": 0, "coins": 117, "tokens": 7}
    (entry,) = SettlementEntry.objects.all()
    assert (entry.amount_minor, entry.currency) == (47, "EUR")  # 0.165 + 0.30, rounded half up


def test_an_app_owes_itself_nothing(cafe, coffee, told):
    join(cafe)
    give(cafe, "bikram")
    assert redeem(cafe, coffee, "bikram").status == 201
    assert not SettlementEntry.objects.exists()
    (event,) = told(cafe, "REDEMPTION_CREATED")
    assert event["userId"] == "bikram" and event["owed"] == 0


def test_nobody_is_told_a_code_twice_even_if_it_is_drawn_twice(himal, coffee, monkeypatch):
    """Codes have 63 random bits. If two were the same all the same, the second redemption is done again with another."""
    drawn = iter(["SAMECODE", "SAMECODE", "ANOTHER"])
    monkeypatch.setattr("incenta.codes.random_part", lambda length=14: next(drawn))
    assert [redeem(himal, coffee)["discountCode"] for _ in range(2)] == ["SAMECODE", "ANOTHER"]
    assert coins(himal) == 40 and Redemption.objects.count() == 2
    assert ledger.verify(himal.app)["ok"]


def test_a_hundred_at_once_for_the_last_five(transactional_db, himal, cafe):
    for user in range(25):
        give(himal, f"user-{user}", 1_000)
    wanted = listing(cafe, inventory=5, codePrefix="Cafe")
    answers = [
        answer for _ in range(4) for answer in at_once(25, lambda user: redeem(himal, wanted, f"user-{user}"))
    ]  # fmt: skip
    won = [answer for answer in answers if answer.status == 201]
    assert len(won) == 5 and len({answer["discountCode"] for answer in won}) == 5
    assert all(answer["discountCode"].startswith("CAFE-") for answer in won)
    assert [(answer.status, answer["code"]) for answer in answers if answer.status != 201] == [
        (409, "out_of_stock")
    ] * 95
    assert ListingStock.objects.get(listing=wanted).left == 0
    assert sum(himal.app.wallets.exclude(user_id="asha").values_list("coins", flat=True)) == 25 * 1_000 - 5 * 30
    assert sum(SettlementEntry.objects.values_list("amount_minor", flat=True)) == 5 * 30
    assert ledger.verify(himal.app)["ok"]


def test_uploaded_codes_are_each_given_once(transactional_db, himal, cafe):
    give(himal, "asha", 1_000)
    wanted = listing(cafe, codes=[f"Mitra-{number}" for number in range(8)])
    assert cafe.get(f"{M}/listings/{wanted}")["inventory"] == 8
    answers = at_once(12, lambda _: redeem(himal, wanted))
    assert sorted(answer["discountCode"] for answer in answers if answer.status == 201) == [
        f"Mitra-{number}" for number in range(8)
    ]
    assert {answer["code"] for answer in answers if answer.status != 201} == {"out_of_stock"}
    # a code that was shown is not given again, cancelled or not
    first = Redemption.objects.order_by("id").first()
    assert cafe.patch(f"{M}/redemptions/{first.pk}", {"status": "CANCELLED"}).status == 200
    assert redeem(himal, wanted)["code"] == "out_of_stock"
    assert not ListingCode.objects.filter(redemption_id=None).exists()


def test_the_limit_of_a_user_holds_at_once(transactional_db, himal, cafe):
    wanted = listing(cafe, coinCost=1, maxPerUser=2)
    answers = at_once(8, lambda _: redeem(himal, wanted))
    assert sorted(answer.status for answer in answers) == [201] * 2 + [409] * 6
    assert {answer["code"] for answer in answers if answer.status == 409} == {"user_limit"}
    # what was cancelled does not count
    first = Redemption.objects.order_by("id").first()
    himal.patch(f"{M}/redemptions/{first.pk}", {"status": "CANCELLED"})
    assert redeem(himal, wanted).status == 201


def test_the_same_idempotency_key_spends_once(himal, coffee):
    body = {"listingId": coffee, "userId": "asha"}
    first, again = (himal.post(f"{M}/redeem", body, idempotency_key="order-1") for _ in range(2))
    assert first.json == again.json and again.headers["Idempotency-Replayed"] == "true" and coins(himal) == 70
