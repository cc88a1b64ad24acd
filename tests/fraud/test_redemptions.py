"""What a cheat redeems waits for the review: approved, it goes on; rejected, its coins go back to their lots."""

import pytest

from fraud import deciding, lists, undoing
from fraud.models import Case, Flag, KeyKind, Link, Score
from fraud.settings import revise
from fraud.tally import Kept, retry, thresholds_of
from fraud.weights import built_in
from incentives import farming, ledger
from incentives.models import ItemRedemption
from tests.cast import at_once
from tests.fraud.test_coins import NOON, farm
from tests.incentives.game import action, did, sound, standing

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(sandbox):
    """A mug is handed over by hand, a voucher is a code."""
    action(sandbox, cooldown=3600)
    action(sandbox, "tap", cooldown=900, coins=1)
    sandbox.mug = sandbox.post("/incentives/catalog", {"name": "Mug", "coinCost": 30, "inventory": 5})["id"]
    sandbox.voucher = sandbox.post(
        "/incentives/catalog", {"name": "Voucher", "coinCost": 20, "codeSource": "GENERATED"}
    )["id"]
    return sandbox


def gives(shop, user: str, coins: int = 100) -> None:
    assert shop.post("/incentives/adjustments", {"userId": user, "coins": coins, "reason": "Start"}).status == 201


def redeems(shop, user: str, item: str):
    return shop.post("/incentives/redeem", {"userId": user, "itemId": item})


def test_who_is_denied_gets_nothing_until_somebody_has_looked(shop):
    gives(shop, "mallory")
    lists.add(shop.app, "DENY", "USER", "mallory", reason="Known", actor="asha")
    held = redeems(shop, "mallory", shop.voucher)
    assert (held.status, held["status"], held["code"]) == (201, "PENDING", None)
    assert (held["riskScore"], held["holdReasons"]) == (100, ["FRAUD_REVIEW"])
    (flag,) = Flag.objects.filter(app=shop.app)
    assert (flag.subject_type, flag.subject_id, flag.signal) == ("REDEMPTION", held["redemptionId"], "DENIED_USER")
    assert Case.objects.get(app=shop.app).held == {"COIN": 20}
    refused = shop.patch(f"/incentives/redemptions/{held['redemptionId']}", {"status": "FULFILLED"})
    assert (refused.status, refused["code"]) == (409, "redemption_on_hold")
    (listed,) = shop.get("/incentives/redemptions")["redemptions"]
    assert (listed["code"], listed["riskScore"], listed["holdReasons"]) == (None, 100, ["FRAUD_REVIEW"])
    # approved over the API, the code is given
    assert shop.post(f"/fraud/flags/{flag.pk}/resolve", {"decision": "APPROVE", "note": "A mix-up"}).status == 200
    (listed,) = shop.get("/incentives/redemptions")["redemptions"]
    assert listed["status"] == "FULFILLED" and listed["code"] and listed["holdReasons"] == []
    told = shop.app.events.filter(type__startswith="INCENTIVE_ITEM").order_by("id").values_list("type", "data__code")
    assert list(told) == [("INCENTIVE_ITEM_REDEEMED", None), ("INCENTIVE_ITEM_FULFILLED", listed["code"])]
    sound(shop)


def test_rejected_it_is_cancelled_and_its_coins_go_back(shop):
    gives(shop, "mallory")
    lists.add(shop.app, "DENY", "USER", "mallory", actor="asha")
    held = redeems(shop, "mallory", shop.mug)
    case = Case.objects.get(app=shop.app)
    preview = deciding.decide(shop.app, case.pk, "REJECT", actor="asha", note="A cheat", preview=True)
    assert [effect.kind for effect in preview.effects] == ["redemption_cancelled"]
    assert shop.app.wallets.get(user_id="mallory").coins == 70
    decided = deciding.decide(shop.app, case.pk, "REJECT", actor="asha", note="A cheat").decision
    assert shop.app.wallets.get(user_id="mallory").coins == 100
    assert ItemRedemption.objects.get(pk=held["redemptionId"]).status == "CANCELLED"
    assert shop.get(f"/incentives/catalog/{shop.mug}")["inventory"] == 5
    undone = undoing.undo(shop.app, decided.pk, actor="asha")
    assert "redemption_stays" in {effect.kind for effect in undone.effects}
    assert ledger.verify(shop.app)["ok"]


def test_a_code_that_a_review_refused_is_told_to_nobody(shop):
    gives(shop, "mallory")
    lists.add(shop.app, "DENY", "USER", "mallory", actor="asha")
    held = redeems(shop, "mallory", shop.voucher)
    code = ItemRedemption.objects.get(pk=held["redemptionId"]).code

    def told() -> list:
        listed = shop.get("/incentives/redemptions")["redemptions"]
        return [listed, shop.get("/users/mallory/export").json]

    assert code not in str(told())
    case = Case.objects.get(app=shop.app)
    deciding.decide(shop.app, case.pk, "REJECT", actor="asha", note="A cheat")
    assert told()[0][0]["status"] == "CANCELLED"
    assert code not in str(told())
    assert code not in str(list(shop.app.events.values_list("data", flat=True)))


def test_what_was_approved_and_not_handed_over_is_held_again_when_that_is_undone(shop):
    gives(shop, "mallory")
    lists.add(shop.app, "DENY", "USER", "mallory", actor="asha")
    redeems(shop, "mallory", shop.mug)
    case = Case.objects.get(app=shop.app)
    decided = deciding.decide(shop.app, case.pk, "APPROVE", actor="asha").decision
    assert not ItemRedemption.objects.get(app=shop.app).is_held
    undoing.undo(shop.app, decided.pk, actor="asha")
    assert ItemRedemption.objects.get(app=shop.app).is_held
    case.refresh_from_db()
    assert (case.status, case.held) == ("OPEN", {"COIN": 30})


def test_a_farmer_who_has_redeemed_waits_for_it_and_loses_it(shop):
    gives(shop, "asha")
    farm(shop)
    bought = redeems(shop, "mallory", shop.mug)
    assert (bought["riskScore"], bought["holdReasons"]) == (None, [])
    assert redeems(shop, "asha", shop.mug)["riskScore"] is None
    farming.look(shop.app)
    mine = ItemRedemption.objects.get(pk=bought["redemptionId"])
    assert (mine.is_held, mine.risk_score) == (True, 45)
    assert Score.objects.get(app=shop.app, subject_type="REDEMPTION").score == 45
    assert Case.objects.filter(app=shop.app).count() == 1, "his points and what he bought with them are one decision"
    assert not ItemRedemption.objects.get(user_id="asha", app=shop.app).is_held
    # looking again says nothing new
    farming.look(shop.app)
    assert Score.objects.filter(app=shop.app, subject_type="REDEMPTION").count() == 1
    case = Case.objects.get(app=shop.app)
    page = shop.get(f"/fraud/cases/{case.pk}")
    assert "mallory redeemed Mug" in {each["title"] for each in page["subjects"]}
    deciding.decide(shop.app, case.pk, "REJECT", actor="asha", note="A program")
    assert shop.app.wallets.get(user_id="mallory").coins == 0
    assert ItemRedemption.objects.get(pk=bought["redemptionId"]).status == "CANCELLED"
    sound(shop)
    # it is settled: what he earns and spends from here on is judged by itself
    gives(shop, "mallory")
    assert redeems(shop, "mallory", shop.mug)["riskScore"] is None


def test_below_the_threshold_it_has_a_score_and_goes_on(shop):
    users = [f"sock{place}" for place in range(6)]
    for user in users:
        gives(shop, user, 50)
        assert redeems(shop, user, shop.voucher).status == 201
        Link.objects.create(app=shop.app, kind=KeyKind.DEVICE, key=1, user_id=user, first_seen=NOON, last_seen=NOON)
    redeems(shop, "sock0", shop.mug)
    revise(shop.app, {"coin_hold_at": 40}, actor="asha")
    farming.look(shop.app)
    mug = ItemRedemption.objects.get(app=shop.app, item_id=shop.mug)
    assert (mug.is_held, mug.risk_score) == (False, 30)
    later = redeems(shop, "sock1", shop.voucher)
    assert (later["status"], later["riskScore"], later["holdReasons"]) == ("FULFILLED", 30, [])
    # a backtest judges them as they were judged
    for score in Score.objects.filter(app=shop.app, subject_type="REDEMPTION"):
        kept = Kept(
            score.subject_type, score.subject_id, None, score.stage, score.score, score.action, score.reasons, score.features,
            False, score.at,
        )  # fmt: skip
        again, action = retry(kept, kept.facts, built_in(), thresholds_of([kept], 40))
        assert (again.score, action) == (30, score.action)


def test_an_event_has_the_score_of_the_pattern_that_it_is_part_of(shop):
    did(shop, "asha")
    farm(shop)
    assert did(shop, "asha", "tap")["riskScore"] is None
    farming.look(shop.app)
    assert standing(shop, "mallory").on_hold
    told = did(shop, "mallory", idempotencyKey="one")
    assert (told["notAwarded"]["code"], told["riskScore"]) == ("fraud_hold", 45)
    assert did(shop, "mallory", idempotencyKey="one")["riskScore"] == 45
    listed = shop.get("/incentives/events?userId=mallory")["events"]
    assert {each["riskScore"] for each in listed} == {45}
    assert {each["riskScore"] for each in shop.get("/incentives/events?userId=asha")["events"]} == {None}


@pytest.mark.django_db(transaction=True)
def test_decided_and_cancelled_at_once_its_coins_go_back_once(shop):
    gives(shop, "mallory")
    lists.add(shop.app, "DENY", "USER", "mallory", actor="asha")
    for _ in range(3):
        held = redeems(shop, "mallory", shop.mug)["redemptionId"]
        case = Case.objects.exclude(status="CLOSED").get(app=shop.app)

        def act(place: int, case=case, held=held):
            if place % 2:
                return shop.patch(f"/incentives/redemptions/{held}", {"status": "CANCELLED"})
            verdict = "REJECT" if place % 4 else "APPROVE"
            return shop.post(f"/fraud/cases/{case.pk}/decide", {"verdict": verdict, "note": "Known to us"})

        answers = at_once(8, act)
        assert {answer.status for answer in answers} <= {200, 409}, answers
        row = ItemRedemption.objects.get(pk=held)
        assert (row.status, shop.app.wallets.get(user_id="mallory").coins) == ("CANCELLED", 100)
        case.refresh_from_db()
        assert case.outcome in ("APPROVED", "REJECTED", "MOOT")
    assert shop.get(f"/incentives/catalog/{shop.mug}")["inventory"] == 5
    sound(shop)
