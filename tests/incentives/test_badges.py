"""Badges: by every kind of criteria, by hand, with a level; held once, kept for good."""

import pytest

from tests.cast import at_once
from tests.incentives.game import action, badge, books, did, level, points, sound

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("criteria", "events"),
    [({"actionKey": "visit", "count": 3}, 3), ({"xp": 25}, 3), ({"xp": 1}, 1), ({"level": 2}, 2)],
)
def test_a_badge_is_earned_when_its_criteria_are_met(himal, criteria, events):
    action(himal)
    action(himal, "other", xp=0)
    level(himal, 1, 10)
    level(himal, 2, 20)
    badge(himal, "medal", criteria, coins=100)
    did(himal, key="other")
    earned = [did(himal)["badgesEarned"] for _ in range(5)]
    assert earned == [["medal"] if place + 1 == events else [] for place in range(5)]
    assert points(himal) == (50, 130, 0)
    (held,) = himal.get("/incentives/badges/user/asha")["badges"]
    assert (held["badgeKey"], held["awarded"]["coins"], held["cause"]["type"]) == ("medal", 100, "event")
    sound(himal)


def test_only_what_was_rewarded_counts_for_an_action(himal):
    action(himal, maxRepeats=1)
    badge(himal, "medal", {"actionKey": "visit", "count": 2})
    assert [did(himal)["badgesEarned"] for _ in range(3)] == [[], [], []]


def test_a_badge_by_hand_is_given_once_and_may_lift_a_level(himal):
    badge(himal, "kind", xp=100, coins=5)
    level(himal, 1, 100, coins=20)
    given = himal.post("/incentives/badges/kind/award", {"userId": "asha", "reason": "Helped a stranger"})
    assert given.status == 201
    assert (given["badgeKey"], given["reason"], given["balances"], given["level"]) == (
        "kind", "Helped a stranger", {"xp": 100, "coins": 25, "tokens": 0}, 1,
    )  # fmt: skip
    assert (given["badgesEarned"], given["levelsReached"]) == (["kind"], [1])
    before = books(himal)
    again = himal.post("/incentives/badges/kind/award", {"userId": "asha"})
    assert again.status == 200 and (again["earnedAt"], again["reason"]) == (given["earnedAt"], "Helped a stranger")
    assert books(himal) == before
    assert himal.get("/incentives/badges/kind")["holders"] == 1
    told = list(himal.app.events.values_list("type", flat=True).order_by("id"))
    assert told == ["INCENTIVE_LEVEL_UP", "INCENTIVE_BADGE_EARNED"] or told == [
        "INCENTIVE_BADGE_EARNED",
        "INCENTIVE_LEVEL_UP",
    ]
    sound(himal)


def test_a_badge_that_is_switched_off_stays_with_its_holders(himal):
    action(himal)
    badge(himal, "medal", {"xp": 10})
    did(himal)
    himal.patch("/incentives/badges/medal", {"active": False})
    assert did(himal, "bikram")["badgesEarned"] == []
    before = books(himal)
    assert himal.post("/incentives/badges/medal/award", {"userId": "bikram"})["code"] == "badge_inactive"
    assert himal.post("/incentives/badges/nothing/award", {"userId": "bikram"})["code"] == "badge_not_found"
    assert books(himal) == before
    assert len(himal.get("/incentives/badges/user/asha")["badges"]) == 1
    assert himal.post("/incentives/badges/medal/award", {"userId": "asha"}).status == 200


@pytest.mark.parametrize(
    "criteria",
    [{}, [], "xp", {"xp": 0}, {"xp": -1}, {"xp": 1.5}, {"xp": True}, {"xp": "1"}, {"xp": 1e308}, {"xp": 1, "level": 1}, {"other": 1},
     {"actionKey": "visit"}, {"actionKey": "visit", "count": 0}, {"actionKey": "nothing", "count": 1}, {"actionKey": 5, "count": 1}],
)  # fmt: skip
def test_what_no_criteria_can_be(himal, criteria):
    action(himal)
    before = books(himal)
    refused = himal.post("/incentives/badges", {"key": "medal", "name": "Medal", "criteria": criteria})
    assert refused.status == 400 and "criteria" in refused["details"], refused
    assert books(himal) == before


def test_a_key_is_taken_once_and_one_is_reserved(himal):
    badge(himal, "medal")
    before = books(himal)
    assert himal.post("/incentives/badges", {"key": "medal", "name": "Again"})["code"] == "badge_exists"
    assert himal.post("/incentives/badges", {"key": "user", "name": "User"}).status == 400
    assert books(himal) == before


def test_users_with_slashes_in_their_ids(himal):
    badge(himal, "medal")
    assert himal.post("/incentives/badges/medal/award", {"userId": "team/asha"}).status == 201
    assert len(himal.get("/incentives/badges/user/team/asha")["badges"]) == 1
    assert himal.get("/incentives/balances/team/asha")["badges"] == ["medal"]
    assert himal.get("/incentives/balances/team/asha/entries")["check"]["ok"]


@pytest.mark.django_db(transaction=True)
def test_ten_hands_at_once_give_one_badge(himal):
    badge(himal, "medal", coins=10)
    answers = at_once(10, lambda _: himal.post("/incentives/badges/medal/award", {"userId": "asha"}).status)
    assert sorted(answers) == [200] * 9 + [201]
    assert points(himal) == (0, 10, 0)
