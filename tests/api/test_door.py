"""What every call meets first: mounts, slashes, request ids, what is not there, who may come in from a browser."""

import pytest
from django.db import connection

from incenta.accounts.models import App, Plan

from .conftest import caller, send, statements

pytestmark = pytest.mark.urls("tests.api.routes")


@pytest.mark.parametrize("mount", ["/v1", "/api/v1"])
def test_both_mounts_answer(himal, mount):
    assert himal.post(f"{mount}/people", {"userId": "asha"}).status_code == 201
    assert himal.get(f"{mount}/people").json()["people"] == [{"userId": "asha", "userName": ""}]


def test_a_trailing_slash_is_answered_and_never_redirected(himal):
    assert himal.post("/v1/people/", {"userId": "asha"}).status_code == 201
    assert himal.get("/v1/people/").status_code == 200
    assert himal.get("/v1/people/asha/stats/").json() == {"statsOf": "asha"}
    assert himal.get("/v1/people/asha/").json()["userId"] == "asha"
    assert himal.get("/v1/people//").status_code == 404


def test_every_answer_has_a_request_id_and_limits(himal):
    seen = set()
    for answer in (
        himal.get("/v1/people"),
        himal.get("/v1/nothing"),
        himal.get("/v1/broken"),
        himal.send("PUT", "/v1/people"),
        himal.post("/v1/people", {}),
        send("GET", "/v1/people"),
        send("OPTIONS", "/v1/people"),
        send("GET", "/v1/%FF"),
    ):
        assert answer.headers["X-Request-Id"].startswith("req_")
        assert all(answer.headers[f"RateLimit-{part}"].isdigit() for part in ("Limit", "Remaining", "Reset"))
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error", "code", "details", "requestId"}
            assert answer.json()["requestId"] == answer.headers["X-Request-Id"]
            assert answer.headers["Content-Type"] == "application/json"
        seen.add(answer.headers["X-Request-Id"])
    assert len(seen) == 8


def test_what_is_not_there_is_a_404_in_our_shape(himal):
    answer = himal.get("/v1/nothing/here")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert himal.get("/v1/").status_code == 404


def test_another_method_is_a_405_that_names_the_right_ones(himal):
    answer = himal.send("DELETE", "/v1/people")
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == "GET, POST, HEAD"
    for method in ("TRACE", "FOO"):
        assert himal.send(method, "/v1/people").status_code == 405


def test_head_answers_like_get_without_a_body(himal):
    answer = himal.send("HEAD", "/v1/people")
    assert answer.status_code == 200
    assert answer.content == b""


@pytest.mark.parametrize(
    "address", ["/v1/people/%00", "/v1/people/%FF", "/v1/people?limit=%00", "/v1/people?x=%C3", "/v1/%ED%A0%80"]
)
def test_addresses_that_are_no_text_are_a_400(himal, address):
    answer = himal.get(address)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_input"


@pytest.mark.parametrize("address", ["/dashboard/%00", "/nowhere?x=%FF", "/%FF"])
def test_so_they_are_outside_the_api(db, address):
    assert send("GET", address).status_code == 400


@pytest.mark.parametrize(
    "user_id", ["a/b", "stats", "a b", "ünï", "50%", "%41", "x" * 255, "a?b#c", "🙂", "..", "a/stats"]
)
def test_a_user_id_in_a_path_is_never_parsed(himal, user_id):
    from urllib.parse import quote

    assert himal.post("/v1/people", {"userId": user_id}).status_code == 201
    assert himal.get(f"/v1/people/{quote(user_id, safe='')}/stats").json() == {"statsOf": user_id}
    if not user_id.endswith("/stats"):
        assert himal.get(f"/v1/people/{quote(user_id, safe='')}").json()["userId"] == user_id


def test_health_needs_no_key_and_no_session(db):
    assert send("GET", "/healthz").status_code == 200
    assert send("GET", "/healthz/").status_code == 200
    assert not statements(lambda: send("GET", "/healthz"))


def test_a_warm_call_costs_no_statement_of_its_own(himal):
    for _ in range(2):
        himal.post("/v1/echo", {})
    sent = statements(lambda: himal.post("/v1/echo", {}))
    # inside a test the request's transaction is a savepoint
    assert [one.split()[0] for one in sent] == ["SAVEPOINT", "RELEASE"]
    assert len(statements(lambda: himal.get("/v1/people"))) == 1


@pytest.mark.django_db(transaction=True)
def test_a_post_is_one_transaction(himal):
    for _ in range(2):
        himal.post("/v1/echo", {})
    assert [one.split()[0] for one in statements(lambda: himal.post("/v1/echo", {}))] == ["BEGIN", "COMMIT"]
    assert connection.get_autocommit()


# --- browsers -------------------------------------------------------------------------------------------------------
@pytest.fixture
def widget(himal):
    """A publishable key of an app that has named its domains."""
    App.objects.filter(pk=himal.app.pk).update(
        allowed_domains=["shop.example.com", "*.himal.example", "localhost:3000"]
    )
    return caller(himal.app, "publishable")


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example.com", "https://shop.example.com:8443", "https://a.b.himal.example", "http://localhost:3000"],
)
def test_a_publishable_key_works_from_an_allowed_domain(widget, origin):
    answer = widget.get("/v1/widget", origin=origin)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "Origin" in answer.headers["Vary"]
    assert widget.post("/v1/widget", {}, origin=origin).status_code == 201


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://evil.example",
        "https://shop.example.com.evil.example",
        "https://himal.example",
        "http://localhost:3001",
        "ftp://shop.example.com",
        "shop.example.com",
    ],
)
def test_and_from_nowhere_else(widget, origin):
    answer = widget.get("/v1/widget", origin=origin) if origin else widget.get("/v1/widget")
    assert answer.status_code == 403
    assert answer.json()["code"] == "missing_scope"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_publishable_key_opens_only_what_browsers_may_call(widget):
    answer = widget.get("/v1/people", origin="https://shop.example.com")
    assert answer.status_code == 403
    assert answer.json()["code"] == "missing_scope"


def test_a_full_key_never_gets_cors(himal, widget):
    answer = himal.get("/v1/widget", origin="https://shop.example.com")
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_preflight(widget):
    answer = send("OPTIONS", "/v1/widget", origin="https://shop.example.com", access_control_request_method="POST")
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example.com"
    assert "x-api-key" in answer.headers["Access-Control-Allow-Headers"]
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize(
    ("path", "origin"), [("/v1/widget", "https://evil.example"), ("/v1/people", "https://shop.example.com")]
)
def test_preflight_admits_nobody_else(widget, path, origin):
    answer = send("OPTIONS", path, origin=origin, access_control_request_method="POST")
    assert answer.status_code == 204
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_plans_and_apps_changed_in_this_process_are_in_force_at_once(himal):
    assert himal.get("/v1/people").headers["RateLimit-Limit"] == "100000"
    plan = Plan.objects.get(pk=himal.app.merchant.plan_id)
    plan.calls_per_minute = 7
    plan.save()
    assert himal.get("/v1/people").headers["RateLimit-Limit"] == "7"


# --- where it runs --------------------------------------------------------------------------------------------------
def test_a_key_sent_in_the_clear_is_refused_and_not_redirected(himal, settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 60
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    answer = himal.post("/v1/people", {"userId": "asha"})
    assert answer.status_code == 403
    assert answer.json()["code"] == "https_required"
    assert not himal.app.participants.exists()
    from django.test import Client

    answer = Client(headers={"x-api-key": himal.secret}).get("/v1/people", secure=True)
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=60; includeSubDomains"


def test_lines_of_the_log_name_the_call(himal):
    import logging

    from incenta.api import request_id

    record = logging.makeLogRecord({})
    assert request_id.Filter().filter(record)
    assert record.request_id == "-"
    token = request_id.current.set("req_1")
    request_id.Filter().filter(record)
    request_id.current.reset(token)
    assert record.request_id == "req_1"
    himal.get("/v1/people")
    assert request_id.current.get() == "-"


def test_the_end_users_address_is_taken_only_from_an_app_that_forwards_it(himal, rf):
    from incenta.api.views import ApiRequest, ApiView

    inner = rf.get("/", headers={"x-forwarded-for": "203.0.113.9, 10.0.0.1"})
    request = ApiRequest(inner, ApiView())
    request.app = himal.app
    assert request.forwarded_ip is None
    himal.app.trusts_forwarded_for = True
    assert request.forwarded_ip == "203.0.113.9"
    inner.META["HTTP_X_FORWARDED_FOR"] = "unknown"
    assert request.forwarded_ip is None
