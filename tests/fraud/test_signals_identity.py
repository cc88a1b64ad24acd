"""Signals of who shares what: each speaks, each keeps silent, each knows its traps."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fraud.seen import (
    DEVICE,
    EMAIL,
    IP,
    NOON,
    PATTERN,
    PAYMENT,
    PHONE,
    facts,
    judged,
    near,
    points,
    said,
    silenced,
)


@pytest.mark.parametrize(("referee", "score"), [("asha", 100), (" ASHA ", 100), ("bikram", None), (None, None)])
def test_a_self_referral_by_id(referee, score):
    assert points("SELF_REFERRAL_ID", facts(referee_id=referee)) == score


def test_a_flagged_code():
    assert points("CODE_FLAGGED", facts(code_is_flagged=True)) == 100
    assert points("CODE_FLAGGED", facts()) is None


def test_one_mailbox_on_both_sides():
    assert points("SELF_EMAIL_EXACT", facts(email_is_referrers=True)) == 90
    assert points("SELF_EMAIL_EXACT", facts(email_is_referrers=False)) is None
    assert points("SELF_EMAIL_EXACT", facts()) is None
    assert judged(facts(email_is_referrers=True)).score == 90  # certain: above the cap of its kind


@pytest.mark.parametrize(
    ("more", "score"),
    [
        ({"email_likeness": 1.0}, 35),
        ({"email_likeness": 0.95}, 25),
        ({"email_likeness": 0.9}, None),
        ({"email_likeness": 0.8, "email_stem_is_same": True}, 30),
        ({"email_likeness": 1.0, "email_local_is_common": True}, 17),  # john.smith is many people
        ({"email_likeness": None}, None),
        ({"email_likeness": 1.0, "email_is_referrers": True}, None),
    ],
)
def test_addresses_that_are_alike(more, score):
    assert points("SELF_EMAIL_SIMILAR", facts(**more)) == score


@pytest.mark.parametrize(("others", "score"), [(0, None), (1, None), (2, 25), (3, 25), (4, 40), (40, 40)])
def test_a_farm_of_addresses(others, score):
    assert points("EMAIL_PATTERN_FARM", facts(near(PATTERN, others=others))) == score


def test_throw_away_addresses_count_more_with_a_link():
    assert points("EMAIL_DISPOSABLE", facts(email_is_disposable=True)) == 20
    assert points("EMAIL_DISPOSABLE", facts(near(DEVICE, others=1), email_is_disposable=True)) == 30
    assert (
        points("EMAIL_DISPOSABLE", facts(near(IP, others=3), email_is_disposable=True)) == 20
    )  # an address links nobody
    assert points("EMAIL_DISPOSABLE", facts(near(DEVICE, others=60, is_hub=True), email_is_disposable=True)) == 20
    assert points("EMAIL_DISPOSABLE", facts(email_is_disposable=False)) is None


def test_colleagues_are_a_hint_only():
    assert points("EMAIL_DOMAIN_SAME", facts(email_domain_is_same=True)) == 10
    assert points("EMAIL_DOMAIN_SAME", facts()) is None
    assert judged(facts(email_domain_is_same=True, email_likeness=0.5)).score < 30


def test_the_referrers_device():
    assert points("DEVICE_SELF", facts(near(DEVICE, with_referrer=True))) == 45
    assert points("DEVICE_SELF", facts(near(DEVICE, others=5))) is None
    assert points("DEVICE_SELF", facts()) is None
    assert silenced("DEVICE_SELF", facts(near(DEVICE, with_referrer=True, is_hub=True, hub_reason="a shop's"))) == "hub"


@pytest.mark.parametrize(("others", "score"), [(0, None), (1, 15), (2, 30), (3, 45), (5, 45), (6, 60), (51, 60)])
def test_others_on_the_device(others, score):
    assert points("DEVICE_SHARED", facts(near(DEVICE, others=others))) == score


def test_others_who_left_the_device_long_ago_do_not_count():
    assert points("DEVICE_SHARED", facts(near(DEVICE, others=9, in_30_days=0))) is None


@pytest.mark.parametrize(("others", "score"), [(0, None), (1, 25), (2, 45), (9, 45)])
def test_others_who_came_in_the_same_hour(others, score):
    assert points("DEVICE_CO_SIGNUP", facts(near(DEVICE, others=9, co_signed_up=others))) == score


def test_a_couples_card():
    assert points("PAYMENT_SELF", facts(near(PAYMENT, with_referrer=True))) == 25
    assert points("PAYMENT_SELF", facts(near(PAYMENT, with_referrer=True, others=1))) == 60
    assert points("PAYMENT_SHARED", facts(near(PAYMENT, others=1))) == 25
    assert points("PAYMENT_SHARED", facts(near(PAYMENT, others=2))) == 60
    assert points("PAYMENT_SHARED", facts(near(PAYMENT, with_referrer=True))) is None


def test_one_phone_and_one_mailbox():
    assert points("PHONE_SAME", facts(near(PHONE, with_referrer=True))) == 60
    assert points("PHONE_SAME", facts(near(PHONE, others=1))) == 60
    assert points("PHONE_SAME", facts(near(PHONE))) is None
    assert points("EMAIL_SHARED", facts(near(EMAIL, others=1))) == 60
    assert points("EMAIL_SHARED", facts(near(EMAIL, with_referrer=True))) is None  # SELF_EMAIL_EXACT says so


def test_a_confirmed_cheats_key():
    assert points("KNOWN_BAD_LINK", facts(near(DEVICE, is_confirmed=True, confirmed_by="dcs_1"))) == 60
    assert points("KNOWN_BAD_LINK", facts(near(IP, is_confirmed=True))) is None
    assert points("KNOWN_BAD_LINK", facts(near(DEVICE, is_confirmed=True, is_hub=True))) is None
    assert points("KNOWN_BAD_LINK", facts(near(DEVICE, others=5))) is None


def test_who_was_a_customer_before_is_the_merchants_to_weigh():
    known = facts(known_for_hours=100, is_first_time_only=True)
    assert points("EXISTING_CUSTOMER", known) is None
    from fraud import rules

    assert rules.signal_of("EXISTING_CUSTOMER").judge(known, 40).points == 40


def test_evidence_names_the_key_as_text():
    evidence = said("DEVICE_SHARED", facts(near(DEVICE, others=2, newest=("tara", "uma")))).evidence
    assert (evidence["kind"], evidence["key"], evidence["accounts"], evidence["users"]) == (
        "DEVICE",
        "7",
        2,
        ["tara", "uma"],
    )


# --- families -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("people", [2, 3, 4, 5])
def test_a_family_never_reaches_the_threshold_by_what_it_shares(people):
    """One tablet, one card, one address, all of them in one evening, and a couple's one phone: the worst of honest families."""
    others = people - 2
    home = facts(
        near(DEVICE, with_referrer=True, others=others, co_signed_up=others),
        near(PAYMENT, with_referrer=True, others=others),
        near(PHONE, with_referrer=True),
        near(IP, with_referrer=True, same_agent=True, others=others),
        email_domain_is_same=True,
        email_likeness=0.5,
        email_is_disposable=True,
        extra={"chain": 4, "tree_levels": 3},
    )
    told = judged(home, stages=("REQUEST", "LATER"))
    assert told.score == 45
    assert any(reason.code == "HOUSEHOLD" for reason in told.reasons)
    assert {reason.code: reason.silenced for reason in told.reasons}["IP_SELF"] == "household"


def test_six_are_no_family():
    assert judged(facts(near(DEVICE, with_referrer=True, others=4))).score >= 50


@pytest.mark.parametrize("kind", [PHONE, EMAIL])
def test_a_couple_has_one_phone_or_one_mailbox_and_three_have_not(kind):
    with_referrer = kind == PHONE  # the referrer's own mailbox is certain by itself
    assert judged(facts(near(kind, with_referrer=with_referrer, others=not with_referrer))).score == 45
    assert judged(facts(near(kind, others=2))).score == 60
    assert (
        judged(facts(near(DEVICE, with_referrer=True), near(kind, with_referrer=with_referrer, others=2))).score >= 60
    )


def test_a_throw_away_address_is_no_home_by_itself():
    alone = facts(near(IP, with_referrer=True), email_is_disposable=True)
    assert judged(alone).score == 20 + 15
    beside = facts(near(DEVICE, with_referrer=True), near(IP, with_referrer=True), email_is_disposable=True)
    assert judged(beside).score == 45
    assert judged(facts(near(DEVICE, with_referrer=True, others=4), email_is_disposable=True)).score == 60


def test_who_was_never_seen_at_one_address_is_no_household():
    shared = facts(near(DEVICE, with_referrer=True, others=2), extra={"ring_size": 4})
    assert judged(shared, stages=("REQUEST", "LATER")).score == 45
    apart = replace(shared, extra={"ring_size": 4, "ring_apart": True, "ring_kinds": ["DEVICE"]})
    told = judged(apart, stages=("REQUEST", "LATER"))
    assert told.score >= 80
    assert any("no two of them were ever seen at one address" in reason.message for reason in told.spoken)


def test_a_chain_longer_than_a_family_is_none_of_its():
    home = facts(near(DEVICE, with_referrer=True), extra={"chain": 5})
    assert judged(home, stages=("REQUEST", "LATER")).score == 45 + 20


def test_a_firms_scheme_makes_addresses_alike():
    assert points("SELF_EMAIL_SIMILAR", facts(email_likeness=0.95)) == 25
    assert points("SELF_EMAIL_SIMILAR", facts(email_likeness=0.95, email_domain_is_same=True)) == 12


def test_an_alias_of_the_referrers_mailbox_is_no_family_member():
    assert judged(facts(near(DEVICE, with_referrer=True), email_likeness=1.0)).score >= 50
    common = facts(near(DEVICE, with_referrer=True), email_likeness=1.0, email_local_is_common=True)
    assert judged(common).score == 45


def test_a_couple_at_home_is_left_alone():
    couple = facts(near(DEVICE, with_referrer=True), near(IP, with_referrer=True, same_agent=True, others=1))
    assert judged(couple).score < 50


def test_who_signs_up_at_the_referrers_table_is_quick():
    beside = facts(near(DEVICE, with_referrer=True), clicked_at=NOON - timedelta(seconds=40), clicks_known=True)
    assert judged(beside).score == 45
    program = replace(beside, clicked_at=NOON - timedelta(seconds=1))
    assert judged(program).score == 80
    next_room = replace(beside, neighbours={IP: near(IP, with_referrer=True, same_agent=True, others=2)})
    assert judged(next_room).score == 27
    assert judged(replace(next_room, agent="headless")).score == 55
