"""From facts to a decision, without a database."""

import json
from dataclasses import fields, replace

import pytest

from fraud import allowing, rules, scoring, weights
from fraud.assessment import CAPS, CERTAIN, Assessment, Reason
from fraud.facts import Facts, History
from fraud.models import Action
from fraud.muted import Muted
from fraud.rules import Signal
from fraud.scoring import Thresholds, decide, flip
from tests.fraud.seen import DEVICE, IP, NOON, PAYMENT, clicked, facts, history, judged, near

HOLD, BLOCK, MONITOR = Thresholds("hold"), Thresholds("block"), Thresholds("monitor")
FARM = facts(near(DEVICE, others=9, co_signed_up=9), near(IP, others=9), agent="headless")
SELF = facts(referee_id="asha")


def test_every_signal_is_whole():
    for signal in rules.SIGNALS:
        assert signal.family in CAPS and signal.describe.endswith(".") and len(signal.code) <= 32
        assert signal.stage in (rules.REQUEST, rules.LATER)
        assert signal.needs, signal.code


def test_nothing_known_is_clean():
    told = judged(facts(agent="", usual=None))
    assert (told.score, told.reasons, told.warning, told.faces(), decide(told, HOLD)) == (
        None,
        (),
        None,
        None,
        Action.NONE,
    )


@pytest.mark.parametrize("thresholds", [HOLD, BLOCK, MONITOR])
def test_a_self_referral_is_held_at_any_mode(thresholds):
    assert decide(judged(SELF), thresholds) == Action.HOLD


def test_bands():
    def of(points, family="IDENTITY", thresholds=HOLD):
        told = Assessment((Reason("SUSPICIOUS_PATTERN", points, "It is so.", code="X", family=family),))
        return decide(told, thresholds)

    assert [of(points) for points in (29, 30, 49, 50)] == [Action.NONE, Action.WATCH, Action.WATCH, Action.HOLD]
    assert of(60, thresholds=MONITOR) == Action.WATCH
    assert of(60, thresholds=Thresholds("hold", 61)) == Action.WATCH


def test_refusing_takes_two_families_or_certainty():
    sure = Thresholds("block", 50, 60)
    assert decide(judged(facts(near(DEVICE, others=9))), sure) == Action.HOLD
    assert decide(judged(FARM), sure) == Action.BLOCK
    assert decide(judged(facts(email_is_referrers=True)), sure) == Action.BLOCK
    assert decide(judged(SELF), sure) == Action.HOLD  # the contract: never refused, never paid by itself
    assert decide(judged(FARM), Thresholds("hold", 50, 60)) == Action.HOLD


def test_what_would_turn_a_decision():
    told = judged(FARM)
    turned = flip(told, HOLD)
    assert turned["to"] == "NONE" and turned["score"] < 50
    single = judged(facts(near(DEVICE, others=9)))
    assert flip(single, HOLD) == {"to": "NONE", "without": ["DEVICE_SHARED"], "score": 0}
    assert flip(judged(facts(near(DEVICE, others=2))), HOLD) == {"to": "HOLD", "missing": 20}
    assert flip(judged(facts()), HOLD) is None
    assert flip(judged(facts(near(DEVICE, others=2))), MONITOR) is None


def test_what_is_left_out_really_turns_it():
    for facts_ in (
        FARM,
        facts(near(DEVICE, others=9, with_referrer=True), near(PAYMENT, others=9)),
        SELF,
        replace(FARM, referee_id="asha"),
    ):
        told = judged(facts_)
        left = scoring._without(told, flip(told, HOLD)["without"])
        assert decide(told, HOLD) == Action.HOLD and decide(left, HOLD) in (Action.NONE, Action.WATCH)


def test_coverage_says_what_could_be_judged():
    assert judged(facts(agent="", usual=None, sent=frozenset({"ids"}))).coverage == ()
    assert judged(facts(sent=frozenset({"ids", "device", "ip"}))).coverage == ("IDENTITY", "NETWORK")


def test_lists_speak_first():
    def entry(points, code):
        return (Reason("MANUAL_FLAG", points, "A person said so.", code=code, family=CERTAIN),)

    denied = judged(facts(), said=entry(100, "DENIED_IP"))
    assert (denied.score, decide(denied, MONITOR), decide(denied, BLOCK)) == (100, Action.HOLD, Action.BLOCK)
    allowed = judged(FARM, said=entry(-100, "ALLOWED_USER"))
    assert (allowed.score, decide(allowed, HOLD)) == (None, Action.NONE)
    assert {reason.silenced for reason in allowed.reasons} == {"allowed"}
    assert judged(SELF, said=entry(-100, "ALLOWED_USER")).score == 100  # so by definition


@pytest.mark.parametrize(
    ("entry", "silent"),
    [
        ("ALLOWED_DEVICE", {"DEVICE_SHARED", "RING_SIZE"}),
        ("ALLOWED_EMAIL", {"EMAIL_DISPOSABLE"}),
        ("ALLOWED_EMAIL_DOMAIN", {"EMAIL_DISPOSABLE"}),
        ("ALLOWED_IP", {"IP_SHARED"}),
        ("ALLOWED_USER", {"DEVICE_SHARED", "EMAIL_DISPOSABLE", "IP_SHARED", "PAYMENT_SHARED", "RING_SIZE"}),
    ],
)
def test_a_list_silences_what_its_own_key_says(entry, silent):
    said = Reason("MANUAL_FLAG", -100, "A person said so.", code=entry, family=CERTAIN)
    spoken = [
        Reason("DUPLICATE_ACCOUNT", 60, "", {"kind": "DEVICE"}, code="DEVICE_SHARED", family="IDENTITY"),
        Reason("DISPOSABLE_EMAIL", 30, "", code="EMAIL_DISPOSABLE", family="IDENTITY"),
        Reason("DUPLICATE_IP", 20, "", {"kind": "IP"}, code="IP_SHARED", family="NETWORK"),
        Reason("DUPLICATE_ACCOUNT", 60, "", {"kind": "PAYMENT"}, code="PAYMENT_SHARED", family="IDENTITY"),
        Reason("REFERRAL_RING", 45, "", {"kinds": ["DEVICE"]}, code="RING_SIZE", family="GRAPH"),
        Reason("SELF_REFERRAL", 100, "", code="SELF_REFERRAL_ID", family=CERTAIN),
    ]
    heard = allowing.heard([said, *spoken], facts())
    assert {reason.code for reason in heard if reason.silenced} == silent | {entry}
    assert {reason.code for reason in heard if reason.points > 0} == {reason.code for reason in spoken} - silent


def test_a_muted_signal_is_shown_and_adds_nothing():
    until = NOON.replace(day=9)
    muted = Muted({("DEVICE_SHARED", int(DEVICE), 7): until}, {})
    told = judged(facts(near(DEVICE, others=9)), muted=muted, now=NOON)
    assert [(reason.code, reason.points, reason.silenced) for reason in told.reasons] == [("DEVICE_SHARED", 0, "muted")]
    assert told.score is None
    of_user = Muted({}, {("DEVICE_SHARED", "asha"): until})
    assert judged(facts(near(DEVICE, others=9)), muted=of_user, now=NOON).score is None
    assert judged(facts(near(DEVICE, others=9)), muted=of_user, now=until).score == 60


def test_a_signal_that_breaks_is_for_a_person_to_look_at(monkeypatch, caplog):
    def broken(facts, points):
        raise ZeroDivisionError

    signal = Signal("BROKEN_ONE", "SUSPICIOUS_PATTERN", "VALUE", 10, ("ids",), broken, "Breaks.")
    monkeypatch.setattr(rules, "SIGNALS", [*rules.SIGNALS, signal])
    points = weights.Weights(0, {signal.code: 10 for signal in rules.SIGNALS}, CAPS)
    told = scoring.judge(facts(agent=""), points)
    assert decide(told, HOLD) == Action.HOLD
    assert [(reason.code, reason.evidence) for reason in told.reasons] == [("SIGNAL_BROKEN", {"signal": "BROKEN_ONE"})]
    assert "BROKEN_ONE" in caplog.text
    assert scoring.BROKE.labels("BROKEN_ONE")._value.get() == 1


def test_weights_scale_and_switch_off():
    half = weights.Weights(3, {"DEVICE_SHARED": 30}, CAPS)
    assert scoring.judge(facts(near(DEVICE, others=3)), half).score == 22
    assert scoring.judge(FARM, weights.Weights(3, {}, CAPS)).score is None
    tight = weights.Weights(3, {"DEVICE_SHARED": 60}, CAPS | {"IDENTITY": 20})
    assert scoring.judge(facts(near(DEVICE, others=9)), tight).score == 20


def test_a_snapshot_is_judged_as_the_facts_were():
    for told in (
        FARM,
        SELF,
        clicked(2),
        history(lookalikes=5, gap_variation=0.01, gaps=12),
        facts(near(IP, others=3), ad_clicks=("gclid",), country="NP", extra={"ring_size": 7}, sent=frozenset({"ip"})),
    ):
        kept = json.loads(json.dumps(told.features()))
        again = Facts.from_features(kept)
        assert again.features() == kept
        assert judged(again) == judged(told)


def test_old_and_new_snapshots_are_read():
    told = Facts.from_features(FARM.features() | {"of_another_day": 1, "history": {"seen": 3, "of_another_day": 2}})
    assert told.history == History(seen=3)
    assert {field.name for field in fields(Facts)} >= set(FARM.features())
