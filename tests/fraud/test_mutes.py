"""Muting a signal for a user or a key: until when, said twice, ended, and what the look makes of it."""

from datetime import UTC, datetime, timedelta

import pytest

from fraud import book, keys
from fraud.models import KeyKind, Mute
from tests.cast import at_once

pytestmark = pytest.mark.django_db


def mute(himal, **body):
    return himal.post("/fraud/mutes", {"signal": "DEVICE_SHARED"} | body)


def holds(himal, signal="DEVICE_SHARED", users=(), keys=None, in_days=1) -> bool:
    now = datetime.now(UTC) + timedelta(days=in_days)
    return book.current(himal.app).muted.holds(signal, users, keys or {}, now)


@pytest.mark.parametrize("signal", ["CODE_FLAGGED", "SELF_REFERRAL_ID"])
def test_what_is_certain_cannot_be_muted(himal, signal):
    refused = mute(himal, signal=signal, userId="mallory")
    assert (refused.status, refused["details"]) == (
        400,
        {"signal": ["Is certain by definition and cannot be muted."]},
    )
    until = datetime.now(UTC) + timedelta(days=9)
    now = until - timedelta(days=9)
    Mute.objects.create(app=himal.app, signal=signal, user_id="mallory", created_at=now, expires_at=until)  # of old
    book.forget(himal.app)
    assert himal.convert(himal.code(himal.campaign(), "mallory"), "mallory", 50)["status"] == "FLAGGED"


def test_a_signal_is_muted_for_a_user_and_speaks_again(himal, rival):
    made = mute(himal, userId="asha", days=90, reason="A family's tablet")
    assert made.status == 201 and made["userId"] == "asha" and made["kind"] is None and made["key"] is None
    assert holds(himal, users=("asha", None), in_days=89) and not holds(himal, users=("asha",), in_days=91)
    assert not holds(himal, users=("bikram",)) and not holds(himal, "DEVICE_SELF", users=("asha",))
    assert [each["id"] for each in himal.get("/fraud/mutes?signal=DEVICE_SHARED&userId=asha")["mutes"]] == [made["id"]]
    assert rival.get("/fraud/mutes")["mutes"] == [] and rival.delete(f"/fraud/mutes/{made['id']}").status == 404
    assert himal.delete(f"/fraud/mutes/{made['id']}").status == 204
    assert himal.delete(f"/fraud/mutes/{made['id']}")["code"] == "mute_not_found"
    assert not holds(himal, users=("asha",)) and himal.get("/fraud/mutes")["mutes"] == []


def test_a_key_is_muted_by_its_value_and_kept_as_its_hash(himal):
    made = mute(himal, kind="DEVICE", value="tablet-1")
    assert made.status == 201 and made["kind"] == "DEVICE" and len(made["key"]) == 16
    key = keys.of_value(himal.app, KeyKind.DEVICE, "tablet-1")
    assert Mute.objects.get().key == key
    assert holds(himal, keys={KeyKind.DEVICE: key}) and not holds(himal, keys={KeyKind.DEVICE: key + 1})
    assert not holds(himal, keys={KeyKind.IP: key})


def test_said_twice_the_later_end_counts(himal):
    first = mute(himal, userId="asha", days=90)
    assert mute(himal, userId="asha", days=30).json == first.json
    longer = mute(himal, userId="asha", days=120)
    assert longer["id"] == first["id"] and longer["expiresAt"] > first["expiresAt"] and Mute.objects.count() == 1
    Mute.objects.update(expires_at=datetime.now(UTC) - timedelta(days=1))
    assert mute(himal, userId="asha")["id"] != first["id"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"userId": "asha", "kind": "DEVICE", "value": "x1"},
        {"kind": "DEVICE"},
        {"kind": "DEVICE", "value": "undefined"},
        {"kind": "IP", "value": "192.168.0.1"},
        {"userId": "asha", "signal": "NO_SUCH_SIGNAL"},
        {"userId": "asha", "days": 30, "until": "2099-01-01T00:00:00Z"},
        {"userId": "asha", "until": "2020-01-01T00:00:00Z"},
        {"userId": "asha", "days": 0},
        {"userId": "asha", "days": 400},
    ],
)
def test_what_makes_no_sense_is_refused(himal, body):
    assert mute(himal, **body).status == 400 and not Mute.objects.exists()


def test_of_twelve_at_once_one_mute_is_made(himal, transactional_db):
    answers = at_once(12, lambda _: mute(himal, userId="asha", until="2026-12-30T00:00:00Z"))
    assert {answer.status for answer in answers} == {201} and len({answer["id"] for answer in answers}) == 1
    assert Mute.objects.count() == 1
