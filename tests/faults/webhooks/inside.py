"""The product's own code in a process of the installation: reads ``["verb", {…}]`` a line, answers one line of JSON.

Started by ``site.py`` once Django is set up. So tests make rows as verbs do, without their own process having two databases. ``die_after_commit`` ends it, as it should.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time

from django.core.management import call_command
from django.db import connection, transaction

from incenta import events
from incenta.accounts import create_merchant
from incenta.accounts.models import App, Plan, User
from incenta.celery import app as celery
from incenta.database import sql
from incenta.events import dispatch as dispatching
from incenta.ids import new_id
from webhooks import queue
from webhooks.fanout import fan_out
from webhooks.models import WebhookDelivery, WebhookEndpoint
from webhooks.pump import Pump


def prepare() -> None:
    """Makes the tables."""
    call_command("migrate", verbosity=0, skip_checks=True)
    call_command("createcachetable", verbosity=0)


def merchant(name: str) -> str:
    """Answers the id of the merchant's app."""
    with transaction.atomic():
        user = User.objects.create_user(f"{name}@example.com", "for-tests-only-1")
        made = create_merchant(user, name, app_name=name)
        made.plan, _ = Plan.objects.get_or_create(
            name="Faults", defaults={"monthly_calls": 10**9, "calls_per_minute": 10**6}
        )
        made.save(update_fields=["plan"])
    return App.objects.get(merchant=made, sandbox_of=None).pk


def endpoints(app: str, urls: list[str], names: list[str], **fields: object) -> list[list[str]]:
    """Answers (id, secret) of each."""
    made = []
    for url in urls:
        endpoint, secret = WebhookEndpoint.objects.register(App.objects.get(pk=app), url=url, events=names)
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**fields)
        made.append([endpoint.pk, secret])
    return made


def events_of(app: str, count: int) -> list[dict]:
    one = App.objects.get(pk=app)
    made = []
    for _ in range(count):
        reward = new_id("rew")
        made.append(
            events.event(
                one,
                "REWARD_CREATED",
                {"rewardId": reward, "userId": random.choice(["asha", "bikram", "हिमाल"]), "amount": 5.25},
                subject=("reward", reward),
            )
        )
    return made


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


def replay(delivery: str) -> None:
    WebhookDelivery.objects.get(pk=delivery).replay()


def change(endpoint: str, **fields: object) -> None:
    WebhookEndpoint.objects.get(pk=endpoint).change(**fields)


def remove(endpoint: str) -> None:
    WebhookEndpoint.objects.get(pk=endpoint).remove()


def rotate(endpoint: str) -> str:
    return WebhookEndpoint.objects.get(pk=endpoint).rotate_secret()


def promote(endpoint: str) -> None:
    WebhookEndpoint.objects.get(pk=endpoint).promote_secret()


def plan(slots: int) -> list[str]:
    """The plans of a claim's two statements."""
    asked = ((queue._LOCK, {}), (queue._CLAIM, {"endpoints": [], "slots": slots, "lease": Pump().lease}))
    return ["\n".join(row[0] for row in sql.rows("EXPLAIN " + text, values)) for text, values in asked]


VERBS = {
    one.__name__: one
    for one in (
        prepare, merchant, endpoints, happen, dispatch, mixed, die_after_commit, die_after_fan_out, ring, reap_for, pump, replay,
        change, remove, rotate, promote, plan,
    )
}  # fmt: skip


def main() -> None:
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        connection.close()  # the server may have gone since
        print(json.dumps({"answer": VERBS[verb](**arguments)}), flush=True)
