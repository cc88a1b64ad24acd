"""Bells reach the workers, and a broker in trouble holds nobody up."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from incenta import broker
from incenta.celery import QUEUES, app

ROOT = Path(__file__).parents[2]


def test_everything_on_the_schedule_is_a_task_with_a_queue_that_a_worker_reads():
    app.loader.import_default_modules()
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert app.amqp.router.route({}, entry["task"])["queue"].name in QUEUES
        assert entry["options"]["expires"] > 0


def test_webhooks_wait_in_a_queue_of_their_own():
    assert app.amqp.router.route({}, "webhooks.drain")["queue"].name == "webhooks"
    assert app.amqp.router.route({}, "events.dispatch")["queue"].name == "incenta"


@pytest.fixture
def folder(tmp_path):
    return broker.prepare(tmp_path / "broker")


def open_queue(folder, name="incenta"):
    connection = Connection("filesystem://localhost", transport="incenta.broker:Transport", transport_options=folder)
    return connection.SimpleQueue(name)


def test_the_folder_broker_hands_each_message_whole_to_one_reader(folder):
    sent = {f"{number} {'x' * 20_000}" for number in range(300)}
    got, lock = [], threading.Lock()

    def read():
        queue = open_queue(folder)
        while True:
            try:
                message = queue.get(timeout=1)
            except Empty:
                return
            message.ack()
            with lock:
                got.append(message.payload)

    readers = [threading.Thread(target=read) for _ in range(4)]
    queue = open_queue(folder)
    for reader in readers:
        reader.start()
    for text in sent:
        queue.put(text)
    for reader in readers:
        reader.join()
    assert len(got) == len(sent)
    assert set(got) == sent


def test_the_folder_broker_keeps_queues_apart(folder):
    open_queue(folder, "webhooks").put("for webhooks")
    with pytest.raises(Empty):
        open_queue(folder, "incenta").get(block=False)
    message = open_queue(folder, "webhooks").get(timeout=1)
    message.ack()
    assert message.payload == "for webhooks"


def publish(url: str) -> tuple[str, float]:
    """How ringing a bell ends in a process that uses the broker at ``url``, and how many seconds it takes."""
    program = """
import time, django
django.setup()
from incenta.celery import app
began = time.monotonic()
try:
    app.send_task("events.dispatch")
    end = "sent"
except Exception as error:
    end = type(error).__name__
print(end, time.monotonic() - began)
"""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "incenta.settings", "CELERY_BROKER_URL": url}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    end, seconds = done.stdout.split()
    return end, float(seconds)


@pytest.mark.faults
def test_a_broker_that_is_down_fails_at_once():
    end, seconds = publish("redis://127.0.0.1:1/0")
    assert end == "OperationalError"
    assert seconds < 10, "it is not tried again and again"


@pytest.mark.faults
@pytest.mark.redis
def test_a_broker_that_hangs_holds_the_publisher_for_little_more_than_a_second(redis_server):
    url, process = redis_server
    assert publish(url)[0] == "sent"
    os.kill(process.pid, signal.SIGSTOP)
    try:
        end, seconds = publish(url)
        assert end == "OperationalError"
        assert seconds < 10, "a second is what it waits; without a limit it would wait as long as the broker hangs"
    finally:
        os.kill(process.pid, signal.SIGCONT)
