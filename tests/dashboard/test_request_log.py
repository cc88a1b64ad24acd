"""The request log's pages: errors grouped, requests found, one request whole, and nothing secret anywhere."""

import csv
import io
import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incenta.accounts.models import Role
from incenta.api import request_log
from incenta.api.dashboard.calls import Calls, first_id
from incenta.api.models import RequestLog
from incenta.ids import new_id
from tests.cast import Caller, caller
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db

READERS = {Role.OWNER, Role.ADMIN, Role.DEVELOPER}
PAGES = {
    "log/": READERS,
    "log/?export=csv": {Role.OWNER, Role.ADMIN},
    "log/requests/": READERS,
    "log/requests/?export=csv": {Role.OWNER, Role.ADMIN},
    "log/requests/{request}/": READERS,
}


@pytest.fixture(autouse=True)
def empty_queue():
    """Lines of tests before this one."""
    request_log._queue.clear()


def called(shop: Caller, *calls: tuple) -> list[RequestLog]:
    """Makes the calls and writes the log. Answers all lines of the app, newest first."""
    for method, path, *sent in calls:
        shop(method, path, *sent)
    request_log.flush()
    return list(shop.app.request_logs.order_by("-pk"))


def line_of(shop: Caller, **fields) -> RequestLog:
    made = {
        "id": new_id("req"), "app": shop.app, "method": "GET", "path": "/v1/campaigns", "route": "v1/campaigns",
        "status": 200, "milliseconds": 3.2, "created_at": timezone.now(),
    }  # fmt: skip
    return RequestLog.objects.create(**made | fields)


def shown(page: str) -> list[str]:
    return re.findall(r'class="i-row-link" id="(req_\w+)"', page)


@pytest.mark.parametrize("role", sorted(Role))
def test_who_may_read_it(himal, role):
    line = line_of(himal)
    browser = sign_in(himal.app.merchant, role)
    for path, roles in PAGES.items():
        where = f"/dashboard/{himal.app.pk}/{path.format(request=line.pk)}"
        assert browser.get(where).status_code == (200 if role in roles else 403), path


def test_anothers_log_is_not_there(himal, rival):
    line = line_of(himal, path="/v1/campaigns?secret=himal")
    browser = sign_in(rival.app.merchant)
    for path in PAGES:
        where = f"/dashboard/{himal.app.pk}/{path.format(request=line.pk)}"
        assert browser.get(where).status_code == 404, path
    assert browser.get(f"/dashboard/{rival.app.pk}/log/requests/{line.pk}/").status_code == 404
    assert "himal" not in body(browser.get(f"/dashboard/{rival.app.pk}/log/requests/?q=himal")).split('id="results"')[1]
    assert browser.get(f"/dashboard/{himal.app.sandbox.pk}/log/requests/{line.pk}/").status_code == 404


def test_errors_are_grouped_and_say_what_to_do(himal, owner, url):
    assert "No error in 24 hours" in body(owner.get(url("log/")))
    called(
        himal,
        *[("POST", "/conversions", {"referralCode": f"NOPE{n}", "refereeId": "bikram"}) for n in range(3)],
        ("GET", f"/campaigns/{new_id('camp')}"),
        ("GET", f"/campaigns/{new_id('camp')}"),
        ("POST", "/conversions", {"amout": 5}),
        ("GET", "/campaigns"),
    )
    page = unescape(body(owner.get(url("log/"))))
    assert "3 kinds of error" in page and "Referral code not found." in page
    assert "/v1/campaigns/{campaign_id}" in page and "A field is misspelt" in page
    lines = list(csv.DictReader(io.StringIO(body(owner.get(url("log/?export=csv"))).lstrip("\ufeff"))))
    counts = {(line["status"], line["code"]): line["count"] for line in lines}
    assert counts == {
        ("404", "referral_not_found"): "3",
        ("404", "campaign_not_found"): "2",
        ("400", "unknown_field"): "1",
    }
    assert "No such error" in body(owner.get(url("log/?status=5xx")))
    for wrong in ("log/?range=ever", "log/?status=9xx"):
        assert "not understood" in body(owner.get(url(wrong))), wrong
    assert len(shown(body(owner.get(url("log/requests/?code=referral_not_found"))))) == 3


def test_old_errors_are_out_of_range(himal, owner, url):
    old = timezone.now() - timedelta(days=3)
    line_of(himal, id=first_id(old) + "0" * 16, status=500, error_code="internal_error", created_at=old)
    assert "No error in 24 hours" in body(owner.get(url("log/")))
    assert "The fault is ours" in unescape(body(owner.get(url("log/?range=week"))))


def test_requests_are_found_by_everything_that_one_knows_of_them(himal, owner, url):
    other = caller(himal.app, "read")
    lines = (
        called(
            himal,
            ("POST", "/campaigns", {"name": "asha"}),
            ("GET", "/users/asha/stats"),
            ("GET", "/incentives/users/bikram/balances?x=1"),
        )
        + called(other, ("GET", "/campaigns"))[:1]
    )
    asked = {
        "": 4,
        "q=/users/": 2,
        f"q={lines[0].pk}": 1,
        f"q={new_id('req')}": 0,
        "user=asha": 2,
        "user=ash": 1,  # in a path the beginning is enough
        "user=chandra": 0,
        "status=2xx": sum(line.status < 300 for line in lines),
        "status=4xx": sum(400 <= line.status < 500 for line in lines),
        "status=5xx": 0,
        f"key={other.app.api_keys.get(scope='read').pk}": 1,
        "since=2020-01-01T00:00&until=2020-01-02T00:00": 0,
        "since=2020-01-01T00:00": 4,
    }
    for query, count in asked.items():
        assert len(shown(body(owner.get(url(f"log/requests/?{query}"))))) == count, query
    assert "No request matches" in body(owner.get(url("log/requests/?user=chandra")))
    for wrong in ("status=lost", "key=key_none", "since=yesterday"):
        assert "not understood" in body(owner.get(url(f"log/requests/?{wrong}"))), wrong
    text = body(owner.get(url("log/requests/?user=asha&export=csv"))).lstrip("\ufeff")
    assert {line["path"] for line in csv.DictReader(io.StringIO(text))} == {"/v1/campaigns", "/v1/users/asha/stats"}


def test_an_empty_log_shows_a_first_call(himal, owner, url):
    page = unescape(body(owner.get(url("log/requests/"))))
    assert "No call yet" in page and "$INCENTA_KEY" in page


def test_the_log_is_paged_to_any_depth_and_searched_a_stretch_at_a_time(himal, owner, url, monkeypatch):
    ids = [line_of(himal, path=f"/v1/campaigns/{n}").pk for n in range(120)]
    first = shown(body(owner.get(url("log/requests/"))))
    second = shown(body(owner.get(url(f"log/requests/?after={first[-1]}"))))
    assert first + second == ids[:69:-1] and len(first) == len(second) == 25
    assert shown(body(owner.get(url(f"log/requests/?before={second[0]}")))) == first
    monkeypatch.setattr(Calls, "reach", 100)
    page = body(owner.get(url("log/requests/?q=/v1/campaigns/7")))
    assert len(shown(page)) == 10 and "Look further back" in page  # 70 to 79; 7 is further back
    onward = unescape(re.search(r'rel="next" href="([^"]+)"', page).group(1))
    assert shown(body(owner.get(url(f"log/requests/{onward}")))) == [ids[7]]


def test_a_live_list_swaps_only_when_something_came(himal, owner, url):
    line_of(himal)
    page = body(owner.get(url("log/requests/?live=on")))
    latest = re.search(r'"X-Seen": "(req_\w+)"', page).group(1)
    poll = {"HX-Request": "true", "X-Seen": latest}
    assert owner.get(url("log/requests/?live=on"), headers=poll).status_code == 204
    newer = line_of(himal)
    page = body(owner.get(url("log/requests/?live=on"), headers=poll))
    assert shown(page)[0] == newer.pk and "<html" not in page
    assert "data-poll" not in body(owner.get(url("log/requests/")))
    assert "data-poll" not in body(owner.get(url(f"log/requests/?live=on&after={newer.pk}")))


def test_one_request_whole_with_links_and_as_curl(himal, owner, url):
    campaign = himal.campaign(name="Bring a friend")
    [line, *_] = called(himal, ("GET", f"/campaigns/{campaign}"))
    page = unescape(body(owner.get(url(f"log/requests/{line.pk}/"))))
    assert f"/campaigns/{campaign}/" in page and '"name": "Bring a friend"' in page
    assert f"/v1/campaigns/{campaign}" in page and '-H "x-api-key: $INCENTA_KEY"' in page
    [line, *_] = called(himal, ("POST", "/conversions", {"referralCode": "it's", "refereeId": "b"}))
    page = unescape(body(owner.get(url(f"log/requests/{line.pk}/"))))
    assert "Idempotency-Key" in page and """-d '{"referralCode": "it'"'"'s", "refereeId": "b"}'""" in page
    assert "referral_not_found" in page and "belongs to another app" in page
    assert 'data-hotkey="j"' in page and 'data-hotkey="k"' not in page
    assert owner.get(url(f"log/requests/{new_id('req')}/")).status_code == 404


def test_secrets_and_addresses_are_masked_before_they_are_stored(himal, owner, url):
    made = himal.post("/webhooks", {"url": "https://himal.example/h?to=asha@himal.example", "events": ["*"]})
    secret = made["secret"]
    himal.post("/webhooks", {"url": "https://himal.example", "events": [], "description": himal.secret})
    himal.get("/users/asha%40himal.example/stats?x=asha@himal.example")
    lines = called(himal)
    stored = json.dumps(list(RequestLog.objects.values()), default=str)
    pages = "".join(body(owner.get(url(f"log/requests/{line.pk}/"))) for line in lines) + body(
        owner.get(url("log/requests/"))
    )
    for kept in (stored, unescape(pages)):
        for told in (secret, himal.secret, "asha@himal.example", "asha%40himal.example"):
            assert told not in kept
    assert "***" in stored and "fill it in" in pages


def test_the_lists_cost_the_same_with_few_rows_and_with_many(himal, owner, url):
    key = himal.app.api_keys.first()
    costs: dict[str, list[int]] = {}
    for count in (5, 45):
        for n in range(count):
            line_of(himal, api_key=key, status=404 if n % 2 else 200, error_code="x", path=f"/v1/campaigns/{n}")
        for path in ("log/", "log/requests/", "log/requests/?status=4xx&q=campaigns", "log/requests/?live=on"):
            owner.get(url(path))
            with CaptureQueriesContext(connection) as captured:
                assert owner.get(url(path)).status_code == 200
            costs.setdefault(path, []).append(len(captured))
    assert all(few == many <= 12 for few, many in costs.values()), costs
