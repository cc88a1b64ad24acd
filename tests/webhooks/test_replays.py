"""Sending again in the background: what failed, what was never sent, what stands in a state; once a job, whoever is killed."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from incenta import clock
from tests.cast import at_once
from webhooks import replaying
from webhooks.models import State, WebhookDelivery, WebhookEndpoint, WebhookMessage, WebhookReplay
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
    endpoint, ids = failed
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
