"""Endpoints, secrets and clocks change while deliveries are on their way."""

import time

import pytest

from tests.faults.installation import until

from .site import stretched

pytestmark = [pytest.mark.faults, pytest.mark.node, pytest.mark.timeout(600)]


@pytest.mark.parametrize("wrong_by_s", [600, -600])
def test_a_machine_with_a_wrong_clock(site, wrong_by_s):
    """Row 13: the schedule and the signed moment are the database's, and somebody is told."""
    site.endpoints()
    expected = site.happen(2)
    site.rules({"/hooks0": {"status": 500, "times": 2}})
    site.inside.pump_with_clock(wrong_by_s=wrong_by_s)

    waits = [wait for (wait,) in site.rows(
        "SELECT extract(epoch FROM d.next_at - a.ended_at)::float FROM webhooks_webhookdelivery AS d "
        "JOIN webhooks_webhookattempt AS a ON a.delivery_id = d.id")]  # fmt: skip
    assert len(waits) == 2 and all(60 <= wait <= 66 for wait in waits), waits
    assert all(abs(int(one.headers["webhook-timestamp"]) - one.at) < stretched(3) for one in site.heard())
    [(skews,)] = site.rows("SELECT coalesce(sum(value), 0)::int FROM webhooks_pumpcount WHERE name = 'clock_skews'")
    assert skews > 0
    site.make_due()
    site.inside.pump_with_clock(wrong_by_s=wrong_by_s)
    site.check(expected, all_delivered=False)
    assert site.states() == {"delivered": 2}


def test_a_secret_rotates_under_load(site):
    """Row 14: a verifier that knows one secret fails only between its own deploy and the promote, one with the libraries never."""
    one_secret, with_library = site.endpoints(2)
    old = {path: secrets[0] for path, secrets in site.secrets().items()}
    site.rules({"/hooks0": {"documented": [old["/hooks0"]]}, "/hooks1": {"standard": [old["/hooks1"]]}})
    site.pump()
    expected = set()

    def load(count: int = 15) -> None:
        """Sends some more, and waits until each was tried."""
        expected.update(site.happen(count))
        until(lambda: site.deliveries("sends = 0 OR state = 'leased'") == 0, "all is tried")

    load()
    new = {}
    for path, endpoint in (("/hooks0", one_secret), ("/hooks1", with_library)):
        new[path] = site.inside.rotate(endpoint=endpoint)
        site.known[path][1].append(new[path])
        load()
    site.rules({"/hooks1": {"standard": [new["/hooks1"]]}})
    load()
    assert all(one.is_accepted for one in site.heard()), "rotating alone costs nothing"

    site.rules({"/hooks0": {"documented": [new["/hooks0"]]}})
    deployed = time.time()
    load(3)
    promoted = time.time()
    for endpoint in (one_secret, with_library):
        site.inside.promote(endpoint=endpoint)
    load()
    until(lambda: site.make_due() >= 0 and site.states().keys() == {"delivered"}, "what was refused is delivered")

    refused = [one for one in site.heard() if not one.is_accepted]
    assert {one.path for one in refused} == {"/hooks0"}
    assert all(deployed <= one.at <= promoted for one in refused)
    found = site.check(expected, all_delivered=False)
    assert found["duplicates"] == len(refused) > 0


def test_endpoints_are_moved_paused_and_deleted_while_their_deliveries_are_out(site):
    """Row 18: after the change is committed nothing goes to where it was; nothing crashes, and the rest is kept."""
    moved, paused, deleted = site.endpoints(3, max_concurrency=8)
    site.rules({path: {"delay_ms": 150} for path in site.known})
    expected = site.happen(80)
    pump = site.pump()
    until(lambda: site.heard_count() >= 60, "it sends")
    changed = {}
    site.inside.change(endpoint=moved, url=site.url("/moved"))
    changed["/hooks0"] = time.time()
    site.known["/moved"] = site.known["/hooks0"]
    site.inside.change(endpoint=paused, active=False)
    changed["/hooks1"] = time.time()
    site.inside.remove(endpoint=deleted)
    changed["/hooks2"] = time.time()
    until(lambda: not {"pending", "leased"} & site.states().keys(), "all is delivered or held")

    assert pump.is_alive
    assert "Traceback" not in pump.words()
    late = [one for one in site.heard() if one.at > changed.get(one.path, one.at) + stretched(0.5)]
    assert not late, [(one.path, one.at - changed[one.path]) for one in late]
    by_endpoint = {(endpoint, state): number for endpoint, state, number in site.rows(
        "SELECT endpoint_id, state, count(*) FROM webhooks_webhookdelivery GROUP BY 1, 2")}  # fmt: skip
    assert by_endpoint.get((moved, "delivered")) == 80
    assert by_endpoint.get((paused, "held"), 0) > 0
    assert by_endpoint.get((deleted, "held"), 0) > 0
    site.check(expected, all_delivered=False, duplicates=0)
    site.inside.change(endpoint=paused, active=True)
    until(lambda: site.deliveries("endpoint_id = %s AND state = 'delivered'", paused) == 80, "what was held is sent")
