"""Request bodies: strict JSON in, and everything else a 400 that leaves no trace."""

import json

import pytest

from incenta.accounts.models import Participant
from incenta.api.json import DEEPEST, LARGEST_BODY, dumps, loads
from incenta.errors import InvalidInput

from .conftest import Caller, send

pytestmark = pytest.mark.urls("tests.api.routes")


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nope",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": -1e400}',
        b'{"a": ' + b"9" * 400 + b"}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\\u0000"}',
        b'{"\\u0000": 1}',
        b'{"a": ["x", {"b": "\\u0000"}]}',
        b'{"a": "\\ud83d"}',
        b'{"a": "\\uDE00x"}',
        b'{"a": "\xff"}',
        b'{"a": "\x00"}',
        b"\xff\xfe{\x00}\x00",
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": 1, "a": 2}',
        b'{"x": {"a": 1, "a": 1}}',
        deep(100),
        deep(DEEPEST + 1),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[1]",
        b"null",
        b'"text"',
        b"1",
        b"true",
        b'{"a": 01}',
        b'{"a": "\t"}',
        b" ",
        b"\x00",
    ],
)
def test_what_is_no_sound_json_object_is_a_400(himal: Caller, body):
    answer = himal.post("/v1/echo", body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] in ("invalid_json", "invalid_input")
    assert answer.json()["error"].endswith((".", "…"))
    assert himal.post("/v1/people", body).status_code == 400
    assert not Participant.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"a": [1, 2.5, -3e10, True, None, "ünï 🙂", {"b": {}}]},
        {"a": "\\u0000 as text"},
        {"a": 10**299},
        {"": ""},
        {"a": 1e308},
        {"a": [[]] * 100},
        {"a": [{}] * 1000},
        {"__proto__": {"constructor": 1}},
    ],
)
def test_sound_json_comes_back_as_it_was(himal: Caller, body):
    assert himal.post("/v1/echo", body).json() == {"echo": body}
    # escaped, the same text goes another way through the reader
    assert himal.post("/v1/echo", json.dumps(body, ensure_ascii=True).encode()).json() == {"echo": body}


def test_an_object_may_be_as_deep_as_the_bound(himal: Caller):
    assert himal.post("/v1/echo", deep(DEEPEST)).status_code == 200
    assert himal.post("/v1/echo", deep(DEEPEST + 1)).status_code == 400


def test_no_body_is_an_empty_object(himal: Caller):
    assert himal.post("/v1/echo").json() == {"echo": {}}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "text/plain",
        "",
        "application/vnd.api+json",
        "application/x-www-form-urlencoded",
        "nonsense",
    ],
)
def test_json_is_read_whatever_it_is_called(himal: Caller, content_type):
    answer = send("POST", "/v1/echo", b'{"a": 1}', content_type, x_api_key=himal.secret)
    assert answer.json() == {"echo": {"a": 1}}


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"]
)
def test_forms_are_a_415(himal: Caller, content_type):
    answer = send("POST", "/v1/people", b"userId=asha", content_type, x_api_key=himal.secret)
    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"
    assert not Participant.objects.exists()


def test_a_body_over_one_mebibyte_is_a_413(himal: Caller):
    fits = b'{"a": "' + b"x" * (LARGEST_BODY - 9) + b'"}'
    assert len(fits) == LARGEST_BODY
    assert himal.post("/v1/echo", fits).status_code == 200
    answer = himal.post("/v1/echo", fits + b" ")
    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"


def test_a_chunked_body_is_read_and_bounded(himal: Caller):
    from io import BytesIO

    from django.test import Client

    def chunked(body: bytes):
        environ = {"CONTENT_LENGTH": "", "wsgi.input": BytesIO(body)}
        headers = {"x-api-key": himal.secret, "transfer-encoding": "chunked"}
        return Client().generic("POST", "/v1/echo", b"", content_type="application/json", headers=headers, **environ)

    assert chunked(b'{"a": 1}').json() == {"echo": {"a": 1}}
    assert chunked(b'{"a": "' + b"x" * LARGEST_BODY + b'"}').status_code == 413


def test_a_body_of_get_is_not_looked_at(himal: Caller):
    assert himal.send("GET", "/v1/people", b"{{{").status_code == 200


# --- fields ---------------------------------------------------------------------------------------------------------
def refused(himal: Caller, body: dict) -> dict:
    answer = himal.post("/v1/people", body)
    assert answer.status_code == 400, answer.content
    assert not Participant.objects.exists()
    return answer.json()


def test_errors_speak_the_clients_names(himal: Caller):
    told = refused(himal, {"userName": 5})
    assert told["code"] == "invalid_input"
    assert told["details"] == {"userId": ["This field is required."], "userName": ["Must be text."]}
    assert told["error"] == "userId: This field is required."


def test_a_misspelt_field_is_refused(himal: Caller):
    told = refused(himal, {"userId": "asha", "user_id": "asha", "holdDay": 1})
    assert told["code"] == "unknown_field"
    assert set(told["details"]) == {"user_id", "holdDay"}


@pytest.mark.parametrize("value", [None, 5, True, [], {}, "", "x" * 256, 1.5, ["asha"], {"not": "zz"}])
def test_a_user_id_is_text_of_1_to_255_characters(himal: Caller, value):
    assert "userId" in refused(himal, {"userId": value})["details"]


@pytest.mark.parametrize("value", [" asha ", "0", "null", "ünï", "a\nb", "🙂" * 255, "'; DROP TABLE x; --", "<b>"])
def test_and_otherwise_kept_as_it_is(himal: Caller, value):
    assert himal.post("/v1/people", {"userId": value}).json()["userId"] == value
    assert Participant.objects.get().external_id == value


@pytest.mark.parametrize("value", ["100", -1, -0.01, 1e308, 10**12 + 1, True, None, [], {}, "NaN"])
def test_an_amount_is_a_number_within_bounds(himal: Caller, value):
    assert "firstAmount" in refused(himal, {"userId": "asha", "firstAmount": value})["details"]


@pytest.mark.parametrize("value", [[], "x", 5, None, {"a": "x" * 16_384}])
def test_metadata_is_a_small_object(himal: Caller, value):
    assert "metadata" in refused(himal, {"userId": "asha", "metadata": value})["details"]


@pytest.mark.parametrize(
    ("context", "field"),
    [
        ([], "context"),
        ({"ip": "999.1.1.1"}, "context.ip"),
        ({"ip": 5}, "context.ip"),
        ({"country": "Nepal"}, "context.country"),
        ({"country": "ß1"}, "context.country"),
        ({"email": "nobody"}, "context.email"),
        ({"userAgent": "x" * 1001}, "context.userAgent"),
        ({"colour": "red"}, "context.colour"),
        ({"phone": ""}, "context.phone"),
        ({"deviceId": {"a": 1}}, "context.deviceId"),
    ],
)
def test_context_is_checked_part_by_part(himal: Caller, context, field):
    assert field in refused(himal, {"userId": "asha", "context": context})["details"]


def test_sound_context_is_taken(himal: Caller):
    context = {
        "ip": "2001:DB8:0::1",
        "userAgent": "Mozilla",
        "acceptLanguage": "ne",
        "deviceId": "d",
        "email": "asha@example.com",
        "phone": "+977 1",
        "country": "np",
        "sessionId": None,
    }
    assert himal.post("/v1/people", {"userId": "asha", "context": context}).status_code == 201
    from incenta.api.fields import Context

    read = Context().to_internal_value(context)
    assert read["ip"] == "2001:db8::1"
    assert read["country"] == "NP"
    assert "sessionId" not in read


def test_answers_are_compact_and_exact():
    from datetime import UTC, datetime
    from decimal import Decimal

    value = {
        "at": datetime(2026, 11, 23, 1, 47, 0, 123999, UTC),
        "n": Decimal("49.99"),
        "whole": Decimal("5.00"),
        "ü": "🙂",
    }
    assert dumps(value) == '{"at":"2026-11-23T01:47:00.123Z","n":49.99,"whole":5,"ü":"🙂"}'
    with pytest.raises(ValueError):
        dumps(float("nan"))


def test_reading_names_the_place():
    with pytest.raises(InvalidInput, match="line 2, column 1"):
        loads(b'{"a":\n}')
