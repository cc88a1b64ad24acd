"""Payload filters: what fits, what is no filter, and that fan-out goes by them."""

import operator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incenta.events.catalogue import EVENT_TYPES
from webhooks import filtering
from webhooks.filtering import matches
from webhooks.models import WebhookDelivery

from .conftest import dispatch, happen

DATA = {
    "campaignId": "camp_1",
    "amount": 12.5,
    "level": 1,
    "status": "CONVERTED",
    "warning": None,
    "published": True,
    "holdReasons": ["BUDGET", "MANUAL"],
    "balances": {"coins": 40},
    "convertedAt": "2026-11-23T09:30:00.000Z",
    "odd.name": 1,
}
FITS = [
    {},
    {"campaignId": "camp_1"},
    {"campaignId": ["camp_0", "camp_1"]},
    {"amount": {"gte": 12.5, "lte": 12.5}},
    {"amount": {"gt": 12, "lt": 13}},
    {"level": 1.0},
    {"warning": None, "absent": None},
    {"warning": {"exists": False}, "amount": {"exists": True}},
    {"published": True},
    {"holdReasons": "MANUAL"},
    {"holdReasons": ["FRAUD_REVIEW", "BUDGET"]},
    {"balances.coins": {"gte": 40}},
    {"convertedAt": {"gte": "2026-11-23T00:00:00.000Z"}},
    {"odd.name": 1},
]
FITS_NOT = [
    {"campaignId": "CAMP_1"},
    {"campaignId": ["camp_0"]},
    {"amount": {"gt": 12.5}},
    {"amount": {"gte": 10, "lt": 12}},
    {"amount": "12.5"},
    {"level": True},
    {"published": 1},
    {"absent": "x"},
    {"absent": {"gte": 0}},
    {"absent": {"exists": True}},
    {"warning": {"lt": 5}},
    {"status": {"gte": 5}},
    {"published": {"gte": 0}},
    {"holdReasons": "FRAUD_REVIEW"},
    {"balances.xp": {"gte": 0}},
    {"balances.coins.more": 1},
    {"campaignId": "camp_1", "amount": {"gte": 100}},
]


@pytest.mark.parametrize("payload_filter", FITS, ids=str)
def test_what_fits(payload_filter):
    assert matches(payload_filter, DATA)


@pytest.mark.parametrize("payload_filter", FITS_NOT, ids=str)
def test_what_does_not_fit(payload_filter):
    assert not matches(payload_filter, DATA)


# a busy machine is slow to make the first example
at_leisure = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
scalar = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["a", "b", 0.5, 1.5])
names = st.sampled_from(["a", "b", "c", "d.e"])


@at_leisure
@given(st.dictionaries(names, scalar, max_size=4), st.dictionaries(st.sampled_from("abc"), scalar, max_size=3), scalar)
def test_all_conditions_hold_each_by_itself(payload_filter, data, inner):
    data["d"] = {"e": inner}

    each = [matches({name: condition}, data) for name, condition in payload_filter.items()]
    assert matches(payload_filter, data) == all(each)
    assert matches(dict(reversed(payload_filter.items())), data) == all(each), "in any order"


@at_leisure
@given(st.lists(scalar, min_size=1, max_size=5), scalar)
def test_a_list_fits_where_one_of_it_does(words, value):
    assert matches({"a": words}, {"a": value}) == any(matches({"a": word}, {"a": value}) for word in words)


@at_leisure
@given(st.sampled_from(["gte", "lte", "gt", "lt"]), st.floats(-9, 9), st.integers(-9, 9) | st.floats(-9, 9))
def test_comparisons_are_those_of_numbers(name, bound, value):
    compare = {"gte": operator.ge, "lte": operator.le, "gt": operator.gt, "lt": operator.lt}[name]

    assert matches({"a": {name: bound}}, {"a": value}) == compare(value, bound)


@at_leisure
@given(names, scalar | st.lists(scalar, max_size=3), st.dictionaries(names, scalar | st.lists(scalar)))
def test_no_data_is_too_odd(name, condition, data):
    assert matches({name: condition}, data) in (True, False)


# -- through the API -----------------------------------------------------------------------------------------------------
HOOK = {"url": "https://example.com/hooks", "events": ["REWARD_CREATED", "REFERRAL_CONVERTED"]}


@pytest.mark.parametrize(
    ("payload_filter", "field"),
    [
        ({"amuont": 5}, "filter.amuont"),
        ({"couponCode": "x"}, "filter.couponCode"),
        ({"amount": "5"}, "filter.amount"),
        ({"amount": {"gte": "5"}}, "filter.amount"),
        ({"amount": {"over": 5}}, "filter.amount"),
        ({"amount": {}}, "filter.amount"),
        ({"amount": {"exists": "yes"}}, "filter.amount"),
        ({"amount": []}, "filter.amount"),
        ({"amount": [[5]]}, "filter.amount"),
        ({"amount": list(range(101))}, "filter.amount"),
        ({"status": "CONVERTD"}, "filter.status"),
        ({"status": {"gte": "CONVERTED"}}, "filter.status"),
        ({"reasons.type": "SELF_REFERRAL"}, "filter.reasons.type"),
        ({f"field{n}": 1 for n in range(11)}, "filter"),
        ([], "filter"),
        ("amount > 5", "filter"),
        (None, "filter"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_filter_is_refused_by_name(himal, payload_filter, field):
    made = himal.post("/webhooks", HOOK | {"filter": payload_filter})

    assert (made.status, list(made["details"])) == (400, [field]) if field != "filter" else made.status == 400
    assert himal.get("/webhooks")["webhooks"] == []


def test_a_filter_must_fit_the_events_whichever_of_the_two_changes(himal):
    made = himal.post("/webhooks", HOOK | {"filter": {"amount": {"gte": 10}, "status": ["CONVERTED", "PENDING"]}})
    path = f"/webhooks/{made['id']}"
    assert (made.status, made["filter"]) == (201, {"amount": {"gte": 10}, "status": ["CONVERTED", "PENDING"]})

    refused = himal.patch(path, {"events": ["INCENTIVE_LEVEL_UP"]})
    assert (refused.status, sorted(refused["details"])) == (400, ["filter.amount", "filter.status"])
    changed = himal.patch(path, {"events": ["INCENTIVE_LEVEL_UP"], "filter": {"balances.coins": {"gte": 5}}})
    assert (changed.status, changed["filter"]) == (200, {"balances.coins": {"gte": 5}})
    assert himal.patch(path, {"filter": {}})["filter"] == {}
    assert himal.patch(path, {"apiVersion": "0"}).status == 400
    assert himal.patch(path, {"apiVersion": "1"})["apiVersion"] == "1"


def test_only_what_fits_is_sent(himal):
    everything = himal.post("/webhooks", HOOK)["id"]
    large = himal.post("/webhooks", HOOK | {"events": ["*"], "filter": {"amount": {"gte": 10}}})["id"]
    small, grand = (
        happen(himal.app, data={"rewardId": "rew_1", "userId": "asha", "amount": amount})[0] for amount in (5, 50)
    )
    [levelled] = happen(himal.app, "INCENTIVE_LEVEL_UP", data={"level": 2})
    dispatch()

    def told(endpoint: str) -> set[str]:
        return set(WebhookDelivery.objects.filter(endpoint_id=endpoint).values_list("message_id", flat=True))

    assert told(everything) == {small, grand}
    assert told(large) == {grand}, "and not what has no such field"
    assert levelled not in told(large)


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_every_field_that_an_example_shows_can_be_filtered_by(name):
    kind = EVENT_TYPES[name]
    for field, value in kind.example.items():
        if not isinstance(value, dict | list):
            assert filtering.problems({field: value}, [kind.schema]) == {}
            assert matches({field: value}, kind.example)
