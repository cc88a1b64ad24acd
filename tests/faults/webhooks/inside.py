"""The product's own code in a process of the installation: reads ``["verb", {…}]`` a line, answers a line of JSON.

Started by ``site.py`` once Django is set up. So tests make rows as verbs do, without their own process having two databases.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from datetime import datetime
from uuid import uuid4

import aiohttp
from django.core.management import call_command
from django.db import connection, transaction

from incenta import events
from incenta.accounts import create_merchant
from incenta.accounts.models import ApiKey, App, Plan, User
from incenta.celery import app as celery
from incenta.database import sql
from incenta.events import dispatch as dispatching
from incenta.events.catalogue import EVENT_TYPES
from incenta.ids import new_id
from webhooks import queue
from webhooks.fanout import fan_out
from webhooks.models import WebhookEndpoint, WebhookReplay
from webhooks.models import endpoint as endpoint_model
from webhooks.pump import Pump
from webhooks.transport import Sender


def prepare() -> None:
    """Makes the tables."""
    call_command("migrate", verbosity=0, skip_checks=True)
    call_command("createcachetable", verbosity=0)


def merchant(name: str) -> list[str]:
    """Answers the id of the merchant's app, and a key to its API."""
    with transaction.atomic():
        user = User.objects.create_user(f"{name}@example.com", "for-tests-only-1")
        made = create_merchant(user, name, app_name=name)
        made.plan, _ = Plan.objects.get_or_create(
            name="Faults", defaults={"monthly_calls": 10**9, "calls_per_minute": 10**6}
        )
        made.save(update_fields=["plan"])
        app = App.objects.get(merchant=made, sandbox_of=None)
        return [app.pk, ApiKey.objects.issue(app, "faults")[1]]


def endpoints(app: str, urls: list[str], names: list[str], **fields: object) -> list[list[str]]:
    """Answers (id, secret) of each. There may be more of them than an app can have: it is the pump that is looked at."""
    endpoint_model.MOST_ENDPOINTS = 1000
    made = []
    for url in urls:
        endpoint, secret = WebhookEndpoint.objects.register(App.objects.get(pk=app), url=url, events=names)
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**fields)
        made.append([endpoint.pk, secret])
    return made


NAMES = ["asha", "हिमाल", "\u2028<é>", 'a "quoted" \\ one']


def events_of(app: str, count: int) -> list[dict]:
    """Events that nothing else of the product follows."""
    one = App.objects.get(pk=app)
    marks = [new_id("rew") for _ in range(count)]
    return [
        events.event(
            one,
            "USAGE_LIMIT_EXCEEDED",
            EVENT_TYPES["USAGE_LIMIT_EXCEEDED"].example | {"mark": mark, "name": random.choice(NAMES), "amount": 5.25},
            subject=("app", app),
        )
        for mark in marks
    ]


def happen(app: str, count: int, is_dispatched: bool = True) -> list[str]:
    """Commits events, and fans them out here where they are to be pending at once. Answers their ids."""
    with transaction.atomic():
        made = events_of(app, count)
        events.write(made)
    if is_dispatched:
        dispatch()
    return [event["id"] for event in made]


def dispatch() -> int:
    return dispatching.dispatch({"*": [fan_out]}, budget_s=60)


class RolledBack(Exception):
    pass


def mixed(app: str, count: int) -> list[list[str]]:
    """One transaction an event, every other one rolled back after the event was written. Answers (committed, rolled back)."""
    kept: list[str] = []
    dropped: list[str] = []
    for place, event in enumerate(events_of(app, count)):
        is_kept = place % 2 == 0
        try:
            with transaction.atomic():
                events.write([event])
                if not is_kept:
                    raise RolledBack
        except RolledBack:
            pass
        (kept if is_kept else dropped).append(event["id"])
    return [kept, dropped]


def die_after_commit(app: str) -> None:
    """SIGKILL of this process between its commit and the doorbell, which rings in the same list of what follows a commit."""
    with transaction.atomic():
        [event] = events_of(app, 1)
        print(json.dumps(event["id"]), flush=True)
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        events.write([event])


def die_after_fan_out() -> None:
    """The same for a dispatcher: its deliveries are committed, and nobody rings for the pump."""

    def fan_out_and_die(batch: list) -> None:
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        fan_out(batch)

    dispatching.dispatch({"*": [fan_out_and_die]})


def ring(task: str) -> None:
    celery.send_task(task, ignore_result=True, expires=10, retry=False)


def reap_for(seconds: float) -> int:
    """Races the pumps' own housekeeping."""
    until, found = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        found += queue.reap()
        time.sleep(0.005)
    return found


def pump(**options: object) -> int:
    return asyncio.run(Pump(**{"leaves_when_idle_s": 0.3} | options).run())


def pump_with_names(port: int) -> int:
    """A pump whose names come from the test's own server, by the resolver that it always uses."""

    async def run() -> int:
        resolver = aiohttp.AsyncResolver(nameservers=["127.0.0.1"], udp_port=port, tcp_port=port)
        return await Pump(sender=Sender(resolver=resolver), leaves_when_idle_s=0.3).run()

    return asyncio.run(run())


def pump_with_clock(wrong_by_s: float) -> int:
    """A pump on a machine whose clock is wrong."""
    right = time.time
    time.time = lambda: right() + wrong_by_s
    try:
        return pump()
    finally:
        time.time = right


def replay_failed(endpoint: str, since: str) -> str:
    """Answers the id of the job."""
    job = WebhookReplay.objects.start(
        WebhookEndpoint.objects.get(pk=endpoint), kind=WebhookReplay.Kind.RECOVER, since=datetime.fromisoformat(since)
    )
    return job.pk


def time_claims(count: int) -> list[float]:
    """Claims 256 again and again, and has all of them delivered between. Answers how long each claim took."""
    took = []
    for _ in range(count):
        started = time.perf_counter()
        jobs = queue.claim(256, uuid4())
        took.append(time.perf_counter() - started)
        assert jobs
        sql.execute("UPDATE webhooks_webhookdelivery SET state = 'delivered', done_at = now() WHERE state = 'leased'")
    return took


def change(endpoint: str, **fields: object) -> None:
    WebhookEndpoint.objects.get(pk=endpoint).change(**fields)


def remove(endpoint: str) -> None:
    WebhookEndpoint.objects.get(pk=endpoint).remove()


def rotate(endpoint: str) -> str:
    return WebhookEndpoint.objects.get(pk=endpoint).rotate_secret()


def promote(endpoint: str) -> None:
    WebhookEndpoint.objects.get(pk=endpoint).promote_secret()


VERBS = {
    one.__name__: one
    for one in (
        prepare, merchant, endpoints, happen, dispatch, mixed, die_after_commit, die_after_fan_out, ring, reap_for, pump, pump_with_names,
        pump_with_clock, replay_failed, time_claims, change, remove, rotate, promote,
    )
}  # fmt: skip


def main() -> None:
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        connection.close()  # the server may have gone since
        print(json.dumps({"answer": VERBS[verb](**arguments)}), flush=True)
