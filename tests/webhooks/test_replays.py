"""Sending again in the background: what failed, what was never sent, what stands in a state; once a job, whoever is killed."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections, transaction
from django.utils import timezone

from incenta import clock, events
from incenta.events.models import Event, StuckEvent
from tests.cast import at_once
from webhooks import queue, replaying
from webhooks.models import State, WebhookDelivery, WebhookEndpoint, WebhookReplay
from webhooks.models.replay import REACH

from .conftest import dispatch, endpoint_of, happen, on_own_connection, pump, send_all


def an_hour_ago():
    return timezone.now() - timedelta(hours=1)


def since() -> dict:
    return {"since": clock.iso(an_hour_ago())}


@pytest.fixture
def failed(shop, receiver):
    """An endpoint to which three messages have failed for good, and one was delivered."""
    endpoint, _ = endpoint_of(shop, receiver.url())
    ids = happen(shop, count=4)
    dispatch()
    WebhookDelivery.objects.filter(message_id__in=ids[:3]).update(state=State.FAILED)
    WebhookDelivery.objects.filter(message_id=ids[3]).update(state=State.DELIVERED)
    return endpoint, ids


def test_what_failed_is_sent_again_with_its_ids(failed, himal, receiver):
    endpoint, ids = failed
    WebhookDelivery.objects.filter(message_id=ids[0]).update(state=State.QUARANTINED)
    job = himal.post(f"/webhooks/{endpoint.pk}/recover", since())

    assert (job.status, job["queued"], job["hasMore"], job["state"], job["kind"]) == (202, 3, False, "DONE", "RECOVER")
    assert job["progress"] == {"waiting": 3, "delivered": 0, "failed": 0}
    assert himal.post(f"/webhooks/{endpoint.pk}/recover", since())["queued"] == 0, "they are on their way"
    pump()
    assert sorted(request.id for request in receiver.received) == ids[:3]
    shown = himal.get(f"/webhooks/replays/{job['id']}")
    assert shown["progress"] == {"waiting": 0, "delivered": 3, "failed": 0}
    assert himal.get(f"/webhooks/{endpoint.pk}/replays")["replays"][1] == shown.json
    assert himal.post(f"/webhooks/{endpoint.pk}/recover", since())["queued"] == 0, "they have arrived"


def test_a_message_that_failed_twice_is_sent_once(failed, himal):
    endpoint, ids = failed
    WebhookDelivery.objects.send_again(endpoint, [(ids[0], "1")], "manual")
    WebhookDelivery.objects.filter(state=State.PENDING).update(state=State.FAILED)

    assert himal.post(f"/webhooks/{endpoint.pk}/recover", since())["queued"] == 3


def test_what_was_delivered_can_be_sent_again_by_state_and_type(failed, shop, himal):
    endpoint, _ = failed
    [claimed] = happen(shop, "REWARD_CLAIMED")
    dispatch()
    WebhookDelivery.objects.filter(message_id=claimed).update(state=State.DELIVERED)
    path = f"/webhooks/{endpoint.pk}/replay"

    job = himal.post(path, since() | {"status": "DELIVERED", "events": ["REWARD_CLAIMED"]})
    assert (job["queued"], job["status"], job["events"]) == (1, "DELIVERED", ["REWARD_CLAIMED"])
    assert WebhookDelivery.objects.get(trigger="replay").message_id == claimed
    assert himal.post(path, since())["queued"] == 3
    assert himal.post(path, since() | {"events": ["NO_SUCH"]}).status == 400
    assert himal.post(path, since() | {"status": "PENDING"}).status == 400


def test_what_an_endpoint_was_never_sent_is_found(shop, himal, receiver):
    """From before it was there, from while it was paused, and from when it wanted less; and nothing else."""
    before = happen(shop, count=2)
    dispatch()
    endpoint, _ = endpoint_of(shop, receiver.url(), ["REWARD_CREATED"])
    seen = happen(shop)
    happen(shop, "REWARD_CANCELLED")
    endpoint.change(active=False)
    paused = happen(shop, count=2)
    dispatch()
    endpoint.change(active=True)
    claimed = happen(shop, "REWARD_CLAIMED")
    dispatch()
    endpoint.change(events=["REWARD_CREATED", "REWARD_CLAIMED"])
    happen(shop)
    job = himal.post(f"/webhooks/{endpoint.pk}/replay-missing", since())

    assert (job.status, job["kind"]) == (202, "MISSING")
    job = finished(himal, job["id"])
    never = [*before, *seen, *paused, *claimed]
    assert job["queued"] == len(never), "the first was dispatched while the endpoint was paused"
    send_all()
    got = [request.id for request in receiver.received]
    assert sorted(got) == sorted(set(got)), "nothing twice"
    assert set(never) < set(got)
    assert len(got) == len(never) + 1
    assert himal.post(f"/webhooks/{endpoint.pk}/replay-missing", since())["queued"] == 0


def finished(himal, job_id: str):
    """Runs the job's steps until it has ended."""
    for _ in range(20):
        dispatch()
        job = himal.get(f"/webhooks/replays/{job_id}")
        if job["state"] != "RUNNING":
            return job
        on_own_connection(replaying.run)
    raise AssertionError("the job does not end")


def test_an_event_that_is_being_fanned_out_is_waited_for(shop, himal, receiver):
    """It may reach the endpoint without us; were it sent here too, it would be sent twice."""
    endpoint, _ = endpoint_of(shop, receiver.url())
    [first] = happen(shop)
    job = himal.post(f"/webhooks/{endpoint.pk}/replay-missing", since())
    assert (job["state"], job["queued"], job["hasMore"]) == ("RUNNING", 0, True)

    again = himal.post(f"/webhooks/{endpoint.pk}/replay-missing", since())
    assert again["id"] != job["id"], "of another moment"
    assert finished(himal, job["id"])["queued"] == 0
    pump()
    assert [request.id for request in receiver.received] == [first]


def test_what_fan_out_stumbles_over_is_not_waited_for(shop, himal):
    endpoint, _ = endpoint_of(shop, "http://127.0.0.1:9009/")
    [stuck] = happen(shop)
    StuckEvent.objects.create(event_id=stuck, failures=3, next_at=timezone.now() + timedelta(hours=1))

    assert himal.post(f"/webhooks/{endpoint.pk}/replay-missing", since())["state"] == "DONE"


def test_a_late_commit_is_not_passed_over(shop, himal):
    """The first to write commits last, when the job has passed its place: fan-out tells the endpoint of it."""
    happen(shop)
    dispatch()
    endpoint, _ = endpoint_of(shop, "http://127.0.0.1:9009/")
    wrote, may_commit = threading.Event(), threading.Event()

    def slow():
        try:
            with transaction.atomic():
                events.record(shop, "REWARD_CREATED", {"late": True}, subject=("reward", "rew_1"))
                wrote.set()
                assert may_commit.wait(60)
        finally:
            connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    assert wrote.wait(60)
    happen(shop)
    dispatch()
    job = himal.post(f"/webhooks/{endpoint.pk}/replay-missing", since())
    assert (job["queued"], job["state"]) == (1, "DONE"), "of the second event the endpoint was told"
    may_commit.set()
    thread.join()
    dispatch()
    assert WebhookDelivery.objects.filter(endpoint=endpoint).values("message_id").distinct().count() == 3
    assert WebhookDelivery.objects.filter(endpoint=endpoint).count() == 3


def test_the_filter_and_the_version_hold_for_what_was_missing(shop, himal):
    happen(shop, data={"rewardId": "rew_1", "amount": 5})
    [large] = happen(shop, data={"rewardId": "rew_2", "amount": 50})
    dispatch()
    endpoint, _ = WebhookEndpoint.objects.register(
        shop, url="http://127.0.0.1:9009/", events=["*"], payload_filter={"amount": {"gte": 10}}
    )

    assert himal.post(f"/webhooks/{endpoint.pk}/replay-missing", since())["queued"] == 1
    assert WebhookDelivery.objects.get().message_id == large


@pytest.mark.parametrize("narrow", ["since", "until"])
def test_the_window_is_kept(shop, himal, narrow):
    """Its beginning is found by halving the feed."""
    ids = [happen(shop)[0] for _ in range(9)]
    dispatch()
    for n, id in enumerate(ids):
        Event.objects.filter(pk=id).update(recorded_at=timezone.now() - timedelta(hours=30 - 3 * n))
    endpoint, _ = endpoint_of(shop, "http://127.0.0.1:9009/")
    middle = timezone.now() - timedelta(hours=30 - 3 * 4 + 1)
    window = {
        "since": {"since": clock.iso(middle)},
        "until": {"since": clock.iso(timezone.now() - timedelta(days=20)), "until": clock.iso(middle)},
    }[narrow]

    assert himal.post(f"/webhooks/{endpoint.pk}/replay-missing", window)["queued"] == {"since": 5, "until": 4}[narrow]


def test_what_cannot_be_asked_is_refused(failed, himal):
    endpoint, _ = failed
    path = f"/webhooks/{endpoint.pk}"
    hour = since()["since"]
    for verb in ("recover", "replay-missing", "replay"):
        for body in ({}, {"since": "yesterday"}, {"since": hour, "until": hour}, {"since": hour, "state": "x"}):
            assert himal.post(f"{path}/{verb}", body).status == 400, (verb, body)
    long_ago = clock.iso(timezone.now() - REACH - timedelta(hours=1))
    assert himal.post(f"{path}/replay-missing", {"since": long_ago}).status == 400
    assert himal.post(f"{path}/recover", {"since": long_ago}).status == 202
    himal.patch(path, {"active": False})
    assert himal.post(f"{path}/recover", since())["code"] == "webhook_disabled"


# -- in steps ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def in_steps(monkeypatch):
    """Jobs of ten at a time, so that a few dozen messages are many."""
    monkeypatch.setattr(replaying, "AHEAD", 10)


def arrive(endpoint) -> None:
    """What is on its way to the endpoint has arrived."""
    WebhookDelivery.objects.filter(endpoint=endpoint, state=State.PENDING).update(state=State.DELIVERED)


@pytest.mark.parametrize("verb", ["recover", "replay-missing"])
def test_a_job_makes_no_more_than_a_few_ahead_and_each_once(shop, himal, in_steps, verb):
    ids = happen(shop, count=35)
    if verb == "replay-missing":
        dispatch()
    endpoint, _ = endpoint_of(shop, "http://127.0.0.1:9009/")
    dispatch()
    WebhookDelivery.objects.update(state=State.FAILED)
    job = himal.post(f"/webhooks/{endpoint.pk}/{verb}", since())
    assert (job["queued"], job["hasMore"], job["state"]) == (10, True, "RUNNING")
    again = WebhookDelivery.objects.filter(of_replay=job["id"])

    assert replaying.run() == 0, "ten wait"
    for made in (20, 30, 35):
        arrive(endpoint)
        at_once(4, lambda _: replaying.run())
        assert again.count() == made
    job = himal.get(f"/webhooks/replays/{job['id']}")
    assert (job["state"], job["queued"]) == ("DONE", 35)
    assert sorted(again.values_list("message_id", flat=True)) == sorted(ids)


def test_a_step_that_is_killed_is_done_anew(shop, himal, in_steps):
    """A step is one transaction: what a dying worker did of it is gone with it."""
    endpoint, _ = endpoint_of(shop, "http://127.0.0.1:9009/")
    happen(shop, count=25)
    dispatch()
    WebhookDelivery.objects.update(state=State.FAILED)
    job = WebhookReplay.objects.get(pk=himal.post(f"/webhooks/{endpoint.pk}/recover", since())["id"])
    arrive(endpoint)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        assert replaying.run() == 10
        raise KeyboardInterrupt

    assert WebhookDelivery.objects.filter(of_replay=job).count() == 10
    assert replaying.run() == 10
    assert WebhookDelivery.objects.filter(of_replay=job).values("message_id").distinct().count() == 20


def test_the_same_job_twice_is_one_and_five_run_at_most(shop, himal, in_steps):
    endpoint, _ = endpoint_of(shop, "http://127.0.0.1:9009/")
    happen(shop, count=90)
    dispatch()
    WebhookDelivery.objects.update(state=State.FAILED)
    until = clock.iso(timezone.now() + timedelta(minutes=1))
    body = since() | {"until": until}

    assert {himal.post(f"/webhooks/{endpoint.pk}/recover", body)["id"] for _ in range(3)} == {
        WebhookReplay.objects.get().pk
    }
    for n in range(2, 6):
        other = {"since": clock.iso(an_hour_ago() - timedelta(minutes=n)), "until": until}
        assert himal.post(f"/webhooks/{endpoint.pk}/recover", other)["queued"] == 10, "what is on its way is left out"
    refused = himal.post(f"/webhooks/{endpoint.pk}/recover", {"since": clock.iso(timezone.now() - timedelta(days=2))})
    assert (refused.status, refused["code"]) == (409, "too_many_replays")
    assert WebhookDelivery.objects.filter(trigger="replay").values("message_id").distinct().count() == 50


def test_thirty_requests_at_once_send_each_message_once(failed, himal):
    endpoint, ids = failed
    answers = at_once(6, lambda _: himal.post(f"/webhooks/{endpoint.pk}/recover", since()))

    assert all(answer.status in (202, 409) for answer in answers)
    sent = list(WebhookDelivery.objects.filter(trigger="replay").values_list("message_id", flat=True))
    assert sorted(sent) == sorted(ids[:3])


def test_a_cancelled_job_takes_back_what_nobody_was_asked_for(shop, himal, in_steps):
    endpoint, _ = endpoint_of(shop, "http://127.0.0.1:9009/")
    happen(shop, count=25)
    dispatch()
    WebhookDelivery.objects.update(state=State.FAILED)
    job = himal.post(f"/webhooks/{endpoint.pk}/recover", since())
    begun = WebhookDelivery.objects.filter(of_replay=job["id"]).order_by("id").first()
    WebhookDelivery.objects.filter(pk=begun.pk).update(sends=1)
    ended = himal.post(f"/webhooks/replays/{job['id']}/cancel")

    assert (ended.status, ended["state"], ended["queued"], ended["hasMore"]) == (200, "CANCELLED", 1, False)
    assert himal.post(f"/webhooks/replays/{job['id']}/cancel").json == ended.json
    assert replaying.run() == 0
    assert list(WebhookDelivery.objects.filter(of_replay=job["id"])) == [begun]


def test_a_job_of_an_endpoint_that_is_paused_waits_and_of_one_that_is_deleted_ends(shop, himal, in_steps):
    endpoint, _ = endpoint_of(shop, "http://127.0.0.1:9009/")
    happen(shop, count=25)
    dispatch()
    WebhookDelivery.objects.update(state=State.FAILED)
    job = himal.post(f"/webhooks/{endpoint.pk}/recover", since())
    arrive(endpoint)
    endpoint.change(active=False)
    assert replaying.run() == 0
    endpoint.change(active=True)
    assert replaying.run() == 10
    arrive(endpoint)
    himal.delete(f"/webhooks/{endpoint.pk}")

    assert replaying.run() == 0
    assert WebhookReplay.objects.get(pk=job["id"]).state == WebhookReplay.State.CANCELLED
    assert himal.get(f"/webhooks/replays/{job['id']}").status == 404


def test_what_happens_now_goes_before_what_is_replayed(shop, himal):
    endpoint, _ = endpoint_of(shop, "http://127.0.0.1:9009/", max_concurrency=3)
    old = happen(shop, count=20)
    dispatch()
    WebhookDelivery.objects.update(state=State.FAILED)
    assert himal.post(f"/webhooks/{endpoint.pk}/recover", since())["queued"] == 20
    live = happen(shop, count=2)
    dispatch()

    claimed = {job.message_id for job in queue.claim(100, uuid4())}
    assert len(claimed) == 3
    assert set(live) < claimed <= {*live, *old}
