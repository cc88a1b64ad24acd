"""Lists: pages, cursors, filters, and the same few statements at any size."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from incenta.accounts.models import Participant

from .conftest import statements

pytestmark = pytest.mark.urls("tests.api.routes")


@pytest.fixture
def crowd(himal):
    """Seven people, two of whom came at the same moment."""
    at = datetime(2026, 11, 1, tzinfo=UTC)
    moments = [at + timedelta(days=day) for day in (0, 1, 2, 2, 3, 4, 5)]
    for number, moment in enumerate(moments):
        himal.app.participants.create(
            external_id=f"user_{number}",
            username="asha" if number % 2 else "bikram",
            first_seen_at=moment,
            last_seen_at=moment,
        )
    return himal


def ids(answer) -> list[str]:
    return [person["userId"] for person in answer.json()["people"]]


def test_pages_newest_first(crowd):
    answer = crowd.get("/v1/people?limit=3")
    assert ids(answer) == ["user_6", "user_5", "user_4"]
    pagination = answer.json()["pagination"]
    assert pagination.pop("nextCursor")
    assert pagination == {"page": 1, "limit": 3, "totalItems": 7, "totalPages": 3}
    assert ids(crowd.get("/v1/people?limit=3&page=3")) == ["user_0"]
    assert crowd.get("/v1/people?limit=3&page=3").json()["pagination"] == {
        "page": 3,
        "limit": 3,
        "totalItems": 7,
        "totalPages": 3,
        "nextCursor": None,
    }
    beyond = crowd.get("/v1/people?page=1000000000").json()
    assert beyond["people"] == []
    assert beyond["pagination"]["totalItems"] == 7


def test_an_empty_list(himal):
    assert himal.get("/v1/people").json() == {
        "people": [],
        "pagination": {"page": 1, "limit": 25, "totalItems": 0, "totalPages": 0, "nextCursor": None},
    }


@pytest.mark.parametrize("path", ["/v1/people", "/v1/people-by-time"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_cursors_visit_everybody_once(crowd, path, limit):
    seen, cursor = [], ""
    while cursor is not None:
        answer = crowd.get(f"{path}?limit={limit}&cursor={quote(cursor)}")
        assert set(answer.json()["pagination"]) == {"limit", "nextCursor"}
        seen += ids(answer)
        cursor = answer.json()["pagination"]["nextCursor"]
    assert seen == [f"user_{number}" for number in (6, 5, 4, 3, 2, 1, 0)]


def test_a_cursor_holds_still_while_rows_arrive(crowd):
    first = crowd.get("/v1/people?limit=2").json()
    crowd.post("/v1/people", {"userId": "newest"})
    assert ids(crowd.get(f"/v1/people?limit=2&cursor={first['pagination']['nextCursor']}")) == ["user_4", "user_3"]


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=abc",
        "page=NaN",
        "page=1.5",
        "page=",
        "page=%C2%B2",
        "page=10000000000000000000",
        "page=1e3",
        "limit=0",
        "limit=101",
        "limit=100000",
        "limit=-5",
        "limit=x",
        "limit=",
        "page=1&page=2",
        "page=1&cursor=",
        "cursor=garbage",
        "cursor=W10",
        "cursor=WzFd",
        "cursor=W251bGxd",
        "cursor=eyJhIjoxfQ",
        "cursor=" + "A" * 2000,
        "cursor=%F0%9F%99%82",
        "cursor=WyJhIiwiYiJd",
        "cursor=W3sidCI6Ing1In1d",
        "cursor=W3siayI6MX1d",
        "cursor=WyJcdTAwMDAiXQ",
    ],
)
@pytest.mark.parametrize("path", ["/v1/people", "/v1/people-by-time"])
def test_wrong_pages_limits_and_cursors_are_a_400(crowd, path, query):
    answer = crowd.get(f"{path}?{query}")
    assert answer.status_code == 400, answer.content
    assert set(answer.json()["details"]) & {"page", "limit", "cursor"}


def test_filters(crowd):
    assert ids(crowd.get("/v1/people?username=asha")) == ["user_5", "user_3", "user_1"]
    assert ids(crowd.get("/v1/people?userId=user_2")) == ["user_2"]
    assert ids(crowd.get("/v1/people?seenAfter=2026-11-05T00:00:00Z")) == ["user_6", "user_5"]
    assert ids(crowd.get("/v1/people?seenAfter=2026-11-05T05:45:00%2B05:45&username=asha")) == ["user_5"]
    assert crowd.get("/v1/people?username=asha&limit=1").json()["pagination"]["totalItems"] == 3
    assert ids(crowd.get("/v1/people?userId=nobody")) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("username=mallory", "username"),
        ("username=", "username"),
        ("seenAfter=yesterday", "seenAfter"),
        ("seenAfter=2026-11-05T00:00:00", "seenAfter"),
        ("seenAfter=2026-02-30T00:00:00Z", "seenAfter"),
        ("user_id=x", "user_id"),
        ("userId=" + "x" * 256, "userId"),
        ("username=asha&username=bikram", "username"),
        ("foo=bar", "foo"),
        ("userId[not]=x", "userId[not]"),
    ],
)
def test_unknown_filters_and_values_are_a_400_and_not_ignored(crowd, query, field):
    answer = crowd.get(f"/v1/people?{query}")
    assert answer.status_code == 400
    assert field in answer.json()["details"]


def test_a_cursor_of_another_tenant_shows_nothing_of_hers(crowd, rival):
    cursor = crowd.get("/v1/people?limit=2").json()["pagination"]["nextCursor"]
    assert ids(rival.get(f"/v1/people?cursor={cursor}")) == []


def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(crowd):
    crowd.get("/v1/people")
    assert len(statements(lambda: crowd.get("/v1/people?limit=2"))) == 2
    assert len(statements(lambda: crowd.get("/v1/people?limit=2&page=2"))) == 2
    assert len(statements(lambda: crowd.get("/v1/people?limit=2&cursor="))) == 1
    assert len(statements(lambda: crowd.get("/v1/people?limit=100"))) == 1  # the page tells the total
    assert Participant.objects.count() == 7
