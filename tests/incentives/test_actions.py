"""Actions: made, changed, switched off; every change has a version."""

import pytest

from tests.incentives.game import action, books, did, points

pytestmark = pytest.mark.django_db

SEED = {
    "key": "complete_profile",
    "name": "Complete Profile",
    "type": "STANDARD",
    "xp": 100,
    "coins": 50,
    "maxRepeats": 1,
}


def test_an_action_is_made_shown_listed_and_changed(himal):
    created = himal.post("/incentives/actions", SEED)
    assert created.status == 201
    assert created.json | {"createdAt": "", "updatedAt": ""} == SEED | {
        "tokens": 0, "cooldown": 0, "maxPerDay": None, "active": True, "createdAt": "", "updatedAt": "",
    }  # fmt: skip
    assert himal.get("/incentives/actions/complete_profile").json == created.json
    assert himal.get("/incentives/actions?active=true")["actions"] == [created.json]
    changed = himal.patch("/incentives/actions/complete_profile", {"xp": 120, "cooldown": 60})
    assert (changed["xp"], changed["cooldown"], changed["coins"]) == (120, 60, 50)
    assert himal.app.rule_changes.count() == 2


def test_a_key_is_taken_once_and_a_change_that_changes_nothing_is_none(himal):
    himal.post("/incentives/actions", SEED)
    before = books(himal)
    again = himal.post("/incentives/actions", SEED | {"xp": 1})
    assert (again.status, again["code"]) == (409, "action_exists")
    assert himal.patch("/incentives/actions/complete_profile", {"xp": 100}).status == 200
    assert books(himal) == before
    assert himal.patch("/incentives/actions/nothing", {"xp": 100})["code"] == "action_not_found"


@pytest.mark.parametrize(
    "wrong",
    [{"xp": -1}, {"xp": 1.5}, {"xp": True}, {"xp": "ten"}, {"xp": 10**10}, {"coins": 1e308}, {"coins": None}, {"type": "OTHER"},
     {"key": "no spaces"}, {"key": ""}, {"cooldown": -5}, {"maxRepeats": 0}, {"maxPerDay": 0}, {"name": ""}, {"hold": 1}],
)  # fmt: skip
def test_what_no_action_can_be_is_refused_and_nothing_moves(himal, wrong):
    before = books(himal)
    refused = himal.post("/incentives/actions", SEED | wrong)
    assert refused.status == 400 and set(refused["details"]) == set(wrong), refused
    assert books(himal) == before


def test_a_change_counts_from_the_next_event_on(himal):
    action(himal, xp=10, coins=0)
    did(himal)
    himal.patch("/incentives/actions/visit", {"xp": 7})
    assert did(himal)["awarded"]["xp"] == 7
    assert points(himal) == (17, 0, 0)
    assert [event["ruleVersion"] for event in himal.get("/incentives/events")["events"]] == [3, 2]


def test_switched_off_it_takes_no_event_but_answers_the_ones_it_took(himal):
    action(himal)
    first = did(himal, idempotencyKey="first")
    himal.patch("/incentives/actions/visit", {"active": False})
    before = books(himal)
    refused = did(himal)
    assert (refused.status, refused["code"]) == (400, "action_inactive")
    assert books(himal) == before
    again = did(himal, idempotencyKey="first")
    assert again.status == 200 and again.json == first.json | {"idempotentReplay": True}
