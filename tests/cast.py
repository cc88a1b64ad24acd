"""The cast: himal is our merchant, rival another; asha refers, bikram is referred, mallory cheats."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.db import connections, transaction
from django.test import Client

from incenta.accounts import create_merchant
from incenta.accounts.models import ApiKey, App, Merchant, Plan, User


@dataclass
class Answer:
    status: int
    json: dict | list | None
    headers: dict

    def __getitem__(self, name):
        return self.json[name]


@dataclass
class Caller:
    """A merchant's backend: speaks JSON with its key, through the whole stack of middleware and views."""

    app: App
    secret: str

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        sent = (
            {}
            if body is None
            else {"data": body if isinstance(body, bytes) else json.dumps(body), "content_type": "application/json"}
        )
        response = Client(raise_request_exception=False).generic(
            method,
            f"/v1{path}",
            headers={"x-api-key": self.secret} | {name.replace("_", "-"): value for name, value in headers.items()},
            **sent,
        )
        content = b"".join(response.streaming_content) if response.streaming else response.content
        try:
            parsed = json.loads(content)
        except ValueError:
            parsed = None
        return Answer(response.status_code, parsed, dict(response.headers))

    def get(self, path: str, **headers: str) -> Answer:
        return self("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return self("POST", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: object, **headers: str) -> Answer:
        return self("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Answer:
        return self("DELETE", path, **headers)

    def campaign(self, **fields) -> str:
        """An active campaign: 10 % in USD unless told otherwise. Answers its id."""
        sent = {
            "name": "Friends",
            "status": "ACTIVE",
            "rewardModel": "PERCENTAGE",
            "rewardValue": 10,
            "currency": "USD",
        } | fields
        made = self.post("/campaigns", sent)
        assert made.status == 201, made
        return made["id"]

    def code(self, campaign_id: str, referrer: str = "asha", **more) -> str:
        made = self.post("/referrals", {"campaignId": campaign_id, "referrerId": referrer} | more)
        assert made.status in (200, 201), made
        return made["referralCode"]

    def convert(self, code: str, referee: str = "bikram", amount: float | None = 50, **more) -> Answer:
        return self.post(
            "/conversions",
            {"referralCode": code, "refereeId": referee} | ({} if amount is None else {"amount": amount}) | more,
        )


def merchant(name: str) -> Merchant:
    """A merchant with an owner, a live app and its sandbox, on a plan that no test runs into."""
    Plan.objects.get_or_create(
        is_default=True, defaults={"name": "Test", "monthly_calls": 10**9, "calls_per_minute": 10**6}
    )
    owner = User.objects.create_user(f"owner@{name}.example", "correct horse battery")
    return create_merchant(owner, name.title(), app_name=f"{name.title()} Shop")


def caller(app: App, scope: str = "full") -> Caller:
    with transaction.atomic():
        _, secret = ApiKey.objects.issue(app, "tests", scope)
    return Caller(app, secret)


@pytest.fixture
def himal(request) -> Caller:
    """Our merchant's live app, called with a full key. Works with ``db`` and with ``transactional_db``."""
    request.getfixturevalue("transactional_db" if "transactional_db" in request.fixturenames else "db")
    return caller(merchant("himal").apps.get(sandbox_of=None))


@pytest.fixture
def rival(request) -> Caller:
    """Another merchant's live app."""
    request.getfixturevalue("transactional_db" if "transactional_db" in request.fixturenames else "db")
    return caller(merchant("rival").apps.get(sandbox_of=None))


def at_once(count: int, act: Callable[[int], object]) -> list:
    """``act(0) … act(count - 1)`` on as many threads, let go at the same moment, each with a connection of its own."""
    results: list = [None] * count
    gate = threading.Barrier(count)

    def run(place: int) -> None:
        gate.wait()
        try:
            results[place] = act(place)
        except BaseException as error:
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
