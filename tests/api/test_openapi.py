"""The description of the API: complete, valid, cheap, and true."""

import json
import re
from datetime import UTC, datetime

import jsonschema
import pytest
from django.urls import get_resolver
from drf_spectacular.validation import validate_schema

from fraud import backtesting
from incenta import clock
from incenta.api.schema import description
from marketplace import profiles
from tests.cast import Answer, Caller, caller
from tests.everything import partner_of
from tests.marketplace.stalls import earns, opens, sells
from tests.test_house import routes
from tests.widgets.conftest import opened

from .codes import codes_of
from .conftest import send, statements


@pytest.fixture(scope="module")
def described() -> dict:
    return json.loads(description())


def operations(described: dict):
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def plain(schema: dict, described: dict) -> dict:
    """The schema with all that it refers to."""
    return schema | {"components": described["components"]}


def test_it_is_openapi_3_1(described):
    validate_schema(described)
    assert described["openapi"] == "3.1.0"


def test_it_says_nothing_in_words_of_3_0(described):
    """``nullable`` is ignored since: a client would think that null may not be sent."""
    text = json.dumps(described)
    for word in ('"nullable":', '"exclusiveMinimum": true', '"exclusiveMaximum": true'):
        assert word not in text, word
    campaign = described["components"]["schemas"]["CreateCampaignRequest"]["properties"]
    assert campaign["rewardCap"]["type"] == ["number", "null"]
    assert campaign["fraudDeadlineOutcome"] == {"type": ["string", "null"], "enum": ["RELEASE", "REJECT", None]}


def test_it_needs_no_key_and_no_database(db):
    send("GET", "/v1/openapi.json")
    assert not statements(lambda: send("GET", "/v1/openapi.json"))
    assert send("GET", "/api/v1/openapi.json").status_code == 200


def test_every_route_is_in_it_once(described):
    below = {
        re.sub(r"<(?:\w+:)?(\w+)>", "{}", route.removeprefix("v1/"))
        for route, _ in routes(get_resolver())
        if route.startswith("v1/")
    }
    assert {re.sub(r"{\w+}", "{}", path.removeprefix("/v1/")) for path in described["paths"]} == below
    ids = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", one) for one in ids), ids


def test_every_operation_says_what_it_does_by_example(described):
    missing = []
    for path, method, operation in operations(described):
        good = [status for status in operation["responses"] if status.startswith("2")]
        shown = [operation["responses"][status].get("content", {}).get("application/json", {}) for status in good]
        if not operation.get("summary") or not (good == ["204"] or all("example" in one for one in shown)):
            missing.append(f"{method} {path}")
        body = operation.get("requestBody")
        if body and "example" not in body["content"]["application/json"]:
            missing.append(f"{method} {path}: no example of a body")
    assert not missing, f"Describe these in their room's api/examples.py: {missing}"


def test_every_example_fits_its_own_schema(described):
    for path, method, operation in operations(described):
        contents = [answer.get("content") for answer in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content"))
        for content in filter(None, contents):
            told = content["application/json"]
            if "example" not in told:
                continue  # the test above tells
            try:
                jsonschema.validate(told["example"], plain(told["schema"], described))
            except jsonschema.ValidationError as error:
                pytest.fail(f"{method} {path}: {error.message} at {error.json_path}")


def test_every_refusal_has_the_one_shape(described):
    for _, _, operation in operations(described):
        for status, answer in operation["responses"].items():
            assert status.startswith("2") or answer["$ref"].startswith("#/components/responses/")
    for answer in described["components"]["responses"].values():
        assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_every_parameter_says_what_it_means(described):
    missing = {
        (operation["operationId"], parameter["name"])
        for _, _, operation in operations(described)
        for parameter in operation.get("parameters", ())
        if "$ref" not in parameter and not parameter.get("description")
    }
    assert not missing, f"Describe these in incenta/api/parameters.py: {sorted(missing)}"
    assert all(each["description"] for each in described["components"]["parameters"].values())


def test_every_tag_is_told_and_used(described):
    used = {tag for _, _, operation in operations(described) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in described["tags"]}
    assert all(tag["description"] for tag in described["tags"])


def test_every_answer_has_a_name(described):
    """Generated clients show it: a shape without a name becomes one for each status."""
    for _, _, operation in operations(described):
        for answer in operation["responses"].values():
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            assert "properties" not in schema, operation["operationId"]


def test_every_operation_says_what_opens_it(described):
    known = described["components"]["securitySchemes"]
    for _, _, operation in operations(described):
        for way in operation.get("security", described["security"]):
            assert set(way) <= set(known), operation["operationId"]
        public = operation.get("security") == []
        assert public == ("401" not in operation["responses"]), operation["operationId"]


def test_every_shared_refusal_shows_one_of_its_codes(described):
    for told in described["components"]["responses"].values():
        content = told["content"]["application/json"]
        jsonschema.validate(content["example"], plain(content["schema"], described))
        assert f"`{content['example']['code']}`" in told["description"]


def test_every_event_is_described_as_a_webhook(described):
    from incenta.events.catalogue import EVENT_TYPES

    assert set(described["webhooks"]) == set(EVENT_TYPES)


# --- true -----------------------------------------------------------------------------------------------------------
def undocumented(value: object, schema: dict, described: dict, at: str = "") -> list[str]:
    """Names that an answer has and its schema does not."""
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        tries = [
            undocumented(value, one, described, at)
            for one in schema["anyOf"]
            if jsonschema.Draft202012Validator(plain(one, described)).is_valid(value)
        ]
        return min(tries, key=len) if tries else []
    if isinstance(value, dict) and "properties" in schema:
        found = [f"{at}.{name}" for name in value.keys() - schema["properties"].keys()]
        for name in value.keys() & schema["properties"].keys():
            found += undocumented(value[name], schema["properties"][name], described, f"{at}.{name}")
        return found
    if isinstance(value, list):
        return [one for item in value for one in undocumented(item, schema.get("items", {}), described, f"{at}[]")]
    return []


@pytest.fixture
def checked(described, request):
    """The cast's merchant, each of whose answers must be exactly what the description says."""
    from tests import cast

    request.getfixturevalue("db")
    himal = cast.caller(cast.merchant("himal").apps.get(sandbox_of=None))
    seen = set()

    def call(method: str, path: str, body: object = None, by: Caller = himal, **headers) -> Answer:
        answer = by(method, path, body, **headers)
        bare = f"/v1{path.partition('?')[0]}"
        fits = [
            (template, methods[method.lower()])
            for template, methods in described["paths"].items()
            if method.lower() in methods and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), bare)
        ]
        _, operation = min(fits, key=lambda fit: fit[0].count("{"))
        told = operation["responses"][str(answer.status)]
        if "$ref" in told:
            told = described["components"]["responses"][told["$ref"].rpartition("/")[2]]
        if answer.json is not None:
            schema = told["content"]["application/json"]["schema"]
            try:
                jsonschema.validate(answer.json, plain(schema, described))
            except jsonschema.ValidationError as error:
                pytest.fail(f"{method} {path}: {error.message[:300]} at {error.json_path}")
            extra = undocumented(answer.json, schema, described)
            assert not extra, f"{method} {path} answers what the description does not know: {extra}"
        if answer.status >= 400:
            assert answer["code"] in codes_of(described, operation, answer.status), f"{method} {path}: {answer.json}"
        if answer.status < 300:
            seen.add(operation["operationId"])
        return answer

    call.seen, call.caller = seen, himal
    return call


def test_a_whole_programme_answers_as_described(checked, described):
    hook = checked("POST", "/webhooks", {"url": "https://example.com/hook", "events": ["*"]})
    campaign = checked(
        "POST",
        "/campaigns",
        {
            "name": "Friends",
            "status": "ACTIVE",
            "referralType": "TWO_SIDED",
            "rewardModel": "TIERED",
            "currency": "USD",
            "rewardValue": 10,
            "refereeRewardValue": 5,
            "tiers": [{"minConversions": 0, "rewardValue": 10}],
            "budget": 500,
            "fulfillmentType": "DISCOUNT_CODE",
            "discount": {"type": "PERCENTAGE", "value": 15},
        },
    )["id"]
    made = {"campaignId": campaign, "referrerId": "asha"}
    code = checked("POST", "/referrals", made)["referralCode"]
    assert checked("POST", "/referrals", made).status == 200
    checked("POST", "/clicks", {"referralCode": code})
    order = {"referralCode": code, "refereeId": "bikram", "amount": 49.99, "externalId": "order_1"}
    converted = checked("POST", "/conversions", order)
    assert checked("POST", "/conversions", order).status == 200
    assert checked("POST", "/conversions", order | {"externalId": "order_2"}).status == 409
    checked("POST", "/conversions", {"referralCode": code, "refereeId": "asha", "amount": 5})
    reward = f"/rewards/{converted['rewardId']}"
    spare = checked("POST", "/conversions", {"referralCode": code, "refereeId": "mallory", "amount": 20})["rewardId"]
    checked("POST", f"/rewards/{spare}/hold")
    checked("POST", f"/rewards/{spare}/release")
    checked("POST", f"/rewards/{spare}/approve")
    checked("POST", f"/rewards/{spare}/pay", {"payoutReference": "payout_1"})
    other = checked("POST", "/conversions", {"referralCode": code, "refereeId": "chitra", "amount": 20})["rewardId"]
    checked("POST", f"/rewards/{other}/cancel", {"reason": "tested"})
    for act in ("approve", "pay"):
        checked("POST", f"/rewards/{act}", {"ids": [other, "rew_none"]})
    checked("POST", "/rewards/cancel", {"ids": [other], "reason": "tested"})
    claimed = checked("POST", f"{reward}/claim", {})
    checked("GET", f"/rewards/validate?code={claimed['discountCode']}")
    checked("GET", "/rewards/validate?code=nope")
    checked("POST", "/rewards/redeem", {"code": claimed["discountCode"]})
    spent = checked("GET", f"/rewards/validate?code={claimed['discountCode']}")
    assert (spent["valid"], spent["errorCode"]) == (False, "already_redeemed")
    conversion = f"/conversions/{converted['conversionId']}"
    checked("POST", f"{conversion}/reverse", {"reason": "returned", "preview": True})
    checked("POST", f"{conversion}/reverse", {"reason": "returned", "amount": 10})
    delivery = checked("POST", f"/webhooks/{hook['id']}/test", {"event": "REWARD_CREATED"})["id"]
    checked("POST", f"/webhooks/{hook['id']}/rotate-secret", {})
    checked("POST", f"/webhooks/{hook['id']}/promote-secret")
    since = {"since": "2026-01-01T00:00:00Z"}
    replay = checked("POST", f"/webhooks/{hook['id']}/replay", since | {"status": "DELIVERED", "events": ["*"]})["id"]
    checked("POST", f"/webhooks/{hook['id']}/recover", since)
    checked("POST", f"/webhooks/{hook['id']}/replay-missing", {"since": clock.iso(datetime.now(UTC))})
    checked("POST", f"/webhooks/replays/{replay}/cancel")
    checked("POST", f"/webhooks/{hook['id']}/asymmetric-key", {"overlapHours": 1})
    headers = {"webhook-id": "msg_1", "webhook-timestamp": "1795398420", "webhook-signature": "v1,bm8="}
    checked("POST", f"/webhooks/{hook['id']}/check-signature", {"body": "{}", "headers": headers})
    checked("POST", f"/webhooks/deliveries/{delivery}/replay")
    checked("PATCH", f"/webhooks/{hook['id']}", {"filter": {"amount": {"gte": 10}}, "apiVersion": "1"})
    checked("PATCH", f"/webhooks/{hook['id']}", {"active": False})
    checked("PATCH", f"/campaigns/{campaign}", {"rewardValue": 12})
    checked("POST", f"/campaigns/{campaign}/simulate", {"rules": {"rewardValue": 20, "maxRewardsPerReferrer": 1}})
    for path in (
        "/campaigns",
        f"/campaigns/{campaign}",
        "/referrals?limit=1",
        "/referrals?cursor=",
        f"/referrals/{code}",
        "/conversions?limit=2",
        conversion,
        "/stats",
        f"/stats?campaignId={campaign}",
        "/users/asha/stats",
        "/users/bikram/stats",
        "/users/nobody/stats",
        "/rewards?limit=2",
        reward,
        "/users/asha/rewards",
        "/events?limit=50",
        "/incentives/ledger/verify",
        "/webhooks",
        f"/webhooks/{hook['id']}",
        f"/webhooks/{hook['id']}/deliveries",
        f"/webhooks/{hook['id']}/replays",
        f"/webhooks/replays/{replay}",
        "/webhooks/deliveries?httpStatus=none",
        f"/webhooks/deliveries/{delivery}",
        "/webhooks/event-types",
        "/campaigns/none",
        "/stats?campaignId=none",
        "/referrals/none",
        "/rewards/none",
    ):
        checked("GET", path)
    for flagged in (code, code, "none"):
        checked("POST", f"/referrals/{flagged}/flag", {"reason": "On a coupon site."})
    frozen = {"frozenAt": "2026-01-01T00:00:00Z"}
    assert checked("POST", "/test-clock", frozen)["code"] == "sandbox_only"
    sandbox = caller(checked.caller.app.sandbox)
    checked("GET", "/test-clock", by=sandbox)
    checked("POST", "/test-clock", frozen, by=sandbox)
    checked("POST", "/test-clock/advance", {"to": "2026-01-02T00:00:00Z"}, by=sandbox)
    checked("DELETE", "/test-clock", by=sandbox)
    checked("GET", "/users/bikram/export")
    checked("GET", "/users/never-seen/export")
    checked("DELETE", "/users/bikram")
    checked("DELETE", "/users/bikram")
    checked("DELETE", f"/webhooks/{hook['id']}/asymmetric-key")
    checked("DELETE", f"/webhooks/{hook['id']}")
    everything = {
        operation["operationId"]
        for _, _, operation in operations(described)
        if operation["tags"][0] not in ("incentives", "marketplace", "fraud", "description")
    }
    assert checked.seen >= everything, f"Not tried here: {everything - checked.seen}"


def test_a_browser_is_answered_as_described(checked):
    shop = opened(checked.caller)
    shop.server.campaign()
    page = shop.page("asha")
    opens(shop.server)
    listing = sells(shop.server)
    earns(shop.server, "asha")
    earns(shop.server, "bikram")
    checked("POST", "/referrals", {"referrerId": "asha"}, by=page)
    checked("POST", "/incentives/marketplace/redeem", {"listingId": listing, "userId": "asha"}, by=page)
    for path in (
        "/users/asha/stats",
        "/incentives/balances/asha",
        "/incentives/leaderboard",
        "/incentives/leaderboard/asha",
        "/incentives/marketplace/public/listings",
        f"/incentives/marketplace/public/listings/{listing}",
        "/incentives/marketplace/redemptions",
        "/users/bikram/stats",
        "/campaigns",
    ):
        checked("GET", path, by=page)


MARKET = "/v1/incentives/marketplace/"


def test_the_marketplace_answers_as_described(checked, described):
    market = MARKET.removeprefix("/v1")

    def asked(method: str, path: str, body: object = None) -> Answer:
        return checked(method, market + path, body)

    for path in ("profile", "settings", "public/listings", "redemptions"):
        asked("GET", path)
    assert asked("POST", "listings", {"title": "Tea", "coinCost": 1}).status == 409
    business = asked("POST", "profile", {"name": "Café Mitra"})["id"]
    profiles.verify(business)
    asked("PATCH", "profile", {"url": "https://mitra.example.com"})
    profiles.verify(business)
    tea = {"title": "Tea", "coinCost": 10, "inventory": 5, "maxPerUser": 5, "validDays": 30, "coinRate": 0.01}
    listing = asked("POST", "listings", tea | {"discount": {"type": "PERCENTAGE", "value": 20}})["id"]
    spare = asked("POST", "listings", {"title": "Cake", "tokenCost": 1, "endsAt": "2099-01-01T00:00:00Z"})["id"]
    asked("PATCH", f"listings/{listing}", {"lowStockAt": 5, "countries": ["NP"]})
    for preview in (True, False):
        asked("POST", f"listings/{spare}/codes", {"csv": "code\nA-1\nA-1\nA-2\n", "preview": preview})
    asked("POST", f"listings/{spare}/codes", {"codes": ["=1+1"], "preview": True})
    winter = {"listingId": listing, "percentOff": 20, "endsAt": "2099-01-01T00:00:00Z"}
    promotion = asked("POST", "promotions", winter)["id"]
    redeem = {"listingId": listing, "userId": "asha"}
    assert asked("POST", "redeem", redeem)["code"] == "marketplace_not_joined"
    asked("PATCH", "settings", {"joined": True, "allowedBusinesses": [business], "maxPerCoin": 0.02})
    assert asked("POST", "redeem", redeem)["code"] == "insufficient_balance"
    checked("POST", "/incentives/adjustments", {"userId": "asha", "coins": 100, "tokens": 5, "reason": "Thanks"})
    first, second = asked("POST", "redeem", redeem), asked("POST", "redeem", redeem)
    third = asked("POST", "redeem", redeem)["discountCode"]
    for code in (third, third, "NOSUCHCODE"):
        asked("POST", "fulfill", {"code": code})
    asked("GET", f"redemptions/{first['redemptionId']}")
    asked("PATCH", f"redemptions/{first['redemptionId']}", {"status": "FULFILLED", "orderReference": "order_1"})
    asked("PATCH", f"redemptions/{second['redemptionId']}", {"status": "CANCELLED", "reason": "tested"})
    assert asked("PATCH", f"redemptions/{first['redemptionId']}", {"status": "CANCELLED"}).status == 409
    for path in (
        "profile",
        "settings",
        "listings?limit=1",
        f"listings/{listing}",
        "listings/none",
        "promotions",
        f"promotions/{promotion}",
        "public/listings?maxCoins=8",
        "public/listings?cursor=&limit=1",
        f"public/listings/{listing}",
        "public/listings/none",
        "verify/asha",
        "verify/nobody?limit=1",
        f"verify/{second['discountCode']}",
        f"verify/{first['redemptionId']}",
        "redemptions?role=issuer",
        "redemptions?role=business",
        "redemptions/none",
    ):
        asked("GET", path)
    partner = partner_of(checked.caller)
    assert partner.post(f"{market}profile", {"name": "Bakery"}).status == 201
    bread = profiles.verify(partner.app.business.pk) and partner.post(f"{market}listings", tea).json["id"]
    asked("PATCH", "settings", {"allowedBusinesses": []})
    owed = asked("POST", "redeem", redeem | {"listingId": bread})["redemptionId"]
    asked("PATCH", f"redemptions/{owed}", {"status": "CANCELLED"})
    assert len(asked("GET", "statement")["entries"]) == 2
    asked("GET", "statement?month=soon")
    asked("DELETE", f"promotions/{promotion}")
    asked("DELETE", f"listings/{spare}")
    everything = {operation["operationId"] for path, _, operation in operations(described) if path.startswith(MARKET)}
    assert checked.seen >= everything, f"Not tried here: {everything - checked.seen}"


def test_points_answer_as_described(checked, described):
    signed_up = {"key": "signed_up", "name": "Signed up", "type": "STANDARD", "xp": 100, "coins": 50, "tokens": 1}
    checked("POST", "/incentives/actions", signed_up)
    checked("PATCH", "/incentives/actions/signed_up", {"maxRepeats": 2})
    checked("PATCH", "/incentives/settings", {"coinsExpireAfter": 30, "coinsExpireUnit": "day"})
    checked("POST", "/incentives/levels", {"level": 2, "name": "Silver", "xpThreshold": 100, "coins": 5})
    checked("POST", "/incentives/levels", {"level": 3, "name": "Gold", "xpThreshold": 1000})
    first = {"key": "newcomer", "name": "Newcomer", "criteria": {"actionKey": "signed_up", "count": 1}, "xp": 1}
    checked("POST", "/incentives/badges", first)
    checked("POST", "/incentives/milestones/rules", {"key": "hundred", "metric": "xp", "threshold": 100, "coins": 1})
    event = {"userId": "asha", "actionKey": "signed_up", "idempotencyKey": "asha_signed_up"}
    assert checked("POST", "/incentives/events", event).status == 201
    assert checked("POST", "/incentives/events", event).status == 200
    checked("POST", "/incentives/events", event | {"idempotencyKey": None})
    refused = checked("POST", "/incentives/events", event | {"idempotencyKey": "third"})
    assert refused["notAwarded"]["code"] == "max_repeats"
    none = event | {"actionKey": "none", "idempotencyKey": "x"}
    checked(
        "POST",
        "/incentives/events/bulk",
        {"events": [event, none, event | {"userId": "bikram", "idempotencyKey": "y"}]},
    )
    vip = {"key": "vip", "name": "VIP", "criteria": {"xp": 50}}
    assert checked("POST", "/incentives/badges", vip | {"preview": True}).status == 200
    backfill = checked("POST", "/incentives/badges", vip | {"backfill": True})["backfill"]["id"]
    checked("PATCH", "/incentives/badges/vip", {"name": "Very important"})
    assert checked("POST", "/incentives/badges/vip/award", {"userId": "asha", "reason": "helped"}).status == 201
    assert checked("POST", "/incentives/badges/vip/award", {"userId": "asha"}).status == 200
    checked("PATCH", "/incentives/levels/2", {"coins": 2, "preview": True})
    checked("PATCH", "/incentives/levels/2", {"xpThreshold": 50, "backfill": True})
    checked("PATCH", "/incentives/milestones/rules/hundred", {"coins": 2})
    gold = {"level": 4, "name": "Platinum", "xpThreshold": 5000}
    assert "qualifying" in checked("POST", "/incentives/levels", gold | {"preview": True}).json
    more = {"key": "thousand", "metric": "xp", "threshold": 1000, "coins": 1}
    assert "qualifying" in checked("POST", "/incentives/milestones/rules", more | {"preview": True}).json
    for path in ("badges/vip", "milestones/rules/hundred"):
        checked("PATCH", f"/incentives/{path}", {"preview": True} | ({"coins": 3} if "rules" in path else {"xp": 3}))
    checked("POST", "/incentives/adjustments", {"userId": "asha", "coins": -3, "reason": "corrected"})
    assert checked("POST", "/incentives/adjustments", {"userId": "asha", "coins": -9999, "reason": "x"}).status == 409
    checked("PATCH", "/incentives/users/asha", {"timezone": "Asia/Kathmandu"})
    mug = {"name": "Mug", "coinCost": 20, "inventory": 5, "published": True}
    item = checked("POST", "/incentives/catalog", mug)["id"]
    checked("PATCH", f"/incentives/catalog/{item}", {"coinCost": 25})
    redeemed = checked("POST", "/incentives/redeem", {"userId": "asha", "itemId": item})["redemptionId"]
    checked("PATCH", f"/incentives/redemptions/{redeemed}", {"status": "CANCELLED"})
    checked("POST", "/incentives/leaderboard", {"userId": "asha", "xp": 500})
    checked("POST", "/incentives/leaderboard", {"userId": "chitra", "xp": 0})
    checked("POST", "/incentives/leaderboard/refresh")
    for path in (
        "actions",
        "actions/signed_up",
        "actions/none",
        "events?limit=2",
        "balances",
        "balances/asha",
        "balances/nobody",
        "balances/asha?asOf=2026-01-01T00:00:00Z",
        "balances/asha/entries?limit=3",
        "balances/asha/entries?asset=coins",
        "adjustments",
        "users/asha",
        "users/nobody",
        "levels",
        "levels/2",
        "levels/9",
        "badges",
        "badges/vip",
        "badges/none",
        "badges/user/asha",
        "milestones",
        "milestones/rules",
        "milestones/rules/hundred",
        "settings",
        "backfills",
        f"backfills/{backfill}",
        "backfills/none",
        "catalog",
        f"catalog/{item}",
        "redemptions",
        "leaderboard",
        "leaderboard?metric=referrals&period=daily",
        "leaderboard/asha",
        "leaderboard/nobody",
        "ledger/verify",
    ):
        checked("GET", f"/incentives/{path}")
    for path in ("levels/3", "milestones/rules/hundred", f"catalog/{item}"):
        checked("DELETE", f"/incentives/{path}")
    everything = {
        operation["operationId"] for path, _, operation in operations(described) if operation["tags"] == ["incentives"]
    }
    assert checked.seen >= everything, f"Not tried here: {everything - checked.seen}"


def _review_answers_as_described(checked, code: str) -> None:
    """Flags, cases and decisions. The code's owner has just referred himself."""
    flag = checked("GET", "/fraud/flags?status=OPEN")["flags"][0]
    case = flag["caseId"]
    for path in (f"flags/{flag['id']}", "flags/none", "cases?minScore=1", f"cases/{case}", "cases/none"):
        checked("GET", f"/fraud/{path}")
    checked("POST", f"/fraud/cases/{case}/notes", {"note": "Who is this?"})
    verdict = {"verdict": "APPROVE"}
    checked("POST", f"/fraud/cases/{case}/decide", verdict | {"preview": True})
    decided = checked("POST", f"/fraud/cases/{case}/decide", verdict | {"note": "One of us."})
    assert checked("POST", f"/fraud/cases/{case}/decide", verdict).status == 409
    checked("GET", "/fraud/decisions")
    checked("POST", f"/fraud/decisions/{decided['decisionId']}/undo")
    checked("POST", "/fraud/cases/decide", verdict | {"minScore": 1, "dryRun": True})
    checked("POST", "/fraud/cases/decide", verdict | {"ids": [case, "case_none"]})
    assert checked("POST", f"/referrals/{code}/flag", {"reason": "On a coupon site."}).status == 201
    flag = checked("GET", "/fraud/flags?type=MANUAL_FLAG")["flags"][0]["id"]
    for decision in ("REJECT", "REJECT", "APPROVE"):
        checked("POST", f"/fraud/flags/{flag}/resolve", {"decision": decision, "note": "It is."})
    checked("GET", f"/fraud/cases/{case}")


def test_fraud_answers_as_described(checked, described):
    campaign = checked(
        "POST",
        "/campaigns",
        {"name": "Friends", "status": "ACTIVE", "rewardModel": "FIXED", "rewardValue": 5, "currency": "USD"},
    )["id"]
    code = checked("POST", "/referrals", {"campaignId": campaign, "referrerId": "asha"})["referralCode"]
    checked("POST", "/conversions", {"referralCode": code, "refereeId": "asha", "amount": 5})
    _review_answers_as_described(checked, code)
    denied = {"side": "DENY", "kind": "IP", "value": "203.0.113.0/24", "expiresAt": "2099-01-01T00:00:00Z"}
    entry = checked("POST", "/fraud/lists", denied)["id"]
    assert checked("POST", "/fraud/lists", denied).status == 409
    other = checked("POST", "/fraud/lists", denied | {"side": "ALLOW", "expiresAt": None})["id"]
    mute = checked("POST", "/fraud/mutes", {"signal": "DEVICE_SHARED", "userId": "asha"})["id"]
    checked("POST", "/fraud/mutes", {"signal": "DEVICE_SHARED", "kind": "DEVICE", "value": "tablet-1", "days": 90})
    rules = {"signals": {"DEVICE_SHARED": {"points": 30}}, "caps": {"NETWORK": 20}}
    first = checked("POST", "/fraud/rule-sets", {"rules": rules, "name": "Softer"})["id"]
    second = checked("POST", "/fraud/rule-sets", {"rules": {}, "campaignId": campaign})["id"]
    backtest = checked("POST", "/fraud/backtests", {"ruleSetId": first, "days": 7})["id"]
    backtesting.run(backtest)
    checked("POST", f"/fraud/rule-sets/{first}/shadow")
    checked("GET", f"/fraud/rule-sets/{first}")
    checked("POST", f"/fraud/rule-sets/{first}/activate", {"replaces": 0})
    assert checked("POST", f"/fraud/rule-sets/{first}/activate", {}).status == 409
    third = checked("POST", "/fraud/rule-sets", {"rules": {}})["id"]
    checked("POST", f"/fraud/rule-sets/{third}/activate", {})
    checked("POST", "/fraud/rule-sets/rollback", {"version": 1})
    checked("POST", "/fraud/rule-sets/rollback", {"version": 0})
    checked("POST", f"/fraud/rule-sets/{second}/retire")
    checked("PATCH", "/fraud/settings", {"watchAt": 25, "twoPerson": True})
    for path in (
        "lists",
        "mutes",
        "rule-sets",
        "rule-sets/none",
        f"rule-sets/{second}",
        "signals",
        "backtests",
        f"backtests/{backtest}",
        "backtests/none",
        "settings",
    ):
        checked("GET", f"/fraud/{path}")
    checked("DELETE", f"/fraud/lists/{entry}")
    checked("DELETE", f"/fraud/lists?id={other}")
    checked("DELETE", f"/fraud/mutes/{mute}")
    everything = {
        operation["operationId"] for _, _, operation in operations(described) if operation["tags"] == ["fraud"]
    }
    assert checked.seen >= everything, f"Not tried here: {everything - checked.seen}"
