"""The rules of the incentive engine in the dashboard: what the forms make is what the API would have made."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from incentives import backfilling, boards
from tests.dashboard.conftest import body

pytestmark = pytest.mark.django_db

ACTION = {
    "name": "Completes a lesson",
    "key": "lesson",
    "type": "STANDARD",
    "xp": "10",
    "coins": "2",
    "active": "on",
    "cooldown_unit": "60",
}


def exported(browser, url, path: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(body(browser.get(url(path))).lstrip("\ufeff"))))


def own(face: dict, *more: str) -> dict:
    return {name: value for name, value in face.items() if name not in ("createdAt", "updatedAt", *more)}


def seen(page: str) -> str:
    return page.split('name="seen" value="')[1].split('"')[0]


# --- actions --------------------------------------------------------------------------------------------------------
def test_an_action_of_the_form_is_an_action_of_the_api(himal, owner, url):
    sent = ACTION | {"tokens": "1", "max_repeats": "5", "max_per_day": "", "cooldown": "2", "cooldown_unit": "3600"}
    assert owner.post(url("incentives/actions/new/"), sent).status_code == 302
    by_api = {
        "key": "other",
        "name": "Completes a lesson",
        "type": "STANDARD",
        "xp": 10,
        "coins": 2,
        "tokens": 1,
        "cooldown": 7200,
        "maxRepeats": 5,
    }
    assert himal.post("/incentives/actions", by_api).status == 201
    ours, theirs = (own(himal.get(f"/incentives/actions/{key}").json, "key") for key in ("lesson", "other"))
    assert ours == theirs


@pytest.mark.parametrize(
    ("in_form", "in_api"),
    [
        ({"name": ""}, {"name": ""}),
        ({"key": "no spaces"}, {"key": "no spaces"}),
        ({"xp": "-1"}, {"xp": -1}),
        ({"xp": "1.5"}, {"xp": 1.5}),
        ({"coins": "many"}, {"coins": "many"}),
        ({"coins": "9" * 12}, {"coins": int("9" * 12)}),
        ({"max_repeats": "0"}, {"maxRepeats": 0}),
        ({"cooldown": "999999", "cooldown_unit": "86400"}, {"cooldown": 999999 * 86400}),
    ],
)
def test_the_form_refuses_what_the_api_refuses_with_its_sentence(himal, owner, url, in_form, in_api):
    refused = himal.post(
        "/incentives/actions", {"key": "lesson", "name": "Completes a lesson", "type": "STANDARD", "xp": 10} | in_api
    )
    assert refused.status == 400, refused
    page = owner.post(url("incentives/actions/new/"), ACTION | in_form)
    assert page.status_code == 422
    for field in refused["details"].values():
        for sentence in field:
            assert escape(sentence) in body(page)
    assert 'aria-invalid="true"' in body(page)
    assert himal.app.actions.count() == 0


def test_a_key_that_is_taken_is_said_beside_the_key(himal, owner, url):
    assert owner.post(url("incentives/actions/new/"), ACTION).status_code == 302
    page = owner.post(url("incentives/actions/new/"), ACTION | {"name": "Again"})
    assert page.status_code == 422
    assert "Is taken." in body(page)
    assert himal.app.actions.get().name == "Completes a lesson"


def test_editing_keeps_the_key_and_refuses_to_undo_what_somebody_else_did(himal, owner, url):
    owner.post(url("incentives/actions/new/"), ACTION | {"cooldown": "90", "cooldown_unit": "1"})
    page = body(owner.get(url("incentives/actions/lesson/edit/")))
    assert 'name="key"' not in page
    assert 'name="cooldown" value="90"' in page
    old = seen(page)
    changed = ACTION | {"xp": "20", "key": "other", "seen": old}
    assert owner.post(url("incentives/actions/lesson/edit/"), changed).status_code == 302
    assert himal.get("/incentives/actions/lesson")["xp"] == 20
    late = owner.post(url("incentives/actions/lesson/edit/"), changed | {"xp": "30"})
    assert late.status_code == 422
    assert "Somebody changed this meanwhile" in body(late)
    assert himal.get("/incentives/actions/lesson")["xp"] == 20
    assert owner.get(url("incentives/actions/nothing/edit/")).status_code == 404


def test_three_actions_to_begin_with_are_one_click(himal, owner, url):
    page = body(owner.get(url("incentives/actions/")))
    assert "No action yet" in page
    assert "Make these three" in page
    assert "3 actions are ready" in body(owner.post(url("incentives/actions/starters/"), follow=True))
    assert [each["key"] for each in himal.get("/incentives/actions")["actions"]].sort() == [
        "daily_visit",
        "friend_converts",
        "sign_up",
    ].sort()
    assert "0 actions are ready" in body(owner.post(url("incentives/actions/starters/"), follow=True))
    assert himal.app.actions.count() == 3
    assert himal.post("/incentives/events", {"userId": "asha", "actionKey": "sign_up"})["awarded"] == {
        "xp": 50,
        "coins": 10,
        "tokens": 0,
    }


def test_the_list_counts_uses_finds_filters_and_sorts(himal, owner, url):
    owner.post(url("incentives/actions/starters/"))
    for number in range(3):
        himal.post("/incentives/events", {"userId": f"user {number}", "actionKey": "daily_visit"})
    rows = {row["key"]: row for row in exported(owner, url, "incentives/actions/?export=csv")}
    assert rows["daily_visit"]["used"] == "3"
    assert rows["sign_up"]["used"] == "0"
    assert rows["daily_visit"]["maxPerDay"] == "1"

    def shown(query: str) -> list[str]:
        return [row["key"] for row in exported(owner, url, f"incentives/actions/?export=csv&{query}")]

    assert shown("sort=-xp") == ["friend_converts", "sign_up", "daily_visit"]
    assert shown("q=visit") == ["daily_visit"]
    assert shown("type=REFERRAL_REFEREE_ACTION") == ["friend_converts"]
    owner.post(url("incentives/actions/sign_up/off/"))
    assert shown("active=off") == ["sign_up"]
    assert "once a user" in body(owner.get(url("incentives/actions/")))
    assert "No action matches" in body(owner.get(url("incentives/actions/?q=zulu")))
    assert "not understood" in body(owner.get(url("incentives/actions/?type=LOST")))


def test_off_and_on_again_from_the_list_keeps_the_filter(himal, owner, url):
    owner.post(url("incentives/actions/new/"), ACTION)
    answer = owner.post(url("incentives/actions/lesson/off/?active=on"))
    assert answer.url == url("incentives/actions/?active=on")
    assert himal.get("/incentives/actions/lesson")["active"] is False
    owner.post(url("incentives/actions/lesson/on/"))
    assert himal.get("/incentives/actions/lesson")["active"] is True


def cost(browser, path: str) -> int:
    browser.get(path)
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(path).status_code == 200
    return len(captured)


def test_the_list_of_actions_costs_the_same_with_many(himal, owner, url):
    counts = []
    for target in (5, 25):
        while himal.app.actions.count() < target:
            himal.post(
                "/incentives/actions",
                {"key": f"a{himal.app.actions.count()}", "name": "One more", "type": "STANDARD", "xp": 1},
            )
        counts.append(cost(owner, url("incentives/actions/")))
    assert counts[0] == counts[1] <= 12


# --- levels, badges, milestones -------------------------------------------------------------------------------------
LEVEL = {"level": "1", "name": "Newcomer", "xp_threshold": "100", "coins": "5"}
BADGE = {
    "name": "Learner",
    "key": "learner",
    "measure": "action",
    "action_key": "lesson",
    "count": "2",
    "xp": "5",
    "active": "on",
}
MILESTONE = {"name": "Hundred", "key": "xp_100", "metric": "xp", "threshold": "100", "coins": "7", "active": "on"}


@pytest.fixture
def lessons(himal, owner, url) -> None:
    """asha has 200 XP from two lessons, bikram 100 from one."""
    owner.post(url("incentives/actions/new/"), ACTION | {"xp": "100"})
    for user in ("asha", "asha", "bikram"):
        assert himal.post("/incentives/events", {"userId": user, "actionKey": "lesson"}).status == 201


def test_what_the_forms_make_is_what_the_api_makes(himal, owner, url, lessons):
    himal.post("/incentives/badges", {"key": "learner0", "name": "x"})
    level = {"name": "Newcomer", "coins": 5, "perks": ["Free delivery", "Early sale"], "badgeKey": "learner0"}
    badge = {"key": "other", "name": "Learner", "criteria": {"actionKey": "lesson", "count": 2}, "xp": 5}
    milestone = {"key": "other", "name": "Hundred", "metric": "xp", "threshold": 100, "coins": 7}
    perks = {"perks": "Free delivery\n\n Early sale ", "badge_key": "learner0"}
    pairs = [
        ("levels", "levels", LEVEL | perks, 1, level | {"level": 2, "xpThreshold": 200}, 2, ("level", "xpThreshold")),
        ("badges", "badges", BADGE, "learner", badge, "other", ("key",)),
        ("milestones", "milestones/rules", MILESTONE, "xp_100", milestone, "other", ("key",)),
    ]
    for place, path, form, ours, sent, theirs, differ in pairs:
        answer = owner.post(url(f"incentives/{place}/new/"), form | {"do": "save"})
        assert answer.status_code == 302, body(answer)
        assert himal.post(f"/incentives/{path}", sent).status == 201
        made, twin = (himal.get(f"/incentives/{path}/{key}").json for key in (ours, theirs))
        assert own(made, *differ) == own(twin, *differ)


@pytest.mark.parametrize(
    ("place", "form", "path", "sent"),
    [
        ("levels", LEVEL | {"level": "0"}, "/incentives/levels", {"level": 0, "name": "Newcomer", "xpThreshold": 100}),
        (
            "levels",
            LEVEL | {"xp_threshold": ""},
            "/incentives/levels",
            {"level": 1, "name": "Newcomer", "xpThreshold": ""},
        ),
        ("levels", LEVEL | {"name": ""}, "/incentives/levels", {"level": 1, "name": "", "xpThreshold": 100}),
        ("badges", BADGE | {"key": "user"}, "/incentives/badges", {"key": "user", "name": "x"}),
        (
            "badges",
            BADGE | {"measure": "xp", "count": "0"},
            "/incentives/badges",
            {"key": "learner", "name": "x", "criteria": {"xp": 0}},
        ),
        (
            "milestones",
            MILESTONE | {"threshold": "0"},
            "/incentives/milestones/rules",
            {"key": "m", "metric": "xp", "threshold": 0},
        ),
        (
            "milestones",
            MILESTONE | {"key": ""},
            "/incentives/milestones/rules",
            {"key": "", "metric": "xp", "threshold": 1},
        ),
    ],
)
def test_the_forms_of_rules_refuse_as_the_api_does(himal, owner, url, lessons, place, form, path, sent):
    page = owner.post(url(f"incentives/{place}/new/"), form)
    assert page.status_code == 422
    assert 'aria-invalid="true"' in body(page)
    refused = himal.post(path, sent)
    assert refused.status == 400
    for told in refused["details"].values():
        for sentence in told:
            assert escape(str(sentence).split(": ")[-1]) in body(page)
    assert (himal.app.levels.count(), himal.app.badges.count(), himal.app.milestones.count()) == (0, 0, 0)


def test_a_badge_needs_an_action_that_is_there(himal, owner, url, lessons):
    page = owner.post(url("incentives/badges/new/"), BADGE | {"action_key": ""})
    assert page.status_code == 422
    assert "Must be the key of an action." in body(page)
    himal.app.badges.create(key="old", name="Old", created_at="2026-01-01T00:00Z", updated_at="2026-01-01T00:00Z")
    assert 'name="key"' not in body(owner.get(url("incentives/badges/old/edit/")))


def test_levels_must_rise(himal, owner, url):
    owner.post(url("incentives/levels/new/"), LEVEL)
    page = owner.post(url("incentives/levels/new/"), LEVEL | {"level": "2", "xp_threshold": "50"})
    assert page.status_code == 422
    assert "Does not fit level 1, which begins at 100 XP." in body(page)
    taken = owner.post(url("incentives/levels/new/"), LEVEL | {"xp_threshold": "300"})
    assert "Is taken." in body(taken)
    assert himal.app.levels.count() == 1


@pytest.mark.parametrize(
    ("place", "form", "rows", "given"),
    [
        ("levels", LEVEL, "levels", {"asha": 5, "bikram": 5}),
        ("badges", BADGE | {"coins": "3"}, "badges", {"asha": 3, "bikram": 0}),
        ("milestones", MILESTONE, "milestones", {"asha": 7, "bikram": 7}),
    ],
)
def test_who_qualifies_already_is_asked_about_before_anything_is_saved(
    himal, owner, url, lessons, place, form, rows, given, django_capture_on_commit_callbacks
):
    count = sum(1 for coins in given.values() if coins)
    page = owner.post(url(f"incentives/{place}/new/"), form)
    assert page.status_code == 200
    assert f"{count} user{'s' if count > 1 else ''} already qualif{'y' if count > 1 else 'ies'}" in body(page)
    assert getattr(himal.app, rows).count() == 0

    before = {user: himal.get(f"/incentives/balances/{user}")["coins"] for user in given}
    with django_capture_on_commit_callbacks():
        answer = owner.post(url(f"incentives/{place}/new/"), form | {"do": "backfill"}, follow=True)
    assert "It is being given to" in body(answer)
    assert "users looked at" in body(answer)
    assert 'hx-trigger="every 2s"' in body(answer)
    backfilling.run_all()
    assert {user: himal.get(f"/incentives/balances/{user}")["coins"] - before[user] for user in given} == given
    fragment = body(owner.get(url(f"incentives/backfills/{place[:-1]}/")))
    assert f"given to {count} user" in fragment
    assert "every 2s" not in fragment
    assert "<html" not in fragment


def test_saving_for_those_who_reach_it_from_now_on_gives_nobody_anything(himal, owner, url, lessons):
    before = himal.get("/incentives/balances/asha")["coins"]
    assert owner.post(url("incentives/levels/new/"), LEVEL | {"do": "save"}).status_code == 302
    assert himal.app.backfills.count() == 0
    assert himal.get("/incentives/balances/asha")["coins"] == before


def test_the_ladder_shows_how_many_stand_on_each_step(himal, owner, url, lessons):
    assert "No level yet" in body(owner.get(url("incentives/levels/")))
    assert "5 levels are ready" in body(owner.post(url("incentives/levels/ladder/"), follow=True))
    himal.post("/incentives/events", {"userId": "chandra", "actionKey": "lesson"})
    himal.post("/incentives/adjustments", {"userId": "chandra", "xp": -60, "reason": "too many"})
    rows = exported(owner, url, "incentives/levels/?export=csv")
    assert [(row["name"], row["users"]) for row in rows] == [
        ("Newcomer", "1"),
        ("Regular", "2"),
        ("Enthusiast", "0"),
        ("Expert", "0"),
        ("Legend", "0"),
    ]
    assert "nothing was changed" in body(owner.post(url("incentives/levels/ladder/"), follow=True))
    owner.post(url("incentives/levels/2/delete/"))
    assert exported(owner, url, "incentives/levels/?export=csv")[0]["users"] == "3"


def test_the_leaderboards_count_agrees_with_everybody_counted(himal, owner, url, lessons, monkeypatch):
    owner.post(url("incentives/levels/ladder/"))
    exact = exported(owner, url, "incentives/levels/?export=csv")
    boards.fold()
    monkeypatch.setattr("incentives.dashboard.level_users.MOST_USERS", 1)
    assert exported(owner, url, "incentives/levels/?export=csv") == exact
    assert "without hidden ones" in body(owner.get(url("incentives/levels/")))


def test_a_badge_is_given_by_hand_once(himal, owner, url, lessons):
    owner.post(url("incentives/badges/new/"), BADGE | {"measure": "", "coins": "9"})
    where = url("incentives/badges/learner/award/")
    assert "Nobody holds it yet" in body(owner.get(where))
    assert "holds the badge Learner now" in body(
        owner.post(where, {"user_id": "chandra", "reason": "spoke at the meetup"}, follow=True)
    )
    page = body(owner.post(where, {"user_id": "chandra", "reason": ""}, follow=True))
    assert "holds the badge Learner already" in page
    assert "by hand: spoke at the meetup" in page
    assert himal.get("/incentives/balances/chandra")["coins"] == 9
    assert owner.post(where, {"user_id": ""}).status_code == 422
    assert exported(owner, url, "incentives/badges/?export=csv")[0]["holders"] == "1"
    assert exported(owner, url, "incentives/badges/?export=csv")[0]["criteria"] == "by hand"


def test_a_milestone_is_changed_switched_off_and_deleted(himal, owner, url):
    owner.post(url("incentives/milestones/new/"), MILESTONE)
    page = body(owner.get(url("incentives/milestones/xp_100/edit/")))
    off = {name: value for name, value in MILESTONE.items() if name not in ("key", "active")} | {
        "seen": seen(page),
        "threshold": "150",
    }
    assert owner.post(url("incentives/milestones/xp_100/edit/"), off).status_code == 302
    assert himal.get("/incentives/milestones/rules/xp_100")["threshold"] == 150
    assert himal.get("/incentives/milestones/rules/xp_100")["active"] is False
    assert [row["key"] for row in exported(owner, url, "incentives/milestones/?export=csv&active=off&metric=xp")] == [
        "xp_100"
    ]
    assert "is deleted" in body(owner.post(url("incentives/milestones/xp_100/delete/"), follow=True))
    assert himal.app.milestones.count() == 0


@pytest.mark.parametrize("place", ["levels", "badges", "milestones"])
def test_the_lists_of_rules_cost_the_same_with_many(himal, owner, url, place):
    def make(number: int) -> None:
        path, sent = {
            "levels": ("levels", {"level": number, "name": "One", "xpThreshold": number * 10}),
            "badges": ("badges", {"key": f"b{number}", "name": "One"}),
            "milestones": ("milestones/rules", {"key": f"m{number}", "metric": "xp", "threshold": number}),
        }[place]
        assert himal.post(f"/incentives/{path}", sent).status == 201

    counts = []
    for first, last in ((1, 4), (4, 21)):
        for number in range(first, last):
            make(number)
        counts.append(cost(owner, url(f"incentives/{place}/")))
    assert counts[0] == counts[1] <= 12
