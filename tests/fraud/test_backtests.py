"""Backtests: a draft tried on the scores of the past, its money, its record against verdicts, and workers that die."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from fraud import backtesting, rule_sets
from fraud.facts import Facts, Neighbours
from fraud.models import Action, Backtest, Case, Flag, KeyKind, Score
from incenta.ids import new_id
from tests.cast import at_once
from tests.fraud.suspects import self_referred

pytestmark = pytest.mark.django_db
OFF = {"signals": {"DEVICE_SHARED": {"on": False}}}
SOFTER = {"signals": {"DEVICE_SHARED": {"points": 40}}}
HELD_AT_50 = {"mode": "hold", "hold_at": 50, "block_at": 90}


def scored(
    himal, count: int, *, others: int = 9, action: str = Action.HOLD, campaign: str | None = None, **more
) -> list[str]:
    """So many conversions on devices that so many others used; answers their ids."""
    near = Neighbours(KeyKind.DEVICE, 7, accounts=others, in_30_days=others)
    at = timezone.now() - timedelta(days=1)
    ids = [new_id("conv") for _ in range(count)]
    features = [
        Facts(
            "CONVERSION",
            at,
            "asha",
            f"friend {place}",
            neighbours={KeyKind.DEVICE: near},
            sent=frozenset({"ids", "device"}),
        )
        for place in range(count)
    ]
    reasons = (
        [{"code": "DEVICE_SHARED", "points": 60, "message": "Shared", "family": "IDENTITY", "silenced": ""}]
        if others
        else []
    )
    Score.objects.bulk_create(
        Score(
            **{
                "app": himal.app, "subject_type": "CONVERSION", "subject_id": subject, "campaign_id": campaign,
                "stage": "REQUEST", "score": 60 if action == Action.HOLD else 0, "action": action, "reasons": reasons,
                "features": each.features() | {"thresholds": HELD_AT_50}, "at": at,
            } | more
        )
        for subject, each in zip(ids, features, strict=True)
    )  # fmt: skip
    return ids


def verdict(himal, subject: str, status: str, by: str = "user:1") -> None:
    case = Case.objects.create(app=himal.app, key=f"subject:{subject}", opened_at=timezone.now(), status="CLOSED")
    Flag.objects.create(
        app=himal.app, case=case, subject_type="CONVERSION", subject_id=subject, type="DEVICE_FINGERPRINT", signal="DEVICE_SHARED",
        points=60, score=60, message="Shared", status=status, first_at=timezone.now(), last_at=timezone.now(),
        resolved_at=timezone.now(), resolved_by=by,
    )  # fmt: skip


def tried(himal, rules: dict, **window) -> dict:
    """The result of a finished run of a new draft."""
    draft = rule_sets.create(himal.app, rules, actor="tests")
    made = himal.post("/fraud/backtests", {"ruleSetId": draft.pk} | window)
    assert made.status == 201 and made["state"] == "RUNNING", made
    backtesting.run(made["id"])
    found = himal.get(f"/fraud/backtests/{made['id']}")
    assert found["state"] == "DONE" and found["done"] == found["total"] and found["finishedAt"]
    return found["result"]


def test_what_a_draft_would_no_longer_flag(himal):
    ids = scored(himal, 30)
    result = tried(himal, OFF)
    gone = result["noLongerFlagged"]
    assert (result["subjects"], result["flaggedThen"], result["flaggedNow"], gone["count"]) == (30, 30, 0, 30)
    assert len(gone["examples"]) == 20 and {each["subjectId"] for each in gone["examples"]} <= set(ids)
    first = gone["examples"][0]
    assert (first["then"], first["now"]) == ({"score": 60, "action": "HOLD"}, {"score": 0, "action": "NONE"})
    assert first["reasonsThen"][0]["code"] == "DEVICE_SHARED" and first["reasonsNow"] == []
    assert result["signals"] == {"DEVICE_SHARED": {"then": 30, "now": 0, "rejected": 0, "approved": 0}}
    assert result["perDay"] == {"then": 1.0, "now": 0.0}


def test_what_a_draft_would_newly_flag(himal):
    scored(himal, 3, action=Action.NONE)
    scored(himal, 2, others=0, action=Action.NONE)
    result = tried(himal, {}, days=7)
    assert (result["subjects"], result["flaggedThen"], result["newlyFlagged"]["count"]) == (5, 0, 3)
    assert result["newlyFlagged"]["examples"][0]["reasonsNow"][0]["code"] == "DEVICE_SHARED"


def test_the_thresholds_of_the_time_decide(himal):
    scored(himal, 2)
    assert tried(himal, SOFTER)["noLongerFlagged"]["count"] == 2  # 40 points, held at 50
    Score.objects.update(features={**Score.objects.first().features, "thresholds": HELD_AT_50 | {"hold_at": 40}})
    assert tried(himal, SOFTER)["noLongerFlagged"]["count"] == 0


def test_the_money_is_what_waits_on_them(himal):
    made = self_referred(himal, amount=50)
    himal.post("/fraud/lists", {"side": "DENY", "kind": "USER", "value": "chandra"})
    denied = himal.convert(himal.code(made["campaignId"], "tara"), "chandra", 80)
    assert denied["status"] == "FLAGGED"
    Score.objects.filter(subject_id=denied["conversionId"]).update(reasons=[])  # as if nobody had denied him then
    result = tried(himal, {})
    assert result["flaggedThen"] == 3 and result["noLongerFlagged"]["count"] == 1
    assert result["noLongerFlagged"]["money"] == {"USD": 800}
    assert result["newlyFlagged"] == {"count": 0, "examples": [], "money": {}}


def test_what_lists_and_mutes_said_then_stays_said(himal):
    scored(himal, 1, others=0, reasons=[{"code": "DENIED_IP", "points": 100, "message": "Denied"}])
    scored(himal, 1, action=Action.NONE, reasons=[{"code": "DEVICE_SHARED", "points": 0, "silenced": "muted"}])
    scored(himal, 1, action=Action.NONE, reasons=[{"code": "DEVICE_SHARED", "points": 0, "silenced": "allowed"}])
    result = tried(himal, {})
    assert (result["flaggedThen"], result["flaggedNow"]) == (1, 1)
    assert result["newlyFlagged"]["count"] == result["noLongerFlagged"]["count"] == 0


def test_what_an_analyst_called_honest_stays_silent(himal):
    reasons = [{"code": "DEVICE_SHARED", "points": 0, "silenced": "approved"}]
    scored(himal, 2, stage="DAY", action=Action.NONE, reasons=reasons)
    assert tried(himal, {})["newlyFlagged"]["count"] == 0


def test_later_looks_hold_a_code_only_for_what_is_certain(himal):
    scored(himal, 1, subject_type="REFERRAL", stage="HOUR", action=Action.WATCH)
    scored(himal, 1, stage="HOUR", action=Action.WATCH)
    result = tried(himal, {})
    assert [each["subjectType"] for each in result["newlyFlagged"]["examples"]] == ["CONVERSION"]


def test_the_record_against_past_verdicts(himal):
    flagged, clean = scored(himal, 6), scored(himal, 4, others=0, action=Action.NONE)
    for subject in flagged[:4]:
        verdict(himal, subject, "REJECTED")
    verdict(himal, flagged[4], "APPROVED")
    verdict(himal, flagged[5], "REJECTED", by="deadline")  # nobody looked
    verdict(himal, clean[0], "REJECTED")
    verdict(himal, clean[1], "APPROVED")
    result = tried(himal, {})
    cells = ("truePositive", "falsePositive", "falseNegative", "trueNegative")
    assert [result["now"][cell] for cell in cells] == [4, 1, 1, 1] == [result["then"][cell] for cell in cells]
    assert result["now"]["precision"] == {"share": 0.8, "low": 0.376, "high": 0.964, "right": 4, "of": 5}
    assert result["now"]["recall"]["of"] == 5
    assert result["signals"]["DEVICE_SHARED"] | {"then": 0} == {"then": 0, "now": 6, "rejected": 4, "approved": 1}
    off = tried(himal, OFF)
    assert off["now"]["precision"] is None and off["now"]["recall"]["share"] == 0


def test_what_cannot_be_judged_is_told_and_never_taken_for_no(himal):
    scored(himal, 3)
    scored(himal, 2, features={})
    result = tried(himal, {})
    assert (result["subjects"], result["notEvaluable"]) == (3, 2)
    assert result["signalsNotEvaluable"]["PAYMENT_SHARED"] == 3 and "DEVICE_SHARED" not in result["signalsNotEvaluable"]


def test_a_later_look_counts_with_the_first_one(himal):
    """Of one subject there may be several scores: it is flagged once."""
    (subject,) = scored(himal, 1, others=0, action=Action.NONE)
    Score.objects.filter(subject_id=subject).update(id="scr_0")
    (later,) = scored(himal, 1, stage="HOUR")
    Score.objects.filter(subject_id=later).update(subject_id=subject)
    result = tried(himal, {})
    assert (result["subjects"], result["scores"], result["flaggedThen"], result["flaggedNow"]) == (1, 2, 1, 1)


def test_an_apps_draft_leaves_campaigns_with_rules_of_their_own_alone(himal):
    own = himal.campaign()
    scored(himal, 2, campaign=own)
    scored(himal, 3)
    active = rule_sets.create(himal.app, {}, campaign_id=own, actor="tests")
    rule_sets.activate(himal.app, active.pk, actor="tests")
    assert tried(himal, OFF)["subjects"] == 3
    draft = rule_sets.create(himal.app, OFF, campaign_id=own, actor="tests")
    run = backtesting.begin(himal.app, draft.pk, actor="tests")
    backtesting.run(run.pk)
    assert backtesting.face(backtesting.get(himal.app, run.pk))["result"]["subjects"] == 2


def test_only_the_window_is_tried(himal):
    scored(himal, 2)
    scored(himal, 3, at=datetime(2026, 1, 1, tzinfo=UTC))
    assert tried(himal, OFF, days=7)["subjects"] == 2
    window = {"since": "2025-12-31T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
    assert tried(himal, OFF, **window)["subjects"] == 3


@pytest.mark.parametrize(
    "window",
    [
        {"days": 0},
        {"days": 367},
        {"days": 7, "since": "2026-01-01T00:00:00Z"},
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"until": "2099-01-01T00:00:00Z"},
        {"since": "2020-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
    ],
)
def test_windows_that_make_no_sense(himal, window):
    draft = rule_sets.create(himal.app, {}, actor="tests")
    assert himal.post("/fraud/backtests", {"ruleSetId": draft.pk} | window).status == 400
    assert not Backtest.objects.exists()


def test_three_run_at_once_and_no_more(himal, rival):
    draft = rule_sets.create(himal.app, {}, actor="tests")
    for _ in range(3):
        assert himal.post("/fraud/backtests", {"ruleSetId": draft.pk}).status == 201
    refused = himal.post("/fraud/backtests", {"ruleSetId": draft.pk})
    assert (refused.status, refused["code"]) == (409, "backtests_running")
    assert rival.post("/fraud/backtests", {"ruleSetId": draft.pk})["code"] == "rule_set_not_found"
    backtesting.run_all()
    assert himal.post("/fraud/backtests", {"ruleSetId": draft.pk}).status == 201


def test_a_worker_that_dies_has_done_whole_batches(himal, monkeypatch):
    monkeypatch.setattr(backtesting, "BATCH", 10)
    scored(himal, 35)
    draft = rule_sets.create(himal.app, OFF, actor="tests")
    run = backtesting.begin(himal.app, draft.pk, actor="tests")
    assert backtesting.batch(run.pk) == 10

    class Killed(BaseException):
        pass

    with monkeypatch.context() as patched, pytest.raises(Killed), transaction.atomic():
        patched.setattr(Backtest, "save", lambda *_, **__: (_ for _ in ()).throw(Killed()))
        backtesting.batch(run.pk)
    run.refresh_from_db()
    assert run.done == 10 and run.result["noLongerFlagged"]["count"] == 10
    assert backtesting.run_all() == 25
    run.refresh_from_db()
    assert run.finished_at and run.result["noLongerFlagged"]["count"] == run.result["subjects"] == 35


def test_four_workers_try_each_score_once(himal, transactional_db, monkeypatch):
    monkeypatch.setattr(backtesting, "BATCH", 5)
    scored(himal, 60)
    draft = rule_sets.create(himal.app, OFF, actor="tests")
    run = backtesting.begin(himal.app, draft.pk, actor="tests")
    at_once(4, lambda _: backtesting.run(run.pk))
    backtesting.run_all()
    run.refresh_from_db()
    assert run.finished_at and run.result["scores"] == run.result["noLongerFlagged"]["count"] == 60


def test_what_is_kept_of_a_run_does_not_grow(himal):
    scored(himal, 1_200)
    draft = rule_sets.create(himal.app, OFF, actor="tests")
    run = backtesting.begin(himal.app, draft.pk, actor="tests")
    sizes = []
    while backtesting.batch(run.pk) is not None:
        run.refresh_from_db()
        sizes.append(len(json.dumps(run.result)))
    assert len(sizes) == 3 and sizes[-1] < sizes[0] + 50


def test_a_shadow_is_compared_with_what_was_done(himal):
    draft = rule_sets.create(himal.app, OFF, actor="tests")
    himal.post(f"/fraud/rule-sets/{draft.pk}/shadow")
    now = {"at": timezone.now() + timedelta(seconds=1)}
    scored(himal, 3, shadow_action=Action.NONE, **now)
    scored(himal, 2, shadow_action=Action.HOLD, action=Action.NONE, **now)
    scored(himal, 4, shadow_action=Action.HOLD, **now)
    scored(himal, 5, **now)  # judged before it was there
    found = himal.get(f"/fraud/rule-sets/{draft.pk}")["shadow"]
    assert {name: found[name] for name in ("scores", "wouldHold", "wouldNotHold", "bothHold")} == {
        "scores": 9, "wouldHold": 2, "wouldNotHold": 3, "bothHold": 4,
    }  # fmt: skip
