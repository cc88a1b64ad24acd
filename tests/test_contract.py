"""What the API promises, route by route: the contract's tables written down as data, and held against real answers.

Answers may gain fields, never lose or change one. "Seed" marks what the published examples show literally.
"""

import json
import re
from collections.abc import Callable
from itertools import count

import pytest
from django.test import Client

from incenta.accounts.models import ApiKey, App, Plan
from incenta.api import authentication, metering
from incenta.events.catalogue import EVENT_TYPES
from incenta.events.models import Event
from tests.cast import Answer, Caller, caller

pytestmark = pytest.mark.django_db


# --- the shapes of values --------------------------------------------------------------------------------------------
Check = Callable[[object], bool]


def text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def words(value: object) -> bool:
    return isinstance(value, str)


def truth(value: object) -> bool:
    return isinstance(value, bool)


def whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def moment(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value) is not None


def currency(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Z]{3}|XP|COIN|TOKEN", value) is not None


def anything(value: object) -> bool:
    return True


def table(value: object) -> bool:
    return isinstance(value, dict)


def array(value: object) -> bool:
    return isinstance(value, list)


def nothing(value: object) -> bool:
    return value is None


def an_id(prefix: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(prefix + r"_[0-9a-z]{26}", value) is not None


def one_of(*allowed: object) -> Check:
    return lambda value: value in allowed


class Or:
    """Either of two shapes."""

    def __init__(self, *shapes: object):
        self.shapes = shapes


def maybe(shape: object) -> Or:
    return Or(nothing, shape)


def faults(value: object, shape: object, path: str = "answer") -> list[str]:
    """Where ``value`` keeps less than ``shape`` promises. More keys are no fault."""
    if isinstance(shape, Or):
        found = [faults(value, each, path) for each in shape.shapes]
        return [] if any(not each for each in found) else found[-1]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{path} is {type(value).__name__}, not an object"]
        missing = [f"{path}.{key} is missing" for key in shape if key not in value]
        return missing + [
            fault
            for key, inner in shape.items()
            if key in value
            for fault in faults(value[key], inner, f"{path}.{key}")
        ]
    if isinstance(shape, list):
        if not isinstance(value, list) or not value:
            return [f"{path} is no list with something in it"]
        return [fault for place, each in enumerate(value) for fault in faults(each, shape[0], f"{path}[{place}]")]
    return [] if shape(value) else [f"{path} is {value!r}"]


PAGE = {"page": whole, "limit": whole, "totalItems": whole, "totalPages": whole}


def listed(plural: str, item: dict) -> dict:
    return {plural: [item], "pagination": PAGE}


# --- the promised shapes (contract, sections 2 to 5) -----------------------------------------------------------------
STATUSES = ("DRAFT", "ACTIVE", "PAUSED", "SCHEDULED", "EXPIRED")
CAMPAIGN = {
    "id": an_id("camp"),
    "name": text,
    "status": one_of(*STATUSES),
    "referralType": one_of("ONE_SIDED", "TWO_SIDED", "MULTI_LEVEL"),
    "rewardModel": one_of("FIXED", "PERCENTAGE", "TIERED"),
    "currency": currency,
    "rewardValue": number,
    "rewardCap": maybe(number),
    "refereeRewardValue": maybe(number),
    "level2RewardValue": maybe(number),
    "level2RewardCap": maybe(number),
    "tiers": array,
    "budget": maybe(number),
    "maxRewardsPerReferrer": maybe(whole),
    "firstTimeUserOnly": truth,
    "startDate": maybe(moment),
    "endDate": maybe(moment),
    "conversionWindowDays": maybe(whole),
    "holdDays": whole,
    "rewardExpirationDays": maybe(whole),
    "codePrefix": words,
    "codeFormat": one_of("RANDOM", "USERNAME", "EMAIL_PREFIX"),
    "landingUrl": words,
    "fulfillmentType": one_of("DISCOUNT_CODE", "COUPON_CODE", "MANUAL", "AUTOMATED", "GIFT_CARD", "CUSTOM", "COINS"),
    "discount": maybe({"type": one_of("PERCENTAGE", "FIXED_AMOUNT"), "value": number}),
    "fraudMode": one_of("monitor", "hold", "block"),
}
RISK = {"warning": nothing, "reasons": nothing, "riskScore": nothing}
FLAGGED = {"warning": text, "reasons": [anything], "riskScore": whole}
MADE_REFERRAL = {
    "referralCode": text,
    "referralId": an_id("ref"),
    "referralUrl": lambda value: value.startswith("http://testserver/r/"),
    "status": one_of("PENDING"),
    **RISK,
}
REFERRAL = {
    "id": an_id("ref"),
    "referralCode": text,
    "referrerId": text,
    "refereeId": maybe(text),
    "status": one_of("PENDING", "CLICKED", "CONVERTED", "EXPIRED", "FLAGGED"),
    "level": whole,
    "rewardAmount": number,
    "isFlagged": truth,
    "riskScore": maybe(whole),
    "clicks": whole,
    "conversions": whole,
    "createdAt": moment,
    "Campaign": {"id": an_id("camp"), "name": text, "status": one_of(*STATUSES)},
}
CLICK = {"success": one_of(True), "clickId": an_id("click"), "referralCode": text, "clickedAt": moment}
MADE_CONVERSION = {
    "success": one_of(True),
    "referralId": an_id("ref"),
    "conversionId": an_id("conv"),
    "rewardAmount": number,
    "rewardCreated": truth,
    "rewardId": maybe(an_id("rew")),
    "status": one_of("COMPLETED"),
    "refereeId": text,
    "referrerId": text,
    "originalReferralCode": text,
    **RISK,
}
CONVERSION = {
    "id": an_id("conv"),
    "referralCode": text,
    "referrerId": text,
    "refereeId": text,
    "status": one_of("CONVERTED", "FLAGGED", "REVERSED"),
    "amount": maybe(number),
    "currency": currency,
    "rewardAmount": number,
    "level": whole,
    "originalReferralCode": text,
    "convertedAt": moment,
    "Campaign": {"id": an_id("camp"), "name": text},
}
TRACE = {"ruleVersion": whole, "steps": [{"rule": text}], "risk": {"signals": array}}
STATS = {
    "totalReferrals": whole,
    "totalClicks": whole,
    "totalConversions": whole,
    "conversionRate": number,
    "totalRewardValue": number,
    "flaggedConversions": whole,
}
USER_STATS = {
    "userId": text,
    "referralsMade": {"total": whole, "clicked": whole, "converted": whole},
    "referralsReceived": maybe(table),
    "rewardsEarned": {"total": number, "pending": number, "paid": number},
    "referralCodesGenerated": array,
    "referralCodesUsed": array,
}
FRAUD_FLAG = {
    "id": an_id("flag"),
    "type": one_of("SELF_REFERRAL"),
    "status": one_of("OPEN", "APPROVED", "REJECTED"),
    "subject": {"type": text, "id": text},
    "riskScore": whole,
    "message": text,
    "decision": maybe(text),
    "note": maybe(text),
    "createdAt": moment,
    "resolvedAt": maybe(moment),
}
REWARD_STATUSES = ("PENDING", "APPROVED", "PAID", "CANCELLED")
REWARD = {
    "id": an_id("rew"),
    "userId": text,
    "amount": number,
    "currency": currency,
    "status": one_of(*REWARD_STATUSES),
    "holdReasons": array,
    "level": whole,
    "side": one_of("REFERRER", "REFEREE"),
    "fulfillmentType": text,
    "fulfillmentReference": maybe(text),
    "discountCode": maybe(text),
    "expiresAt": maybe(moment),
    "claimedAt": maybe(moment),
    "paidAt": maybe(moment),
    "payoutReference": maybe(text),
    "createdAt": moment,
    "Referral": {
        "id": an_id("ref"),
        "referralCode": text,
        "campaignId": an_id("camp"),
        "Campaign": {"name": text},
    },
    "Conversion": maybe({"id": an_id("conv"), "amount": maybe(number), "createdAt": moment}),
}
CLAIMED = {"success": one_of(True), "discountCode": text, "expiresAt": maybe(moment), "reward": REWARD}
DONE = {"success": one_of(True), "reward": REWARD}
VALID = {
    "valid": one_of(True),
    "code": text,
    "type": one_of("PERCENTAGE", "FIXED_AMOUNT"),
    "discount": number,
    "currency": currency,
    "expiresAt": maybe(moment),
    "rewardId": an_id("rew"),
    "userId": text,
    "status": one_of(*REWARD_STATUSES),
    "isExpired": one_of(False),
    "isRedeemed": one_of(False),
    "isCancelled": one_of(False),
}
EACH = {"results": [{"id": text, "status": text}]}
REVERSED = {"conversionId": an_id("conv"), "effects": [{"rewardId": an_id("rew")}]}

COUPONS = {"fulfillmentType": "DISCOUNT_CODE", "discount": {"type": "PERCENTAGE", "value": 10}}
fresh = count(1)


class Story:
    """himal's shop with one of everything the routes below ask for; what a call uses up is made anew each time."""

    def __init__(self, himal: Caller):
        self.himal = himal
        self.campaign_id = himal.campaign(**COUPONS)
        self.code = himal.code(self.campaign_id)
        himal.post("/clicks", {"referralCode": self.code, "refereeId": "bikram"})
        self.conversion_id = himal.convert(self.code, "bikram", 80)["conversionId"]
        assert himal.convert(self.code, "asha", None, externalId="order 1").status == 201

    @property
    def conversion(self) -> str:
        return self.himal.convert(self.code, f"friend {next(fresh)}", 80)["conversionId"]

    @property
    def reward(self) -> str:
        return self.himal.convert(self.code, f"friend {next(fresh)}", 80)["rewardId"]

    @property
    def payable(self) -> str:
        code = self.himal.code(self.himal.campaign(fulfillmentType="MANUAL"))
        return self.himal.convert(code, f"friend {next(fresh)}", 80)["rewardId"]

    @property
    def claimed(self) -> Answer:
        claimed = self.himal.post(f"/rewards/{self.reward}/claim")
        assert claimed.status == 200, claimed
        return claimed

    def through_oneself(self, who: str) -> dict:
        return {"referralCode": self.himal.code(self.campaign_id, who), "refereeId": who, "amount": 80}

    @property
    def held(self) -> str:
        reward = self.reward
        assert self.himal.post(f"/rewards/{reward}/hold").status == 200
        return reward


@pytest.fixture
def story(himal) -> Story:
    return Story(himal)


def oneself(story: Story, place: int) -> dict:
    return {"campaignId": story.campaign_id, "referrerId": f"mallory {place}", "refereeId": f"mallory {place}"}


Ask = tuple[str, str, object]
"""Method, path, body."""

ROUTES: dict[str, tuple[Callable[[Story], Ask], int, object]] = {
    # section 2
    "POST /campaigns": (lambda s: ("POST", "/campaigns", {"name": "A", "rewardValue": 5}), 201, CAMPAIGN),
    "GET /campaigns": (lambda s: ("GET", "/campaigns", None), 200, listed("campaigns", CAMPAIGN)),
    "GET /campaigns/{id}": (lambda s: ("GET", f"/campaigns/{s.campaign_id}", None), 200, CAMPAIGN),
    "PATCH /campaigns/{id}": (lambda s: ("PATCH", f"/campaigns/{s.campaign_id}", {"rewardValue": 7}), 200, CAMPAIGN),
    # section 3
    "POST /referrals": (
        lambda s: ("POST", "/referrals", {"campaignId": s.campaign_id, "referrerId": f"person {next(fresh)}"}),
        201,
        MADE_REFERRAL,
    ),
    "POST /referrals, asked again": (
        lambda s: ("POST", "/referrals", {"campaignId": s.campaign_id, "referrerId": "asha"}),
        200,
        MADE_REFERRAL,
    ),
    "POST /referrals, to oneself": (
        lambda s: ("POST", "/referrals", oneself(s, next(fresh))),
        201,
        MADE_REFERRAL | FLAGGED | {"status": one_of("FLAGGED")},
    ),
    "POST /referrals, to oneself, asked again": (
        lambda s: ("POST", "/referrals", s.himal.post("/referrals", oneself(s, 0)) and oneself(s, 0)),
        200,
        MADE_REFERRAL | FLAGGED | {"status": one_of("FLAGGED")},
    ),
    "GET /referrals/{code}": (lambda s: ("GET", f"/referrals/{s.code}", None), 200, {"referral": REFERRAL}),
    "GET /referrals": (
        lambda s: (
            "GET",
            f"/referrals?campaignId={s.campaign_id}&referrerId=asha&status=CONVERTED&search=asha"
            "&createdAfter=2020-01-01T00:00:00Z&createdBefore=2100-01-01T00:00:00Z",
            None,
        ),
        200,
        listed("referrals", REFERRAL),
    ),
    "POST /clicks": (lambda s: ("POST", "/clicks", {"referralCode": s.code, "refereeId": "bikram"}), 200, CLICK),
    # section 4
    "POST /conversions": (
        lambda s: (
            "POST",
            "/conversions",
            {
                "referralCode": s.code,
                "refereeId": f"friend {next(fresh)}",
                "amount": 80,
                "metadata": {"source": "shop"},
            },
        ),
        201,
        MADE_CONVERSION | {"rewardCreated": one_of(True), "rewardId": an_id("rew"), "rewardAmount": one_of(8)},
    ),
    "POST /conversions, of oneself": (
        lambda s: ("POST", "/conversions", s.through_oneself(f"mallory {next(fresh)}")),
        201,
        MADE_CONVERSION | FLAGGED | {"status": one_of("FLAGGED"), "rewardCreated": one_of(True)},
    ),
    "POST /conversions, the same order again": (
        lambda s: ("POST", "/conversions", {"referralCode": s.code, "refereeId": "asha", "externalId": "order 1"}),
        200,
        MADE_CONVERSION | FLAGGED | {"status": one_of("FLAGGED")},
    ),
    "GET /conversions": (
        lambda s: (
            "GET",
            f"/conversions?campaignId={s.campaign_id}&referralCode={s.code}&refereeId=bikram&referrerId=asha"
            "&status=CONVERTED&from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z",
            None,
        ),
        200,
        listed("conversions", CONVERSION),
    ),
    "GET /conversions/{id}": (
        lambda s: ("GET", f"/conversions/{s.conversion_id}", None),
        200,
        CONVERSION | {"trace": TRACE},
    ),
    "POST /conversions/{id}/reverse, preview": (
        lambda s: ("POST", f"/conversions/{s.conversion}/reverse", {"reason": "Returned", "preview": True}),
        200,
        REVERSED,
    ),
    "POST /conversions/{id}/reverse": (
        lambda s: ("POST", f"/conversions/{s.conversion}/reverse", {"reason": "Returned", "amount": 30}),
        200,
        REVERSED,
    ),
    "GET /stats": (lambda s: ("GET", f"/stats?campaignId={s.campaign_id}", None), 200, STATS),
    "GET /stats, of the app": (lambda s: ("GET", "/stats", None), 200, STATS),
    "GET /users/{userId}/stats": (lambda s: ("GET", "/users/asha/stats", None), 200, USER_STATS),
    "GET /users/{userId}/stats, of a stranger": (
        lambda s: ("GET", "/users/nobody%20at%20all/stats", None),
        200,
        USER_STATS | {"referralsReceived": nothing},
    ),
    # section 5
    "GET /rewards": (
        lambda s: (
            "GET",
            f"/rewards?userId=asha&status=PENDING&fulfillmentType=DISCOUNT_CODE&campaignId={s.campaign_id}&onHold=false"
            "&from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z",
            None,
        ),
        200,
        listed("rewards", REWARD),
    ),
    "GET /rewards/{id}": (lambda s: ("GET", f"/rewards/{s.reward}", None), 200, REWARD),
    "GET /users/{userId}/rewards": (lambda s: ("GET", "/users/asha/rewards", None), 200, listed("rewards", REWARD)),
    "POST /rewards/{id}/claim": (lambda s: ("POST", f"/rewards/{s.reward}/claim", {}), 200, CLAIMED),
    "GET /rewards/validate": (
        lambda s: ("GET", f"/rewards/validate?code={s.claimed['discountCode']}", None),
        200,
        VALID,
    ),
    "GET /rewards/validate, unknown": (
        lambda s: ("GET", "/rewards/validate?code=NOSUCHCODE", None),
        200,
        {"valid": one_of(False), "error": text},
    ),
    "POST /rewards/redeem, by code": (
        lambda s: ("POST", "/rewards/redeem", {"code": s.claimed["discountCode"], "orderReference": "order 1"}),
        200,
        DONE,
    ),
    "POST /rewards/redeem, by id": (
        lambda s: ("POST", "/rewards/redeem", {"rewardId": s.claimed["reward"]["id"], "userId": "asha"}),
        200,
        DONE,
    ),
    "POST /rewards/{id}/approve": (lambda s: ("POST", f"/rewards/{s.reward}/approve", {}), 200, DONE),
    "POST /rewards/{id}/cancel": (
        lambda s: ("POST", f"/rewards/{s.reward}/cancel", {"reason": "A mistake"}),
        200,
        DONE,
    ),
    "POST /rewards/{id}/pay": (
        lambda s: ("POST", f"/rewards/{s.payable}/pay", {"payoutReference": "transfer 1"}),
        200,
        DONE,
    ),
    "POST /rewards/approve": (lambda s: ("POST", "/rewards/approve", {"ids": [s.reward, s.reward]}), 200, EACH),
    "POST /rewards/cancel": (
        lambda s: ("POST", "/rewards/cancel", {"ids": [s.reward], "reason": "A mistake"}),
        200,
        EACH,
    ),
    "POST /rewards/pay": (
        lambda s: ("POST", "/rewards/pay", {"ids": [s.payable], "payoutReference": "transfer 1"}),
        200,
        EACH,
    ),
    # section 8
    "GET /fraud/flags": (
        lambda s: (
            "GET",
            f"/fraud/flags?status=OPEN&type=SELF_REFERRAL&minScore=100&campaignId={s.campaign_id}"
            f"&subject={a_flag(s)['subject']['id']}",
            None,
        ),
        200,
        listed("flags", FRAUD_FLAG),
    ),
    "GET /fraud/flags/{id}": (lambda s: ("GET", f"/fraud/flags/{a_flag(s)['id']}", None), 200, FRAUD_FLAG),
    "POST /fraud/flags/{id}/resolve": (
        lambda s: ("POST", f"/fraud/flags/{a_flag(s)['id']}/resolve", {"decision": "REJECT", "note": "One person"}),
        200,
        {"success": one_of(True), "flag": FRAUD_FLAG | {"decision": one_of("REJECT"), "note": text}},
    ),
}


def a_flag(story: Story) -> dict:
    """A flag of mallory, who refers himself."""
    story.himal.code(story.campaign_id, "mallory", refereeId="mallory")
    return story.himal.get("/fraud/flags?userId=mallory&type=SELF_REFERRAL")["flags"][0]


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_answers_what_it_promises(story, route):
    """At both mounts, with either header, with and without a slash at the end."""
    ask, status, shape = ROUTES[route]
    by_header = {"x-api-key": story.himal.secret}
    by_token = {"Authorization": f"bEARER {story.himal.secret}"}
    for mount, headers, slash in (
        ("/v1", by_header, ""),
        ("/api/v1", by_header, ""),
        ("/v1", by_token, ""),
        ("/v1", by_header, "/"),
        ("/api/v1", by_token, "/"),
    ):
        method, path, body = ask(story)
        path, question, query = path.partition("?")
        sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        response = Client().generic(method, f"{mount}{path}{slash}{question}{query}", headers=headers, **sent)
        assert response.status_code == status, (mount, slash, response.content)
        assert response.headers["Content-Type"] == "application/json"
        assert re.fullmatch(r"req_[0-9a-z]{26}", response.headers["X-Request-Id"])
        for name in ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"):
            assert response.headers[name].isdigit()
        assert not faults(json.loads(response.content), shape)


def test_every_field_of_a_campaign_is_kept(himal):
    """Section 2 whole: what is sent is what is answered."""
    base = {
        "name": "Everything",
        "status": "PAUSED",
        "currency": "EUR",
        "rewardValue": 5.25,
        "rewardCap": 100,
        "budget": 10_000.5,
        "maxRewardsPerReferrer": 20,
        "firstTimeUserOnly": False,
        "startDate": "2026-01-01T00:00:00.000Z",
        "endDate": "2030-01-01T00:00:00.000Z",
        "conversionWindowDays": 30,
        "holdDays": 14,
        "rewardExpirationDays": 90,
        "codePrefix": "SAVE",
        "codeFormat": "USERNAME",
        "landingUrl": "https://himal.example/welcome?from=friend",
        "fulfillmentType": "COUPON_CODE",
        "discount": {"type": "FIXED_AMOUNT", "value": 5},
        "fraudMode": "block",
    }
    for more in (
        {"referralType": "TWO_SIDED", "rewardModel": "FIXED", "refereeRewardValue": 2.5},
        {"referralType": "MULTI_LEVEL", "rewardModel": "PERCENTAGE", "level2RewardValue": 1.5, "level2RewardCap": 10},
        {
            "referralType": "ONE_SIDED",
            "rewardModel": "TIERED",
            "tiers": [
                {"minConversions": 0, "rewardValue": 5},
                {"minConversions": 10, "rewardValue": 8, "rewardCap": 8},
            ],
        },
    ):
        sent = base | more
        made = himal.post("/campaigns", sent)
        assert made.status == 201, made
        assert not faults(made.json, CAMPAIGN)
        assert {name: made[name] for name in sent} == sent
        assert himal.get(f"/campaigns/{made['id']}").json == made.json


def test_lists_have_pages_and_cursors(story):
    himal = story.himal
    for place in range(3):
        himal.code(story.campaign_id, f"person {place}")
        himal.convert(story.code, f"friend {next(fresh)}")
    for plural in ("campaigns", "referrals", "conversions", "rewards"):
        himal.campaign()
        first = himal.get(f"/{plural}?limit=2")
        total = first["pagination"]["totalItems"]
        assert first["pagination"] | {"page": 1, "limit": 2, "totalPages": -(-total // 2)} == first["pagination"]
        ids, cursor = [], ""
        while cursor is not None:
            page = himal.get(f"/{plural}?limit=2&cursor={cursor}")
            assert "totalItems" not in page["pagination"]
            ids += [item["id"] for item in page[plural]]
            cursor = page["pagination"]["nextCursor"]
        assert len(ids) == len(set(ids)) == total
        assert ids[:2] == [item["id"] for item in first[plural]]
        assert len(himal.get(f"/{plural}")[plural]) == min(total, 25)
        for wrong in (
            "limit=101",
            "limit=0",
            "limit=abc",
            "page=0",
            "page=abc",
            "status=ENDED",
            "sortBy=name",
            "cursor=x",
        ):
            refused = himal.get(f"/{plural}?{wrong}")
            assert refused.status == 400 and not faults(refused.json, ERROR), (plural, wrong, refused)


# --- errors ----------------------------------------------------------------------------------------------------------
ERROR = {
    "error": lambda value: (
        isinstance(value, str) and value[:1].strip() != "" and len(value) < 300 and "Traceback" not in value
    ),
    "code": lambda value: re.fullmatch(r"[a-z][a-z0-9_]*", value) is not None,
    "details": table,
    "requestId": an_id("req"),
}


def is_refused(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status, answer
    assert not faults(answer.json, ERROR), answer
    assert answer["code"] == code, answer
    assert answer["requestId"] == answer.headers["X-Request-Id"]
    assert "RateLimit-Limit" in answer.headers


def deep(levels: int) -> bytes:
    return b'{"referralCode": ' + b'{"a": ' * levels + b"1" + b"}" * levels + b"}"


@pytest.mark.parametrize(
    "path", ["/campaigns", "/referrals", "/clicks", "/conversions", "/rewards/redeem", "/webhooks"]
)
def test_bodies_that_cannot_be_read_are_a_400(himal, path):
    for body in (
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{",
        b'{"a": NaN}',
        b'{"a": 1e308999}',
        b'{"a": Infinity}',
        deep(120),
    ):
        refused = himal("POST", path, body)
        assert refused.status == 400 and not faults(refused.json, ERROR), (body[:30], refused)
    assert himal("POST", path, b'{"name": "' + b"x" * 1_100_000 + b'"}').status == 413


def test_values_that_cannot_be_meant_are_a_400(story):
    himal, code = story.himal, story.code
    before = himal.get("/stats").json
    for fields in (
        {"amount": -1},
        {"amount": 10**12 + 1},
        {"amount": 1e308},
        {"amount": 9.999},
        {"amount": "many"},
        {"amount": True},
        {"refereeId": ""},
        {"refereeId": "x" * 256},
        {"refereeId": "nul\x00"},
        {"refereeId": 5},
        {"refereeId": None},
        {"referralCode": {"not": "zz"}},
        {"referralCode": ["A"]},
        {"metadata": "text"},
        {"metadata": []},
        {"currency": "EUR"},
        {"currency": 5},
        {"occurredAt": "yesterday"},
        {"occurredAt": "2026-01-01T00:00:00"},
        {"occurredAt": "2199-01-01T00:00:00Z"},
        {"refereeID": "misspelt"},
    ):
        body = {"referralCode": code, "refereeId": "deepa", "amount": 10} | fields
        refused = himal.post("/conversions", body)
        assert refused.status == 400 and not faults(refused.json, ERROR), (fields, refused)
        named = next(iter(fields))
        assert {named, "body"} & set(refused["details"]), (fields, refused)
    assert himal.get("/stats").json == before


def test_refusals_have_the_promised_codes(story):
    himal, code = story.himal, story.code
    past = himal.campaign(endDate="2020-01-01T00:00:00Z", startDate="2019-01-01T00:00:00Z")
    paused = himal.campaign(status="PAUSED")
    future = himal.campaign(startDate="2100-01-01T00:00:00Z")
    for campaign, refusal in (
        (past, "campaign_ended"),
        (paused, "campaign_not_active"),
        (future, "campaign_not_started"),
    ):
        is_refused(himal.post("/referrals", {"campaignId": campaign, "referrerId": "asha"}), 400, refusal)
    is_refused(himal.post("/referrals", {"campaignId": "camp_1", "referrerId": "asha"}), 404, "campaign_not_found")
    himal.post("/referrals", {"campaignId": story.campaign_id, "referrerId": "tara", "code": "TARA"})
    taken = himal.post("/referrals", {"campaignId": story.campaign_id, "referrerId": "uma", "code": "tara"})
    is_refused(taken, 409, "code_taken")
    is_refused(himal.get("/campaigns/camp_1"), 404, "campaign_not_found")
    is_refused(himal.get("/referrals/NOSUCH"), 404, "referral_not_found")
    is_refused(himal.post("/clicks", {"referralCode": "NOSUCH"}), 404, "referral_not_found")
    is_refused(himal.convert("NOSUCH"), 404, "referral_not_found")
    is_refused(himal.get("/conversions/conv_1"), 404, "conversion_not_found")
    is_refused(himal.get("/stats?campaignId=camp_1"), 404, "campaign_not_found")
    is_refused(himal.get("/rewards/rew_1"), 404, "reward_not_found")
    is_refused(himal.get("/no/such/thing"), 404, "not_found")
    is_refused(himal.delete("/stats"), 405, "method_not_allowed")
    again = himal.convert(code, "bikram", 80)
    is_refused(again, 409, "already_converted")
    assert again["details"]["conversionId"] == story.conversion_id
    windowed = himal.campaign(conversionWindowDays=1)
    late = {"referralCode": himal.code(windowed), "refereeId": "x", "occurredAt": "2026-11-23T00:00:00Z"}
    himal.app.referrals.filter(campaign_id=windowed).update(created_at="2020-01-01T00:00:00Z")
    is_refused(himal.post("/conversions", late), 400, "conversion_window_expired")
    is_refused(himal.post(f"/rewards/{story.held}/claim"), 409, "reward_on_hold")
    cancelled = story.reward
    himal.post(f"/rewards/{cancelled}/cancel", {"reason": "A mistake"})
    is_refused(himal.post(f"/rewards/{cancelled}/claim"), 409, "reward_not_claimable")
    is_refused(himal.post("/rewards/redeem", {"rewardId": cancelled, "userId": "asha"}), 409, "reward_cancelled")
    is_refused(himal.post("/rewards/redeem", {"rewardId": story.reward, "userId": "asha"}), 409, "reward_not_claimed")
    coupon = story.claimed["discountCode"]
    assert himal.post("/rewards/redeem", {"code": coupon}).status == 200
    twice = himal.post("/rewards/redeem", {"code": coupon})
    is_refused(twice, 409, "already_redeemed")
    assert moment(twice["details"]["redeemedAt"])


def test_who_may_call(story, himal):
    authentication.guesses.forget()
    is_refused(Caller(himal.app, "")("GET", "/stats"), 401, "unauthorized")
    is_refused(Caller(himal.app, "inc_live_" + "0" * 40)("GET", "/stats"), 401, "unauthorized")
    reader, browser = caller(himal.app, "read"), caller(himal.app, "publishable")
    assert reader.get("/stats").status == 200
    is_refused(reader.post("/clicks", {"referralCode": story.code}), 403, "missing_scope")
    is_refused(browser.get("/stats"), 403, "missing_scope")
    assert himal.secret.startswith("inc_live_") and caller(himal.app.sandbox).secret.startswith("inc_test_")
    himal.app.status = App.Status.SUSPENDED
    himal.app.save()
    is_refused(himal.get("/stats"), 403, "app_suspended")


def test_idempotency_keys(story):
    himal = story.himal
    body = {"referralCode": story.code, "refereeId": "deepa", "amount": 10}
    first = himal.post("/conversions", body, idempotency_key="one")
    again = himal.post("/conversions", body, idempotency_key="one")
    assert (again.status, again.json) == (201, first.json) and again.headers["Idempotency-Replayed"] == "true"
    is_refused(himal.post("/conversions", body | {"amount": 11}, idempotency_key="one"), 422, "idempotency_key_reused")
    is_refused(himal.post("/clicks", {"referralCode": story.code}, idempotency_key="x" * 256), 400, "invalid_input")
    is_refused(himal.post("/conversions", body | {"amount": -1}, idempotency_key="two"), 400, "invalid_input")
    assert himal.post("/conversions", body | {"refereeId": "esha"}, idempotency_key="two").status == 201


def test_limits(himal):
    plan = Plan.objects.create(name="Small", monthly_calls=1000, calls_per_minute=3, max_apps=1, max_keys=5)
    himal.app.merchant.plan = plan
    himal.app.merchant.save()
    answers = [himal.get("/stats") for _ in range(5)]
    assert [answer.status for answer in answers].count(200) <= 3
    is_refused(answers[-1], 429, "rate_limited")
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    plan.monthly_calls, plan.calls_per_minute = 0, 1000
    plan.save()
    over = himal.get("/stats")
    is_refused(over, 429, "monthly_limit_exceeded")
    assert int(over.headers["Retry-After"]) > 0


# --- the seed: the published examples, literally ---------------------------------------------------------------------
def test_the_seeds_shop(himal):
    """Field for field what the published code sends and reads."""
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=20)

    def fetch(path: str, body: dict | None = None) -> dict:
        headers = {"x-api-key": himal.secret}
        if body is None:
            return Client().get(f"/v1{path}", headers=headers).json()
        return Client().post(f"/v1{path}", json.dumps(body), content_type="application/json", headers=headers).json()

    code = fetch("/referrals", {"campaignId": campaign, "referrerId": "customer_1"})["referralCode"]
    assert re.fullmatch(r"[A-Z0-9-]{4,40}", code)
    order = {
        "referralCode": code,
        "refereeId": "customer_2",
        "amount": 99.5,
        "metadata": {"source": "ecommerce_checkout"},
    }
    tracked = fetch("/conversions", order)
    assert tracked["rewardAmount"] == 20 and tracked["referrerId"] == "customer_1"
    told = Event.objects.get(app=himal.app, type="REWARD_CREATED").data
    assert (told["referralId"], told["userId"], told["amount"]) == (tracked["referralId"], "customer_1", 20)
    stats = fetch(f"/stats?campaignId={campaign}")
    assert stats["conversionRate"] > 80 or stats["conversionRate"] == 0


def test_the_conversion_rate_of_the_documentation(himal):
    from referrals.stats import rate

    assert (rate(34, 89), rate(1, 0), rate(0, 5), rate(5, 5)) == (38.2, 0, 0, 100)


# --- events (contract, section 9) ------------------------------------------------------------------------------------
REWARD_ENDED = "rewardId userId amount currency discountCode paidAt payoutReference reason"
FLAG = "flagId type subject riskScore reasons decision note"
ITEM = "redemptionId userId itemId code coinCost tokenCost"
EVENTS = {
    "REFERRAL_CREATED": "referralId referralCode referrerId refereeId campaignId status riskScore warning reasons",
    "REFERRAL_CLICKED": "referralId referralCode clickId clickedAt campaignId refereeId",
    "REFERRAL_CONVERTED": "referralId referralCode conversionId refereeId referrerId amount currency rewardAmount "
    "convertedAt campaignId status",
    "REFERRAL_REVERSED": "conversionId reason amount effects",
    "REWARD_CREATED": "rewardId referralId userId referrerId amount rewardAmount currency campaignId level side status "
    "holdReasons",
    "REWARD_CLAIMED": "rewardId userId discountCode amount currency fulfillmentType claimedAt expiresAt",
    "REWARD_REDEEMED": REWARD_ENDED,
    "REWARD_CANCELLED": REWARD_ENDED,
    "FRAUD_FLAG_CREATED": FLAG,
    "FRAUD_FLAG_RESOLVED": FLAG,
    "USAGE_LIMIT_EXCEEDED": "appId currentUsage limit resetsAt",
    "INCENTIVE_EVENT_RECORDED": "eventId userId actionKey awarded balances",
    "INCENTIVE_LEVEL_UP": "eventId userId level",
    "INCENTIVE_BADGE_EARNED": "eventId userId badgeKey",
    "INCENTIVE_MILESTONE_REACHED": "eventId userId milestoneKey",
    "INCENTIVE_ITEM_REDEEMED": ITEM,
    "INCENTIVE_ITEM_FULFILLED": ITEM,
    "MARKETPLACE_PROFILE_CREATED": "",
    "MARKETPLACE_PROFILE_VERIFIED": "",
    "MARKETPLACE_LISTING_CREATED": "listingId",
    "MARKETPLACE_REDEMPTION_CREATED": "redemptionId",
    "MARKETPLACE_REDEMPTION_FULFILLED": "redemptionId",
    "MARKETPLACE_REDEMPTION_CANCELLED": "redemptionId",
    "MARKETPLACE_PROMOTION_CREATED": "",
}
"""Type -> the least that its data holds."""


def test_the_catalogue_has_every_promised_event():
    assert set(EVENTS) <= set(EVENT_TYPES)
    for name, keys in EVENTS.items():
        kind = EVENT_TYPES[name]
        assert kind.name == name and kind.description.endswith(".")
        missing = set(keys.split()) - set(kind.example)
        assert not missing, f"{name}: {missing}"


def test_what_is_told_holds_what_the_catalogue_shows(story, himal):
    """A journey through the programme; each event it tells has the catalogue's keys, and values of the same kinds."""
    authentication.forget_keys()
    metering.meter.forget()
    assert himal.post("/rewards/redeem", {"code": story.claimed["discountCode"]}).status == 200
    himal.post(f"/rewards/{story.reward}/cancel", {"reason": "A mistake"})
    himal.post(f"/rewards/{story.payable}/pay", {"payoutReference": "transfer 1"})
    assert himal.post(f"/conversions/{story.conversion}/reverse", {"reason": "Returned", "amount": 30}).status == 200
    assert himal.post(f"/conversions/{story.conversion}/reverse", {"reason": "Returned"}).status == 200
    plan = himal.app.merchant.plan
    plan.monthly_calls = 0
    plan.save()
    assert himal.get("/stats").status == 429
    told = list(Event.objects.filter(app=himal.app))
    wrong = []
    for event in told:
        example = EVENT_TYPES[event.type].example
        missing = [key for key in example if key not in event.data]
        wrong += [f"{event.type} lacks {missing}"] if missing else []
        for key, value in event.data.items():
            shown = example.get(key)
            if shown is not None and value is not None and kind_of(value) != kind_of(shown):
                wrong.append(f"{event.type}.{key} is {value!r}, and {shown!r} in the catalogue")
    assert not wrong, "\n".join(wrong)
    expected = {name for name in EVENTS if name.startswith(("REFERRAL", "REWARD", "USAGE"))}
    assert expected <= {event.type for event in told}, expected - {event.type for event in told}


def kind_of(value: object) -> type | str:
    return "number" if number(value) else type(value)


def test_keys_are_shown_once_and_stored_as_a_hash(himal):
    key, secret = ApiKey.objects.issue(himal.app, "Another")
    kept = ApiKey.objects.filter(pk=key.pk).values().get()
    assert secret not in json.dumps(kept, default=str) and secret[-4:] == kept["last4"]
