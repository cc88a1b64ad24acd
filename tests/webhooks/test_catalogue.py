"""Every type of event has a schema that its example passes; what differs from it is found; what the verbs record does not."""

import json
import logging

import jsonschema
import pytest
from django.db import transaction

from incenta import events
from incenta.events import checking
from incenta.events.catalogue import EVENT_TYPES, problems
from incenta.events.checking import NotAsPromised
from incenta.events.models import Event, VitalSign
from webhooks import canonical, fanout, versions
from webhooks.models import WebhookDelivery

from .conftest import dispatch, endpoint_of, happen, pump

NAMES = sorted(EVENT_TYPES)


def whole(kind) -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(kind.body_schema)
    return jsonschema.Draft202012Validator(kind.body_schema)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_passes_and_so_does_what_may_come(name):
    kind = EVENT_TYPES[name]

    whole(kind).validate(kind.body_example)
    whole(kind).validate(kind.body_example | {"data": kind.example | {"newField": {"any": [1]}}, "more": 1})


@pytest.mark.parametrize("name", NAMES)
def test_a_field_that_is_missing_or_of_another_type_is_found(name):
    kind = EVENT_TYPES[name]
    for field in kind.schema["required"]:
        assert problems(name, {key: value for key, value in kind.example.items() if key != field})
        assert problems(name, kind.example | {field: object()}), field
    for field in ("event", "data", "timestamp", "id"):
        body = kind.body_example
        assert not whole(kind).is_valid({key: value for key, value in body.items() if key != field})
        assert not whole(kind).is_valid(body | {field: "nonsense"})


CONTRACT = {
    "REFERRAL_CREATED": "referralId referralCode referrerId refereeId campaignId status riskScore warning reasons",
    "REFERRAL_CLICKED": "referralId referralCode clickId clickedAt campaignId refereeId",
    "REFERRAL_CONVERTED": "referralId referralCode conversionId refereeId referrerId amount currency rewardAmount convertedAt "
    "campaignId status",
    "REFERRAL_REVERSED": "conversionId reason amount effects",
    "REWARD_CREATED": "rewardId referralId userId referrerId amount rewardAmount currency campaignId level side status holdReasons",
    "REWARD_CLAIMED": "rewardId userId discountCode amount currency fulfillmentType claimedAt expiresAt",
    "REWARD_REDEEMED": "rewardId userId amount currency discountCode paidAt payoutReference reason",
    "REWARD_CANCELLED": "rewardId userId amount currency discountCode paidAt payoutReference reason",
    "FRAUD_FLAG_CREATED": "flagId type subject riskScore reasons decision note",
    "FRAUD_FLAG_RESOLVED": "flagId type subject riskScore reasons decision note",
    "USAGE_LIMIT_EXCEEDED": "appId currentUsage limit resetsAt",
    "INCENTIVE_EVENT_RECORDED": "eventId userId actionKey awarded balances",
    "INCENTIVE_LEVEL_UP": "eventId userId actionKey level",
    "INCENTIVE_BADGE_EARNED": "eventId userId actionKey badgeKey",
    "INCENTIVE_MILESTONE_REACHED": "eventId userId actionKey milestoneKey",
    "INCENTIVE_ITEM_REDEEMED": "redemptionId userId itemId code coinCost tokenCost",
    "INCENTIVE_ITEM_FULFILLED": "redemptionId userId itemId code coinCost tokenCost",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_what_the_contract_names_is_required(name):
    assert set(CONTRACT[name].split()) <= set(EVENT_TYPES[name].schema["required"])


def test_the_catalogue_is_served_with_schemas_and_stands_in_the_api_description(himal):
    served = {kind["name"]: kind for kind in himal.get("/webhooks/event-types")["eventTypes"]}
    described = himal.get("/openapi.json")["webhooks"]

    assert served.keys() == described.keys() == EVENT_TYPES.keys()
    for name, kind in EVENT_TYPES.items():
        assert served[name]["version"] == versions.CURRENT
        assert served[name]["schema"] == kind.body_schema
        content = described[name]["post"]["requestBody"]["content"]["application/json"]
        jsonschema.Draft202012Validator(content["schema"]).validate(content["example"])


def test_what_a_programme_records_is_as_promised_and_a_body_of_it_passes(himal, settings):
    """Among it what the fast path writes in SQL, past the check."""
    settings.EVENT_CHECK = "raise"
    campaign = himal.campaign()
    code = himal.code(campaign)
    himal.post("/clicks", {"referralCode": code})
    conversion = himal.convert(code, "bikram", 20)["conversionId"]
    himal.post(f"/conversions/{conversion}/reverse", {"reason": "returned"})
    himal.post("/incentives/actions", {"key": "visit", "name": "Visit", "type": "STANDARD", "xp": 5, "coins": 5})
    for user in ("asha", "asha", "bikram"):
        assert himal.post("/incentives/events", {"userId": user, "actionKey": "visit"}).status == 201

    recorded = list(Event.objects.all())
    assert {event.type for event in recorded} >= {"REFERRAL_CLICKED", "REFERRAL_REVERSED", "INCENTIVE_EVENT_RECORDED"}
    for event in recorded:
        assert problems(event.type, event.data) == [], event.type
        whole(EVENT_TYPES[event.type]).validate(json.loads(fanout.body_of(event, versions.CURRENT)))


def test_what_is_not_as_promised_is_not_recorded_in_tests(himal, settings):
    settings.EVENT_CHECK = "raise"
    good = EVENT_TYPES["REWARD_CLAIMED"].example
    with transaction.atomic():
        events.record(himal.app, "REWARD_CLAIMED", good, subject=("reward", "rew_1"))
        for wrong in (good | {"amount": "5"}, {}, good | {"claimedAt": "today"}):
            with pytest.raises(NotAsPromised, match="REWARD_CLAIMED"):
                events.record(himal.app, "REWARD_CLAIMED", wrong, subject=("reward", "rew_1"))
        with pytest.raises(NotAsPromised, match="not in the catalogue"):
            events.record(himal.app, "REWARD_DOUBLED", good, subject=("reward", "rew_1"))
    assert Event.objects.count() == 1


def test_in_production_a_few_are_looked_at_and_none_is_refused(db, caplog):
    good = Event(id="msg_1", type="REWARD_CLAIMED", data=EVENT_TYPES["REWARD_CLAIMED"].example)
    wrong = Event(id="msg_2", type="REWARD_CLAIMED", data=good.data | {"userId": ["secret name"]})
    with caplog.at_level(logging.WARNING):
        assert checking.sample([good, wrong, good], one_of=1) == 1
        assert checking.sample([wrong] * 2000) < 2000

    assert "msg_2 is not as promised: REWARD_CLAIMED.userId" in caplog.text
    assert "secret name" not in caplog.text
    counted = VitalSign.objects.get(name=checking.MISMATCHES, label="REWARD_CLAIMED").value
    assert counted > 1, "/metrics tells it"


# -- payload versions ----------------------------------------------------------------------------------------------------
def test_each_endpoint_is_sent_the_version_that_it_is_pinned_to(shop, himal, receiver, monkeypatch):
    """A made-up older version, in which the amount was in cents."""

    def in_cents(event_type: str, data: dict) -> dict:
        return {name: value for name, value in data.items() if name != "amount"} | {"cents": data["amount"] * 100}

    monkeypatch.setattr(versions, "VERSIONS", {"0": in_cents, **versions.VERSIONS})
    new, _ = endpoint_of(shop, receiver.url("/new"))
    old = himal.post("/webhooks", {"url": receiver.url("/old"), "events": ["*"], "apiVersion": "0"})
    assert (old.status, old["apiVersion"]) == (201, "0")
    [event_id] = happen(shop)
    dispatch()
    pump()

    def got(path: str) -> list:
        return [request for request in receiver.received if request.path == path]

    assert [request.id for request in receiver.received] == [event_id] * 2
    assert got("/new")[0].json["data"]["amount"] == 5
    assert got("/old")[0].json["data"]["cents"] == 500
    assert "amount" not in got("/old")[0].json["data"]

    # the version changes; what was sent under an id stays as it was
    assert himal.patch(f"/webhooks/{old['id']}", {"apiVersion": "1"}).status == 200
    first = WebhookDelivery.objects.get(endpoint_id=old["id"])
    again = himal.post(f"/webhooks/deliveries/{first.pk}/replay")
    assert again["apiVersion"] == "0"
    pump()
    assert got("/old")[1].body == got("/old")[0].body == himal.get(f"/webhooks/deliveries/{first.pk}")["body"].encode()
    happen(shop)
    dispatch()
    pump()
    assert got("/old")[2].json["data"] == got("/new")[1].json["data"]
    himal.post(f"/webhooks/{new.pk}/test", {"event": "REWARD_CLAIMED"})
    pump()
    assert got("/new")[2].json["data"] == EVENT_TYPES["REWARD_CLAIMED"].example


@pytest.mark.parametrize("name", NAMES)
def test_a_body_that_had_to_be_cut_still_passes(name):
    kind = EVENT_TYPES[name]
    long = (
        kind.example
        | {"pad": "x" * 70_000, "reason": "r" * 600}
        | ({"effects": kind.example["effects"] * 900} if "effects" in kind.example else {})
    )
    event = Event(id="msg_01m831b2qts05fen4vdq67f4qp", type=name, data=long, occurred_at=_moment())
    body = fanout.body_of(event, versions.CURRENT)

    assert len(body) <= fanout.LARGEST_BODY
    assert canonical.dumps(json.loads(body)) == body
    told = json.loads(body)
    assert told["data"]["truncated"] is True
    if "reason" in kind.schema["properties"] or "reason" not in kind.example:
        whole(kind).validate(told)


def _moment():
    from django.utils import timezone

    return timezone.now()
