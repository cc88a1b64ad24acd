"""Signals of network addresses and user agents."""

import pytest

from tests.fraud.seen import IP, facts, judged, near, points, silenced

OFFICE = {"is_hub": True, "hub_reason": "more than 50 accounts use it"}


def test_who_lives_together_refers_each_other():
    assert points("IP_SELF", facts(near(IP, with_referrer=True))) == 15
    assert points("IP_SELF", facts(near(IP, with_referrer=True, same_agent=True))) == 25
    assert points("IP_SELF", facts(near(IP, others=9))) is None
    assert judged(facts(near(IP, with_referrer=True, same_agent=True, others=20))).score <= 30


@pytest.mark.parametrize(("others", "score"), [(0, None), (1, None), (2, 10), (4, 10), (5, 20), (50, 20)])
def test_others_at_the_address(others, score):
    assert points("IP_SHARED", facts(near(IP, others=others))) == score


def test_others_who_were_there_last_month_do_not_count():
    assert points("IP_SHARED", facts(near(IP, others=30, in_7_days=1))) is None


def test_an_offices_address_says_nothing_and_says_so():
    office = facts(near(IP, with_referrer=True, others=51, **OFFICE))
    assert [silenced(code, office) for code in ("IP_SELF", "IP_SHARED", "IP_HUB")] == ["hub"] * 3
    told = judged(office)
    assert told.score is None
    assert "more than 50 accounts" in next(reason.message for reason in told.reasons if reason.code == "IP_HUB")


@pytest.mark.parametrize("gap", ["caller", "private", "reserved"])
def test_an_address_that_cannot_be_the_users_is_said_and_counts_nothing(gap):
    told = judged(facts(ip_gap=gap))
    assert told.score is None
    assert [(reason.code, reason.silenced) for reason in told.reasons] == [("IP_IS_CALLER", "missing")]


@pytest.mark.parametrize(
    ("agent", "score"), [("headless", 25), ("bot", 25), ("library", 20), ("browser", None), ("app", None), ("", None)]
)
def test_programs_without_a_person(agent, score):
    assert points("UA_BOT", facts(agent=agent)) == score


def test_countries_only_where_the_campaign_names_them():
    assert points("GEO_MISMATCH", facts(country="NP", country_is_allowed=False)) == 15
    assert points("GEO_MISMATCH", facts(country="NP", country_is_allowed=True)) is None
    assert points("GEO_MISMATCH", facts(country="NP")) is None


def test_a_program_that_buys_within_the_minute_is_held():
    from datetime import timedelta

    from tests.fraud.seen import NOON

    bot = facts(agent="headless", clicked_at=NOON - timedelta(seconds=25), clicks_known=True)
    assert judged(bot).score == 50
