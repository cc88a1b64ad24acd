"""A line of the log says whose call it was, and never what was secret in it."""

import json
import logging
import re
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import RequestFactory

from incenta import logs
from incenta.api import request_id
from incenta.celery import app as celery

pytestmark = pytest.mark.django_db
logger = logging.getLogger("tests.logs")


@pytest.fixture
def lines():
    """What is logged while the test runs, as production writes it: one dict a line."""
    said: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(logs.json_formatter())
    handler.emit = lambda record: said.append(handler.format(record))
    handler.addFilter(request_id.Filter())
    logging.getLogger().addHandler(handler)

    class Lines:
        def __iter__(self):
            assert all("\n" not in line for line in said)
            return iter([json.loads(line) for line in said])

        def text(self) -> str:
            return "\n".join(said)

        def of(self, name: str) -> dict:
            return next(line for line in self if line["logger"] == name)

    yield Lines()
    logging.getLogger().removeHandler(handler)


def test_a_failing_call_is_told_with_its_id_its_app_and_its_key(himal, lines, monkeypatch):
    from referrals import referring

    def break_down(*args, **kwargs):
        raise RuntimeError("It broke for bikram@example.com with inc_live_abcdefgh and whsec_abcdefgh.")

    monkeypatch.setattr(referring, "refer", break_down)
    answer = himal.post("/referrals", {"campaignId": himal.campaign(), "referrerId": "asha"})
    assert answer.status == 500

    line = lines.of("incenta.api")
    assert list(line)[:4] == ["at", "level", "logger", "message"] and line["level"] == "error"
    assert line["requestId"] == answer["requestId"] and line["app"] == himal.app.pk
    assert line["key"] == f"inc_live_…{himal.secret[-4:]}"
    assert "break_down" in line["exception"] and "RuntimeError" in line["exception"]
    document = (Path(settings.BASE_DIR) / "docs" / "operate-monitoring.md").read_text()
    [shown] = re.findall(r"```json\n(.*?)```", document, re.DOTALL)
    assert list(json.loads(shown)) == list(line), "as the document shows it"
    for secret in (himal.secret, "bikram@example.com", "inc_live_abcdefgh", "whsec_abcdefgh"):
        assert secret not in lines.text()


@pytest.mark.parametrize(
    ("said", "hidden"),
    [
        ("a mail to asha@example.com could not be sent", "asha@example.com"),
        ("the key inc_test_Zm9vYmFy was refused", "inc_test_Zm9vYmFy"),
        ("signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ"),
        ("signed with whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsk_MfKQ"),
        ('sent {"password": "correct horse", "phone": "+9779800000000"}', "correct horse"),
        ('sent {"phone": "+9779800000000"}', "9800000000"),
        ("no route to amqp://incenta:sesame@10.0.0.5:5672/incenta", "sesame"),
    ],
)
def test_secrets_are_masked_in_both_formats(lines, said, hidden):
    logger.warning("It was %s", said)
    record = logging.LogRecord("tests", logging.WARNING, __file__, 1, "It was %s", (said,), None)
    plain = logs.PlainFormatter("%(levelname)s %(message)s").format(record)

    assert hidden not in lines.text() and hidden not in plain
    assert lines.of("tests.logs")["message"].startswith("It was ") and plain.startswith("WARNING It was ")


def test_a_trace_is_masked_too(lines):
    try:
        raise ValueError("Key (email)=(asha@example.com) already exists.")
    except ValueError:
        logger.error("It failed.", exc_info=sys.exc_info())

    assert "asha@example.com" not in lines.text() and "Key (email)=(***@***)" in lines.of("tests.logs")["exception"]


def test_outside_a_call_nobody_is_named(lines):
    logger.warning("hello")

    assert set(lines.of("tests.logs")) == {"at", "level", "logger", "message", "process"}


def test_a_page_names_who_is_signed_in_by_number(lines, himal, django_user_model):
    request = RequestFactory().get("/dashboard/")
    request._cached_user = django_user_model(pk=12, email="asha@example.com")
    token = request_id.request.set(request)
    logger.warning("a page")
    request_id.request.reset(token)

    assert lines.of("tests.logs")["user"] == 12 and "asha" not in lines.text()


def test_a_task_is_named(lines):
    @celery.task(name="tests.log_something")
    def log_something() -> None:
        logger.warning("from a task")

    done = log_something.apply()

    line = lines.of("tests.logs")
    assert line["task"] == "tests.log_something" and line["taskId"] == done.id
