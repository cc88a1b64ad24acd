"""Processes and the database die while thousands of deliveries are pending: nothing is lost, failed or wrongly signed."""

import pytest

from tests.faults.installation import until

pytestmark = [pytest.mark.faults, pytest.mark.node, pytest.mark.timeout(600)]


def test_what_was_rolled_back_is_never_sent(site):
    """Row 1."""
    site.endpoints()
    kept, dropped = site.inside.mixed(app=site.app, count=1000)
    site.inside.dispatch()
    site.pump()
    site.until_done()

    found = site.check(set(kept), duplicates=0)
    assert found["requests"] == 500
    assert not {one.id for one in site.heard()} & set(dropped)


def test_the_database_is_restarted_three_times_at_once(site, record_property):
    """Row 6: ``-m immediate``, with requests out and results on their way in."""
    site.endpoints(10, max_concurrency=16)
    events = site.happen(150)
    site.rules({path: {"delay_ms": 20} for path in site.known})
    site.pump("--slots", "64")
    for place in range(1, 4):
        until(lambda place=place: site.heard_count() >= 300 * place, f"a fifth more is sent ({place})")
        site.shoot_database()
    site.until_done()

    for name, number in site.check(events).items():
        record_property(name, number)


def test_a_connection_is_cut_while_results_are_recorded(site):
    """Row 6: over and over, in the middle of whatever the session was doing."""
    site.endpoints(10, max_concurrency=16)
    events = site.happen(60)
    site.rules({path: {"delay_ms": 20} for path in site.known})
    site.pump("--slots", "64")
    cut = 0
    while site.states().keys() != {"delivered"}:
        cut += len(
            site.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active' "
                "AND query LIKE '%%webhooks_webhookattempt%%'"
            )
        )
        if cut >= 30:
            break
    site.until_done()

    assert cut > 0
    site.check(events)


def test_two_pumps_and_a_reaper_race_for_ten_thousand(site):
    """Row 7: each once, and no endpoint ever has more on its way than its cap."""
    site.endpoints(20, max_concurrency=8)
    events = site.happen(500)
    reaper = site.another_inside()
    site.pump(name="one")
    site.pump(name="two")
    reaper.tell("reap_for", seconds=5)
    most = 0
    asked = (
        "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM webhooks_webhookdelivery WHERE state = 'leased' "
        "GROUP BY endpoint_id) AS busy"
    )
    while site.states().keys() != {"delivered"}:
        most = max(most, site.rows(asked)[0][0])

    assert reaper.hear() == 0
    found = site.check(events, duplicates=0)
    assert found["requests"] == 10_000
    assert 0 < most <= 8
    assert max(one.busy for one in site.heard()) <= 8
