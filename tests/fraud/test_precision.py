"""The record of each signal: how often it was right, by what people decided, and which ones are proposed for muting."""

import pytest
from django.utils import timezone

from fraud import precision, wilson
from fraud.models import Case, Flag
from fraud.precision import Precision

pytestmark = pytest.mark.django_db


def reviewed(himal, signal: str, rejected: int, approved: int, by: str = "user:1") -> None:
    now = timezone.now()
    case = Case.objects.create(app=himal.app, key=f"case {signal} {by}", opened_at=now, status="CLOSED")
    Flag.objects.bulk_create(
        Flag(
            app=himal.app, case=case, subject_type="CONVERSION", subject_id=f"{signal} {by} {place}", type="DUPLICATE_IP",
            signal=signal, points=10, score=60, message="…", status="REJECTED" if place < rejected else "APPROVED",
            first_at=now, last_at=now, resolved_at=now, resolved_by=by,
        )
        for place in range(rejected + approved)
    )  # fmt: skip


def test_the_record_of_a_signal(himal, rival, django_assert_num_queries):
    reviewed(himal, "DEVICE_SHARED", 37, 4)
    reviewed(himal, "DEVICE_SHARED", 0, 50, by="deadline")  # decided without a look
    reviewed(rival, "DEVICE_SHARED", 0, 9)
    with django_assert_num_queries(1):
        found = precision.of(himal.app)["DEVICE_SHARED"]
    assert found.told == "right in 37 of 41 reviewed" and round(found.mean, 3) == round(38 / 43, 3)
    with django_assert_num_queries(0):
        assert precision.of(himal.app)["DEVICE_SHARED"] == found
    (shown,) = [each for each in himal.get("/fraud/signals")["signals"] if each["code"] == "DEVICE_SHARED"]
    assert shown["precision"] == {"right": 37, "reviewed": 41, "mean": 0.884, "low": 0.775, "high": 0.961}
    assert not shown["proposedToMute"]


def test_what_was_mostly_wrong_is_proposed_and_nothing_happens_by_itself(himal):
    reviewed(himal, "IP_SHARED", 3, 40)
    reviewed(himal, "UA_BOT", 0, 10)  # too few to say
    reviewed(himal, "SELF_REFERRAL_ID", 0, 60)  # certain by definition
    assert [record.signal for record in precision.proposals(himal.app)] == ["IP_SHARED"]
    (shown,) = [each for each in himal.get("/fraud/signals")["signals"] if each["proposedToMute"]]
    assert shown["code"] == "IP_SHARED" and shown["on"] and shown["points"] > 0


def test_nothing_reviewed_says_nothing():
    nothing = Precision("DEVICE_SHARED")
    assert nothing.told == "not reviewed yet" and nothing.mean == 0.5 and nothing.interval == (0.0, 1.0)
    assert not nothing.is_mostly_wrong


@pytest.mark.parametrize(
    ("right", "of", "low", "high"), [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (37, 41, 0.775, 0.961)]
)
def test_wilsons_interval(right, of, low, high):
    assert [round(edge, 3) for edge in wilson.bounds(right, of)] == [low, high]
