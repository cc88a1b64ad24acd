"""Many cases at once: by ids and by score, with a dry run; each stands alone."""

import pytest

from fraud.models import Case, Decision, Flag
from tests.fraud.suspects import proves, self_referred

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(himal) -> list[str]:
    """Three open cases of himal's, with scores 40, 60 and 100 and 5, 7 and 9 dollars held."""
    campaign = himal.campaign()
    found = []
    for user, amount, score in (("asha", 50, 40), ("bikram", 70, 60), ("chandra", 90, 100)):
        code = himal.code(campaign, user, refereeId=user)
        made = himal.convert(code, user, amount)
        case_id = Flag.objects.filter(app=himal.app, subject_id=made["conversionId"]).first().case_id
        Case.objects.filter(pk=case_id).update(score=score)
        found.append(case_id)
    return found


def many(who, **body):
    return who.post("/fraud/cases/decide", body)


def test_a_dry_run_tells_how_many_how_much_and_what(himal, three):
    told = many(himal, verdict="APPROVE", minScore=30, maxScore=70, dryRun=True)
    assert (told.status, told["matched"], told["decided"], told["remaining"]) == (200, 2, 2, 2)
    assert told["held"] == [{"currency": "USD", "amount": 12}]
    released = next(each for each in told["effects"] if each["kind"] == "reward_released")
    assert released == {"kind": "reward_released", "count": 2, "currency": "USD", "amount": 12}
    assert {each["status"] for each in told["results"]} == {"previewed"}
    assert not Decision.objects.exists()
    assert set(Case.objects.filter(app=himal.app).values_list("status", flat=True)) == {"OPEN"}
    campaign = himal.get("/campaigns")["campaigns"][0]["id"]
    assert himal.get(f"/stats?campaignId={campaign}")["flaggedConversions"] == 3


def test_by_score_those_within_are_decided(himal, three):
    done = many(himal, verdict="APPROVE", maxScore=60, note="Below what we look at.")
    assert (done["matched"], done["decided"], done["refused"], done["remaining"]) == (2, 2, 0, 0)
    statuses = dict(Case.objects.filter(app=himal.app).values_list("pk", "status"))
    assert [statuses[case_id] for case_id in three] == ["CLOSED", "CLOSED", "OPEN"]
    assert Decision.objects.filter(app=himal.app, note="Below what we look at.").count() == 2
    proves(himal, himal.get("/campaigns")["campaigns"][0]["id"])
    undone = himal.post(f"/fraud/decisions/{done['results'][0]['decisionId']}/undo")
    assert undone.status == 200


def test_by_ids_each_stands_alone(himal, three):
    himal.post(f"/fraud/cases/{three[0]}/decide", {"verdict": "APPROVE"})
    done = many(himal, verdict="REJECT", note="One ring.", ids=[*three, "case_none", three[1]])
    assert [each["status"] for each in done["results"]] == ["refused", "decided", "decided", "refused"]
    assert [each.get("code") for each in done["results"]] == ["case_closed", None, None, "case_not_found"]
    assert (done["decided"], done["refused"]) == (2, 2)
    assert Case.objects.get(pk=three[0]).outcome == "APPROVED"
    assert Case.objects.get(pk=three[2]).outcome == "REJECTED"
    proves(himal, himal.get("/campaigns")["campaigns"][0]["id"])


@pytest.mark.parametrize(
    "body",
    [
        {"verdict": "APPROVE"},
        {"verdict": "KEEP", "ids": ["case_1"]},
        {"verdict": "REJECT", "ids": ["case_1"]},
        {"verdict": "APPROVE", "ids": []},
        {"verdict": "APPROVE", "ids": ["x"] * 101},
        {"verdict": "APPROVE", "ids": [1]},
        {"verdict": "APPROVE", "ids": ["case_1"], "minScore": 10},
        {"verdict": "APPROVE", "minScore": 90, "maxScore": 10},
        {"verdict": "APPROVE", "minScore": -1},
        {"verdict": "APPROVE", "maxScore": 101},
        {"verdict": "APPROVE", "minScore": 1, "dryRun": 1},
    ],
)
def test_what_cannot_be_meant_is_refused(himal, body):
    assert many(himal, **body).status == 400


def test_nobody_else_s_are_matched(himal, rival, three):
    self_referred(rival)
    assert many(rival, verdict="APPROVE", minScore=0)["matched"] == 1
    assert Case.objects.filter(app=himal.app, status="OPEN").count() == 3
