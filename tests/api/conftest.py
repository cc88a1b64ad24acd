"""The cast of the API's own tests: two merchants, their apps and keys."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incenta.accounts.models import ApiKey, App, Merchant, Plan, User
from incenta.api import authentication, metering, request_log


@dataclass
class Caller:
    """A client that holds a key."""

    key: ApiKey
    secret: str

    @property
    def app(self) -> App:
        return self.key.app

    def send(self, method: str, path: str, body: object = None, **headers: str):
        """One call. A body that is bytes goes as it is. Header names are written with underscores."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return send(method, path, body, x_api_key=self.secret, **headers)

    def get(self, path: str, **headers):
        return self.send("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers):
        return self.send("POST", path, body, **headers)


def send(method: str, path: str, body: bytes | None = None, content_type: str = "application/json", **headers: str):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    # a fault must reach the test as the 500 that a client sees
    client = Client(raise_request_exception=False)
    return client.generic(method, path, body or b"", content_type=content_type, headers=sent)


def merchant_with_app(name: str) -> App:
    with transaction.atomic():
        plan = Plan.objects.create(name=f"Plan of {name}", monthly_calls=1_000_000, calls_per_minute=100_000)
        merchant = Merchant.objects.create(name=name, plan=plan)
        return merchant.open_app(f"{name} shop")


def caller(app: App, scope: str = "full", **fields) -> Caller:
    with transaction.atomic():
        key, secret = ApiKey.objects.issue(app, f"{scope} key", scope, **fields)
    return Caller(key, secret)


@pytest.fixture(autouse=True)
def _fresh_process():
    """What a process remembers must not outlive the rows of one test."""

    def forget():
        authentication.forget_keys()
        authentication.guesses.forget()
        authentication._origins.clear()
        metering.meter.forget()
        request_log._strangers[:] = 0, 0
        metering._told.clear()
        request_log._queue.clear()

    forget()
    yield
    forget()
    if not connection.in_atomic_block and connection.errors_occurred:
        connection.close()  # the test may have killed it


@pytest.fixture
def himal(db) -> Caller:
    """Our merchant, through a full key of the live app."""
    return caller(merchant_with_app("Himal"))


@pytest.fixture
def sandbox(himal) -> Caller:
    return caller(himal.app.sandbox)


@pytest.fixture
def rival(db) -> Caller:
    return caller(merchant_with_app("Rival"))


@pytest.fixture
def user(db) -> User:
    return User.objects.create_user("owner@himal.example", "a long password")


def together(count: int, work: Callable[[int], object]) -> list:
    """Runs ``work(0)`` … ``work(count - 1)`` in as many threads, all let go at the same moment."""
    gate = threading.Barrier(count)

    def run(index: int):
        try:
            gate.wait(20)
            return work(index)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def statements(work: Callable[[], object]) -> list[str]:
    """The SQL that ``work`` sends, transaction control included."""
    with CaptureQueriesContext(connection) as captured:
        work()
    return [query["sql"] for query in captured.captured_queries]


__all__ = ["Caller", "caller", "merchant_with_app", "send", "statements", "together"]
