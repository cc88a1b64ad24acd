"""A receiver that logs the truth, and the moves of a delivery: dispatch, pump, look."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connections, transaction
from django.db.models.functions import Now

from incenta import events
from incenta.events import dispatch as dispatching
from tests.cast import himal, rival  # noqa: F401 - fixtures
from webhooks.fanout import fan_out
from webhooks.models import EndpointHealth, WebhookDelivery, WebhookEndpoint
from webhooks.pump import Pump
from webhooks.transport import Sender


@dataclass
class Received:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """A merchant's server on loopback. ``answer(request)`` gives a status, or (status, headers, body)."""

    answer: Callable[[Received], object] = lambda request: 200
    received: list[Received] = field(default_factory=list)

    def __post_init__(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Received(
                    self.path, {name.lower(): value for name, value in self.headers.items()}, body, time.time()
                )
                receiver.received.append(request)
                answer = receiver.answer(request)
                status, headers, content = answer if isinstance(answer, tuple) else (answer, {}, b"")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def url(self, path: str = "/hooks") -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def thin_air(settings):
    """The events of these tests are made of it; ``test_catalogue.py`` looks at real ones."""
    settings.EVENT_CHECK = "off"


@pytest.fixture
def development(settings):
    """Loopback is a target only where development allows it."""
    settings.ALLOW_PRIVATE_WEBHOOKS = True


@pytest.fixture
def shop(transactional_db, himal, development):  # noqa: F811
    """Our merchant's app, with rows that really commit."""
    return himal.app


def endpoint_of(app, url: str, names: list[str] | None = None, **fields) -> tuple[WebhookEndpoint, str]:
    """An endpoint and its secret."""
    endpoint, secret = WebhookEndpoint.objects.register(app, url=url, events=names or ["*"])
    if fields:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**fields)
        endpoint.refresh_from_db()
    return endpoint, secret


def happen(app, type: str = "REWARD_CREATED", count: int = 1, data: dict | None = None) -> list[str]:
    """Events, recorded and committed. Answers their ids."""
    with transaction.atomic():
        made = [
            events.event(
                app,
                type,
                data or {"rewardId": f"rew_{n}", "userId": "asha", "amount": 5},
                subject=("reward", f"rew_{n}"),
            )
            for n in range(count)
        ]
        events.write(made)
    return [event["id"] for event in made]


def on_own_connection(work: Callable[[], object]) -> object:
    """Runs ``work`` in another thread, and so in another session of the database."""

    def run():
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def dispatch() -> int:
    """Fans out what has happened. The other rooms' subscribers are theirs to test: these events are made of thin air."""
    return dispatching.dispatch({"*": [fan_out]})


def pump(**options) -> int:
    """Runs a pump until there is nothing to send. Answers how many requests it made."""
    return on_own_connection(lambda: asyncio.run(Pump(**{"leaves_when_idle_s": 0.15} | options).run()))


def send_all(app=None, **options) -> int:
    """Dispatches and pumps."""
    dispatch()
    return pump(**options)


def make_due(**filters) -> None:
    """Moves the schedule instead of waiting for it, and the breaker's window with it."""
    WebhookDelivery.objects.filter(state="pending", **filters).update(next_at=Now())
    EndpointHealth.objects.exclude(open_until=None).update(open_until=Now())


__all__ = [
    "Received",
    "Receiver",
    "Sender",
    "dispatch",
    "endpoint_of",
    "happen",
    "make_due",
    "on_own_connection",
    "pump",
    "send_all",
]
