"""The rules of the incentive engine in the dashboard: what the forms make is what the API would have made."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from tests.dashboard.conftest import body

pytestmark = pytest.mark.django_db

ACTION = {"name": "Completes a lesson", "key": "lesson", "type": "STANDARD", "xp": "10", "coins": "2", "active": "on", "cooldown_unit": "60"}


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
    by_api = {"key": "other", "name": "Completes a lesson", "type": "STANDARD", "xp": 10, "coins": 2, "tokens": 1, "cooldown": 7200, "maxRepeats": 5}
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
    refused = himal.post("/incentives/actions", {"key": "lesson", "name": "Completes a lesson", "type": "STANDARD", "xp": 10} | in_api)
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
    assert [each["key"] for each in himal.get("/incentives/actions")["actions"]].sort() == ["daily_visit", "friend_converts", "sign_up"].sort()
    assert "0 actions are ready" in body(owner.post(url("incentives/actions/starters/"), follow=True))
    assert himal.app.actions.count() == 3
    assert himal.post("/incentives/events", {"userId": "asha", "actionKey": "sign_up"})["awarded"] == {"xp": 50, "coins": 10, "tokens": 0}


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
    assert himal.post("/incentives/events", {"userId": "asha", "actionKey": "lesson"}).status in (201, 400, 409)
    assert himal.get("/incentives/balances/asha").status in (200, 404)
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
            himal.post("/incentives/actions", {"key": f"a{himal.app.actions.count()}", "name": "One more", "type": "STANDARD", "xp": 1})
        counts.append(cost(owner, url("incentives/actions/")))
    assert counts[0] == counts[1] <= 12
