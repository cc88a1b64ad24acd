"""Levels: by lifetime XP, several at once, each paid once; changed with versions; taken out without taking back."""

import pytest

from tests.incentives.game import action, badge, books, did, level, points, sound, standing

pytestmark = pytest.mark.django_db


def test_levels_are_made_listed_in_order_and_changed(himal):
    badge(himal, "gold")
    second = level(himal, 2, 100, coins=10, tokens=1, badgeKey="gold", perks=["Free delivery"])
    first = level(himal, 1, 0)
    assert second | {"createdAt": "", "updatedAt": ""} == {
        "level": 2, "name": "Level 2", "xpThreshold": 100, "coins": 10, "tokens": 1, "badgeKey": "gold", "perks": ["Free delivery"],
        "createdAt": "", "updatedAt": "",
    }  # fmt: skip
    assert himal.get("/incentives/levels")["levels"] == [first, second]
    changed = himal.patch("/incentives/levels/2", {"coins": 20, "badgeKey": None, "perks": []})
    assert (changed["coins"], changed["badgeKey"], changed["perks"], changed["xpThreshold"]) == (20, None, [], 100)
    said = [change.after for change in himal.app.rule_changes.filter(noun="level", key="2").order_by("version")]
    assert [each["coins"] for each in said] == [10, 20]


def test_several_levels_at_once_pay_each_and_only_once(himal):
    action(himal, xp=250, coins=0)
    for number, threshold in ((1, 50), (2, 100), (3, 200), (4, 1000)):
        level(himal, number, threshold, coins=number)
    answer = did(himal)
    assert (answer["level"], answer["levelsReached"], answer["bonus"]["coins"]) == (3, [1, 2, 3], 6)
    assert did(himal)["levelsReached"] == [] and points(himal) == (500, 6, 0)
    assert himal.get("/incentives/balances/asha")["nextLevel"] == {
        "level": 4,
        "name": "Level 4",
        "xpThreshold": 1000,
        "xpToGo": 500,
    }
    sound(himal)


def test_a_level_is_of_what_was_earned_and_not_of_what_is_left(himal):
    action(himal, xp=100, coins=100)
    level(himal, 1, 100)
    did(himal)
    mug = himal.post("/incentives/catalog", {"name": "Mug", "coinCost": 100})["id"]
    assert himal.post("/incentives/redeem", {"userId": "asha", "itemId": mug}).status == 201
    assert (points(himal), himal.get("/incentives/balances/asha")["level"]) == ((100, 0, 0), 1)


def test_a_level_that_begins_at_nothing_is_reached_by_the_first_thing_done(himal):
    level(himal, 1, 0, coins=3)
    action(himal, xp=0, coins=0)
    assert himal.get("/incentives/balances/asha")["level"] == 1
    first = did(himal)
    assert (first["levelsReached"], first["leveledUp"], points(himal)) == ([1], True, (0, 3, 0))
    assert did(himal)["levelsReached"] == []
    himal.patch("/incentives/users/bikram", {"visible": False})  # settings alone are no beginning
    assert did(himal, "bikram")["levelsReached"] == [1]


def test_a_threshold_that_moves_gives_nothing_by_itself(himal):
    action(himal, xp=60, coins=0)
    level(himal, 1, 100, coins=10)
    badge(himal, "one", {"level": 1}, coins=7)
    did(himal)
    himal.patch("/incentives/levels/1", {"xpThreshold": 50})
    assert himal.get("/incentives/balances/asha")["level"] == 1
    answer = did(himal)
    assert (answer["leveledUp"], answer["levelsReached"], answer["badgesEarned"]) == (False, [], [])
    assert points(himal) == (120, 0, 0)


def test_a_level_taken_out_takes_nothing_back(himal):
    action(himal, xp=100, coins=0)
    level(himal, 1, 100, coins=10)
    did(himal)
    assert himal.delete("/incentives/levels/1").status == 204
    assert (points(himal), himal.get("/incentives/balances/asha")["level"]) == ((100, 10, 0), 0)
    assert standing(himal).paid_levels == [1]
    # the same number again is the same level: nobody is paid twice
    level(himal, 1, 150, coins=10)
    assert did(himal)["levelsReached"] == [] and points(himal) == (200, 10, 0)
    assert himal.delete("/incentives/levels/7")["code"] == "level_not_found"
    assert himal.app.rule_changes.filter(noun="level", after__isnull=True).count() == 1


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({}, 409, "level_order"),
        ({"level": 2, "xpThreshold": 300}, 409, "level_exists"),
        ({"level": 3, "xpThreshold": 200}, 409, "level_order"),
        ({"level": 1, "xpThreshold": 250}, 409, "level_order"),
        ({"level": 3, "xpThreshold": 100}, 409, "level_order"),
        ({"level": 0}, 400, "invalid_input"),
        ({"level": 1.5}, 400, "invalid_input"),
        ({"xpThreshold": -1}, 400, "invalid_input"),
        ({"xpThreshold": 10**13}, 400, "invalid_input"),
        ({"coins": -1}, 400, "invalid_input"),
        ({"badgeKey": "nothing", "xpThreshold": 300}, 400, "invalid_input"),
        ({"perks": "free"}, 400, "invalid_input"),
        ({"preview": True, "backfill": True}, 400, "invalid_input"),
        ({"preview": 1}, 400, "invalid_input"),
    ],
)
def test_what_no_level_can_be_is_refused_and_nothing_moves(himal, wrong, status, code):
    level(himal, 2, 200)
    before = books(himal)
    refused = himal.post("/incentives/levels", {"level": 3, "name": "Three", "xpThreshold": 150} | wrong)
    assert (refused.status, refused["code"]) == (status, code), refused
    assert books(himal) == before
