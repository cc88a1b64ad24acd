"""How a redemption ends: honoured, cancelled by either party, or expired; once, whoever else tries at the same moment."""

import pytest

from incenta.events.catalogue import EVENT_TYPES
from incentives import ledger
from marketplace import expiring
from marketplace.models import ListingStock, Redemption, SettlementEntry
from tests.cast import at_once, caller
from tests.referrals.moments import at

from .conftest import M, business, coins, give, join, listing, redeem

pytestmark = pytest.mark.django_db


def settle(who, redemption_id: str, status: str, **more):
    return who.patch(f"{M}/redemptions/{redemption_id}", {"status": status} | more)


def entries() -> list[tuple[str, int]]:
    return list(SettlementEntry.objects.order_by("id").values_list("kind", "amount_minor"))


def test_the_business_fulfils_and_both_are_told(himal, cafe, coffee, told):
    redeemed = redeem(himal, coffee)["redemptionId"]
    done = settle(cafe, redeemed, "FULFILLED", orderReference="order-7")
    assert done.status == 200 and done["status"] == "FULFILLED" and done["fulfilledAt"]
    assert done["orderReference"] == "order-7" and done["settledBy"] == "BUSINESS" and done["role"] == "business"
    assert "userId" not in done.json and "asha" not in str(done.json)
    assert settle(cafe, redeemed, "FULFILLED").json == done.json  # repeating it is harmless
    (hers,), (theirs,) = told(himal, "REDEMPTION_FULFILLED"), told(cafe, "REDEMPTION_FULFILLED")
    assert hers == theirs | {"userId": "asha"} and theirs["status"] == "FULFILLED"
    for who in (himal, cafe):
        refused = settle(who, redeemed, "CANCELLED")
        assert (refused.status, refused["code"]) == (409, "redemption_fulfilled")
    assert entries() == [("OWE", 30)] and coins(himal) == 70


@pytest.mark.parametrize("party", ["issuer", "business"])
def test_either_party_cancels_what_is_not_fulfilled(himal, cafe, told, party):
    who = {"issuer": himal, "business": cafe}[party]
    wanted = listing(cafe, inventory=1)
    redeemed = redeem(himal, wanted)["redemptionId"]
    for _ in range(2):
        done = settle(who, redeemed, "CANCELLED", reason="Closed today")
        assert done["status"] == "CANCELLED" and done["reason"] == "Closed today" and done["role"] == party
        assert done["settledBy"] == party.upper()
    assert coins(himal) == 100 and ListingStock.objects.get().left == 1
    assert entries() == [("OWE", 30), ("RETURN", 30)]
    (hers,), (theirs,) = told(himal, "REDEMPTION_CANCELLED"), told(cafe, "REDEMPTION_CANCELLED")
    assert hers == theirs | {"userId": "asha"} and theirs["reason"] == "Closed today"
    refused = settle(cafe, redeemed, "FULFILLED")
    assert (refused.status, refused["code"]) == (409, "redemption_cancelled")
    assert ledger.verify(himal.app)["ok"]


def test_who_may_do_what(himal, cafe, coffee):
    redeemed = redeem(himal, coffee)["redemptionId"]
    refused = settle(himal, redeemed, "FULFILLED")
    assert (refused.status, refused["code"]) == (403, "not_the_business")
    stranger = caller(himal.app.sandbox)
    for status in ("FULFILLED", "CANCELLED"):
        absent = settle(stranger, redeemed, status)
        assert (absent.status, absent["code"]) == (404, "redemption_not_found")
    assert stranger.get(f"{M}/redemptions/{redeemed}").status == 404
    for wrong in (
        {"status": "PENDING"},
        {"status": "EXPIRED"},
        {},
        {"status": "FULFILLED", "reason": "x"},
        {"status": "CANCELLED", "orderReference": "x"},
        {"status": "CANCELLED", "reason": 5},
    ):
        assert cafe.patch(f"{M}/redemptions/{redeemed}", wrong).status == 400
    assert Redemption.objects.get().status == "PENDING" and entries() == [("OWE", 30)]


def test_coins_return_to_the_lots_they_came_from(sandbox):
    sandbox.patch("/incentives/settings", {"coinsExpireAfter": 10, "coinsExpireUnit": "day"})
    sandbox.post("/incentives/actions", {"key": "visit", "name": "Visit", "type": "STANDARD", "coins": 10})
    sandbox.post("/incentives/events", {"userId": "bikram", "actionKey": "visit"})
    before = sandbox.get("/incentives/balances/bikram").json
    at(sandbox, "2026-03-05T12:00:00Z")
    sandbox.post("/incentives/events", {"userId": "bikram", "actionKey": "visit"})
    held = sandbox.get("/incentives/balances/bikram")["expiring"]
    redeemed = redeem(sandbox, listing(sandbox, coinCost=15), "bikram")["redemptionId"]
    assert [lot["amount"] for lot in sandbox.get("/incentives/balances/bikram")["expiring"]] == [5]
    settle(sandbox, redeemed, "CANCELLED")
    assert sandbox.get("/incentives/balances/bikram")["expiring"] == held and held[0] == before["expiring"][0]
    assert ledger.verify(sandbox.app)["ok"]


def test_both_parties_cancel_at_once_and_coins_return_once(transactional_db, himal, cafe):
    wanted = listing(cafe, inventory=5)
    for _ in range(3):
        redeemed = redeem(himal, wanted)["redemptionId"]
        answers = at_once(6, lambda place, id=redeemed: settle((himal, cafe)[place % 2], id, "CANCELLED"))
        assert {answer.status for answer in answers} == {200}
    assert coins(himal) == 100 and ListingStock.objects.get().left == 5
    assert sorted(entries()) == [("OWE", 30)] * 3 + [("RETURN", 30)] * 3
    assert himal.app.events.filter(type="MARKETPLACE_REDEMPTION_CANCELLED").count() == 3
    assert ledger.verify(himal.app)["ok"]


def test_fulfilled_or_cancelled_but_never_both(transactional_db, himal, cafe):
    give(himal, "asha", 200)
    wanted = listing(cafe, inventory=10)
    for _ in range(6):
        redeemed = redeem(himal, wanted)["redemptionId"]
        ways = [(cafe, "FULFILLED"), (himal, "CANCELLED"), (cafe, "CANCELLED"), (cafe, "FULFILLED")]
        answers = at_once(4, lambda place, id=redeemed, ways=ways: settle(ways[place][0], id, ways[place][1]))
        assert {answer.status for answer in answers} <= {200, 409}
        won = {answer["status"] for answer in answers if answer.status == 200}
        assert won == {Redemption.objects.get(pk=redeemed).status}
    kept = Redemption.objects.filter(status="FULFILLED").count()
    assert coins(himal) == 300 - 30 * kept and ListingStock.objects.get().left == 10 - kept
    assert SettlementEntry.objects.filter(kind="RETURN").count() == 6 - kept
    assert ledger.verify(himal.app)["ok"]


def test_every_event_holds_what_the_catalogue_shows(himal, cafe, coffee):
    """To the issuer everything; to the business everything but who the user is."""
    kinds = {name: kind.example for name, kind in EVENT_TYPES.items() if name.startswith("MARKETPLACE_")}
    cafe.post(f"{M}/promotions", {"listingId": coffee, "percentOff": 10, "endsAt": "2099-01-01T00:00:00Z"})
    first, second = (redeem(himal, coffee)["redemptionId"] for _ in range(2))
    settle(cafe, first, "FULFILLED", orderReference="order-7")
    settle(himal, second, "CANCELLED", reason="Closed")
    seen = set()
    for who in (himal, cafe):
        for event in who.app.events.filter(type__in=kinds):
            seen.add(event.type)
            missing = set(kinds[event.type]) - set(event.data)
            hidden = {"userId"} if "REDEMPTION" in event.type and who is cafe else set()
            assert missing == hidden, (event.type, missing)
            assert event.actor == "system" or event.actor.startswith(("operator", who.app.api_keys.get().pk))
    assert seen == set(kinds)


# --- time --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("policy, back", [("RETURN", 100), ("KEEP", 70)])
def test_an_unused_code_expires_by_the_listings_policy_and_the_sandboxs_clock(sandbox, told, policy, back):
    wanted = listing(sandbox, validDays=3, onExpiry=policy, inventory=1)
    redeemed = redeem(sandbox, wanted)
    assert redeemed["expiresAt"] == "2026-03-04T12:00:00.000Z"
    at(sandbox, "2026-03-04T11:59:59Z")
    assert expiring.expire_all() == 0 and coins(sandbox) == 70
    at(sandbox, "2026-03-04T12:00:00Z")
    refused = settle(sandbox, redeemed["redemptionId"], "FULFILLED")
    assert (refused.status, refused["code"]) == (409, "redemption_expired")
    assert settle(sandbox, redeemed["redemptionId"], "CANCELLED")["code"] == "redemption_expired"
    assert [expiring.expire_all(), expiring.expire_all()] == [1, 0]
    assert coins(sandbox) == back and ListingStock.objects.get().left == 1
    ended = Redemption.objects.get()
    assert ended.status == "EXPIRED" and ended.settled_by == "SYSTEM" and ended.cancelled_at == ended.expires_at
    (event,) = told(sandbox, "REDEMPTION_CANCELLED")
    assert event["status"] == "EXPIRED" and event["userId"] == "asha"
    assert settle(sandbox, redeemed["redemptionId"], "CANCELLED")["code"] == "redemption_expired"
    assert ledger.verify(sandbox.app)["ok"]
    # the limit of a user counts whose coins are spent
    sandbox.patch(f"{M}/listings/{wanted}", {"maxPerUser": 1})
    assert redeem(sandbox, wanted).status == (201 if policy == "RETURN" else 409)


def test_what_is_owed_returns_when_a_code_expires_whatever_becomes_of_the_coins(himal, cafe, told):
    for policy in ("RETURN", "KEEP"):
        redeem(himal, listing(cafe, validDays=1, onExpiry=policy))
    Redemption.objects.update(expires_at="2026-01-01T00:00:00Z")
    assert expiring.expire_all() == 2
    assert sorted(entries()) == [("OWE", 30)] * 2 + [("RETURN", 30)] * 2 and coins(himal) == 70
    assert all("userId" not in data for data in told(cafe, "REDEMPTION_CANCELLED"))


def test_an_app_of_the_same_merchant_expires_by_its_own_clock(sandbox):
    """The issuer's clock counts: the business may live at another time."""
    from incenta.accounts.models import App

    live = App.objects.create(merchant=sandbox.app.merchant, name="Second")
    second = caller(App.objects.create(merchant=sandbox.app.merchant, name="Second sandbox", sandbox_of=live))
    at(second, "2027-01-01T00:00:00Z")
    business(second, "Other", verified=False)
    wanted = listing(second, validDays=1)
    assert redeem(sandbox, wanted).status == 201
    assert expiring.expire_all() == 0
    at(sandbox, "2026-03-02T12:00:00Z")
    assert expiring.expire_all() == 1


def test_many_expire_at_once_and_twice_and_while_one_is_fulfilled(transactional_db, himal, cafe):
    users = [f"user-{number}" for number in range(5)]
    for user in users:
        give(himal, user)
    wanted = listing(cafe, validDays=1, inventory=20)
    for user in users * 3:
        assert redeem(himal, wanted, user).status == 201
    Redemption.objects.update(expires_at="2026-01-01T00:00:00Z")
    expired = at_once(4, lambda _: expiring.expire_all())
    while expiring.expire_all():  # what was held by another one meanwhile
        pass
    assert not [each for each in expired if isinstance(each, Exception)], expired
    assert all(coins(himal, user) == 100 for user in users) and ListingStock.objects.get().left == 20
    assert Redemption.objects.filter(status="EXPIRED").count() == 15
    assert SettlementEntry.objects.filter(kind="RETURN").count() == 15
    assert himal.app.events.filter(type="MARKETPLACE_REDEMPTION_CANCELLED").count() == 15
    assert ledger.verify(himal.app)["ok"]


# --- lists -------------------------------------------------------------------------------------------------------------
def test_each_party_lists_its_side(himal, cafe, coffee):
    redeemed = redeem(himal, coffee)
    join(cafe)
    give(cafe, "bikram")
    redeem(cafe, coffee, "bikram")
    (hers,) = himal.get(f"{M}/redemptions")["redemptions"]
    assert hers["userId"] == "asha" and hers["role"] == "issuer" and hers["owed"] == 0.3
    assert himal.get(f"{M}/redemptions?role=business")["redemptions"] == []
    here = cafe.get(f"{M}/redemptions?role=business")["redemptions"]
    assert [each.get("userId") for each in here] == ["bikram", None]
    assert [each["userId"] for each in cafe.get(f"{M}/redemptions?role=issuer")["redemptions"]] == ["bikram"]
    (found,) = cafe.get(f"{M}/redemptions?role=business&code={redeemed['discountCode'].lower()}")["redemptions"]
    assert found["id"] == redeemed["redemptionId"] and found["issuer"] == {"name": himal.app.name}
    assert cafe.get(f"{M}/redemptions?role=business&status=FULFILLED")["redemptions"] == []
    assert len(himal.get(f"{M}/redemptions?userId=asha&listingId={coffee}")["redemptions"]) == 1
    # a business must not find out whose code it is by asking for names
    for wrong in ("role=business&userId=asha", "role=mine", "status=USED"):
        assert cafe.get(f"{M}/redemptions?{wrong}").status == 400
