"""Signals of speed and rhythm: of a friend's own click, of a referrer's own history; never of absolute numbers."""

from dataclasses import replace

import pytest

from fraud import history as histories
from fraud.facts import Past
from tests.fraud.seen import BUSY, NOON, clicked, facts, history, judged, points, silenced, usual

HOUR = 3600


@pytest.mark.parametrize(
    ("seconds", "score"), [(0.4, 40), (2.9, 40), (4, 25), (59, 25), (60, None), (86_400, None), (-5, None)]
)
def test_a_purchase_within_seconds_of_the_click(seconds, score):
    assert points("INSTANT_CONVERSION", clicked(seconds)) == score


@pytest.mark.parametrize(("seconds", "score"), [(0.4, 40), (4, 20), (9, 20), (10, None), (59, None)])
def test_a_sign_up_may_be_quicker(seconds, score):
    assert points("INSTANT_CONVERSION", clicked(seconds, amount_minor=None)) == score


def test_no_click_is_no_speed():
    assert points("INSTANT_CONVERSION", facts(clicks_known=True)) is None


def test_where_everybody_is_instant_a_server_reports_both_together():
    assert silenced("INSTANT_CONVERSION", usual(clicked(1), instant=0.6)) == "usual"
    assert silenced("INSTANT_CONVERSION", replace(clicked(1), agent="")) == "no_context"


def test_a_conversion_without_a_click_where_nearly_all_have_one():
    without = usual(facts(clicks_known=True), with_click=0.9)
    assert points("NO_CLICK", without) == 8
    assert points("NO_CLICK", facts(clicks_known=True)) is None  # half of them have none
    assert points("NO_CLICK", usual(without, seen=10)) is None
    assert points("NO_CLICK", usual(clicked(500), with_click=0.9)) is None


def test_velocity_is_measured_by_ones_own_hours():
    fast = history(rate_z=7, last_hour=30, usual_hour=2)
    assert points("REFERRER_VELOCITY", fast) == 10
    assert points("REFERRER_VELOCITY", history(rate_z=13, last_hour=30, usual_hour=2)) == 20
    assert points("REFERRER_VELOCITY", history(rate_z=5, last_hour=30, usual_hour=2)) is None
    assert points("REFERRER_VELOCITY", usual(fast, busiest_hour=40)) is None  # a flash sale: others have it, too


def test_amounts_alike_within_the_hour():
    assert points("LOOKALIKE_BURST", history(lookalikes=2)) == 15
    assert points("LOOKALIKE_BURST", history(lookalikes=4)) == 25
    assert points("LOOKALIKE_BURST", history(lookalikes=1)) is None
    assert silenced("LOOKALIKE_BURST", usual(history(lookalikes=9), top_amount=0.8)) == "usual"  # one price
    assert points("LOOKALIKE_BURST", usual(history(lookalikes=9), seen=5)) is None


def test_a_clocks_rhythm():
    assert points("REGULAR_INTERVALS", history(gaps=8, gap_variation=0.05)) == 20
    assert points("REGULAR_INTERVALS", history(gaps=8, gap_variation=0.5, equal_gaps=0.7)) == 20
    assert points("REGULAR_INTERVALS", history(gaps=7, gap_variation=0.05)) is None
    assert points("REGULAR_INTERVALS", history(gaps=19, gap_variation=0.5, equal_gaps=0.2)) is None
    steady = history(gaps=8, gap_variation=0.05)
    assert silenced("REGULAR_INTERVALS", usual(steady, equal_gaps=0.5)) == "usual"
    assert silenced("REGULAR_INTERVALS", replace(steady, agent="")) == "no_context"


def test_a_sleeper_who_wakes():
    assert points("DORMANT_BURST", history(last_day=5, silent_days=61)) == 12
    assert points("DORMANT_BURST", history(last_day=4, silent_days=61)) is None
    assert points("DORMANT_BURST", history(last_day=9, silent_days=30)) is None


def test_advertisements_only_where_they_are_forbidden():
    assert points("PAID_TRAFFIC", facts(ad_clicks=("gclid",), forbids_ads=True)) == 15
    assert points("PAID_TRAFFIC", facts(ad_clicks=("fbclid",), forbids_ads=True)) is None  # shared posts keep it
    assert points("PAID_TRAFFIC", facts(ad_clicks=("gclid",))) is None


def test_speed_alone_never_holds():
    everything = replace(
        clicked(1), history=history(rate_z=20, last_hour=40, lookalikes=9, gaps=19, gap_variation=0.01, last_day=40, silent_days=90).history
    )  # fmt: skip
    assert judged(everything).score == 35


# --- what histories tell ----------------------------------------------------------------------------------------------
def of(*ago: float, amounts=None, ids=None, amount=5000, referee="bikram"):
    now = NOON.timestamp()
    past = [
        Past(now - seconds, (amounts or [5000] * len(ago))[place], (ids or [f"friend of {place}"] * len(ago))[place])
        for place, seconds in enumerate(ago)
    ]
    return histories.of(past, at=NOON, amount_minor=amount, referee_id=referee, usual=BUSY)


def test_a_first_conversion_tells_nothing():
    told = of()
    assert (told.seen, told.last_hour, told.rate_z, told.gaps, told.lookalikes, told.silent_days) == (1, 1, 0, 0, 0, 0)


def test_the_rate_is_robust_against_ones_own_busy_days():
    quiet = [HOUR * 3 * day for day in range(1, 20)]
    assert of(*quiet).rate_z <= 0
    assert of(*[60 * place for place in range(1, 15)], *quiet).rate_z > 12
    busy = [HOUR * hour + 60 * place for hour in range(10) for place in range(1, 5)]  # four an hour, always
    assert of(*busy).rate_z < 3
    assert of(*[60 * place for place in range(1, 40)]).rate_z == 0  # no hours before: nothing to compare with


def test_lookalikes_are_near_in_amount_and_time():
    assert of(60, 120, 7200, 180, amounts=[5100, 4900, 5000, 9000]).lookalikes == 2
    assert of(60, 120, amount=None).lookalikes == 0


def test_what_happened_later_is_no_history():
    assert of(-60, -120, 60).seen == 2  # an import goes through the past


def test_gaps():
    even = of(*[600 * place for place in range(1, 12)])
    assert (even.gaps, round(even.gap_variation, 3), even.equal_gaps) == (11, 0, 1)
    assert of(*[0.1 * place for place in range(1, 12)]).equal_gaps == 0  # one batch is no rhythm


@pytest.mark.parametrize(
    ("ids", "referee", "run"),
    [
        (["u3", "u4", "u6"], "u5", 4),
        (["u3", "v4"], "u4", 2),
        (["asha", "tara"], "bikram", 1),
        (["9", "11"], "10", 3),
        (["u1", "u2"], "u" + "9" * 40, 1),
    ],
)
def test_ids_that_count_up(ids, referee, run):
    assert of(*[60] * len(ids), ids=ids, referee=referee).consecutive == run
