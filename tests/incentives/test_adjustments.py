"""Points by hand: by entries with a reason, as far as the balance goes."""

import pytest

from incenta.accounts.models import App
from tests.cast import at_once
from tests.incentives.game import action, badge, books, did, level, milestone, points, sound, standing

pytestmark = pytest.mark.django_db


def adjust(caller, user="asha", **gains):
    return caller.post("/incentives/adjustments", {"userId": user, "reason": "Goodwill"} | gains)


def test_points_are_given_and_taken_with_a_reason(himal):
    given = adjust(himal, coins=50, tokens=3, xp=20)
    assert given.status == 201
    assert (given["coins"], given["tokens"], given["xp"], given["reason"]) == (50, 3, 20, "Goodwill")
    assert given["balances"] == {"xp": 20, "coins": 50, "tokens": 3}
    assert [(entry["asset"], entry["amount"], entry["cause"]["id"]) for entry in given["entries"]] == [
        (asset, amount, given["adjustmentId"]) for asset, amount in (("xp", 20), ("coins", 50), ("tokens", 3))
    ]
    taken = adjust(himal, coins=-20, xp=-5, tokens=1)
    assert taken["balances"] == {"xp": 15, "coins": 30, "tokens": 4}
    listed = himal.get("/incentives/adjustments?userId=asha")["adjustments"]
    assert [each["adjustmentId"] for each in listed] == [taken["adjustmentId"], given["adjustmentId"]]
    assert listed[0] == {name: value for name, value in taken.json.items() if name != "entries"}
    assert himal.get("/incentives/leaderboard/asha")["xp"] == 15
    sound(himal)


def test_more_than_there_is_is_refused_and_nothing_moves(himal):
    adjust(himal, coins=50, xp=10)
    before = books(himal)
    for gains in ({"coins": -51}, {"coins": -10, "tokens": -1}, {"xp": -11, "coins": 5}):
        refused = adjust(himal, **gains)
        assert (refused.status, refused["code"]) == (409, "insufficient_balance"), gains
    assert adjust(himal, "nobody", coins=-1)["code"] == "insufficient_balance"
    assert books(himal) == before


def test_where_the_app_allows_it_a_balance_goes_below_zero(himal):
    App.objects.filter(pk=himal.app.pk).update(allows_negative_points=True)
    himal.app.refresh_from_db()
    adjust(himal, coins=10)
    assert adjust(himal, coins=-25)["balances"]["coins"] == -15
    assert adjust(himal, coins=20)["balances"]["coins"] == 5
    sound(himal)


def test_xp_by_hand_moves_the_level_and_crosses_the_rules(himal):
    action(himal)
    level(himal, 1, 100, coins=7)
    badge(himal, "hundred", {"xp": 100}, coins=1)
    milestone(himal, "ten", "coinsEarned", 10, tokens=1)
    given = adjust(himal, xp=100, coins=2)
    assert (given["level"], given["leveledUp"], given["levelsReached"]) == (1, True, [1])
    assert (given["badgesEarned"], given["milestonesReached"]) == (["hundred"], ["ten"])
    assert given["balances"] == {"xp": 100, "coins": 10, "tokens": 1}
    taken = adjust(himal, xp=-50)
    assert (taken["level"], taken["leveledUp"], taken["balances"]["coins"]) == (0, False, 10)
    assert standing(himal).paid_levels == [1], "what was given by a rule is not taken back by hand"
    assert adjust(himal, xp=50)["levelsReached"] == [] and points(himal) == (100, 10, 1)
    told = himal.app.events.order_by("id").values_list("type", "data")
    assert [type for type, _ in told] == ["INCENTIVE_LEVEL_UP", "INCENTIVE_BADGE_EARNED", "INCENTIVE_MILESTONE_REACHED"]
    assert {data["adjustmentId"] for _, data in told} == {given["adjustmentId"]}
    sound(himal)


@pytest.mark.parametrize(
    "wrong",
    [{"coins": 1.5}, {"coins": True}, {"coins": "5"}, {"coins": 10**13}, {"coins": -(10**13)}, {"coins": 1e308}, {"coins": None},
     {"reason": ""}, {"reason": None}, {"reason": "a" * 501}, {"userId": ""}, {"userId": None}, {"gold": 5}],
)  # fmt: skip
def test_what_no_adjustment_can_be(himal, wrong):
    before = books(himal)
    refused = adjust(himal, **({"coins": 5} | wrong))
    assert refused.status == 400 and set(refused["details"]) == set(wrong), refused
    assert books(himal) == before


def test_an_adjustment_of_nothing_is_none(himal):
    assert adjust(himal).status == 400 and adjust(himal, coins=0, xp=0).status == 400


def test_the_same_call_again_adjusts_once(himal):
    first = himal.post(
        "/incentives/adjustments", {"userId": "asha", "coins": 5, "reason": "Goodwill"}, idempotency_key="k"
    )
    again = himal.post(
        "/incentives/adjustments", {"userId": "asha", "coins": 5, "reason": "Goodwill"}, idempotency_key="k"
    )
    assert again.json == first.json and again.headers["Idempotency-Replayed"] == "true" and points(himal) == (0, 5, 0)
    other = himal.post(
        "/incentives/adjustments", {"userId": "asha", "coins": 6, "reason": "Goodwill"}, idempotency_key="k"
    )
    assert other.status == 422


def test_a_score_is_set_by_the_adjustment_that_leads_there(himal):
    action(himal, xp=30, coins=10)
    did(himal)
    assert himal.post("/incentives/leaderboard", {"userId": "asha", "xp": 50, "coins": 4})["xp"] == 50
    assert points(himal) == (50, 4, 0)
    before = books(himal)
    himal.post("/incentives/leaderboard", {"userId": "asha", "xp": 50, "coins": 4})
    assert books(himal) == before
    assert himal.get("/incentives/adjustments")["adjustments"][0]["reason"] == "Score set"
    sound(himal)


@pytest.mark.django_db(transaction=True)
def test_thirty_at_once_take_no_more_than_there_is(himal):
    adjust(himal, coins=100)
    answers = at_once(30, lambda _: adjust(himal, coins=-10).status)
    assert sorted(answers) == [201] * 10 + [409] * 20
    assert points(himal) == (0, 0, 0)
    sound(himal)
