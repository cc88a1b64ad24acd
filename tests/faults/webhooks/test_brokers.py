"""The broker dies, hangs and forgets; workers are killed and told to leave. With Redis, RabbitMQ and the embedded broker."""

import http.client
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count

import psutil
import pytest

from tests.faults.installation import PATIENCE, until

from .brokers import BROKERS, Broker
from .site import Program, Site, stretched

pytestmark = [pytest.mark.faults, pytest.mark.node, pytest.mark.timeout(600)]

NEEDS = {"redis": [pytest.mark.redis], "rabbitmq": [pytest.mark.rabbitmq], "filesystem": []}
KINDS = {
    name: pytest.param(kind, id=name, marks=[pytest.mark.xdist_group(name), *NEEDS[name]])
    for name, kind in BROKERS.items()
}
every_broker = pytest.mark.parametrize("kind", KINDS.values())


# -- without the bell ------------------------------------------------------------------------------------------------------
@pytest.mark.xdist_group("filesystem")
def test_a_process_that_dies_before_it_rings_is_rung_for(site, record_property):
    """Row 2: between the commit of an event and the bell, and between that of its deliveries and the bell."""
    site.endpoints()
    first = site.another_inside()
    events = set(first.happen(app=site.app, count=1, is_dispatched=False))
    first.tell("die_after_fan_out")
    first.dies()
    assert site.states() == {"pending": 1}

    broker = site.broker()
    site.worker(broker)
    site.beat(broker).says("Scheduler: Sending")
    site.until_done()
    second = site.another_inside(broker)
    second.tell("die_after_commit", app=site.app)
    event = second.hear()
    second.dies()
    site.until_done()

    assert len(event) > 4
    site.check(events | {event}, duplicates=0)
    [(waited,)] = site.rows(
        "SELECT extract(epoch FROM %s - recorded_at)::float FROM events_event WHERE id = %s", *heard_at(site, event)
    )
    record_property("commit to receipt, s", round(waited, 2))
    assert waited <= stretched(5), waited


def heard_at(site: Site, event: str) -> tuple:
    return next(datetime.fromtimestamp(one.at, UTC) for one in site.heard() if one.id == event), event


# -- the broker ------------------------------------------------------------------------------------------------------------
class Clients:
    """Four of them, each sending its next request when the last is answered."""

    def __init__(self, site: Site, port: int) -> None:
        self.port = port
        self.headers = {"x-api-key": site.key, "Content-Type": "application/json"}
        self.places = count()
        made = {"name": f"c{port}", "status": "ACTIVE", "rewardModel": "FIXED", "rewardValue": 5, "currency": "USD"}
        status, answer = self.post("/v1/campaigns", made)
        assert status == 201, answer
        self.campaign = answer["id"]

    def post(self, path: str, body: dict) -> tuple[int, dict]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            line.request("POST", path, json.dumps(body), self.headers)
            response = line.getresponse()
            return response.status, json.loads(response.read())
        finally:
            line.close()

    def refer(self, place: int) -> float:
        """One write that tells of an event. Answers how long it took."""
        started = time.perf_counter()
        sent = {"campaignId": self.campaign, "referrerId": f"r{self.port}-{place}"}
        status, answer = self.post("/v1/referrals", sent)
        assert status in (200, 201), (status, answer)
        return time.perf_counter() - started

    def p99(self, requests: int = 200) -> float:
        places = [next(self.places) for _ in range(requests)]
        with ThreadPoolExecutor(4) as threads:
            took = sorted(threads.map(self.refer, places))
        return took[int(len(took) * 0.99) - 1]


@every_broker
def test_the_api_does_not_wait_for_a_broker(site, kind, record_property):
    """Row 3: refused, hung, emptied. No write is slow or refused, and all of them are told of afterwards."""
    broker = site.broker(kind)
    site.endpoints()
    programs = [site.worker(broker), site.beat(broker)]
    clients = Clients(site, site.web(broker))
    clients.p99(40)  # warm
    usual = clients.p99()
    found = {}
    for name, harm in harms(broker).items():
        harm()
        found[name] = clients.p99()
    broker.make_ready()
    site.until_done(kept=programs)

    for name, took in {"usual": usual, **found}.items():
        record_property(f"p99 of the API, {name}, ms", round(took * 1000))
    assert {name: took for name, took in found.items() if took > usual + stretched(1.5)} == {}, usual
    events = {id for (id,) in site.rows("SELECT id FROM events_event WHERE app_id = %s", site.app)}
    assert len(events) >= next(clients.places)
    site.check(events)


@every_broker
def test_a_beat_rings_again_when_its_broker_is_back(site, kind):
    """Row 3: nobody else rings here, and what was rung before is forgotten."""
    broker = site.broker(kind)
    site.beat(broker).says("Sending due task")
    broker.empty()
    site.worker(broker).says(" received")


def harms(broker: Broker) -> dict:
    if broker.name == "filesystem":
        return {"refused": broker.refuse, "emptied": broker.empty}
    return {"hung": broker.hang, "refused": broker.refuse, "emptied": broker.empty}


# -- its workers -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "kills", "events"), [pytest.param(*one.values, kills, events, id=name, marks=one.marks) for name, kills, events in (
        ("redis", 40, 100), ("rabbitmq", 12, 30), ("filesystem", 12, 30),
    ) for one in [KINDS[name]]],
)  # fmt: skip
def test_drains_are_killed(site, kind, kills, events, record_property):
    """Row 4: SIGKILL at any moment, of the process that drains or of the whole worker, while thousands are pending."""
    chance = random.Random(4)
    broker = site.broker(kind)
    endpoints = site.endpoints(40, max_concurrency=64)
    expected = site.happen(events)
    assert site.states() == {"pending": events * len(endpoints)}
    worker = site.worker(broker, queues="webhooks")
    bell = site.another_inside(broker)
    killed = 0
    while killed < kills:
        if site.states().get("pending", 0) < events * len(endpoints) // 4:
            expected |= site.happen(events // 2)
        wanted = site.heard_count() + 50
        until(
            lambda wanted=wanted: bell.ring(task="webhooks.drain") or site.heard_count() > wanted, "a drain is sending"
        )
        time.sleep(chance.uniform(0, 0.3))
        if killed % 10 == 9:
            worker.kill()
            worker = site.worker(broker, queues="webhooks")
        else:
            kill_one_of(worker, chance)
        killed += 1
    site.beat(broker)
    site.until_done()

    found = site.check(expected)
    for name, number in {"kills": killed, **found}.items():
        record_property(name, number)


def kill_one_of(worker: Program, chance: random.Random) -> None:
    """The one that works, where one does: it has used the most of the processor."""

    def used(process: psutil.Process) -> float:
        try:
            return process.cpu_times().user
        except psutil.Error:
            return 0

    children = worker.children()
    if children:
        max(children, key=used).kill() if chance.random() < 0.8 else chance.choice(children).kill()


@every_broker
def test_a_worker_told_to_leave_finishes_what_is_out(site, kind, record_property):
    """Row 5: a deploy makes no duplicate and does not take long, however much is pending."""
    broker = site.broker(kind)
    site.endpoints(10)
    expected = site.happen(60)
    site.rules({path: {"delay_ms": 400} for path in site.known})
    worker = site.worker(broker, queues="webhooks", name="leaving")
    site.another_inside(broker).ring(task="webhooks.drain")
    until(lambda: site.heard_count() >= 100, "it drains")
    worker.ask_to_stop()
    started = time.monotonic()
    assert worker.process.wait(PATIENCE) == 0
    took = time.monotonic() - started
    assert site.states().get("leased", 0) == 0
    assert site.states()["pending"] > 0, "all was sent before it left: nothing is proved"
    site.rules({path: {} for path in site.known})
    site.pump()
    site.until_done()

    site.check(expected, duplicates=0)
    record_property("left within, s", round(took, 1))
    assert took <= stretched(10), took


@pytest.mark.xdist_group("filesystem")
def test_a_pump_told_to_leave_finishes_what_is_out(site, record_property):
    """Row 5, without a broker."""
    site.endpoints(10)
    expected = site.happen(60)
    site.rules({path: {"delay_ms": 400} for path in site.known})
    pump = site.pump()
    until(lambda: site.heard_count() >= 100, "it sends")
    pump.ask_to_stop()
    started = time.monotonic()
    assert pump.process.wait(PATIENCE) == 0
    took = time.monotonic() - started
    assert site.states().keys() == {"delivered", "pending"}
    site.rules({path: {} for path in site.known})
    site.pump(name="next")
    site.until_done()

    site.check(expected, duplicates=0)
    record_property("left within, s", round(took, 1))
    assert took <= stretched(10), took
