"""What people said beforehand, as calls meet it: allowed, denied, muted; and scores that come out the same when they are tried again."""

import pytest

from fraud import backtesting, rule_sets
from fraud.assessment import CERTAIN
from fraud.models import Score
from fraud.tally import Kept, retry, thresholds_of
from fraud.weights import built_in, may_be_muted, signals

pytestmark = pytest.mark.django_db
TABLET = {
    "deviceId": "tablet-1",
    "ip": "8.8.4.4",
    "userAgent": "Mozilla/5.0 (Linux; Android 14)",
    "email": "ram@example.com",
}


def crowd(himal, count: int = 8, **context) -> list:
    """So many friends of mallory's, all on one tablet."""
    code = himal.code(himal.campaign(), "mallory")
    return [
        himal.convert(
            code, f"friend {place}", 20 + place, context=TABLET | {"email": f"friend{place}@example.com"} | context
        )
        for place in range(count)
    ]


def test_a_crowd_on_one_device_is_held_and_that_of_somebody_trusted_is_not(himal):
    assert crowd(himal)[-1]["status"] == "FLAGGED"
    assert himal.post("/fraud/lists", {"side": "ALLOW", "kind": "USER", "value": "mallory"}).status == 201
    answers = crowd(himal, deviceId="kiosk-8", ip="9.9.9.9")
    assert {answer["status"] for answer in answers} == {"COMPLETED"}
    assert {answer["riskScore"] for answer in answers} == {None}


def test_an_allowed_address_does_not_vouch_for_the_tablet_behind_it(himal):
    himal.post("/fraud/lists", {"side": "ALLOW", "kind": "IP", "value": "8.8.0.0/16"})
    held = crowd(himal)[-1]
    reasons = {reason["code"]: reason for reason in Score.objects.get(subject_id=held["conversionId"]).reasons}
    assert held["status"] == "FLAGGED" and reasons["DEVICE_SHARED"]["points"] > 0
    assert reasons["ALLOWED_IP"]["silenced"] == "allowed"


def test_nobody_refers_himself_by_being_on_a_list(himal):
    himal.post("/fraud/lists", {"side": "ALLOW", "kind": "USER", "value": "mallory"})
    code = himal.code(himal.campaign(), "mallory")
    assert himal.convert(code, "mallory")["status"] == "FLAGGED"


def test_who_is_denied_is_held_at_any_mode_until_the_entry_is_taken_off(himal):
    entry = himal.post(
        "/fraud/lists", {"side": "DENY", "kind": "EMAIL", "value": "Chandra+1@example.com", "reason": "Stolen cards"}
    )
    code = himal.code(himal.campaign(fraudMode="monitor"), "asha")
    held = himal.convert(code, "chandra", context={"email": "chandra@example.com"})
    assert (held["status"], held["riskScore"]) == ("FLAGGED", 100)
    assert held["warning"] == "The e-mail address is on the deny list (Stolen cards)."
    himal.delete(f"/fraud/lists/{entry['id']}")
    assert himal.convert(code, "deepa", context={"email": "chandra@example.com"})["status"] == "COMPLETED"


def test_a_muted_signal_is_shown_and_adds_nothing(himal):
    for signal in filter(may_be_muted, signals()):
        assert himal.post("/fraud/mutes", {"signal": signal, "kind": "DEVICE", "value": "tablet-1"}).status == 201
    last = crowd(himal)[-1]
    assert last["status"] == "COMPLETED"
    reasons = {reason["code"]: reason for reason in Score.objects.get(subject_id=last["conversionId"]).reasons}
    assert reasons["DEVICE_SHARED"]["silenced"] == "muted" and reasons["DEVICE_SHARED"]["points"] == 0


def test_rules_count_from_the_next_call_on_and_a_shadow_does_nothing(himal):
    rules = {"signals": {code: {"on": False} for code, signal in signals().items() if signal.family != CERTAIN}}
    draft = rule_sets.create(himal.app, rules, actor="tests")
    himal.post(f"/fraud/rule-sets/{draft.pk}/shadow")
    held = crowd(himal)[-1]
    score = Score.objects.get(subject_id=held["conversionId"])
    assert (held["status"], score.action, score.rule_version) == ("FLAGGED", "HOLD", 0)
    assert score.shadow_action in ("NONE", "WATCH")
    himal.post(f"/fraud/rule-sets/{draft.pk}/activate", {"replaces": 0})
    free = crowd(himal, deviceId="tablet-2", ip="8.8.4.5")[-1]
    score = Score.objects.get(subject_id=free["conversionId"])
    assert (free["status"], score.rule_version, score.shadow_action) == ("COMPLETED", draft.version, None)


def test_scores_come_out_the_same_when_they_are_tried_again(himal):
    himal.post("/fraud/lists", {"side": "DENY", "kind": "USER", "value": "friend 2"})
    himal.post("/fraud/mutes", {"signal": "SEQUENTIAL_IDS", "userId": "mallory"})
    himal.post("/fraud/lists", {"side": "ALLOW", "kind": "USER", "value": "friend 6"})
    crowd(himal, email="ram17@mailinator.com", userAgent="curl/8.1")
    for score in Score.objects.order_by("id"):
        kept = Kept(
            score.subject_type, score.subject_id, score.campaign_id, score.stage, score.score, score.action, score.reasons,
            score.features, score.is_degraded, score.at,
        )  # fmt: skip
        again, action = retry(kept, kept.facts, built_in(), thresholds_of([kept], 40))
        assert (again.score or 0, action) == (score.score, score.action), score.reasons
    draft = rule_sets.create(himal.app, {}, actor="tests")
    run = backtesting.begin(himal.app, draft.pk, actor="tests")
    backtesting.run(run.pk)
    run.refresh_from_db()
    assert (
        run.result["newlyFlagged"]["count"] == run.result["noLongerFlagged"]["count"] == 0 < run.result["flaggedThen"]
    )
