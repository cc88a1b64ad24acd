"""The lists of referrals, conversions and campaigns: what they find, what they refuse, and pages that stay put."""

import functools
import operator

import pytest

from referrals.models import Conversion
from tests.cast import Caller
from tests.referrals.moments import at

pytestmark = pytest.mark.django_db


def codes(himal: Caller, query: str = "") -> list[str]:
    answer = himal.get(f"/referrals?{query}")
    assert answer.status == 200, answer
    return [item["referralCode"] for item in answer["referrals"]]


def friends(himal: Caller, query: str = "") -> list[str]:
    answer = himal.get(f"/conversions?{query}")
    assert answer.status == 200, answer
    return [item["refereeId"] for item in answer["conversions"]]


# --- referrals ------------------------------------------------------------------------------------------------------
@pytest.fixture
def shop(sandbox) -> Caller:
    """Five codes of two campaigns, a day apart, in five states."""
    first, second = sandbox.campaign(name="First"), sandbox.campaign(name="Second", firstTimeUserOnly=False)
    for day, (campaign, referrer, friend, code) in enumerate(
        [
            (first, "asha", None, "SAVE1"),
            (first, "asha", "bikram", "SAVE2"),
            (first, "chandra", None, "OTHER"),
            (second, "asha", None, "SECOND"),
            (second, "mallory", "mallory", "BAD"),
        ]
    ):
        at(sandbox, f"2026-03-0{day + 1}T12:00:00Z")
        sandbox.code(campaign, referrer, refereeId=friend, code=code)
    sandbox.post("/clicks", {"referralCode": "SAVE2"})
    sandbox.convert("OTHER", "deepa")
    sandbox.convert("SECOND", "deepa")
    sandbox.convert("SECOND", "asha")  # herself: flagged, so nothing for the code
    returned = sandbox.convert("SECOND", "bikram")["conversionId"]
    sandbox.post(f"/conversions/{returned}/reverse", {"reason": "returned"})
    return sandbox


def test_referrals_newest_first(shop):
    assert codes(shop) == ["BAD", "SECOND", "OTHER", "SAVE2", "SAVE1"]


REFERRALS = [
    ("referrerId=asha", ["SECOND", "SAVE2", "SAVE1"]),
    ("referrerId=Asha", []),
    ("refereeId=bikram", ["SAVE2"]),
    ("status=PENDING", ["SAVE1"]),
    ("status=CLICKED", ["SAVE2"]),
    ("status=CONVERTED", ["SECOND", "OTHER"]),
    ("status=FLAGGED", ["BAD"]),
    ("status=EXPIRED", []),
    ("createdAfter=2026-03-02T12:00:00Z&createdBefore=2026-03-04T12:00:00Z", ["OTHER", "SAVE2"]),
    ("createdAfter=2026-03-05T17:45:00%2B05:45", ["BAD"]),
    ("search=save", ["SAVE2", "SAVE1"]),
    ("search=save2", ["SAVE2"]),
    ("search=chandra", ["OTHER"]),
    ("search=bikram", ["SAVE2"]),
    ("search=%25", []),
    ("search=_AVE", []),
    ("search=save&status=CLICKED&referrerId=asha", ["SAVE2"]),
    ("campaignId=camp_nothing", []),
]


def test_referrals_are_found_by(shop):
    for query, found in REFERRALS:
        assert codes(shop, query) == found, query


def test_referrals_are_found_by_campaign_and_by_id(shop):
    second, first = [campaign["id"] for campaign in shop.get("/campaigns")["campaigns"]]
    assert codes(shop, f"campaignId={first}") == ["OTHER", "SAVE2", "SAVE1"]
    assert codes(shop, f"campaignId={second}&status=CONVERTED") == ["SECOND"]
    assert codes(shop, f"search={shop.get('/referrals/save1')['referral']['id']}") == ["SAVE1"]


def test_the_list_shows_what_the_detail_shows(shop):
    for item in shop.get("/referrals")["referrals"]:
        assert shop.get(f"/referrals/{item['referralCode']}")["referral"] == item


@pytest.mark.parametrize("end", [{"endDate": "2026-03-05T12:00:00Z"}, {"status": "EXPIRED"}])
def test_open_codes_of_a_campaign_that_ended_are_expired(shop, end):
    first = shop.get("/campaigns")["campaigns"][1]["id"]
    assert shop.patch(f"/campaigns/{first}", end).status == 200
    shown = {item["referralCode"]: item["status"] for item in shop.get("/referrals")["referrals"]}
    assert shown == {
        "SAVE1": "EXPIRED",
        "SAVE2": "EXPIRED",
        "OTHER": "CONVERTED",
        "SECOND": "CONVERTED",
        "BAD": "FLAGGED",
    }
    for status in ("PENDING", "CLICKED", "CONVERTED", "EXPIRED", "FLAGGED"):
        assert codes(shop, f"status={status}") == [code for code in codes(shop) if shown[code] == status]
    shop.patch(f"/campaigns/{first}", {"status": "ACTIVE", "endDate": None})
    assert codes(shop, "status=EXPIRED") == [] and codes(shop, "status=CLICKED") == ["SAVE2"]


# --- conversions ----------------------------------------------------------------------------------------------------
CONVERSIONS = [
    ("referralCode=second", ["bikram", "asha", "deepa"]),
    ("referralCode=NOSUCH", []),
    ("refereeId=deepa", ["deepa", "deepa"]),
    ("referrerId=chandra", ["deepa"]),
    ("status=CONVERTED", ["deepa", "deepa"]),
    ("status=FLAGGED", ["asha"]),
    ("status=REVERSED", ["bikram"]),
    ("status=PENDING", []),
    ("status=CLICKED", []),
    ("status=CONVERTED&referrerId=asha&refereeId=deepa", ["deepa"]),
    ("from=2026-03-05T12:00:00Z", ["bikram", "asha", "deepa", "deepa"]),
    ("from=2026-03-05T12:00:00.001Z", []),
    ("to=2026-03-05T12:00:00Z", []),
    ("from=2026-03-05T00:00:00Z&to=2026-03-06T00:00:00Z&status=FLAGGED", ["asha"]),
    ("externalId=order", []),
]


def test_conversions_are_found_by(shop):
    for query, found in CONVERSIONS:
        assert friends(shop, query) == found, query


def test_conversions_are_found_by_campaign(shop):
    second, first = [campaign["id"] for campaign in shop.get("/campaigns")["campaigns"]]
    assert friends(shop, f"campaignId={first}") == ["deepa"]
    assert len(friends(shop, f"campaignId={second}")) == 3


# --- refusals, tenants ----------------------------------------------------------------------------------------------
UNKNOWN = [
    "/referrals?status=converted",
    "/referrals?status=ALL",
    "/referrals?status=PENDING,CLICKED",
    "/referrals?createdAfter=yesterday",
    "/referrals?createdAfter=2026-03-01",
    "/referrals?createdBefore=2026-03-01T00:00:00",
    "/referrals?referrer=asha",
    "/referrals?referrerId=",
    "/referrals?referrerId=asha&referrerId=bikram",
    "/referrals?sort=-createdAt",
    "/referrals?campaignId__in=x",
    "/conversions?status=COMPLETED",
    "/conversions?status=",
    "/conversions?from=now",
    "/conversions?to=2026-02-30T00:00:00Z",
    "/conversions?since=2026-02-01T00:00:00Z",
    "/conversions?page=0",
    "/conversions?page=abc",
    "/conversions?limit=101",
    "/campaigns?status=ENDED",
    "/campaigns?referralType=BOTH",
    "/campaigns?name=x",
]


def test_what_is_not_known_is_refused_not_ignored(himal):
    for path in UNKNOWN:
        refused = himal.get(path)
        assert refused.status == 400 and len(refused["details"]) == 1, path


def test_campaigns_are_found_by(shop):
    def names(query: str) -> list[str]:
        return [campaign["name"] for campaign in shop.get(f"/campaigns?{query}")["campaigns"]]

    assert names("") == ["Second", "First"]
    assert names("search=sec") == ["Second"]
    assert names("referralType=ONE_SIDED&status=ACTIVE") == ["Second", "First"]
    assert names("referralType=TWO_SIDED") == names("status=DRAFT") == []


def test_nobody_sees_anothers(shop, rival):
    for path in (
        "/referrals",
        "/conversions",
        "/campaigns",
        "/referrals?search=SAVE",
        "/conversions?referralCode=SECOND",
    ):
        answer = rival.get(path)
        assert answer["pagination"]["totalItems"] == 0
    assert codes(rival, "referrerId=asha") == []


# --- pages ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def crowd(himal) -> Caller:
    """Twenty-three conversions of one moment, as an import brings them."""
    code = himal.code(himal.campaign())
    for place in range(23):
        himal.convert(code, f"friend {place}", occurredAt="2026-01-01T00:00:00Z")
    return himal


def test_pages_hold_each_conversion_once(crowd):
    pages = [friends(crowd, f"limit=10&page={page}") for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [10, 10, 3, 0]
    assert sorted(functools.reduce(operator.iadd, pages, [])) == sorted(f"friend {place}" for place in range(23))
    pagination = crowd.get("/conversions?limit=10&page=2")["pagination"]
    assert (pagination["page"], pagination["totalItems"], pagination["totalPages"]) == (2, 23, 3)


def test_a_cursor_loses_and_repeats_nothing_while_others_come(crowd):
    code = crowd.get("/referrals")["referrals"][0]["referralCode"]
    seen, cursor = [], ""
    while cursor is not None:
        answer = crowd.get(f"/conversions?limit=5&cursor={cursor}")
        seen += [item["refereeId"] for item in answer["conversions"]]
        cursor = answer["pagination"]["nextCursor"]
        assert crowd.convert(code, f"newcomer {len(seen)}").status == 201
    assert len(seen) == len(set(seen)) == 23
    assert Conversion.objects.count() > 23


def test_a_cursor_keeps_its_filters(crowd):
    answer = crowd.get("/conversions?limit=10&cursor=&status=CONVERTED")
    assert (
        crowd.get(f"/conversions?limit=10&status=FLAGGED&cursor={answer['pagination']['nextCursor']}")["conversions"]
        == []
    )


MADE_UP = ["x", "e30", "W10", "bnVsbA", "WzEsMl0", "%00"]


def test_a_made_up_cursor_is_refused(himal):
    for cursor in MADE_UP:
        for path in ("/conversions", "/referrals", "/campaigns"):
            assert himal.get(f"{path}?cursor={cursor}").status == 400, (path, cursor)
