"""Keys: how they are sent, when they are refused, and what their scope reaches."""

from datetime import timedelta

import pytest
from django.utils import timezone

from incenta.accounts.models import ApiKey, App, Participant
from incenta.api import authentication

from .conftest import caller, send, statements

pytestmark = pytest.mark.urls("tests.api.routes")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_a_bearer_token_is_the_same_as_the_header(himal, scheme):
    assert send("GET", "/v1/people", authorization=f"{scheme} {himal.secret}").status_code == 200
    assert himal.get("/v1/people", authorization=f"{scheme} {himal.secret}").status_code == 200


def test_two_different_keys_are_refused(himal, rival):
    answer = himal.get("/v1/people", authorization=f"Bearer {rival.secret}")
    assert answer.status_code == 401
    assert answer.json()["code"] == "ambiguous_key"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_api_key": ""},
        {"x_api_key": "inc_live_wrong"},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer"},
        {"x_api_key": "ünï"},
        {"x_api_key": "x" * 5000},
    ],
)
def test_no_key_and_wrong_keys_are_a_401(db, headers):
    answer = send("POST", "/v1/people", b'{"userId": "asha"}', **headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert not Participant.objects.exists()


def test_a_revoked_key_ends_at_once(himal):
    assert himal.get("/v1/people").status_code == 200
    ApiKey.objects.get(pk=himal.key.pk).revoke()
    assert himal.get("/v1/people").status_code == 401


def test_an_expired_key_ends_even_while_it_is_remembered(himal, monkeypatch):
    short = caller(himal.app, expires_at=timezone.now() + timedelta(seconds=1))
    assert short.get("/v1/people").status_code == 200
    monkeypatch.setattr(authentication.timezone, "now", lambda: short.key.expires_at)
    answer = short.get("/v1/people")
    assert answer.status_code == 401
    assert answer.json()["code"] == "key_expired"


def test_a_suspended_app_is_told_so(himal):
    assert himal.get("/v1/people").status_code == 200
    himal.app.status = App.Status.SUSPENDED
    himal.app.save()
    answer = himal.post("/v1/people", {"userId": "asha"})
    assert answer.status_code == 403
    assert answer.json()["code"] == "app_suspended"
    assert not Participant.objects.exists()


def test_a_read_key_only_reads(himal):
    reader = caller(himal.app, "read")
    assert reader.get("/v1/people").status_code == 200
    assert reader.send("HEAD", "/v1/people").status_code == 200
    for method, path in (("POST", "/v1/people"), ("DELETE", "/v1/people/asha"), ("PATCH", "/v1/people/asha")):
        answer = reader.send(method, path, {"userId": "asha"})
        assert answer.status_code == 403
        assert answer.json()["code"] == "missing_scope"
    assert not Participant.objects.exists()


def test_live_and_sandbox_share_nothing(himal, sandbox):
    assert himal.post("/v1/people", {"userId": "asha"}).status_code == 201
    assert sandbox.get("/v1/people").json()["people"] == []
    assert sandbox.post("/v1/people", {"userId": "asha"}).status_code == 201


def test_another_tenants_row_is_as_absent_as_no_row(himal, rival):
    himal.post("/v1/people", {"userId": "asha"})
    hers, nobodys = rival.get("/v1/people/asha"), rival.get("/v1/people/nobody")
    assert hers.status_code == nobodys.status_code == 404
    for answer in (hers, nobodys):
        assert answer.json()["code"] == "participant_not_found"
    without_id = [{k: v for k, v in answer.json().items() if k != "requestId"} for answer in (hers, nobodys)]
    assert without_id[0] == without_id[1]
    assert rival.send("DELETE", "/v1/people/asha").status_code == 404
    assert himal.get("/v1/people/asha").status_code == 200


def test_a_key_is_looked_up_once_in_five_seconds(himal, monkeypatch):
    himal.get("/v1/broken")
    assert not statements(lambda: himal.get("/v1/broken"))
    now = authentication.time.monotonic
    monkeypatch.setattr(authentication.time, "monotonic", lambda: now() + authentication.REMEMBERED_FOR)
    assert len(statements(lambda: himal.get("/v1/broken"))) == 1


def test_a_sandbox_key_is_always_looked_up(sandbox):
    sandbox.get("/v1/broken")
    assert len(statements(lambda: sandbox.get("/v1/broken"))) == 1
    moment = timezone.now() - timedelta(days=3)
    App.objects.filter(pk=sandbox.app.pk).update(clock_frozen_at=moment)  # as another process would
    assert authentication._keys.get(sandbox.secret).app.clock_frozen_at == moment


def test_guessing_keys_is_limited_by_address(himal, monkeypatch):
    monkeypatch.setattr(authentication, "GUESSES_PER_MINUTE", 5)
    monkeypatch.setattr(authentication.time, "time", lambda: 1_800_000_000.0)
    himal.get("/v1/people")
    answers = [send("GET", "/v1/people", x_api_key=f"inc_live_{n}") for n in range(8)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert answers[-1].json()["code"] == "rate_limited"
    assert answers[-1].headers["Retry-After"] == "60"
    assert answers[-1].headers["RateLimit-Remaining"] == "0"
    # refused without a look into the database, while those who do not guess go on
    assert not statements(lambda: send("GET", "/v1/people", x_api_key="inc_live_x"))
    assert himal.get("/v1/people").status_code == 200


def test_the_caller_is_the_connection_unless_a_proxy_of_ours_says_otherwise(rf, settings):
    request = rf.get("/", headers={"x-forwarded-for": "203.0.113.9, 198.51.100.7"}, REMOTE_ADDR="192.0.2.1")
    assert authentication.caller_ip(request) == "192.0.2.1"
    settings.BEHIND_PROXY = True
    assert authentication.caller_ip(request) == "198.51.100.7"
