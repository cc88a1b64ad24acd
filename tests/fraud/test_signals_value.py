"""Signals of amounts and ids."""

from dataclasses import replace

import pytest

from fraud.history import usual_of
from tests.fraud.seen import facts, history, points, silenced, usual


def test_hardly_over_the_lowest():
    near_lowest = replace(history(near_lowest=1), amount_minor=1040)
    assert points("MIN_AMOUNT", near_lowest) == 6
    assert points("MIN_AMOUNT", replace(history(near_lowest=3), amount_minor=1040)) == 15
    assert points("MIN_AMOUNT", replace(history(near_lowest=3), amount_minor=5000)) is None
    assert (
        silenced("MIN_AMOUNT", usual(near_lowest, near_lowest=0.6)) == "usual"
    )  # the cheapest plan is the popular plan
    assert points("MIN_AMOUNT", usual(near_lowest, seen=5)) is None


def test_far_beyond_what_is_usual():
    deal = facts(amount_minor=500_000, rewards_share=True)
    assert points("AMOUNT_OUTLIER", deal) == 15
    assert points("AMOUNT_OUTLIER", facts(amount_minor=500_000)) is None  # the reward does not grow with it
    assert points("AMOUNT_OUTLIER", facts(amount_minor=300_000, rewards_share=True)) is None
    assert points("AMOUNT_OUTLIER", usual(deal, seen=5)) is None


def test_ids_in_a_row_and_friends_in_a_minute():
    assert points("SEQUENTIAL_IDS", history(consecutive=5)) == 20
    assert points("SEQUENTIAL_IDS", history(consecutive=4)) is None
    assert points("SEQUENTIAL_IDS", history(at_once=6, last_hour=7)) == 20
    assert points("SEQUENTIAL_IDS", history(at_once=6, last_hour=60)) is None  # a busy hour, no batch
    assert silenced("SEQUENTIAL_IDS", usual(history(consecutive=9), consecutive=0.8)) == "usual"  # an import
    assert silenced("SEQUENTIAL_IDS", replace(history(consecutive=9), agent="")) == "no_context"


def test_what_is_usual():
    rows = [
        (f"referrer {n % 5}", f"user{n}", 1000.0 * n, 1000 if n % 2 else 2000 + n, 5.0 if n % 4 else None)
        for n in range(40)
    ]
    told = usual_of(rows)
    assert (told.seen, told.referrers, told.lowest_minor, told.consecutive) == (40, 5, 1000, 1.0)
    assert told.with_click == told.instant == pytest.approx(0.75)
    assert told.top_amount == pytest.approx(0.5)
    assert told.equal_gaps == 1
    assert usual_of([]).seen == 0
