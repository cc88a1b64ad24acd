"""The request log: every call leaves a line, without secrets, and never at the cost of the call."""

import os
import subprocess
import sys
import textwrap
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from ulid import ULID

from incenta.accounts.models import ApiKey
from incenta.api import request_log, tasks
from incenta.api.models import RequestLog
from incenta.masking import masked

from .conftest import caller, send, statements

pytestmark = [pytest.mark.urls("tests.api.routes"), pytest.mark.django_db]


def test_a_call_leaves_a_line(himal):
    answer = himal.post(
        "/v1/people?x=1",
        {"userId": "asha"},
        user_agent="curl/8",
    )
    assert request_log.flush() == 1
    line = himal.app.request_logs.get()
    assert line.pk == answer.headers["X-Request-Id"]
    assert (line.method, line.path, line.route) == ("POST", "/v1/people?x=1", "v1/people")
    assert (line.status, line.error_code, line.api_key_id) == (201, "", himal.key.pk)
    assert line.milliseconds > 0
    assert line.request_body == '{"userId": "asha"}'
    assert '"userId":"asha"' in line.response_body
    assert (line.remote_ip, line.user_agent) == ("127.0.0.1", "curl/8")
    assert timezone.now() - line.created_at < timedelta(minutes=1)


def test_refusals_and_faults_leave_lines_too(himal):
    himal.get("/v1/nothing")
    himal.get("/v1/broken")
    himal.post("/v1/people", b"{\x00")
    send("GET", "/v1/people")
    send("GET", "/v1/%00%FF")
    request_log.flush()
    lines = {(line.status, line.error_code, line.app_id) for line in RequestLog.objects.all()}
    assert lines == {
        (404, "not_found", himal.app.pk),
        (500, "internal_error", himal.app.pk),
        (400, "invalid_json", himal.app.pk),
        (401, "unauthorized", None),
        (400, "invalid_input", None),
    }


def test_strangers_do_not_fill_the_log(himal, monkeypatch):
    """What is open to all leaves no line, and of what is refused there are a few, without bodies: whoever sent it has no log."""
    body = b'{"userId": "asha"}'
    send("OPTIONS", "/v1/people")
    send("POST", "/v1/people", body)
    monkeypatch.setattr(request_log, "OF_STRANGERS", 0)
    send("POST", "/v1/people", body)
    himal.post("/v1/people", body)
    request_log.flush()
    told = [(line.status, line.request_body, line.response_body) for line in RequestLog.objects.filter(app=None)]
    assert told == [(401, "", "")]
    assert himal.app.request_logs.get().request_body == body.decode()


def test_the_key_learns_when_and_whence_it_was_used(himal):
    himal.get("/v1/people")
    assert not statements(lambda: himal.get("/v1/nothing"))
    assert ApiKey.objects.get(pk=himal.key.pk).last_used_at is None
    request_log.flush()
    key = ApiKey.objects.get(pk=himal.key.pk)
    assert timezone.now() - key.last_used_at < timedelta(minutes=1)
    assert key.last_used_ip == "127.0.0.1"


def test_secrets_and_addresses_are_masked(himal):
    himal.post("/v1/secret", {})
    himal.post(
        "/v1/echo?email=asha%40example.com",
        {
            "email": "asha@example.com",
            "password": 'pa"ss',
            "nested": {"apiKey": "abc"},
            "note": f"mine is {himal.secret}",
            "context": {"phone": "+977 980", "email": "a.b+c@sub.example.co.uk"},
            "amount": 5,
        },
    )
    himal.post("/v1/echo", b'{"email": "asha\\u0040example.com"}')
    himal.get("/v1/people/asha@example.com")
    request_log.flush()
    kept = " ".join(f"{line.path} {line.request_body} {line.response_body}" for line in RequestLog.objects.all())
    for secret in ("example", "whsec_c", "pa\\", 'ss"', "abc", himal.secret, "980", "asha"):
        assert secret not in kept, secret
    assert '"amount": 5' in kept
    assert '"id":"whk_1"' in kept


def test_a_secret_at_the_cut_is_masked_as_well(himal):
    for length in range(request_log.LONGEST_BODY * 2 - 60, request_log.LONGEST_BODY * 2):
        text = request_log._text(
            b'{"a":"' + b"x" * length + b'","secret":"s3cr3t s3cr3t s3cr3t"}'[: request_log.LONGEST_BODY * 2]
        )
        assert "s3cr3t" not in text
    assert len(text) == request_log.LONGEST_BODY


def test_a_long_text_is_looked_through_once():
    """The process waits meanwhile, and whoever calls chooses the text: begun anew at each letter, these would take minutes."""
    word = "a" * 300_000
    for text in (
        f'{{"blob":"{word}","by":"@"}}',
        f'"{word}%4 @',
        f'"password{word}": 1, "a": "@"',
        "_" * 300_000 + "@",
    ):
        assert masked(text) == text
    assert masked(f"to {word}@himal.example now") == "to ***@*** now"


def test_a_value_that_is_cut_behind_a_backslash_or_spans_lines_is_masked_too():
    for text in ('{"password": "s3cr3t\\', '{"password": "s3cr3t\\\n s3cr3t"', '{"client_secret":"s3cr3t'):
        assert "s3cr3t" not in masked(text), text


def test_bodies_are_cut(himal):
    himal.post("/v1/echo", {"a": "x" * 20_000})
    request_log.flush()
    line = RequestLog.objects.get()
    assert len(line.request_body) == len(line.response_body) == request_log.LONGEST_BODY


def test_a_full_queue_drops_lines_and_not_calls(himal, monkeypatch):
    monkeypatch.setattr(request_log, "MOST_QUEUED", 2)
    monkeypatch.setattr(request_log, "dropped", 0)
    assert [himal.get("/v1/people").status_code for _ in range(5)] == [200] * 5
    assert request_log.dropped == 3
    assert request_log.flush() == 2


def test_many_lines_are_few_statements(himal):
    for _ in range(50):
        himal.get("/v1/nothing")
    assert len(statements(request_log.flush)) <= 5
    assert RequestLog.objects.count() == 50


def test_lines_are_kept_thirty_days(himal, settings):
    himal.get("/v1/people")
    request_log.flush()
    now = timezone.now()
    for minutes in (-1, 1, 2):
        at = now - timedelta(days=settings.REQUEST_LOG_KEEP_DAYS, minutes=minutes)
        request_id = f"req_{str(ULID.from_timestamp(at.timestamp())).lower()}"
        RequestLog.objects.create(
            id=request_id, app=himal.app, method="GET", path="/", status=200, milliseconds=1, created_at=at
        )
    assert tasks.purge()["requestLog"] == 2
    assert RequestLog.objects.count() == 2


def test_a_line_costs_the_call_no_statement(himal):
    himal.get("/v1/nothing")
    assert not statements(lambda: himal.get("/v1/nothing"))


@pytest.mark.django_db(transaction=True)
def test_a_process_that_ends_writes_its_lines_and_gives_back_its_leases():
    """A server's process: its own thread writes, and an orderly end loses nothing."""
    from .conftest import merchant_with_app

    himal = caller(merchant_with_app("Himal"))
    script = f"""
        import sys, time
        import django
        from django.conf import settings
        django.setup()
        settings.DATABASES["default"]["NAME"] = {connection.settings_dict["NAME"]!r}
        from django.db import connection
        connection.settings_dict["NAME"] = {connection.settings_dict["NAME"]!r}
        from multiprocessing import get_context
        from django.test import Client
        from incenta.api import request_log

        def serve():
            settings.ROOT_URLCONF = "tests.api.routes"
            request_log.start()
            client = Client(headers={{"x-api-key": {himal.secret!r}}})
            assert client.get("/v1/people").status_code == 200
            time.sleep(2.5)
            assert client.get("/v1/people").status_code == 200
            sys.exit(0)

        if __name__ == "__main__":
            connection.close()
            child = get_context("fork").Process(target=serve)
            child.start()
            child.join(30)
            sys.exit(child.exitcode)
    """
    environ = os.environ | {"DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=settings.BASE_DIR,
    )
    assert done.returncode == 0, done.stderr
    assert RequestLog.objects.count() == 2
    from incenta.api.models import Allotment

    assert Allotment.objects.get(scope=f"calls:{himal.app.pk}").leased == 2
