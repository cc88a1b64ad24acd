"""Raising flags: one open flag a (subject, signal), one open case a key, each new one told once."""

import pytest
from django.db import transaction

from fraud.models import Case, CaseEvent, Flag
from fraud.raising import Suspicion, loss, raise_flags
from tests.cast import at_once

pytestmark = pytest.mark.django_db


def suspicion(subject: str = "conv_1", signal: str = "DEVICE_SHARED", **more) -> Suspicion:
    told = {
        "subject_type": "CONVERSION",
        "subject_id": subject,
        "signal": signal,
        "type": "DEVICE_FINGERPRINT",
        "points": 45,
        "message": "4 accounts on this device.",
        "score": 60,
        "user_id": "asha",
        "held": {"USD": 500},
    }
    return Suspicion(**(told | more))


def raised(app, *suspicions, **more) -> list[str]:
    with transaction.atomic():
        return raise_flags(app, suspicions, **more)


def told(app) -> list:
    return list(app.events.filter(type="FRAUD_FLAG_CREATED").order_by("id"))


def test_a_suspicion_opens_a_flag_and_a_case(himal):
    (flag_id,) = raised(himal.app, suspicion())
    flag = Flag.objects.get(pk=flag_id)
    assert (flag.status, flag.hits, flag.points, flag.score) == ("OPEN", 1, 45, 60)
    case = flag.case
    assert (case.key, case.status, case.score, case.version) == ("user:asha", "OPEN", 60, 1)
    assert case.held == {"USD": 500}
    assert float(case.expected_loss) == 3.0
    assert list(CaseEvent.objects.filter(case=case).order_by("id").values_list("kind", flat=True)) == [
        "opened",
        "flag_added",
    ]
    (event,) = told(himal.app)
    assert event.data["flagId"] == flag_id
    assert event.data["subject"] == {"type": "CONVERSION", "id": "conv_1"}
    assert event.data["reasons"] == [
        {"type": "DEVICE_FINGERPRINT", "points": 45, "message": "4 accounts on this device."}
    ]


@pytest.mark.parametrize(
    ("held", "currency", "lost"),
    [
        ({"USD": 5_000}, "USD", "25.00"),
        ({"JPY": 5_000}, "JPY", "2500.00"),
        ({"JPY": 5_000}, "USD", "25.00"),  # a yen is no dollar
        ({"USD": 5_000, "COIN": 300, "KWD": 1_000}, "USD", "31.50"),
    ],
)
def test_what_would_be_lost_goes_by_the_smallest_units(held, currency, lost):
    assert str(loss(held, 50, currency)) == lost


def test_the_same_suspicion_again_hits_and_tells_nobody(himal):
    first = raised(himal.app, suspicion())
    again = raised(himal.app, suspicion(points=60, score=80, message="9 accounts on this device."))
    assert again == first
    flag = Flag.objects.get(pk=first[0])
    assert (flag.hits, flag.points, flag.score, flag.message) == (2, 60, 80, "9 accounts on this device.")
    assert (flag.case.score, flag.case.version, flag.case.held) == (80, 1, {"USD": 500})
    assert len(told(himal.app)) == 1


def test_a_case_grows_by_subjects_of_its_user(himal):
    one, two, other = raised(
        himal.app,
        suspicion(),
        suspicion("conv_2", held={"USD": 700, "COIN": 50}),
        suspicion("conv_3", user_id="mallory"),
    )
    flags = Flag.objects.in_bulk([one, two, other])
    assert flags[one].case_id == flags[two].case_id != flags[other].case_id
    assert flags[one].case.held == {"USD": 1200, "COIN": 50}
    raised(himal.app, suspicion("conv_2", "REFUND_AFTER_REWARD", score=90))
    case = Case.objects.get(pk=flags[one].case_id)
    assert (case.version, case.score, case.held) == (2, 90, {"USD": 1200, "COIN": 50})


def test_a_subject_stays_in_its_case(himal):
    (one,) = raised(himal.app, suspicion())
    (two,) = raised(himal.app, suspicion(signal="RING_SIZE", case_key="ring:7"))
    assert Flag.objects.get(pk=one).case_id == Flag.objects.get(pk=two).case_id
    assert Case.objects.filter(app=himal.app).count() == 1


def test_two_of_one_name_in_one_call_are_one(himal):
    ids = raised(himal.app, suspicion(points=10), suspicion(points=30), suspicion(points=20))
    assert len(set(ids)) == 1
    assert Flag.objects.get(pk=ids[0]).points == 30


def test_nothing_to_raise_is_nothing(himal, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert raise_flags(himal.app, []) == []


def test_one_statement_for_any_number(himal, django_assert_num_queries):
    many = [suspicion(f"conv_{number}", user_id=f"user_{number % 7}") for number in range(50)]
    with transaction.atomic(), django_assert_num_queries(1):
        raise_flags(himal.app, many)
    assert Case.objects.filter(app=himal.app).count() == 7


def test_the_earliest_deadline_is_the_case_s(himal):
    (one,) = raised(himal.app, suspicion(), due_hours=72, due_outcome="RELEASE")
    raised(himal.app, suspicion("conv_2", due_hours=24, due_outcome="REJECT"))
    raised(himal.app, suspicion("conv_3"))
    flag = Flag.objects.select_related("case").get(pk=one)
    assert flag.due_outcome == "RELEASE"
    assert flag.case.due_outcome == "REJECT"
    assert flag.case.due_at < flag.due_at


def test_another_app_has_cases_of_its_own(himal, rival):
    (ours,) = raised(himal.app, suspicion())
    (theirs,) = raised(rival.app, suspicion())
    assert Flag.objects.get(pk=ours).case_id != Flag.objects.get(pk=theirs).case_id


def test_long_texts_are_cut(himal):
    (one,) = raised(himal.app, suspicion(message="x" * 999, user_id="u" * 255, points=1000, score=-5))
    flag = Flag.objects.get(pk=one)
    assert (len(flag.message), flag.points, flag.score) == (300, 100, 0)


@pytest.mark.django_db(transaction=True)
def test_thirty_at_once_are_one_flag_and_one_case(himal, transactional_db):
    found = at_once(30, lambda _: raised(himal.app, suspicion())[0])
    assert len(set(found)) == 1, found
    assert Flag.objects.get().hits == 30
    assert Case.objects.get().held == {"USD": 500}
    assert len(told(himal.app)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_keys_at_once_leave_no_empty_case(himal, transactional_db):
    found = at_once(12, lambda place: raised(himal.app, suspicion(case_key=f"ring:{place % 3}"))[0])
    assert len(set(found)) == 1, found
    assert Case.objects.get().flags.count() == 1
