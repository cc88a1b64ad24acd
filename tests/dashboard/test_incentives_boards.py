"""The leaderboard in the dashboard: what it shows is what the API ranks, in every window."""

import csv
import html
import io
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incenta.accounts.models import Role
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db

HERE = "incentives/leaderboard/"


def text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("<main", 1)[-1].split("</main>")[0]))


def exported(browser, url, query: str = "") -> list[dict]:
    page = body(browser.get(url(f"{HERE}?export=csv&{query}")))
    return list(csv.DictReader(io.StringIO(page.lstrip("\ufeff"))))


@pytest.fixture
def scores(himal) -> None:
    """On Friday 20 November chandra 30; on Monday 23 asha 20, bikram 20, chandra 5."""
    himal.post("/incentives/actions", {"key": "point", "name": "Point", "type": "STANDARD", "xp": 5, "coins": 1})
    for user, count, day in (("chandra", 6, "20"), ("asha", 4, "23"), ("bikram", 4, "23"), ("chandra", 1, "23")):
        for minute in range(count):
            at = f"2026-11-{day}T00:{minute:02}:00Z"
            assert (
                himal.post("/incentives/events", {"userId": user, "actionKey": "point", "occurredAt": at}).status == 201
            )


def test_the_page_shows_what_the_api_ranks(himal, owner, url, scores):
    rows = exported(owner, url)
    ranked = himal.get("/incentives/leaderboard").json
    assert [(int(row["rank"]), row["userId"], int(row["xp"]), int(row["coins"])) for row in rows] == [
        (line["rank"], line["userId"], line["xp"], line["coins"]) for line in ranked
    ]
    assert [(row["rank"], row["userId"]) for row in rows] == [("1", "chandra"), ("2", "asha"), ("2", "bikram")]
    told = text(body(owner.get(url(HERE))))
    assert "1 chandra 35 7" in told
    assert "2 bikram 20 4" in told


def test_past_windows_are_reached_by_their_day(himal, owner, url, scores):
    week = "period=weekly&day=2026-11-22"
    assert [row["userId"] for row in exported(owner, url, week)] == ["chandra"]
    page = body(owner.get(url(f"{HERE}?{week}")))
    assert "Week of 16 November 2026" in page
    assert "day=2026-11-15" in page
    assert exported(owner, url, "period=daily&day=2026-11-23")[0]["xp"] == "20"
    assert "November 2026" in body(owner.get(url(f"{HERE}?period=monthly&day=2026-11-02")))
    assert exported(owner, url, "period=daily&day=2026-11-21") == []
    assert "Nobody in this window" in body(owner.get(url(f"{HERE}?period=daily&day=2026-11-21")))


def test_what_cannot_be_asked_is_said(owner, url):
    assert "Nobody is ranked yet" in body(owner.get(url(HERE)))
    for query in ("period=hourly", "metric=fame", "day=yesterday", "page=9999", "page=x"):
        assert "not understood" in body(owner.get(url(f"{HERE}?{query}"))), query
    assert owner.get(url(f"{HERE}?period=daily&day=0001-01-01")).status_code == 200
    assert owner.get(url(f"{HERE}?period=weekly&day=9999-12-31")).status_code == 200


def test_a_users_place_is_found_with_his_neighbours(himal, owner, url, scores):
    told = text(body(owner.get(url(f"{HERE}?q=bikram"))))
    assert "bikram is number 2 of 3" in told
    assert "1 chandra 35 2 asha 20 2 bikram 20" in told
    assert "nobody is not on this board" in text(body(owner.get(url(f"{HERE}?q=nobody"))))


def test_hiding_from_the_row_and_showing_again(himal, owner, url, scores):
    page = body(owner.get(url(f"{HERE}?metric=coins&q=chandra")))
    action = next(
        html.unescape(each)
        for each in re.findall(r'action="([^"]+)"', page)
        if "visible=no" in each and "chandra" in each
    )
    answer = owner.post(action)
    assert answer.url == url(f"{HERE}?metric=coins&q=chandra")
    assert [line["userId"] for line in himal.get("/incentives/leaderboard").json] == ["asha", "bikram"]
    page = body(owner.get(answer.url))
    assert "chandra is hidden from all leaderboards" in text(page)
    action = next(html.unescape(each) for each in re.findall(r'action="([^"]+)"', page) if "visible=yes" in each)
    owner.post(action)
    assert [line["userId"] for line in himal.get("/incentives/leaderboard").json] == ["chandra", "asha", "bikram"]


def test_who_may_not_hides_nobody(himal, url, scores):
    for role in (Role.ANALYST, Role.DEVELOPER):
        browser = sign_in(himal.app.merchant, role)
        assert "visible=no" not in body(browser.get(url(HERE)))
        assert browser.post(url(f"{HERE}visibility/?id=asha&visible=no")).status_code == 403
    assert len(himal.get("/incentives/leaderboard").json) == 3


def test_names_are_text_in_cells_and_dialogs(himal, owner, url):
    user = '"><script>alert(1)</script>&amp;'
    himal.post("/incentives/adjustments", {"userId": user, "xp": 7, "coins": 1, "reason": "<i>hello</i>"})
    for path in (HERE, "incentives/users/"):
        page = body(owner.get(url(path)))
        assert "<script>alert" not in page
        assert html.escape(user).replace("&#x27;", "&#39;") in page
    action = next(
        html.unescape(each)
        for each in re.findall(r'action="([^"]+)"', body(owner.get(url(HERE))))
        if "visible=no" in each
    )
    owner.post(action)
    assert himal.get("/incentives/leaderboard").json == []


def test_the_board_goes_on_page_by_page_and_costs_the_same(himal, owner, url):
    counts = []
    for target in (3, 60):
        for number in range(target):
            himal.post("/incentives/adjustments", {"userId": f"user {number:02}", "xp": number + 1, "reason": "x"})
        owner.get(url(HERE))
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(url(HERE)).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12
    third = body(owner.get(url(f"{HERE}?page=3")))
    assert "user 00" in third
    assert "Page 3" in third
    assert "The board ends before" in body(owner.get(url(f"{HERE}?page=4")))
    fragment = owner.get(url(f"{HERE}?period=all&page=2"), headers={"hx-request": "true"})
    assert "<html" not in body(fragment)
    assert len(exported(owner, url)) == 60
