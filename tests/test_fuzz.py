"""Every endpoint of the description, fuzzed: whatever is sent, no 5xx, and each answer is one that the description knows.

Requests are made by schemathesis from ``/v1/openapi.json``, sound ones and broken ones. Half of them name things that
exist, so that the fuzz gets past the first 404. Each leaves nothing behind. ``FUZZ_EXAMPLES`` digs deeper.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from incenta.api.schema import description
from marketplace import profiles
from tests import emptying
from tests.api.codes import codes_of
from tests.cast import Caller, caller, merchant

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = {}
DESCRIBED = json.loads(description())
_description = schemathesis.openapi.from_dict(DESCRIBED)
_description.app = WSGIHandler()
for _found in _description.get_all_operations():
    OPERATIONS[_found.ok().label] = _found.ok()


@contextmanager
def one_connection():
    """The end of a request must not close the connection that holds the test's transaction (Django's own test client
    does the same, so it cannot be done once for the whole test)."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> Iterator[tuple[Caller, dict[str, str]]]:
    """A programme that runs, and the ids of one thing of each kind: made once, for no request leaves anything behind.

    It is committed: a transaction left open would hold up the feeds of whoever else tests in this cluster.
    """
    with django_db_blocker.unblock():
        try:
            yield a_world(caller(merchant("himal").apps.get(sandbox_of=None)))
        finally:
            emptying.empty()


def a_world(himal: Caller) -> tuple[Caller, dict[str, str]]:
    campaign = himal.campaign(fulfillmentType="DISCOUNT_CODE", referralType="TWO_SIDED", refereeRewardValue=5)
    code = himal.code(campaign)
    conversion = himal.convert(code)
    webhook = himal.post("/webhooks", {"url": "https://example.com/hook", "events": ["*"]})["id"]
    himal.post("/incentives/actions", {"key": "signed_up", "name": "Signed up", "type": "STANDARD", "xp": 5})
    market = "/incentives/marketplace"
    business = profiles.verify(himal.post(f"{market}/profile", {"name": "Café Mitra"})["id"]).pk
    himal.patch(f"{market}/settings", {"joined": True})
    himal.post("/incentives/adjustments", {"userId": "asha", "coins": 100, "reason": "Thanks"})
    listing = himal.post(f"{market}/listings", {"title": "Tea", "coinCost": 5})["id"]
    winter = {"listingId": listing, "percentOff": 20, "endsAt": "2099-01-01T00:00:00Z"}
    himal.convert(himal.code(campaign, "mallory", refereeId="mallory"), "mallory")
    suspect = himal.convert(himal.code(campaign, "devi", refereeId="devi"), "devi")
    (flag, *_) = himal.get(f"/fraud/flags?subject={suspect['conversionId']}")["flags"]
    other = himal.get("/fraud/cases?userId=mallory")["cases"][0]["id"]
    rule_set = himal.post("/fraud/rule-sets", {"rules": {"caps": {"NETWORK": 20}}})["id"]
    real = {
        "entryId": himal.post("/fraud/lists", {"side": "DENY", "kind": "USER", "value": "mallory"})["id"],
        "muteId": himal.post("/fraud/mutes", {"signal": "DEVICE_SHARED", "userId": "asha"})["id"],
        "ruleSetId": rule_set,
        "backtestId": himal.post("/fraud/backtests", {"ruleSetId": rule_set})["id"],
        "flagId": flag["id"],
        "caseId": flag["caseId"],
        "decisionId": himal.post(f"/fraud/cases/{other}/decide", {"verdict": "APPROVE"})["decisionId"],
        "campaignId": campaign,
        "code": code,
        "referralCode": code,
        "conversionId": conversion["conversionId"],
        "rewardId": conversion["rewardId"],
        "webhookId": webhook,
        "replayId": himal.post(f"/webhooks/{webhook}/recover", {"since": "2026-01-01T00:00:00Z"})["id"],
        "deliveryId": himal.post(f"/webhooks/{webhook}/test", {"event": "REWARD_CREATED"})["id"],
        "userId": "asha",
        "referrerId": "asha",
        "refereeId": "bikram",
        "key": "signed_up",
        "businessId": business,
        "listingId": listing,
        "promotionId": himal.post(f"{market}/promotions", winter)["id"],
        "redemptionId": himal.post(f"{market}/redeem", {"userId": "asha", "listingId": listing})["redemptionId"],
        "actionKey": "signed_up",
        "after": himal.get("/events")["pagination"]["after"],
    }
    return himal, {name: value for name, value in real.items() if value}


@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_sent_is_answered_as_described(label, world):
    himal, real = world
    operation = OPERATIONS[label]
    sound = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    try:
        broken = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        broken.validate()
        cases = st.one_of(sound, broken)
    except Exception:  # nothing of this operation can be broken
        cases = sound

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases, names_real_things=st.booleans())
    def send(case, names_real_things):
        if names_real_things:
            case.path_parameters = {name: real.get(name, value) for name, value in (case.path_parameters or {}).items()}
            if isinstance(case.body, dict):
                case.body = {name: real.get(name, value) for name, value in case.body.items()}
            if isinstance(case.query, dict):
                case.query = {name: real.get(name, value) for name, value in case.query.items()}
        with one_connection(), transaction.atomic():
            response = case.call(headers={"x-api-key": himal.secret})
            transaction.set_rollback(True)
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400 and response.status_code not in (404, 405):
            told = codes_of(DESCRIBED, operation.definition.raw, response.status_code)
            assert response.json()["code"] in told, f"{label}: {response.json()}"
        assert re.fullmatch(r"req_[0-9a-z]{26}", response.headers["x-request-id"][0])

    send()


MALFORMED = {"invalid_input", "invalid_json", "unknown_field", "unknown_parameter"}


def test_every_example_can_be_sent(world):
    """What the description shows is taken as it stands, with the ids of things that exist: nobody is told that it is malformed."""
    himal, real = world
    wrong = []
    for path, methods in DESCRIBED["paths"].items():
        for method, operation in methods.items():
            told = [each for each in operation.get("parameters", ()) if each.get("required")]
            names = {each["name"]: str(real.get(each["name"], each.get("example", "none"))) for each in told}
            asked = "&".join(f"{each['name']}={names[each['name']]}" for each in told if each["in"] == "query")
            address = path.format(**names) + (f"?{asked}" if asked else "")
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            if isinstance(body, dict):
                body = {
                    name: real.get(name, value) if isinstance(value, str) else value for name, value in body.items()
                }
            with one_connection(), transaction.atomic():
                answer = himal(method.upper(), address.removeprefix("/v1"), body)
                transaction.set_rollback(True)
            if answer.status >= 400 and answer["code"] in MALFORMED:
                wrong.append(f"{operation['operationId']}: {answer['error']}")
    assert not wrong, "\n".join(wrong)
