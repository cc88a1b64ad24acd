"""Events are acted on at least once, whatever one of them does; and the doorbell never makes anybody wait."""

import os
import socket
import time
from collections.abc import Iterator

import pytest
from django.db import transaction
from django.utils import timezone

from incenta import events
from incenta.events.dispatch import dispatch
from incenta.events.doorbell import Doorbell
from incenta.events.models import Event, StuckEvent
from tests.cast import at_once

from .conftest import happen


def test_each_subscriber_gets_its_types_in_one_batch_and_all_are_marked(shop):
    told: dict[str, list[list[str]]] = {"all": [], "claimed": []}
    happen(shop, "REWARD_CREATED", count=3)
    happen(shop, "REWARD_CLAIMED", count=2)

    assert dispatch(
        {
            "*": [lambda batch: told["all"].append([event.type for event in batch])],
            "REWARD_CLAIMED": [lambda batch: told["claimed"].append([event.type for event in batch])],
            "REWARD_CANCELLED": [lambda batch: pytest.fail("nothing was cancelled")],
        }
    ) == 5  # fmt: skip
    assert told == {"all": [["REWARD_CREATED"] * 3 + ["REWARD_CLAIMED"] * 2], "claimed": [["REWARD_CLAIMED"] * 2]}
    assert not Event.objects.filter(dispatched_at=None).exists()
    assert dispatch({"*": [lambda batch: pytest.fail("they were dispatched")]}) == 0


def test_a_poisonous_event_is_set_aside_and_the_others_go_past_it(shop):
    ids = happen(shop, count=5)
    acted: list[str] = []

    def act(batch):
        for event in batch:
            if event.pk == ids[2]:
                raise ValueError("this one is \0 odd")
        acted.extend(event.pk for event in batch)

    assert dispatch({"*": [act]}) == 4
    assert acted == [ids[0], ids[1], ids[3], ids[4]]
    assert list(Event.objects.filter(dispatched_at=None).values_list("pk", flat=True)) == [ids[2]]
    stuck = StuckEvent.objects.get()
    assert (stuck.event_id, stuck.failures, stuck.error) == (ids[2], 1, "ValueError: this one is  odd")
    assert stuck.next_at > timezone.now()

    assert dispatch({"*": [act]}) == 0
    assert StuckEvent.objects.get().failures == 1, "it waits its time"
    StuckEvent.objects.update(next_at=timezone.now())
    assert dispatch({"*": [act]}) == 0
    assert StuckEvent.objects.get().failures == 2
    StuckEvent.objects.update(next_at=timezone.now())
    assert dispatch({"*": [acted.extend]}) == 1


def test_what_a_subscriber_wrote_goes_with_its_failure(shop):
    happen(shop)

    def writes_and_fails(batch):
        events.record(shop, "REWARD_CLAIMED", {}, subject=("reward", "rew_0"))
        raise RuntimeError

    dispatch({"REWARD_CREATED": [writes_and_fails]})

    assert list(Event.objects.values_list("type", flat=True)) == ["REWARD_CREATED"]


def test_dispatchers_at_once_act_once_on_each_event(shop):
    ids = happen(shop, count=300)
    acted: list[str] = []

    def act(batch):
        time.sleep(0.05)
        acted.extend(event.pk for event in batch)

    at_once(4, lambda _: dispatch({"*": [act]}))

    assert sorted(acted) == sorted(ids)


def test_a_killed_dispatcher_leaves_its_events_to_the_next(shop):
    """The mark and the effect share a transaction: without its commit, neither is there."""
    happen(shop)

    def dies(batch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dispatch({"*": [dies]})

    assert dispatch({"*": [lambda batch: None]}) == 1


# -- the doorbell --------------------------------------------------------------------------------------------------------
@pytest.fixture
def hung_broker() -> Iterator[str]:
    """A broker that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def wait_until(probe, seconds=60):
    end = time.monotonic() + seconds
    while not probe() and time.monotonic() < end:
        time.sleep(0.02)
    assert probe()


@pytest.mark.faults
@pytest.mark.parametrize("broker", ["amqp://guest:guest@{}//", "redis://{}/0"])
def test_a_hung_broker_holds_up_nobody_and_is_counted(hung_broker, broker):
    if broker.startswith("redis"):
        pytest.importorskip("redis")
    bell = Doorbell("events.dispatch", broker=broker.format(hung_broker))
    started = time.monotonic()
    for _ in range(1000):
        bell.ring()

    assert time.monotonic() - started < 4, "one that waited for the broker would have waited that long for each ring"
    wait_until(lambda: bell.errors >= 1)
    assert bell.published == 0


def test_many_rings_are_told_as_few():
    bell = Doorbell("events.dispatch")
    end = time.monotonic() + 0.7
    while time.monotonic() < end:
        bell.ring()
        time.sleep(0.001)

    wait_until(lambda: bell.published >= 1)
    assert bell.published <= 5
    assert bell.errors == 0


@pytest.mark.faults
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_a_doorbell_of_its_own():
    bell = Doorbell("events.dispatch")
    bell.ring()
    wait_until(lambda: bell.published == 1)
    if not (child := os.fork()):
        try:
            bell.ring()
            wait_until(lambda: bell.published == 2)
            os._exit(0)
        finally:
            os._exit(1)

    assert os.waitpid(child, 0)[1] == 0


def test_a_commit_rings_and_a_rollback_does_not(shop):
    rings: list[int] = []
    ring = events._ring
    events.install_doorbell(lambda: rings.append(1))
    try:
        with pytest.raises(RuntimeError), transaction.atomic():
            events.record(shop, "REWARD_CREATED", {}, subject=("reward", "rew_0"))
            raise RuntimeError
        assert rings == []
        happen(shop)
        assert rings == [1]
    finally:
        events.install_doorbell(ring)
