"""Receivers that hang, misbehave, cannot be found or recover: the others do not notice, and nothing is told twice wrongly."""

import asyncio
import contextlib
import socket
import threading

import pytest

from tests.faults.installation import until
from tests.webhooks.test_transport import hostile

from .site import stretched

pytestmark = [pytest.mark.faults, pytest.mark.node, pytest.mark.timeout(600)]


# -- some hang -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("hung", "of", "events", "most_s"), [(1, 20, 40, 2), (60, 80, 12, 5)])
def test_receivers_that_hang_hold_up_none_that_answer(site, hung, of, events, most_s, record_property):
    """Row 8."""
    site.endpoints(of)
    quiet = [f"/hooks{place}" for place in range(hung)]
    site.rules({path: {"drop": "hang"} for path in quiet})
    pump = site.pump()
    warm_up(site, of - hung)
    expected = site.happen(events)
    well = {endpoint for path, endpoint in site.paths().items() if path not in quiet}
    asked = "SELECT count(*) FROM webhooks_webhookdelivery WHERE endpoint_id = ANY(%s) AND state <> 'delivered'"
    until(lambda: site.rows(asked, list(well)) == [(0,)], "all that can be delivered is")
    pump.kill()
    for path in quiet:
        del site.known[path]

    made = dict(
        site.rows(
            "SELECT message_id || endpoint_id, extract(epoch FROM created_at)::float FROM webhooks_webhookdelivery"
        )
    )
    waited = sorted(
        one.at - made[one.id + site.paths()[one.path]]
        for one in site.heard()
        if one.path in site.known and one.id in expected
    )
    assert len(waited) == events * (of - hung)
    p99 = waited[int(len(waited) * 0.99) - 1]
    record_property(f"healthy p99 with {hung} of {of} hung, s", round(p99, 2))
    assert p99 <= stretched(most_s)
    site.check(expected | {id for (id,) in site.rows("SELECT id FROM events_event")}, duplicates=0)


def warm_up(site, deliveries: int) -> None:
    """Until the pump, which takes seconds to start, is at work."""
    site.happen(1)
    until(lambda: site.states().get("delivered", 0) >= deliveries, "the pump sends")


# -- some misbehave --------------------------------------------------------------------------------------------------------
HOSTILE = """endless drip drip-refusal drip-head many-headers long-header bomb continue garbage nothing short nul latin
    odd-status negative-length silent""".split()


@contextlib.contextmanager
def hostile_server():
    """The receivers of ``tests/webhooks/test_transport.py``, which looks at each of them more closely. Yields their port."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(hostile, "127.0.0.1", 0), loop).result()
    yield server.sockets[0].getsockname()[1]

    async def close() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)


def test_hostile_receivers_cost_little_and_their_batch_is_recorded(site, record_property):
    """Row 10: all of them in one batch with good ones."""
    site.endpoints(5)
    pump = site.pump()
    warm_up(site, 5)
    before = pump.rss_mb()
    with hostile_server() as port:
        urls = [f"http://127.0.0.1:{port}/{name}" for name in HOSTILE]
        made = site.inside.endpoints(app=site.app, urls=urls, names=["*"], timeout_s=5)
        site.happen(2)
        until(
            lambda: site.rows("SELECT count(DISTINCT d.endpoint_id) FROM webhooks_webhookattempt AS a "
            "JOIN webhooks_webhookdelivery AS d ON d.id = a.delivery_id WHERE a.ended_at IS NOT NULL") == [(5 + len(urls),)],
            "each of them is done with",
        )  # fmt: skip
        [(longest,)] = site.rows("SELECT max(ms) FROM webhooks_webhookattempt")
        for endpoint, _ in made:
            site.inside.change(endpoint=endpoint, active=False)
        until(lambda: not {"pending", "leased"} & site.states().keys(), "the rest is held")
    grown = pump.peak_mb() - before

    record_property("memory, MB", round(grown))
    record_property("longest request, ms", longest)
    assert longest <= stretched(5 + 2 + 1) * 1000
    assert grown <= 50
    site.check({id for (id,) in site.rows("SELECT id FROM events_event")}, duplicates=0)


def test_a_response_that_is_lost_makes_a_duplicate_with_the_same_id(site):
    """Row 16: the receiver has processed it, and closes or resets the connection instead of answering."""
    site.endpoints(2)
    site.rules({"/hooks0": {"drop": "close", "times": 2}, "/hooks1": {"drop": "reset", "times": 2}})
    expected = site.happen(3)
    site.pump()
    until(lambda: site.make_due() >= 0 and site.states() == {"delivered": 6}, "all is delivered")

    assert site.check(expected, all_delivered=False)["duplicates"] == 4


# -- some have no name -----------------------------------------------------------------------------------------------------
class Names(threading.Thread):
    """A name server: ``*.well.test`` is here, ``*.fails.test`` is refused, ``*.slow.test`` never answered, others do not exist."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self) -> None:
        while True:
            asked, whence = self.socket.recvfrom(1024)
            labels, place = [], 12
            while asked[place]:
                labels.append(asked[place + 1 : place + 1 + asked[place]].decode())
                place += 1 + asked[place]
            question, kind = asked[12 : place + 5], asked[place + 1 : place + 3]
            if "slow" in labels:
                continue
            code = 0 if "well" in labels else 2 if "fails" in labels else 3
            has_address = code == 0 and kind == b"\0\1"
            head = asked[:2] + bytes([0x81, 0x80 | code]) + b"\0\1" + bytes([0, has_address]) + b"\0\0\0\0"
            record = b"\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4" + bytes([127, 0, 0, 1]) if has_address else b""
            self.socket.sendto(head + question + record, whence)


def test_names_that_are_slow_or_wrong_concern_nobody_else(site):
    """Row 9: a slow server, SERVFAIL, NXDOMAIN; coded ``dns``."""
    names = Names()
    site.endpoints(5, "/well", host="a.well.test")
    expected = site.happen(1)
    bad = {}
    for host in ("a.slow.test", "a.fails.test", "a.nowhere.test"):
        [bad[host]] = site.endpoints(1, f"/{host}", host=host)
        del site.known[f"/{host}0"]
    expected |= site.happen(10)
    site.inside.pump_with_names(port=names.port)

    errors = dict(
        site.rows(
            "SELECT endpoint_id, min(last_error) FROM webhooks_webhookdelivery WHERE last_error IS NOT NULL GROUP BY 1"
        )
    )
    assert errors == dict.fromkeys(bad.values(), "dns")
    site.check(expected, duplicates=0)
    made = dict(
        site.rows(
            "SELECT message_id || endpoint_id, started_at FROM webhooks_webhookattempt AS a "
            "JOIN webhooks_webhookdelivery AS d ON d.id = a.delivery_id"
        )
    )
    waited = [one.at - made[one.id + site.paths()[one.path]].timestamp() for one in site.heard()]
    assert max(waited) <= stretched(2)


# -- one recovers ----------------------------------------------------------------------------------------------------------
def test_a_breaker_asks_once_a_window_and_uses_up_no_retries(site):
    """Row 19. The windows are moved, not waited for."""
    [endpoint] = site.endpoints()
    site.rules({"/hooks0": {"status": 500}})
    expected = site.happen(60)
    site.pump()
    health = "SELECT breaker, open_s FROM webhooks_endpointhealth"
    until(
        lambda: site.rows(health)[0][0] == "open" and not site.states().get("leased"),
        "the breaker is open, and nothing is out",
    )
    windows = [site.rows(health)[0][1]]
    for _ in range(3):
        before = site.heard_count()
        site.rows("UPDATE webhooks_endpointhealth SET open_until = clock_timestamp()")
        until(
            lambda before=before: site.heard_count() > before and site.rows(health)[0][0] == "open",
            "it is asked and open again",
        )
        assert site.heard_count() == before + 1
        windows.append(site.rows(health)[0][1])
    refused = site.heard_count()
    assert windows == [30, 60, 120, 240]
    assert site.rows("SELECT sum(failures)::int FROM webhooks_webhookdelivery") == [(refused,)]
    assert refused <= 8 + 3 + 8, "what was out when it opened, and a probe a window"

    site.rules({"/hooks0": {}})
    site.rows("UPDATE webhooks_endpointhealth SET open_until = clock_timestamp()")
    asked = "SELECT count(*) FROM webhooks_webhookdelivery WHERE failures = 0 AND state <> 'delivered'"
    until(lambda: site.rows(asked) == [(0,)], "all that never failed is delivered", stretched(2 * 30))
    assert site.rows(health) == [("closed", 0)]
    site.make_due()
    site.until_done()
    site.check(expected, all_delivered=False)
    assert site.states() == {"delivered": 60}
    assert endpoint
