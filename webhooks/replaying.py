"""The steps of a replay: each makes some hundreds of deliveries and moves the job's bookmark, in one transaction.

Live traffic goes first: a job has at most :data:`AHEAD` deliveries waiting, and makes more when they are through. A job whose
worker is killed goes on where the last step ended; that a message is sent once a job, the database keeps by a unique key.
"""

import json
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from incenta.database import sql
from incenta.events.doorbell import Doorbell
from incenta.events.models import Event

from . import fanout
from .models.delivery import State, Trigger, WebhookDelivery
from .models.endpoint import EVERYTHING, WebhookEndpoint
from .models.replay import WebhookReplay

AHEAD = 500
READ_AT_ONCE = 5000
"""Events that one step reads at most, where hardly any is missing."""
LONGEST_TRANSACTION = timedelta(hours=1)
"""How far the order of the feed may lie from that of its times."""
_GIVEN_UP = [State.FAILED.value, State.QUARANTINED.value]

_bell = Doorbell("webhooks.run_replays")


def run() -> int:
    """A step of every job under way. Answers how many deliveries were made. Any number of these may run at once."""
    made = 0
    running = WebhookReplay.objects.filter(state=WebhookReplay.State.RUNNING, endpoint__is_active=True)
    for job_id, endpoint_id in running.order_by("created_at").values_list("pk", "endpoint_id"):
        with transaction.atomic():
            # the endpoint first: no two jobs of one endpoint make deliveries at once, so neither repeats the other's
            endpoints = WebhookEndpoint.objects.select_for_update(no_key=True, skip_locked=True)
            if not list(endpoints.filter(pk=endpoint_id)):
                continue
            job = WebhookReplay.objects.select_for_update(skip_locked=True).filter(
                pk=job_id, state=WebhookReplay.State.RUNNING
            )
            for mine in job:
                made += step(mine)
    return made


def step(job: WebhookReplay) -> int:
    """Makes the next deliveries of a job in the caller's transaction, which holds the endpoint's lock."""
    waiting = WebhookDelivery.objects.filter(
        app_id=job.app_id, of_replay=job, state__in=(State.PENDING, State.LEASED, State.HELD)
    ).count()
    room = AHEAD - waiting
    if room <= 0:
        return 0
    make = _missing if job.kind == WebhookReplay.Kind.MISSING else _again
    made, is_done = make(job, room)
    job.queued += made
    if is_done:
        job.state, job.ended_at = WebhookReplay.State.DONE, timezone.now()
    else:
        transaction.on_commit(_bell.ring, robust=True)
    job.save(update_fields=["queued", "cursor", "state", "ended_at"])
    return made


# -- what was sent before ------------------------------------------------------------------------------------------------
# Of the sends of one message in the window the last one stands for it: so the message is met once.
_SENT = """
SELECT d.message_id, d.version, d.created_at, d.id FROM webhooks_webhookdelivery AS d
WHERE d.endpoint_id = %(endpoint)s AND d.state = ANY(%(states)s) AND d.trigger <> 'test'
  AND d.created_at >= %(since)s AND d.created_at < %(until)s AND (d.created_at, d.id) > (%(at)s, %(id)s)
  AND (%(all)s OR d.type = ANY(%(types)s))
  AND NOT EXISTS (SELECT 1 FROM webhooks_webhookdelivery AS o
    WHERE o.message_id = d.message_id AND o.endpoint_id = d.endpoint_id AND o.id <> d.id AND (
      o.state IN ('pending', 'leased', 'held') OR (o.state = 'delivered' AND d.state <> 'delivered')
      OR o.of_replay_id = %(job)s
      OR (o.state = ANY(%(states)s) AND o.created_at < %(until)s AND (o.created_at, o.id) > (d.created_at, d.id))))
ORDER BY d.created_at, d.id LIMIT %(room)s
"""


def _again(job: WebhookReplay, room: int) -> tuple[int, bool]:
    """In the order in which they were made; the bookmark is ``microseconds|dlv_…``."""
    at, id = job.since, ""
    if job.cursor:
        micros, _, id = job.cursor.partition("|")
        at = datetime.fromtimestamp(0, tz=job.since.tzinfo) + timedelta(microseconds=int(micros))
    states = _GIVEN_UP if job.kind == WebhookReplay.Kind.RECOVER else [job.of_state]
    window = {"since": job.since, "until": job.until, "at": at, "id": id, "room": room, "job": job.pk}
    narrowed = {"endpoint": job.endpoint_id, "states": states, "types": job.of_types, "all": not job.of_types}
    found = sql.rows(_SENT, window | narrowed)
    if found:
        WebhookDelivery.objects.send_again(
            job.endpoint, [(row[0], row[1]) for row in found], Trigger.REPLAY, replay_id=job.pk
        )
        last, id = found[-1][2:]
        job.cursor = f"{(last - datetime.fromtimestamp(0, tz=last.tzinfo)) // timedelta(microseconds=1)}|{id}"
    return len(found), len(found) < room


# -- what was never sent ---------------------------------------------------------------------------------------------------
# In the order of the feed, and up to where it is settled: what is still to be fanned out may yet reach the endpoint without us.
# So may what a transaction that is still open will put before the place that we have reached: fan-out will see it after us, and
# the endpoint as it is now. What fan-out stumbles over is not waited for.
_EVENTS = """
SELECT w.id, w.position, w.type, CASE WHEN w.is_wanted AND sent.one IS NULL THEN w.data::text END, w.occurred_at, w.recorded_at,
  w.is_wanted AND sent.one IS NULL,
  w.is_wanted AND w.dispatched_at IS NULL AND NOT EXISTS (SELECT 1 FROM events_stuckevent AS s WHERE s.event_id = w.id),
  w.dispatched_at IS NULL
FROM (
  SELECT *, recorded_at >= %(since)s AND recorded_at < %(until)s AND (%(all)s OR type = ANY(%(types)s)) AS is_wanted
  FROM events_event WHERE app_id = %(app)s AND (position, id) > (%(position)s::bigint, %(id)s::text)
  ORDER BY position, id LIMIT %(read)s) AS w
-- the limit has it look up each message, and not read all that the endpoint was ever sent
LEFT JOIN LATERAL (SELECT 1 AS one FROM webhooks_webhookdelivery AS d
  WHERE d.message_id = w.id AND d.endpoint_id = %(endpoint)s LIMIT 1) AS sent ON w.is_wanted
ORDER BY w.position, w.id
"""


def _missing(job: WebhookReplay, room: int) -> tuple[int, bool]:
    """In the order of the feed; the bookmark is ``position|msg_…``."""
    endpoint = job.endpoint
    types = job.of_types or ([] if EVERYTHING in endpoint.events else endpoint.events)
    if job.cursor:
        position, _, id = job.cursor.partition("|")
    else:
        position, id = str(_beginning(job.app_id, job.since - LONGEST_TRANSACTION)), "~"
    window = {"app": job.app_id, "since": job.since, "until": job.until, "position": int(position), "id": id}
    rows = sql.rows(_EVENTS, window | {"endpoint": endpoint.pk, "types": types, "all": not types, "read": READ_AT_ONCE})
    missing: list[Event] = []
    is_done = len(rows) < READ_AT_ONCE
    for id, position, type, data, occurred_at, recorded_at, is_missing, is_unsettled, is_stuck in rows:
        if is_unsettled:
            is_done = False
            break
        if recorded_at > job.until + LONGEST_TRANSACTION:
            is_done = True
            break
        if is_missing and not is_stuck:
            event = Event(id=id, app_id=job.app_id, type=type, data=json.loads(data), occurred_at=occurred_at)
            if endpoint.takes(event):
                if len(missing) == room:
                    is_done = False
                    break
                missing.append(event)
        job.cursor = f"{position}|{id}"
    fanout.write([(event, [endpoint]) for event in missing], trigger=Trigger.REPLAY, replay_id=job.pk)
    return len(missing), is_done


def _beginning(app_id: str, moment: datetime) -> int:
    """A place in the feed before which nothing was recorded since ``moment``: found by halving, for times have no index."""
    probe = (
        "SELECT position, recorded_at FROM events_event WHERE app_id = %(app)s AND position >= %(at)s::bigint"
        " ORDER BY position, id LIMIT 1"
    )
    last = sql.row("SELECT max(position) FROM events_event WHERE app_id = %(app)s", {"app": app_id})[0]
    low, high = -1, last if last is not None else -1
    while high - low > 1:
        at = (low + high) // 2
        found = sql.row(probe, {"app": app_id, "at": at})
        if found is None or found[1] >= moment:
            high = at
        else:
            low = found[0]
    return low
