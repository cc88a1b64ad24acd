"""How an endpoint's standing follows from its answers: lanes, its own cap, the breaker. Pure."""

from datetime import UTC, datetime, timedelta

import pytest

from webhooks.models.health import LATENCY_BOUNDS_MS
from webhooks.standing import Standing, bucket_of

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def standing(**fields) -> Standing:
    return Standing(**{"endpoint_id": "whk_1", "app_id": "app_1", "max_concurrency": 8} | fields)


def good(one: Standing, ms: int = 50, times: int = 1, at: datetime = NOW) -> None:
    for _ in range(times):
        one.hear(None, 200, ms, at)


def bad(one: Standing, times: int = 1, at: datetime = NOW, status: int | None = 500, ms: int = 50) -> None:
    for _ in range(times):
        one.hear("status", status, ms, at)


# -- lanes -----------------------------------------------------------------------------------------------------------------
def test_one_timeout_makes_suspect():
    one = standing()
    one.hear("timeout", None, 15_000, NOW)

    assert one.lane == "suspect"


def test_two_slow_answers_of_twenty_make_suspect_one_does_not():
    one = standing()
    good(one, times=30)
    good(one, ms=3001)
    assert one.lane == "healthy"
    good(one, times=19)
    good(one, ms=4000)
    assert one.lane == "healthy", "the first is not among the last twenty any more"
    good(one, times=18)
    good(one, ms=4000)

    assert one.lane == "suspect"
    assert len(one.recent_ms) == 20


def test_five_quick_successes_in_a_row_bring_it_back():
    one = standing(lane="suspect", recent_ms=[15_000] * 20, slow_strikes=9)
    good(one, times=4)
    bad(one)
    good(one, times=4)
    assert one.lane == "suspect"
    good(one)
    assert one.lane == "healthy"
    good(one, ms=4000)

    assert one.lane == "healthy", "what was slow before is not held against it twice"


def test_its_cap_halves_with_each_slow_answer_and_grows_by_one_with_each_quick_one():
    one = standing()
    caps = []
    for ms in (4000, 4000, 4000, 4000, 50, 50, 50, 50, 50, 50, 50):
        good(one, ms=ms)
        caps.append(one.effective_cap)

    assert caps == [4, 2, 1, 1, 2, 3, 4, 5, 6, 7, 1000]


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_has_too_much_to_do_is_asked_for_less_at_once(status):
    one = standing()
    bad(one, status=status)

    assert (one.effective_cap, one.lane) == (4, "healthy")


# -- the breaker -----------------------------------------------------------------------------------------------------------
def test_it_opens_with_the_fifth_failure_in_a_row():
    one = standing()
    bad(one, times=4)
    good(one)
    bad(one, times=4)
    assert one.breaker == "closed"
    bad(one)

    assert (one.breaker, one.open_s, one.open_until) == ("open", 30, NOW + timedelta(seconds=30))


def test_what_was_on_its_way_when_it_opened_does_not_open_it_further():
    one = standing()
    bad(one, times=5)
    bad(one, times=3, at=NOW + timedelta(seconds=10))

    assert (one.open_s, one.open_until) == (30, NOW + timedelta(seconds=30))


def test_each_probe_that_fails_doubles_the_window_up_to_five_minutes():
    one = standing()
    bad(one, times=5)
    windows = [one.open_s]
    for _ in range(5):
        one.breaker = "half_open"  # as the claim of the probe leaves it
        bad(one, at=one.open_until)
        windows.append(one.open_s)

    assert windows == [30, 60, 120, 240, 300, 300]
    assert one.breaker == "open"


def test_a_success_closes_it_and_forgets():
    one = standing()
    bad(one, times=5)
    one.breaker, one.notified_level = "half_open", 2
    good(one)

    assert (one.breaker, one.open_until, one.open_s) == ("closed", None, 0)
    assert (one.consecutive_failures, one.first_failure_at, one.notified_level) == (0, None, 0)


def test_the_run_of_failures_keeps_its_beginning():
    one = standing()
    bad(one)
    bad(one, at=NOW + timedelta(hours=30))

    assert one.first_failure_at == NOW
    assert one.last_failure_at == NOW + timedelta(hours=30)


# -- the hour --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("ms", "place"), [(0, 0), (50, 0), (51, 1), (30_000, 10), (30_001, 11), (10**9, 11)])
def test_each_duration_has_its_bucket(ms, place):
    assert bucket_of(ms) == place


def test_the_tally_agrees_with_what_was_heard():
    one = standing()
    good(one, times=3)
    bad(one, ms=700, times=2)

    assert (one.good, one.bad, sum(one.latency)) == (3, 2, 5)
    assert (one.latency[0], one.latency[LATENCY_BOUNDS_MS.index(1000)]) == (3, 2)
