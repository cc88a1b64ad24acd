"""The audit log: every history on one list, in order, walked to its end; narrowed by who, what and when; nobody else's."""

from datetime import timedelta

import pytest
from django.utils import timezone

from incenta.accounts import audit
from incenta.accounts.models import AuditEntry, Role
from incenta.dashboard import audit as page_of_audit
from tests.dashboard.conftest import KEY, body, sign_in, statements

pytestmark = pytest.mark.django_db


def busy(himal, owner, url) -> str:
    """A key by hand, a campaign by key, a rule by key, settings by hand. Answers the campaign's id."""
    assert owner.post(url("keys/new/"), KEY).status_code == 201
    campaign = himal.campaign(name="Spring friends")
    himal.patch(f"/campaigns/{campaign}", {"rewardValue": 12})
    made = himal.post("/incentives/actions", {"key": "visit", "name": "Visits", "type": "STANDARD", "coins": 5})
    assert made.status == 201
    himal.convert(himal.code(campaign), "bikram")
    return campaign


def test_every_history_stands_on_one_list(himal, owner, url):
    assert "Nothing was done yet" in body(owner.get(url("audit/")))
    busy(himal, owner, url)
    page = body(owner.get(url("audit/")))
    for words in (
        "Created an API key", "name Checkout", "Created the campaign “Spring friends”", "Changed the campaign",
        "Created the action “visit”", "owner@himal.example", "API key “tests”",
    ):  # fmt: skip
        assert words in page, words
    assert page.index("Created the action") < page.index("Created the campaign") < page.index("Created an API key")


def test_it_is_narrowed_by_who_what_and_when(himal, owner, url):
    busy(himal, owner, url)
    by_hand = body(owner.get(url(f"audit/?actor=user:{owner.user.pk}"))).split('id="results"')[1]
    assert "Created an API key" in by_hand and "the campaign" not in by_hand
    campaigns = body(owner.get(url("audit/?type=campaigns"))).split('id="results"')[1]
    assert "the campaign" in campaigns and "API key</td>" not in campaigns
    day = timedelta(days=1)
    tomorrow, yesterday = (f"{timezone.now() + sign * 2 * day:%Y-%m-%d}" for sign in (1, -1))
    assert "No deed matches" in body(owner.get(url(f"audit/?since={tomorrow}")))
    assert "No deed matches" in body(owner.get(url(f"audit/?until={yesterday}")))
    assert "Created an API key" in body(owner.get(url(f"audit/?since={yesterday}&until={tomorrow}")))
    for wrong in ("type=nothing", "since=today", "until=9999-12-31"):
        assert "not understood" in body(owner.get(url(f"audit/?{wrong}")))


def walked(owner, url, query: str) -> list[str]:
    """The rows of all pages, one after the other."""
    seen, address = [], url(f"audit/?{query}")
    for _ in range(40):
        page = body(owner.get(address))
        if "<tbody>" in page:
            seen += [row.split("</tr>")[0] for row in page.split("<tbody>")[1].split("<tr>")[1:]]
        if 'rel="next" href="' not in page:
            return seen
        address = url("audit/") + page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    raise AssertionError("The log has no end.")


def test_it_is_walked_to_its_end_without_gap_or_repetition(himal, owner, url, monkeypatch):
    monkeypatch.setattr(page_of_audit, "PER_PAGE", 3)
    busy(himal, owner, url)
    for number in range(5):
        audit.note("app.changed", "user:1", app=himal.app, subject=f"n{number}")
    seen = walked(owner, url, "")
    exported = body(owner.get(url("audit/?export=csv"))).strip().splitlines()
    assert len(seen) == len(exported) - 1 >= 9
    assert [line.count(f">n{number}<") for number, line in zip(range(4, -1, -1), seen, strict=False)] == [1] * 5
    moments = [line.split('datetime="')[1].split('"')[0] for line in seen]
    assert moments == sorted(moments, reverse=True)


def test_what_is_looked_for_is_found_once_however_little_a_page_looks_through(himal, owner, url, monkeypatch):
    busy(himal, owner, url)  # in one transaction: its events share a place, and only their ids order them
    key = himal.app.api_keys.order_by("created_at").first()
    query = f"actor={key.pk}"
    whole = walked(owner, url, query)
    monkeypatch.setattr(page_of_audit, "REACH", 2)
    assert sorted(walked(owner, url, query)) == sorted(whole) and len(whole) >= 4
    monkeypatch.setattr(page_of_audit, "PER_PAGE", 1)
    assert sorted(walked(owner, url, query)) == sorted(whole)


def test_deeds_whose_times_cross_are_all_shown(himal, owner, url, monkeypatch):
    """Of two at once, the one that began first may be written last."""
    monkeypatch.setattr(page_of_audit, "PER_PAGE", 1)
    now = timezone.now()
    AuditEntry.objects.bulk_create(
        AuditEntry(
            merchant=himal.app.merchant, app=himal.app, type="app.changed", subject_id=f"n{number}", at=now - ago
        )
        for number, ago in enumerate((timedelta(0), timedelta(seconds=2), timedelta(seconds=1)))
    )
    seen = walked(owner, url, "type=desk")
    assert [sum(f">n{number}<" in line for line in seen) for number in range(3)] == [1, 1, 1]


@pytest.mark.parametrize("cursor", ["x", "e30", "W10", "eyJkZXNrIjoiJyJ9", "A" * 5000])
def test_a_cursor_that_is_none_is_the_beginning(himal, owner, url, cursor):
    busy(himal, owner, url)
    assert "Created an API key" in body(owner.get(url(f"audit/?cursor={cursor}")))


def test_what_concerns_the_merchant_stands_in_each_of_its_apps(himal, rival, owner, url):
    audit.note("member.invited", f"user:{owner.user.pk}", merchant=himal.app.merchant, role="ANALYST")
    audit.note("app.changed", "user:1", app=himal.app, changed={"name": ["Old", "New name"]})
    assert "Invited somebody" in body(owner.get(url("audit/")))
    sandbox = body(owner.get(url("audit/", himal.app.sandbox)))
    assert "Invited somebody" in sandbox and "New name" not in sandbox
    browser = sign_in(rival.app.merchant)
    assert browser.get(url("audit/")).status_code == 404
    assert "Invited somebody" not in body(browser.get(url("audit/", rival.app)))


@pytest.mark.parametrize("role", sorted(Role))
def test_who_may_read_it(himal, url, role):
    browser = sign_in(himal.app.merchant, role)
    expected = 403 if role == Role.DEVELOPER else 200
    for path in ("audit/", "audit/?export=csv"):
        assert browser.get(url(path)).status_code == expected, path


def test_a_long_log_costs_what_a_short_one_does(himal, owner, url):
    def cost() -> int:
        return len(statements(owner, url("audit/")))

    busy(himal, owner, url)
    few = cost()
    by_hand = f"user:{owner.user.pk}"
    AuditEntry.objects.bulk_create(
        AuditEntry(merchant=himal.app.merchant, app=himal.app, type="app.changed", actor=by_hand) for _ in range(120)
    )
    for number in range(8):
        himal.campaign(name=f"More {number}")
    assert cost() <= few <= 9


def test_who_left_and_what_is_asked_cost_a_statement_each_and_no_more(himal, owner, url):
    busy(himal, owner, url)
    audit.note("app.changed", "user:999999", app=himal.app)
    audit.note("app.changed", "key_of_another", app=himal.app)
    for query in ("", "?since=2020-01-01", "?actor=user:999999", "?actor=nobody", "?type=desk"):
        assert len(statements(owner, url(f"audit/{query}"))) <= 12, query


@pytest.mark.parametrize("cursor", ["5~\0", "5~\ud800", "5~\n", "9" * 119])
def test_a_cursor_that_was_made_up_begins_at_the_newest(owner, url, cursor):
    packed = page_of_audit.packed({"events": cursor})
    assert owner.get(url("audit/"), {"cursor": packed}).status_code == 200
