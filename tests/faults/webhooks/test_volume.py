"""Much at once: replays, old rows, and a database that takes nothing more."""

import time

import pytest

from tests.faults.installation import until

from .site import stretched

pytestmark = [pytest.mark.faults, pytest.mark.node, pytest.mark.timeout(600)]


MOST_OUT = 4 * 64
"""What a pump with 64 slots can have out when it is killed."""


def test_a_replay_of_ten_thousand_is_killed_half_way(site, record_property):
    """Row 20: it goes on where it was, sends each message once with its id, and lets live traffic go first."""
    broker = site.broker()
    replayed, live = site.endpoints(2, max_concurrency=64)
    [(since,)] = site.rows("SELECT now()::text")
    expected = set()
    for _ in range(4):
        expected |= site.happen(2500)
    site.rows("DELETE FROM webhooks_webhookdelivery WHERE endpoint_id = %s", live)
    site.rows(
        "UPDATE webhooks_webhookdelivery SET state = 'failed', failures = 6, last_error = 'status', done_at = now()"
    )
    worker = site.worker(broker, queues="incenta")
    site.beat(broker)
    pump = site.pump("--slots", "64")
    job = site.inside.replay_failed(endpoint=replayed, since=since)
    until(lambda: site.heard_count() >= 5000, "half of it is sent")
    worker.kill()
    pump.kill()
    site.worker(broker, queues="incenta", name="worker2")
    site.pump(name="pump2")
    before = site.heard_count()
    until(lambda: site.heard_count() > before, "it goes on")
    told: set[str] = set()
    while site.rows("SELECT state FROM webhooks_webhookreplay") != [("done",)]:
        told |= site.happen(5)
        time.sleep(0.2)
    site.until_done()

    rows = site.rows(
        "SELECT count(*), count(DISTINCT message_id), bool_and(state = 'delivered') FROM webhooks_webhookdelivery "
        "WHERE of_replay_id = %s",
        job,
    )
    assert rows == [(10_000, 10_000, True)]
    assert site.rows("SELECT queued FROM webhooks_webhookreplay") == [(10_000,)]
    made = dict(
        site.rows(
            "SELECT message_id, extract(epoch FROM created_at)::float FROM webhooks_webhookdelivery WHERE endpoint_id = %s",
            live,
        )
    )
    waited = sorted(one.at - made[one.id] for one in site.heard() if one.path == "/hooks1")
    p99 = waited[int(len(waited) * 0.99) - 1]
    record_property("live p99 beside the replay, s", round(p99, 2))
    assert p99 <= stretched(2)
    del site.known["/hooks1"]
    site.check(expected | told, all_delivered=False, duplicates=MOST_OUT)


def test_a_claim_out_of_many_old_rows(site, record_property):
    """Row 21, a tenth of it: filling a million rows takes a minute. ``make bench`` measures the whole."""
    site.endpoints(40, max_concurrency=64)
    messages = list(site.happen(100))
    site.rows("TRUNCATE webhooks_webhookdelivery")
    fill = (
        "INSERT INTO webhooks_webhookdelivery (id, app_id, message_id, endpoint_id, type, trigger, state, next_at, "
        "created_at, done_at) SELECT 'dlv_' || {at} + n, %s, (%s::text[])[1 + n %% 100], (%s::text[])[1 + n %% 40], "
        "'USAGE_LIMIT_EXCEEDED', 'replay', '{state}', now() - interval '1 hour', now() - n * interval '1 second', {done} "
        "FROM generate_series(1, {count}) AS n"
    )
    values = (site.app, messages, site.listening())
    site.rows(fill.format(at=0, state="delivered", done="now()", count=100_000), *values)
    site.rows(fill.format(at=2_000_000, state="pending", done="NULL", count=20_000), *values)
    site.rows("VACUUM (ANALYZE) webhooks_webhookdelivery")
    took = sorted(site.inside.time_claims(count=40))
    site.rows("TRUNCATE webhooks_webhookdelivery, webhooks_webhookattempt")

    p95 = took[int(len(took) * 0.95) - 1]
    record_property("claim p95, ms", round(p95 * 1000))
    assert p95 <= stretched(0.05)


FULL = """
CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER is_full BEFORE UPDATE ON webhooks_webhookattempt FOR EACH ROW EXECUTE FUNCTION is_full();
SELECT 1
"""


@pytest.fixture
def full_disk(site):
    """The database refuses to write a result, as it does when its disk is full."""
    return (lambda: site.rows(FULL)), (
        lambda: site.rows("DROP TRIGGER is_full ON webhooks_webhookattempt; DROP FUNCTION is_full; SELECT 1")
    )


@pytest.fixture
def slow_database(site):
    """Another session has the table, and statements may not take long."""
    holder = site.connect()
    holder.autocommit = False
    site.rows(f"ALTER DATABASE {site.cluster.database} SET statement_timeout = '300ms'; SELECT 1")
    yield (lambda: holder.execute("LOCK TABLE webhooks_webhookattempt IN SHARE ROW EXCLUSIVE MODE")), holder.rollback
    holder.close()
    site.rows(f"ALTER DATABASE {site.cluster.database} RESET statement_timeout; SELECT 1")


@pytest.mark.parametrize("trouble", ["full_disk", "slow_database"])
def test_results_that_cannot_be_recorded_stop_the_sending(site, trouble, request):
    """Row 24: sends pause, nothing is sent again blindly, and what was sent is recorded once it can be."""
    harm, heal = request.getfixturevalue(trouble)
    site.endpoints(10, max_concurrency=64)
    site.rules({path: {"delay_ms": 50} for path in site.known})
    pump = site.pump("--slots", "32")
    expected = site.happen(100)
    until(lambda: site.heard_count() >= 100, "it sends")
    harm()
    try:
        told = len(pump.words())
        until(lambda: len(pump.words()) > told, "it notices")
        paused = until_still(site)
        time.sleep(3)
        after = site.heard_count()
    finally:
        heal()
    site.until_done()

    assert after == paused < 1000
    site.check(expected, duplicates=0)


def until_still(site) -> int:
    """Until nothing has been sent for a second. Answers how much was."""
    last = [site.heard_count(), time.monotonic()]

    def is_still() -> bool:
        if (now := site.heard_count()) != last[0]:
            last[:] = [now, time.monotonic()]
        return time.monotonic() - last[1] > 1

    until(is_still, "nothing is sent")
    return last[0]
