"""Milestones: by each metric, reached once, listed by whom."""

import pytest

from tests.incentives.game import action, books, did, milestone, points, sound

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("metric", "threshold", "events"), [("xp", 25, 3), ("coinsEarned", 11, 3), ("events", 2, 2)])
def test_a_milestone_is_reached_once(himal, metric, threshold, events):
    action(himal)
    milestone(himal, "far", metric, threshold, coins=100, tokens=1)
    reached = [did(himal)["milestonesReached"] for _ in range(5)]
    assert reached == [["far"] if place + 1 == events else [] for place in range(5)]
    assert points(himal) == (50, 125, 1)
    did(himal, "bikram")
    (one,) = himal.get("/incentives/milestones?userId=asha")["milestones"]
    assert (one["key"], one["metric"], one["threshold"], one["awarded"]) == (
        "far",
        metric,
        threshold,
        {"xp": 0, "coins": 100, "tokens": 1},
    )
    assert himal.get("/incentives/milestones?userId=bikram")["milestones"] == []
    assert len(himal.get("/incentives/milestones?key=far")["milestones"]) == 1
    sound(himal)


def test_events_count_whether_rewarded_or_not_and_coins_whether_spent_or_not(himal):
    action(himal, maxRepeats=1, coins=10)
    milestone(himal, "third", "events", 3)
    milestone(himal, "twenty", "coinsEarned", 20)
    assert [did(himal)["milestonesReached"] for _ in range(3)] == [[], [], ["third"]]
    mug = himal.post("/incentives/catalog", {"name": "Mug", "coinCost": 10})["id"]
    himal.post("/incentives/redeem", {"userId": "asha", "itemId": mug})
    action(himal, "other", coins=10)
    assert did(himal, key="other")["milestonesReached"] == ["twenty"]


def test_rules_are_made_changed_switched_off_and_taken_out(himal):
    rule = milestone(himal, "far", "xp", 10, name="Far away")
    assert himal.get("/incentives/milestones/rules/far").json == rule
    assert himal.get("/incentives/milestones/rules?active=true")["milestones"] == [rule]
    assert himal.patch("/incentives/milestones/rules/far", {"threshold": 20})["threshold"] == 20
    assert himal.patch("/incentives/milestones/rules/far", {"active": False})["active"] is False
    action(himal, xp=100)
    assert did(himal)["milestonesReached"] == []
    himal.patch("/incentives/milestones/rules/far", {"active": True})
    assert did(himal)["milestonesReached"] == [], "it was met before it was switched on"
    assert did(himal, "bikram")["milestonesReached"] == ["far"]
    assert himal.delete("/incentives/milestones/rules/far").status == 204
    assert himal.get("/incentives/milestones/rules/far")["code"] == "milestone_not_found"
    (reached,) = himal.get("/incentives/milestones")["milestones"]
    assert (reached["key"], reached["metric"]) == ("far", None), "what was reached stays reached"
    assert himal.app.rule_changes.filter(noun="milestone").count() == 5


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"key": "far"}, 409),
        ({"metric": "likes"}, 400),
        ({"threshold": 0}, 400),
        ({"threshold": 1.5}, 400),
        ({"coins": -1}, 400),
        ({"xp": 5}, 400),
    ],
)
def test_what_no_milestone_can_be(himal, wrong, status):
    milestone(himal, "far", "xp", 10)
    before = books(himal)
    assert (
        himal.post("/incentives/milestones/rules", {"key": "new", "metric": "xp", "threshold": 5} | wrong).status
        == status
    )
    assert books(himal) == before
