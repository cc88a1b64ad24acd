"""What is seen of people at events is kept as evidence, and forgotten after ninety days."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fraud import forgetting, tasks
from fraud.models import KeyKind, Link, Score, Sighting
from tests.incentives.game import action, did
from tests.referrals.moments import START, at, moment

pytestmark = pytest.mark.django_db
PHONE = {"ip": "8.8.8.9", "deviceId": "phone-1", "email": "mallory@example.com"}


@pytest.fixture
def shop(sandbox):
    action(sandbox)
    return sandbox


def links(shop) -> set[tuple[str, str]]:
    return {(link.user_id, KeyKind(link.kind).name) for link in Link.objects.filter(app=shop.app)}


def test_the_context_of_an_event_is_evidence(shop):
    event = did(shop, "mallory", context=PHONE)
    assert event.status == 201
    sighting = Sighting.objects.get(app=shop.app)
    assert (sighting.subject_type, sighting.subject_id, sighting.user_id) == ("EVENT", event["eventId"], "mallory")
    assert sighting.shown["email"] == "m…@example.com" and "8.8.8.9" not in str(sighting.raw) + str(sighting.shown)
    assert links(shop) == {("mallory", name) for name in ("IP", "DEVICE", "EMAIL")}
    assert not Score.objects.filter(app=shop.app).exists()


def test_a_replay_and_an_event_without_context_leave_nothing(shop):
    for _ in range(2):
        did(shop, "mallory", context=PHONE, idempotencyKey="k1")
    did(shop, "asha")
    did(shop, "asha", context=None)
    did(shop, "asha", context={})
    assert Sighting.objects.filter(app=shop.app).count() == 1 and len(links(shop)) == 3
    with CaptureQueriesContext(connection) as sent:
        did(shop, "asha")
    assert not [query for query in sent if "fraud_" in query["sql"]]


def test_a_thousand_in_bulk_are_one_statement_more(shop):
    events = [
        {"userId": f"u{place % 5}", "actionKey": "visit", "context": PHONE | {"sessionId": str(place)}}
        for place in range(40)
    ]
    with CaptureQueriesContext(connection) as plain:
        shop.post("/incentives/events/bulk", {"events": [{**event, "context": None} for event in events]})
    with CaptureQueriesContext(connection) as sent:
        answer = shop.post(
            "/incentives/events/bulk", {"events": [*events, {"userId": "x", "actionKey": "none", "context": PHONE}]}
        )
    assert (answer["recorded"], answer["failed"]) == (40, 1)
    assert len(sent) <= len(plain) + 1
    assert len(links(shop)) == 15 and Sighting.objects.filter(app=shop.app).count() == 40


@pytest.mark.parametrize("context", [{"ip": "here"}, {"shoeSize": "43"}, {"userAgent": "x" * 2_000}, "phone", ["ip"]])
def test_absurd_context_is_refused_and_nothing_happens(shop, context):
    refused = did(shop, "mallory", context=context)
    assert refused.status == 400 and refused["code"] in ("invalid_input", "unknown_field")
    assert not shop.app.activities.exists() and not links(shop)


def test_after_ninety_days_nothing_is_known_in_the_clear(shop, monkeypatch):
    monkeypatch.setattr(forgetting, "BATCH", 2)
    for place in range(5):
        did(shop, f"u{place}", context=PHONE)
    at(shop, "2026-05-29T12:00:00Z")
    did(shop, "asha", context=PHONE)
    assert forgetting.forget_all() == 0
    at(shop, "2026-05-30T12:00:01Z")
    assert forgetting.forget_all() == 10 and forgetting.forget_all() == 0
    assert Sighting.objects.filter(app=shop.app, raw=None).count() == 5
    assert {user for user, kind in links(shop) if kind == "IP"} == {"asha"}
    assert len([kind for _, kind in links(shop) if kind == "DEVICE"]) == 6
    assert Sighting.objects.filter(app=shop.app, user_id="u0").get().shown["ip"]


def test_each_app_forgets_by_its_own_clock(shop, rival):
    action(rival)
    for caller in (shop, rival):
        did(caller, "mallory", context=PHONE)
    old = datetime.now(UTC) - timedelta(days=91)
    Sighting.objects.filter(app=rival.app).update(at=old)
    Link.objects.filter(app=rival.app).update(first_seen=old, last_seen=old)
    at(shop, START)
    tasks.forget()
    assert Sighting.objects.get(app=shop.app).raw and moment(START) <= Sighting.objects.get(app=shop.app).at
    assert Sighting.objects.get(app=rival.app).raw is None and ("mallory", "IP") not in links(rival)
