"""Spending points on the catalog: stock, limits, codes, fulfilment and cancellation, one at a time and all at once."""

import pytest

from incentives import ledger
from incentives.models import Item, ItemCode, ItemRedemption, ItemStock
from tests.cast import at_once

pytestmark = pytest.mark.django_db


def earn(himal, user: str, coins: int) -> None:
    himal.post("/incentives/actions", {"key": f"gift_{coins}", "name": "Gift", "type": "STANDARD", "coins": coins})
    assert himal.post("/incentives/events", {"userId": user, "actionKey": f"gift_{coins}"}).status == 201


def item(himal, **fields) -> str:
    made = himal.post("/incentives/catalog", {"name": "Mug", "coinCost": 30} | fields)
    assert made.status == 201, made
    return made["id"]


def balance(himal, user: str) -> int:
    return (
        ledger.wallet_of(himal.app, user)["coins"]
        if hasattr(ledger, "wallet_of")
        else himal.app.wallets.get(user_id=user).coins
    )


def test_asha_spends_coins_on_a_mug_and_the_merchant_hands_it_over(himal):
    earn(himal, "asha", 100)
    mug = item(himal, inventory=2)
    redeemed = himal.post("/incentives/redeem", {"userId": "asha", "itemId": mug})
    assert redeemed.status == 201
    assert redeemed.json | {"redemptionId": "", "redeemedAt": ""} == {
        "redemptionId": "",
        "itemId": mug,
        "userId": "asha",
        "status": "PENDING",
        "code": None,
        "riskScore": None,
        "holdReasons": [],
        "coinCost": 30,
        "tokenCost": 0,
        "balances": {"xp": 0, "coins": 70, "tokens": 0},
        "redeemedAt": "",
    }
    assert himal.get(f"/incentives/catalog/{mug}")["inventory"] == 1
    done = himal.patch(f"/incentives/redemptions/{redeemed['redemptionId']}", {"status": "FULFILLED"})
    assert done["status"] == "FULFILLED" and done["fulfilledAt"]
    assert himal.patch(f"/incentives/redemptions/{redeemed['redemptionId']}", {"status": "FULFILLED"}).json == done.json
    assert [event.type for event in himal.app.events.filter(type__startswith="INCENTIVE_ITEM").order_by("id")] == [
        "INCENTIVE_ITEM_REDEEMED",
        "INCENTIVE_ITEM_FULFILLED",
    ]
    (listed,) = himal.get("/incentives/redemptions?userId=asha&status=FULFILLED")["redemptions"]
    assert listed["id"] == redeemed["redemptionId"] and listed["itemId"] == mug


def test_cancelling_gives_back_points_and_stock_once(himal):
    earn(himal, "asha", 100)
    mug = item(himal, inventory=1)
    redeemed = himal.post("/incentives/redeem", {"userId": "asha", "itemId": mug})["redemptionId"]
    for _ in range(2):
        assert himal.patch(f"/incentives/redemptions/{redeemed}", {"status": "CANCELLED"})["status"] == "CANCELLED"
    assert balance(himal, "asha") == 100 and ItemStock.objects.get(item=mug).left == 1
    refused = himal.patch(f"/incentives/redemptions/{redeemed}", {"status": "FULFILLED"})
    assert refused.status == 409 and refused["code"] == "redemption_cancelled"
    assert ledger.verify(himal.app)["ok"]


def test_each_refusal_has_its_code_and_moves_nothing(himal, rival):
    earn(himal, "asha", 100)
    dear, hidden, gone, once = (
        item(himal, coinCost=101),
        item(himal, published=False),
        item(himal, inventory=0),
        item(himal, maxPerUser=1),
    )
    assert himal.post("/incentives/redeem", {"userId": "asha", "itemId": once}).status == 201
    for wanted, code, status in (
        (dear, "insufficient_balance", 409),
        (hidden, "item_not_published", 409),
        (gone, "out_of_stock", 409),
        (once, "user_limit", 409),
        ("item_nobody", "item_not_found", 404),
    ):
        refused = himal.post("/incentives/redeem", {"userId": "asha", "itemId": wanted})
        assert (refused.status, refused["code"]) == (status, code)
    assert rival.post("/incentives/redeem", {"userId": "asha", "itemId": once}).status == 404
    assert balance(himal, "asha") == 70 and ItemRedemption.objects.count() == 1
    assert himal.delete(f"/incentives/catalog/{once}").status == 204
    assert himal.post("/incentives/redeem", {"userId": "asha", "itemId": once})["code"] == "item_not_found"


def test_a_free_item_is_no_item(himal):
    refused = himal.post("/incentives/catalog", {"name": "Air", "coinCost": 0})
    assert refused.status == 400 and "coinCost" in refused["details"] and not Item.objects.exists()


@pytest.mark.parametrize("wrong", [-1, 1.5, 10**12, True, "30", None])
def test_a_cost_is_a_whole_number_of_points(himal, wrong):
    assert himal.post("/incentives/catalog", {"name": "Mug", "coinCost": wrong}).status == 400


def test_a_hundred_at_once_for_the_last_five(himal, transactional_db):
    for user in range(25):
        earn(himal, f"user-{user}", 1000)
    mug = item(himal, inventory=5, codeSource="GENERATED", codePrefix="MUG")
    answers = [
        answer
        for round_ in range(4)
        for answer in at_once(
            25, lambda user: himal.post("/incentives/redeem", {"userId": f"user-{user}", "itemId": mug})
        )
    ]
    won = [answer for answer in answers if answer.status == 201]
    assert len(won) == 5 and len({answer["code"] for answer in won}) == 5
    assert {(answer.status, answer["code"]) for answer in answers if answer.status != 201} == {(409, "out_of_stock")}
    assert ItemStock.objects.get(item=mug).left == 0
    assert sum(himal.app.wallets.values_list("coins", flat=True)) == 25 * 1000 - 5 * 30
    assert ledger.verify(himal.app)["ok"]


def test_uploaded_codes_are_each_given_once(himal, transactional_db):
    earn(himal, "asha", 1000)
    mug = item(himal, codes=[f"Mug-{number}" for number in range(8)])
    assert himal.get(f"/incentives/catalog/{mug}")["inventory"] == 8
    answers = at_once(12, lambda _: himal.post("/incentives/redeem", {"userId": "asha", "itemId": mug}))
    given = [answer["code"] for answer in answers if answer.status == 201]
    assert sorted(given) == [f"Mug-{number}" for number in range(8)]
    assert {answer["code"] for answer in answers if answer.status != 201} == {"out_of_stock"}
    # a code that was shown is not given again
    first = ItemRedemption.objects.order_by("id").first()
    himal.patch(f"/incentives/redemptions/{first.pk}", {"status": "CANCELLED"})
    assert himal.post("/incentives/redeem", {"userId": "asha", "itemId": mug})["code"] == "out_of_stock"
    assert not ItemCode.objects.filter(redemption_id=None).exists()


def test_codes_are_added_and_the_known_ones_left_out(himal):
    mug = item(himal, codes=["A-1", "a-1", "A-2"])
    assert himal.get(f"/incentives/catalog/{mug}")["codesLeft"] == 2
    himal.patch(f"/incentives/catalog/{mug}", {"codes": ["A-2", "A-3"]})
    assert himal.get(f"/incentives/catalog/{mug}")["codesLeft"] == 3
    refused = himal.patch(f"/incentives/catalog/{mug}", {"codes": ["A-4", '=cmd|"/c calc"!A1']})
    assert refused.status == 400 and himal.get(f"/incentives/catalog/{mug}")["codesLeft"] == 3
