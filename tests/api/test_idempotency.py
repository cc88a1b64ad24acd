"""``Idempotency-Key``: first time, same again, something else, still running, and refused: five cases, and crashes."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from incenta.accounts.models import Participant
from incenta.api import idempotency
from incenta.api.models import IdempotencyRecord

from . import routes
from .conftest import caller, statements, together
from .test_transactions import kill_connections

pytestmark = [pytest.mark.urls("tests.api.routes"), pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _nothing_before_commit():
    yield
    routes.before_commit.clear()


def test_the_same_request_gets_the_first_answer_again(himal):
    first = himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1")
    again = himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1")
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.headers["X-Request-Id"] != again.headers["X-Request-Id"]
    assert Participant.objects.count() == 1


def test_the_other_mount_and_a_slash_are_the_same_request(himal):
    himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1")
    again = himal.post("/api/v1/people/", {"userId": "asha"}, idempotency_key="k1")
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/people", {"userId": "bikram"}), ("/v1/echo", {"userId": "asha"}), ("/v1/people?x=1", {"userId": "asha"})],
)
def test_a_different_request_under_the_same_key_is_a_422(himal, path, body):
    himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1")
    answer = himal.post(path, body, idempotency_key="k1")
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert Participant.objects.get().external_id == "asha"


def test_a_request_that_still_runs_is_a_409(himal):
    routes.before_commit.append(lambda request: time.sleep(0.5))

    def race(index: int):
        time.sleep(0.2 * index)
        return himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1")

    first, second = together(2, race)
    assert first.status_code == 201
    assert second.status_code == 409
    assert second.json()["code"] == "idempotency_in_progress"
    assert second.headers["Retry-After"] == "1"
    assert Participant.objects.count() == 1
    assert himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1").headers["Idempotency-Replayed"] == "true"


def test_thirty_at_once_make_one_thing(himal):
    answers = together(30, lambda _: himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1"))
    assert Participant.objects.count() == 1
    assert IdempotencyRecord.objects.count() == 1
    done = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in done}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in done) == 1
    rest = [answer for answer in answers if answer.status_code != 201]
    assert {answer.json()["code"] for answer in rest} <= {"idempotency_in_progress"}


def test_one_that_commits_between_our_look_and_our_answer_is_replayed(himal, monkeypatch):
    """The narrow gap: the lock is free again, but the answer was not yet visible to our look."""
    request_of_the_other = []

    def overtake(request):
        if not request_of_the_other:
            request_of_the_other.append(True)
            claim = idempotency.claim(request)
            record = IdempotencyRecord(
                app_id=claim.app_id,
                key=claim.key,
                request_hash=claim.request_hash,
                status=201,
                body='{"id":"first"}',
                created_at=timezone.now(),
            )

            def other(_):
                record.save(force_insert=True)

            together(1, other)

    routes.before_commit.append(overtake)
    answer = himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1")
    assert answer.json() == {"id": "first"}
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert not Participant.objects.exists()


def test_a_refusal_after_the_work_began_is_remembered(himal):
    himal.post("/v1/people", {"userId": "asha"})
    first = himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1")
    assert first.status_code == 409
    Participant.objects.all().delete()
    again = himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1")
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert not Participant.objects.exists()


def test_a_refusal_before_the_work_began_is_not(himal):
    wrong = himal.post("/v1/people", {"userId": 5}, idempotency_key="k1")
    assert wrong.status_code == 400
    assert himal.post("/v1/people", b"{", idempotency_key="k1").status_code == 400
    reader = caller(himal.app, "read")
    assert reader.post("/v1/people", {"userId": "asha"}, idempotency_key="k1").status_code == 403
    assert himal.post("/v1/people", {}, idempotency_key="k1").status_code == 400
    assert not IdempotencyRecord.objects.exists()
    assert himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1").status_code == 201


def test_a_fault_is_not_remembered(himal):
    assert himal.post("/v1/broken", {}, idempotency_key="k1").status_code == 500
    assert not IdempotencyRecord.objects.exists()
    assert not Participant.objects.exists()


def test_a_crash_leaves_neither_work_nor_record_nor_lock(himal):
    crashes = []

    def crash(request):
        if len(crashes) < 2:
            crashes.append(True)
            kill_connections()

    routes.before_commit.append(crash)
    answer = himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1")
    assert answer.status_code == 503
    assert not Participant.objects.exists()
    assert not IdempotencyRecord.objects.exists()
    assert himal.post("/v1/people", {"userId": "asha"}, idempotency_key="k1").status_code == 201
    assert Participant.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "ünï"])
def test_a_key_that_cannot_be_one_is_a_400(himal, key):
    answer = himal.post("/v1/people", {"userId": "asha"}, idempotency_key=key)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["details"]
    assert not Participant.objects.exists()


def test_any_printable_key_of_255_characters_will_do(himal):
    key = "~ !" + "x" * 252
    assert himal.post("/v1/people", {"userId": "asha"}, idempotency_key=key).status_code == 201
    assert IdempotencyRecord.objects.get().key == key


def test_a_key_is_the_apps_own(himal, sandbox, rival):
    for somebody in (himal, sandbox, rival, caller(himal.app)):
        somebody.post("/v1/people", {"userId": "asha"}, idempotency_key="k1")
    assert sorted(Participant.objects.values_list("app__name", flat=True)) == sorted(
        [himal.app.name, sandbox.app.name, rival.app.name]
    )


def test_other_methods_do_not_look_at_it(himal):
    himal.post("/v1/people", {"userId": "asha"})
    assert himal.send("DELETE", "/v1/people/asha", idempotency_key="k1").status_code == 204
    assert himal.get("/v1/people", idempotency_key="x" * 300).status_code == 200
    assert not IdempotencyRecord.objects.exists()


def test_it_costs_two_statements(himal):
    himal.post("/v1/echo", {})
    sent = statements(lambda: himal.post("/v1/echo", {}, idempotency_key="k1"))
    assert [one.split()[0] for one in sent] == ["BEGIN", "SELECT", "INSERT", "COMMIT"]
    sent = statements(lambda: himal.post("/v1/echo", {}, idempotency_key="k1"))
    assert [one.split()[0] for one in sent] == ["BEGIN", "SELECT", "COMMIT"]


def test_a_secret_is_not_kept_in_the_clear(himal):
    first = himal.post("/v1/secret", {}, idempotency_key="k1")
    again = himal.post("/v1/secret", {}, idempotency_key="k1")
    assert first.content == again.content
    assert again.json()["secret"] == "whsec_c2VjcmV0"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "whsec" not in IdempotencyRecord.objects.get().body


def test_records_are_kept_three_days(himal, settings):
    himal.post("/v1/echo", {}, idempotency_key="old")
    himal.post("/v1/echo", {}, idempotency_key="new")
    past = timezone.now() - timedelta(hours=settings.IDEMPOTENCY_KEEP_HOURS, minutes=1)
    IdempotencyRecord.objects.filter(key="old").update(created_at=past)
    assert idempotency.purge() == 1
    assert IdempotencyRecord.objects.get().key == "new"
    assert idempotency.purge() == 0
    assert connection.get_autocommit()
