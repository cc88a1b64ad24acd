"""The point of sale: a code is honoured once, by its business alone, with a key that can do nothing else, and nobody guesses it."""

import time

import pytest

from incenta.accounts.models import Role
from incenta.api import guessing
from incenta.api.metering import meter
from marketplace.models import Redemption
from tests.cast import Caller, at_once, caller
from tests.dashboard.conftest import body, sign_in
from tests.marketplace.stalls import at, books_are_right, cancels, earns, fulfils, opens, redeems, sells
from tests.test_isolation import checksums, moved

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_has_guessed():
    """What a process remembers of guesses must not outlive the rows of one test."""
    guessing.forget()
    meter.forget()


def market(himal: Caller, rival: Caller, **listing) -> str:
    """Himal's users spend at rival's. Answers the id of rival's coffee."""
    opens(himal)
    opens(rival)
    earns(himal, "asha")
    return sells(rival, "Coffee", **listing)


def wait_for_a_quiet_minute() -> None:
    if time.time() % 60 > 55:
        time.sleep(61 - time.time() % 60)  # guesses are counted by the minute: let this one not end between them


# --- honouring --------------------------------------------------------------------------------------------------------
def test_the_business_honours_a_code_typed_in_any_case(himal, rival):
    redeemed = redeems(himal, market(himal, rival))
    till = caller(rival.app, "pos")

    seen = till.get(f"/incentives/marketplace/verify/%20{redeemed['discountCode'].lower()}")
    assert seen.status == 200 and seen["valid"] is True and seen["listing"]["title"] == "Coffee"
    done = fulfils(till, redeemed["discountCode"].lower(), orderReference="order-7")

    assert done.status == 200 and done["success"] is True
    assert done["redemption"]["status"] == "FULFILLED" and done["redemption"]["orderReference"] == "order-7"
    assert "userId" not in done["redemption"], "whose coins it were is the issuer's to know"
    again = fulfils(till, redeemed["discountCode"])
    assert again.status == 409 and again["code"] == "already_fulfilled"
    assert again["details"] == {"fulfilledAt": done["redemption"]["fulfilledAt"], "orderReference": "order-7"}
    seen = till.get(f"/incentives/marketplace/verify/{redeemed['discountCode']}")
    assert seen["valid"] is False and seen["status"] == "FULFILLED" and seen["fulfilledAt"]
    books_are_right(himal.app, rival.app)


def test_what_ended_is_not_honoured(himal):
    shop = caller(himal.app.sandbox)
    opens(shop)
    at(shop.app, "2026-11-01T12:00")
    earns(shop, "asha")
    coffee = sells(shop, validDays=7)
    cancelled, late = redeems(shop, coffee), redeems(shop, coffee)
    cancels(shop, cancelled["redemptionId"])
    refused = fulfils(shop, cancelled["discountCode"])
    assert refused.status == 409 and refused["code"] == "redemption_cancelled"
    at(shop.app, "2026-11-08T12:00")
    refused = fulfils(shop, late["discountCode"])
    assert refused.status == 409 and refused["code"] == "redemption_expired"
    assert refused["details"]["expiresAt"] == "2026-11-08T12:00:00.000Z"
    assert Redemption.objects.filter(status="FULFILLED").count() == 0


@pytest.mark.parametrize("who", ["issuer", "stranger"])
def test_only_the_business_honours_its_codes(himal, rival, who):
    redeemed = redeems(himal, market(himal, rival))
    other = himal if who == "issuer" else caller(himal.app.sandbox)
    before = checksums()
    for code in (redeemed["discountCode"], redeemed["redemptionId"]):
        refused = fulfils(other, code)
        assert refused.status == 404 and refused["code"] == "redemption_not_found"
    assert not moved(before, checksums())
    assert Redemption.objects.get().status == "PENDING"


@pytest.mark.django_db(transaction=True)
def test_thirty_tills_at_once_honour_a_code_once(himal, rival, transactional_db):
    code = redeems(himal, market(himal, rival))["discountCode"]
    till = caller(rival.app, "pos")
    fulfils(till, "warm")

    answers = at_once(30, lambda place: fulfils(till, code, orderReference=f"order-{place}"))

    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200] + [409] * 29, statuses
    (won,) = (answer for answer in answers if answer.status == 200)
    for lost in answers:
        if lost is not won:
            assert lost["code"] == "already_fulfilled"
            assert lost["details"]["fulfilledAt"] == won["redemption"]["fulfilledAt"]
            assert lost["details"]["orderReference"] == won["redemption"]["orderReference"]
    told = rival.app.events.filter(type="MARKETPLACE_REDEMPTION_FULFILLED").count()
    assert told == himal.app.events.filter(type="MARKETPLACE_REDEMPTION_FULFILLED").count() == 1
    books_are_right(himal.app, rival.app)


@pytest.mark.django_db(transaction=True)
def test_a_code_that_is_honoured_and_cancelled_at_once_ends_in_one_way(himal, rival, transactional_db):
    redeemed = redeems(himal, market(himal, rival))
    code, redemption_id, left = redeemed["discountCode"], redeemed["redemptionId"], redeemed["balances"]["coins"]

    def act(place: int):
        return fulfils(rival, code) if place % 2 else cancels(himal if place % 4 else rival, redemption_id)

    answers = at_once(16, act)
    assert {answer.status for answer in answers} == {200, 409}
    ended = Redemption.objects.get()
    assert ended.status in ("FULFILLED", "CANCELLED")
    coins = himal.get("/incentives/balances/asha")["coins"]
    assert coins == left + (0 if ended.status == "FULFILLED" else 100)
    books_are_right(himal.app, rival.app)


def test_a_retry_with_its_key_is_answered_as_the_first_time(himal, rival):
    code = redeems(himal, market(himal, rival))["discountCode"]
    first = fulfils_with(rival, code, "till-1")
    again = fulfils_with(rival, code, "till-1")
    assert first.status == again.status == 200 and first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"


def fulfils_with(shop: Caller, code: str, key: str):
    return shop.post("/incentives/marketplace/fulfill", {"code": code}, idempotency_key=key)


@pytest.mark.parametrize(
    "sent",
    [
        *({}, {"code": ""}, {"code": 7}, {"code": None}, {"code": ["A"]}, {"code": "x" * 201}, {"code": "A", "who": "me"}),
        *({"code": "A\0B"}, {"code": "A", "orderReference": "x" * 256}, {"code": "A", "orderReference": 5}, []),
    ],
)  # fmt: skip
def test_what_is_no_code_is_refused(himal, sent):
    before = checksums()
    refused = himal.post("/incentives/marketplace/fulfill", sent)
    assert refused.status == 400, refused
    assert not moved(before, checksums())


# --- the key of a till ------------------------------------------------------------------------------------------------
def test_a_tills_key_can_do_nothing_else(himal):
    till = caller(himal.app, "pos")
    opens(himal)
    before = checksums()
    for method, path, sent in (
        ("GET", "/campaigns", None),
        ("GET", "/incentives/balances/asha", None),
        ("GET", "/incentives/marketplace/redemptions", None),
        ("GET", "/incentives/marketplace/redemptions/rdm_1", None),
        ("PATCH", "/incentives/marketplace/redemptions/rdm_1", {"status": "CANCELLED"}),
        ("GET", "/incentives/marketplace/statement", None),
        ("GET", "/incentives/marketplace/public/listings", None),
        ("POST", "/incentives/marketplace/redeem", {"listingId": "lst_1", "userId": "asha"}),
        ("POST", "/incentives/marketplace/listings", {"title": "Free", "coinCost": 1}),
        ("DELETE", "/incentives/marketplace/listings/lst_1", None),
        ("POST", "/incentives/adjustments", {"userId": "asha", "coins": 5, "reason": "Mine"}),
        ("GET", "/webhooks", None),
    ):
        refused = till(method, path, sent)
        assert refused.status == 403 and refused["code"] == "missing_scope", (method, path, refused)
        assert "point-of-sale" in refused["error"]
    assert not moved(before, checksums())


def test_no_view_lets_tills_in_by_accident():
    from tests.test_isolation import api_calls

    assert sorted(label for label, _, route in api_calls() if route.view.point_of_sale) == [
        "GET incentives/marketplace/verify/<user_id:user_id>",
        "POST incentives/marketplace/fulfill",
    ]


def test_a_tills_key_learns_nothing_of_users(himal):
    opens(himal)
    earns(himal, "asha", 777)
    seen = caller(himal.app, "pos").get("/incentives/marketplace/verify/asha")
    assert seen.status == 200 and seen["valid"] is False and "777" not in str(seen.json) and "balances" not in seen.json


def test_a_tills_key_is_made_at_the_dashboard(himal):
    owner = sign_in(himal.app.merchant)
    page = f"/dashboard/{himal.app.pk}/keys/new/"
    assert "Point of sale" in body(owner.get(page))
    made = owner.post(page, {"name": "Till 1", "scope": "pos", "expires": ""})
    assert made.status_code == 201 and "can do nothing else" in body(made)
    assert himal.app.api_keys.get(name="Till 1").scope == "pos"


def test_another_tenants_key_does_not_see_the_code(himal, rival):
    code = redeems(himal, market(himal, rival))["discountCode"]
    for stranger in (caller(himal.app, "pos"), caller(rival.app.sandbox, "pos")):
        seen = stranger.get(f"/incentives/marketplace/verify/{code}")
        assert seen.status == 200 and seen["valid"] is False and seen["redemptionId"] is None
        assert seen.json == stranger.get("/incentives/marketplace/verify/NOSUCHCODE").json


# --- guessing ---------------------------------------------------------------------------------------------------------
def test_mallory_cannot_guess_codes_with_a_stolen_till(himal, rival):
    code = redeems(himal, market(himal, rival))["discountCode"]
    till, other_till = caller(rival.app, "pos"), caller(rival.app, "pos")
    wait_for_a_quiet_minute()
    for place in range(guessing.MISSES_PER_MINUTE):
        if place % 2:
            assert fulfils(till, f"GUESS{place}").status == 404
        else:
            assert till.get(f"/incentives/marketplace/verify/GUESS{place}")["valid"] is False
    for _ in range(2):
        for answer in (till.get("/incentives/marketplace/verify/GUESS"), fulfils(till, "GUESS"), fulfils(till, code)):
            assert answer.status == 429 and answer["code"] == "too_many_unknown_codes"
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert Redemption.objects.get().status == "PENDING"
    (flag,) = rival.app.fraud_flags.all()
    key = rival.app.api_keys.filter(scope="pos").order_by("pk").first()
    assert (flag.subject_type, flag.subject_id, flag.signal) == ("API_KEY", key.pk, "CODE_GUESSING")
    # the other till at the same counter works on, until the address has missed too often as well
    assert other_till.get(f"/incentives/marketplace/verify/{code}")["valid"] is True
    for place in range(guessing.MISSES_OF_AN_ADDRESS - guessing.MISSES_PER_MINUTE):
        if place % guessing.MISSES_PER_MINUTE == 0:
            other_till = caller(rival.app, "pos")
        answer = fulfils(other_till, f"GUESS{place}")
        if answer.status == 429:
            break
        assert answer.status == 404
    fresh = caller(rival.app, "pos")
    fulfils(fresh, "GUESS")
    assert fulfils(fresh, code).status == 429
    # misses of one app are no matter of another's at the same address
    assert fulfils(himal, "GUESS").status == 404


def test_a_busy_till_is_never_taken_for_a_guesser(himal, rival):
    code = redeems(himal, market(himal, rival))["discountCode"]
    till = caller(rival.app, "pos")
    for _ in range(30):
        assert till.get(f"/incentives/marketplace/verify/{code}")["valid"] is True


# --- the counter ------------------------------------------------------------------------------------------------------
def counter(shop: Caller) -> str:
    return f"/dashboard/{shop.app.pk}/marketplace/counter/"


def test_at_the_counter_a_code_is_looked_at_and_then_honoured(himal, rival):
    redeemed = redeems(himal, market(himal, rival, terms="One each", discount={"type": "PERCENTAGE", "value": 15}))
    code, page = redeemed["discountCode"], counter(rival)
    clerk = sign_in(rival.app.merchant, Role.ANALYST)
    assert "Type or scan" in body(clerk.get(page))

    seen = body(clerk.post(page, {"code": f" {code.lower()} "}))
    assert "Valid" in seen and "Coffee" in seen and "15 % off" in seen and "One each" in seen and "100 coins" in seen
    assert "asha" not in seen
    assert Redemption.objects.get().status == "PENDING"

    done = clerk.post(page, {"code": code, "fulfil": "yes", "order_reference": "order-9"}, follow=True)
    assert "Coffee is fulfilled" in body(done) and code not in done.redirect_chain[0][0]
    assert Redemption.objects.get().order_reference == "order-9"
    late = clerk.post(page, {"code": code, "fulfil": "yes"})
    assert late.status_code == 409 and "Used already" in body(late) and "order-9" in body(late)
    assert "Used already" in body(clerk.post(page, {"code": code}))
    books_are_right(himal.app, rival.app)


def test_at_the_counter_a_wrong_code_is_told_and_counted(himal, rival):
    code = redeems(himal, market(himal, rival))["discountCode"]
    clerk, page = sign_in(rival.app.merchant), counter(rival)
    wait_for_a_quiet_minute()
    for wrong in ("", " ", "x" * 201):
        assert clerk.post(page, {"code": wrong}).status_code == 422
    for place in range(guessing.MISSES_PER_MINUTE):
        told = clerk.post(page, {"code": f"GUESS{place}"})
        assert told.status_code == 422 and "No redemption at this business has this code" in body(told)
    for sent in ({"code": "GUESS"}, {"code": code}, {"code": code, "fulfil": "yes"}):
        told = clerk.post(page, sent)
        assert told.status_code == 429 and "Please wait" in body(told) and told["Retry-After"]
    assert Redemption.objects.get().status == "PENDING"


def test_the_counter_is_for_who_may_settle(himal, rival):
    code = redeems(himal, market(himal, rival))["discountCode"]
    developer = sign_in(rival.app.merchant, Role.DEVELOPER)
    assert developer.get(counter(rival)).status_code == 403
    assert developer.post(counter(rival), {"code": code, "fulfil": "yes"}).status_code == 403
    stranger = sign_in(himal.app.merchant)
    assert stranger.post(counter(rival), {"code": code, "fulfil": "yes"}).status_code == 404
    # the issuer's own counter does not know the code
    assert stranger.post(counter(himal), {"code": code, "fulfil": "yes"}).status_code == 422
    assert Redemption.objects.get().status == "PENDING"
