"""The whole way with real processes: a commit rings, a Celery worker dispatches, another drains, the receiver hears it."""

import subprocess
import sys
import time

import pytest

from webhooks.models import WebhookDelivery

from .conftest import endpoint_of
from .test_pump import ROOT, environment, wait_until

COMMIT = """
import sys, time
import django; django.setup()
from django.db import transaction
from incenta import events
from incenta.accounts.models import App
app = App.objects.get(pk=sys.argv[1])
for _ in range(int(sys.argv[2])):
    with transaction.atomic():
        now = int(time.time() * 1000)  # where its reader finds it
        data = {"appId": app.pk, "currentUsage": now, "limit": 1, "resetsAt": "2026-12-01T00:00:00.000Z"}
        events.record(app, "USAGE_LIMIT_EXCEEDED", data, subject=("app", app.pk))
    time.sleep(0.3)
time.sleep(1)  # the doorbell's thread is a daemon
"""


@pytest.mark.faults
def test_from_commit_to_receipt_by_a_real_worker(shop, receiver, tmp_path):
    """No beat runs here: what arrives was rung for. The broker is the embedded one, in a folder of the test's own."""
    endpoint_of(shop, receiver.url())
    env = environment(INCENTA_DATA_DIR=str(tmp_path), CELERY_BROKER_URL="filesystem://")
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "incenta.celery",
        "worker",
        "--loglevel",
        "WARNING",
        "--concurrency",
        "2",
    ]
    worker = subprocess.Popen([*command, "--queues", "incenta,webhooks"], cwd=ROOT, env=env)
    try:
        time.sleep(3)
        subprocess.run([sys.executable, "-c", COMMIT, shop.pk, "5"], cwd=ROOT, env=env, check=True, timeout=60)
        wait_until(lambda: len(receiver.received) >= 5, 30)
    finally:
        worker.terminate()
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()

    waits = sorted(request.at - request.json["data"]["currentUsage"] / 1000 for request in receiver.received)
    assert len(receiver.received) == len({request.id for request in receiver.received}) == 5
    wait_until(lambda: WebhookDelivery.objects.filter(state="delivered").count() == 5, 5)
    assert waits[2] < 5, waits  # the median; a worker that is still starting makes the first ones wait
