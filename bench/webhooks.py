"""``python -m bench webhooks``: deliveries a second beside a task per delivery, isolation, claims out of a large table, and the
time from a commit to its receipt.

The receiver is a process of its own on this machine that answers after 50 ms, so it takes part of the machine too. Rates are
of this machine at this hour; the ratio to the baseline, measured in turns with it, is what compares. About five minutes.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from bench import installation
from bench.million import say

RATIO, RATE = 8.0, 1_000
ONE_OF_20_S, SIXTY_OF_80_S, CLAIM_MS, COMMIT_S = 2.0, 5.0, 50.0, 1.0
"""The bars: times the baseline, deliveries a second, healthy p99 twice, claim p95, commit to receipt p50."""


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    installation.HOME = installation.HOME / "webhooks"
    installation.HOME.mkdir(parents=True, exist_ok=True)
    os.environ["LOG_LEVEL"] = "ERROR"
    installation.enter()
    from django.conf import settings
    from django.core.management import call_command

    settings.ALLOW_PRIVATE_WEBHOOKS = True  # the receiver is on loopback
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    load = os.getloadavg()[0]
    with _receiver() as receiver:
        results = [
            *_throughput(receiver, options),
            *_isolation(receiver),
            *_claims(options),
            *_commit_to_receipt(receiver, options),
        ]
    print(f"\nThe machine's load was {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end.\n")
    print("| what | measured | bar |\n| --- | ---: | ---: |")
    for name, value, unit, bar, _ in results:
        print(f"| {name} | {value:,.2f} {unit} | {'' if bar is None else f'{bar:,g} {unit}'} |")
    if missed := [name for name, _, _, _, passed in results if not passed]:
        raise SystemExit("Missed: " + "; ".join(missed))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench webhooks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of baseline and pump (3)")
    parser.add_argument("--deliveries", type=int, default=10_000, help="a round of the pump (10,000)")
    parser.add_argument("--baseline", type=int, default=600, help="deliveries a round of the baseline (600)")
    parser.add_argument("--old", type=int, default=1_000_000, help="finished rows behind the claims (1,000,000)")
    parser.add_argument("--due", type=int, default=200_000, help="due rows behind the claims (200,000)")
    parser.add_argument("--commits", type=int, default=60, help="commits whose receipt is timed (60)")
    return parser.parse_args(arguments)


# --- the receiver, and what it is sent ----------------------------------------------------------------------------------
class _Receiver:
    def __init__(self, port: int):
        self.base = f"http://127.0.0.1:{port}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def log(self) -> list[tuple[str, str, float]]:
        """What came since it was asked last: (path, webhook-id, seconds since the epoch)."""
        with self._opener.open(f"{self.base}/log", timeout=30) as answer:
            return [tuple(each) for each in json.load(answer)]


@contextmanager
def _receiver() -> Iterator[_Receiver]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.webhook_receiver"],
        cwd=installation.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield _Receiver(int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(10)


def _fresh_app():
    """An app of its own, in tables without anybody else's rows."""
    from django.db import connection

    from incenta.accounts import create_merchant
    from incenta.accounts.models import User

    with connection.cursor() as cursor:
        cursor.execute(
            """TRUNCATE webhooks_webhookattempt, webhooks_webhookdelivery, webhooks_webhookbody, webhooks_webhookmessage,
            webhooks_endpointhour, webhooks_endpointhealth, webhooks_webhooksecret, webhooks_webhookreplay, webhooks_webhookendpoint,
            events_event CASCADE"""
        )
    owner, _ = User.objects.get_or_create(email="webhooks@example.com")
    return create_merchant(owner, "Webhooks").apps.get(sandbox_of=None)


def _endpoints(app, urls: list[str], **fields) -> list[str]:
    from webhooks.models import EndpointHealth, WebhookEndpoint, WebhookSecret

    made = [WebhookEndpoint.objects.create(app=app, url=url, events=["*"], **fields) for url in urls]
    EndpointHealth.objects.bulk_create(EndpointHealth(endpoint=endpoint, app=app) for endpoint in made)
    for endpoint in made[:1]:
        WebhookSecret.objects.issue(endpoint, is_primary=True)
    secret = WebhookSecret.objects.get(endpoint=made[0])
    WebhookSecret.objects.bulk_create(
        WebhookSecret(app=app, endpoint=endpoint, sealed=secret.sealed, is_primary=True) for endpoint in made[1:]
    )
    return [endpoint.pk for endpoint in made]


_MESSAGES = """
INSERT INTO webhooks_webhookmessage (id, app_id, type, body, is_test)
SELECT 'msg_' || lpad(i::text, 26, '0'), %(app)s, 'REWARD_CREATED', convert_to('{"event":"REWARD_CREATED","data":{"rewardId":"rew_' || i ||
  '","pad":"' || repeat('x', 850) || '"},"timestamp":"2026-11-20T12:00:00.000Z"}', 'UTF8'), FALSE
FROM generate_series(%(first)s::int, %(last)s::int) AS i
"""
_DELIVERIES = """
INSERT INTO webhooks_webhookdelivery (id, app_id, message_id, endpoint_id, type, state, trigger, next_at, done_at)
SELECT %(prefix)s || lpad(i::text, 22, '0'), %(app)s, 'msg_' || lpad((%(first)s + i %% %(messages)s)::text, 26, '0'),
  (%(endpoints)s::text[])[1 + i %% array_length(%(endpoints)s::text[], 1)], 'REWARD_CREATED', %(state)s::text, 'manual', clock_timestamp(),
  CASE WHEN %(state)s::text = 'delivered' THEN clock_timestamp() END
FROM generate_series(0, %(count)s::int - 1) AS i
"""


def _deliver_to(app, endpoints: list[str], count: int, *, prefix: str = "dlv_", first: int = 1) -> None:
    """So many deliveries, a message each, in turns to the endpoints."""
    from incenta.database import sql

    sql.execute(_MESSAGES, {"app": app.pk, "first": first, "last": first + count - 1})
    sql.execute(
        _DELIVERIES,
        {"prefix": prefix, "app": app.pk, "first": first, "messages": count, "endpoints": endpoints, "count": count, "state": "pending"},
    )  # fmt: skip
    _analyze()


def _analyze() -> None:
    from incenta.database import sql

    sql.execute(
        "ANALYZE webhooks_webhookdelivery, webhooks_webhookmessage, webhooks_endpointhealth, webhooks_webhookendpoint"
    )


# --- the parts ----------------------------------------------------------------------------------------------------------
def _throughput(receiver: _Receiver, options: argparse.Namespace) -> list[tuple]:
    """In turns, so that whatever drifts drifts for both."""
    from django.db import connection

    from webhooks.pump import Pump

    pumped, based = [], []
    for round_ in range(options.rounds):
        app = _fresh_app()
        endpoints = _endpoints(app, [f"{receiver.base}/{n}" for n in range(40)])
        _deliver_to(app, endpoints, options.baseline)
        connection.close()
        told = subprocess.run(
            [sys.executable, "-m", "bench.webhook_baseline"],
            cwd=installation.ROOT, capture_output=True, text=True, timeout=600,
            env=os.environ | {"INCENTA_BENCH_DIR": str(installation.HOME.parent)},
        )  # fmt: skip
        if told.returncode:
            raise SystemExit(told.stderr)
        based.append(options.baseline / float(told.stdout.split()[-1]))
        assert len(receiver.log()) == options.baseline
        _deliver_to(app, endpoints, options.deliveries, prefix="dlv_p", first=1_000_000)
        started = time.perf_counter()
        sent = asyncio.run(Pump(leaves_when_idle_s=0.0).run())
        pumped.append(sent / (time.perf_counter() - started))
        arrived = [each[1] for each in receiver.log()]
        assert len(arrived) == len(set(arrived)) == options.deliveries, (len(arrived), len(set(arrived)))
        say(f"    round {round_ + 1}: {based[-1]:,.0f}/s a task each, {pumped[-1]:,.0f}/s pumped")
    ratio = statistics.median(p / b for p, b in zip(pumped, based, strict=True))
    rate = statistics.median(pumped)
    return [
        ("a task per delivery", statistics.median(based), "/s", None, True),
        ("the pump", rate, "/s", RATE, rate >= RATE),
        ("times as many", ratio, "×", RATIO, ratio >= RATIO),
    ]


def _isolation(receiver: _Receiver) -> list[tuple]:
    """Nobody knows yet who hangs: all begin in the healthy lane with their full cap."""
    results = []
    for name, hung, of, healthy, each_hung, bar in (
        ("healthy p99, 1 of 20 hung", 1, 20, 950, 50, ONE_OF_20_S),
        ("healthy p99, 60 of 80 hung", 60, 80, 1_000, 50, SIXTY_OF_80_S),
    ):
        app = _fresh_app()
        well = _endpoints(app, [f"{receiver.base}/well/{n}" for n in range(of - hung)])
        hanging = _endpoints(app, [f"{receiver.base}/hung/{n}" for n in range(hung)], timeout_s=5)
        _deliver_to(app, hanging, hung * each_hung, prefix="dlv_h", first=1_000_000)
        _deliver_to(app, well, healthy)
        receiver.log()
        started, waits = time.time(), asyncio.run(_until(receiver, healthy, 60))
        p99 = sorted(at - started for at in waits)[int(len(waits) * 0.99) - 1]
        results.append((name, p99, "s", bar, p99 <= bar))
        say(f"    {name}: {p99:.2f} s")
    return results


async def _until(receiver: _Receiver, healthy: int, seconds: float) -> list[float]:
    """Pumps until so many healthy deliveries have arrived. Answers when each did."""
    from webhooks.pump import Pump

    pump, arrived = Pump(), []
    running = asyncio.create_task(pump.run())
    deadline = time.monotonic() + seconds
    while len(arrived) < healthy and time.monotonic() < deadline:
        await asyncio.sleep(0.25)
        arrived += [at for path, _, at in await asyncio.to_thread(receiver.log) if path.startswith("/well")]
    pump.stop()
    await running
    if len(arrived) < healthy:
        raise SystemExit(f"Only {len(arrived)} of {healthy} healthy deliveries arrived within {seconds} s.")
    return arrived


def _claims(options: argparse.Namespace) -> list[tuple]:
    """Claims of 256 and their records, nothing sent, out of a table with a long past and a large backlog."""
    from uuid import uuid4

    from django.db import connection

    from incenta.database import sql
    from webhooks import queue

    app = _fresh_app()
    endpoints = _endpoints(app, [f"http://127.0.0.1:9/{n}" for n in range(1_000)])
    messages = 2_000
    sql.execute(_MESSAGES, {"app": app.pk, "first": 1, "last": messages})
    began = time.perf_counter()
    for prefix, state, count in (("dlv_old", "delivered", options.old), ("dlv_due", "pending", options.due)):
        sql.execute(
            _DELIVERIES,
            {"prefix": prefix, "app": app.pk, "first": 1, "messages": messages, "endpoints": endpoints, "count": count, "state": state},
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) webhooks_webhookdelivery")
    _analyze()
    say(f"    {options.old:,} old and {options.due:,} due rows in {time.perf_counter() - began:.0f} s")
    claims, records = [], []
    for _ in range(120):
        started = time.perf_counter()
        jobs = queue.claim(256, uuid4())
        claims.append((time.perf_counter() - started) * 1000)
        results = [
            queue.Result(
                id=job.id, n=job.n, state="delivered", failures=0, reclaims=0, wait_s=None, status=200, error=None, ms=50, ip=None,
                request_headers={}, response_headers={}, response_body="",
            )
            for job in jobs
        ]  # fmt: skip
        for place in range(0, len(results), 64):
            started = time.perf_counter()
            queue.record(results[place : place + 64])
            records.append((time.perf_counter() - started) * 1000)
    _fresh_app()
    p95 = _p95(claims[5:])
    return [
        ("claim of 256, median", statistics.median(claims[5:]), "ms", None, True),
        ("claim of 256, p95", p95, "ms", CLAIM_MS, p95 <= CLAIM_MS),
        ("record of 64, p95", _p95(records[5:]), "ms", None, True),
    ]


_WORKER = [
    sys.executable,
    "-m",
    "celery",
    "--quiet",
    "-A",
    "incenta.celery",
    "worker",
    "--loglevel",
    "ERROR",
    "--queues",
]


def _commit_to_receipt(receiver: _Receiver, options: argparse.Namespace) -> list[tuple]:
    """Through the whole of it: outbox, doorbells, two workers as ``make run`` has them. No beat: what arrives was rung for."""
    from django.db import connection

    app = _fresh_app()
    _endpoints(app, [f"{receiver.base}/well/{n}" for n in range(2)])
    connection.close()
    env = os.environ | {"DEBUG": "true", "INCENTA_ALLOW_PRIVATE_WEBHOOKS": "true"}
    workers = [
        subprocess.Popen([*_WORKER, name, "--concurrency", size, "--hostname", f"{name}@bench"], cwd=installation.ROOT, env=env)
        for name, size in (("incenta", "2"), ("webhooks", "1"))
    ]  # fmt: skip
    committed: dict[str, float] = {}
    receipts: dict[str, float] = {}
    try:
        for _ in range(2):  # the first ones meet workers that still import
            _commit(app)
            deadline = time.monotonic() + 120
            while not receiver.log() and time.monotonic() < deadline:
                time.sleep(0.2)
        time.sleep(1)
        receiver.log()
        for _ in range(options.commits):
            committed[_commit(app)] = time.time()
            time.sleep(0.15)
        deadline = time.monotonic() + 30
        while len(receipts) < len(committed) and time.monotonic() < deadline:
            time.sleep(0.3)
            for _, message_id, at in receiver.log():
                if message_id in committed:
                    receipts.setdefault(message_id, at)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            try:
                worker.wait(40)
            except subprocess.TimeoutExpired:
                worker.kill()
    if len(receipts) < len(committed):
        raise SystemExit(f"Only {len(receipts)} of {len(committed)} commits arrived.")
    waits = [receipts[message_id] - at for message_id, at in committed.items()]
    p50 = statistics.median(waits)
    return [
        ("commit to receipt, median", p50, "s", COMMIT_S, p50 <= COMMIT_S),
        ("commit to receipt, p95", _p95(waits), "s", None, True),
    ]


def _commit(app) -> str:
    """An event's id, once it is committed."""
    from django.db import transaction

    from incenta import events

    with transaction.atomic():
        data = {"appId": app.pk, "currentUsage": 1, "limit": 1, "resetsAt": "2026-12-01T00:00:00.000Z"}
        return events.record(app, "USAGE_LIMIT_EXCEEDED", data, subject=("app", app.pk))["id"]


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
