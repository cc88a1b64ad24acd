"""Faults of ours, and what the client gets to know of them."""

import logging

import pytest

from incenta.accounts.models import Participant

pytestmark = pytest.mark.urls("tests.api.routes")


def test_a_fault_is_a_500_that_tells_nothing_but_its_id(himal, caplog):
    with caplog.at_level(logging.ERROR, "incenta.api"):
        answer = himal.get("/v1/broken")
    assert answer.status_code == 500
    told = answer.json()
    assert told["code"] == "internal_error"
    assert told["requestId"] == answer.headers["X-Request-Id"]
    assert b"inc_live" not in answer.content and b"ZeroDivision" not in answer.content
    assert told["requestId"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_fault_undoes_what_was_begun(himal):
    assert himal.post("/v1/broken", {}).status_code == 500
    assert not Participant.objects.exists()


@pytest.mark.parametrize("sql", ["SELECT 10000000000::int4", "SELECT '294277-01-01'::timestamptz + interval '1 year'"])
def test_a_value_that_only_the_database_finds_out_of_range_is_still_a_400(himal, sql):
    answer = himal.post("/v1/sql", {"sql": [sql]})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_input"


def test_other_errors_of_the_database_are_ours(himal):
    assert himal.post("/v1/sql", {"sql": ["SELECT * FROM nowhere"]}).status_code == 500


def test_a_refusal_names_its_field_deep_inside():
    from rest_framework.exceptions import ValidationError

    from incenta.api.errors import as_domain_error

    told = as_domain_error(
        ValidationError({"tiers": [{}, {"rewardValue": ["Too much."]}], "non_field_errors": ["Odd."]})
    )
    assert told.status == 400
    assert told.details == {"tiers.1.rewardValue": ["Too much."], "body": ["Odd."]}
    assert told.message == "tiers.1.rewardValue: Too much."
