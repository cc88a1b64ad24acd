"""The two stories of a review, over HTTP and through the worker's dispatch: flagged, held, approved, paid; flagged, rejected, reversed."""

import pytest

from incenta.events.dispatch import dispatch
from referrals import maturing
from tests.fraud.suspects import proves, reward
from tests.incentives.game import action, points, sound, standing

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(himal):
    """A conversion gives its referrer 100 XP and 10 coins."""
    action(himal, "friend_bought", type="REFERRAL_REFEREE_ACTION", xp=100, coins=10)
    action(himal, "code_made", type="REFERRAL_CODE_GENERATE", xp=1, coins=0)
    return himal


def flagged(shop, **campaign) -> dict:
    campaign_id = shop.campaign(**campaign)
    code = shop.code(campaign_id, "asha", refereeId="asha")
    made = shop.convert(code, "asha", 50)
    dispatch()
    assert made["status"] == "FLAGGED"
    return made.json | {"campaignId": campaign_id}


def told(shop, type: str) -> list[dict]:
    return [event.data for event in shop.app.events.filter(type=type).order_by("id")]


def test_flagged_held_approved_paid(shop):
    made = flagged(shop)
    assert points(shop, "asha") == (0, 0, 0)
    held = shop.post(f"/rewards/{made['rewardId']}/pay", {"payoutReference": "bank-1"})
    assert (held.status, held["details"]["holdReasons"]) == (409, ["FRAUD_REVIEW"])
    stats = shop.get(f"/stats?campaignId={made['campaignId']}")
    assert (stats["totalConversions"], stats["flaggedConversions"], stats["totalRewardValue"]) == (0, 1, 0)
    (flag, *_) = shop.get("/fraud/flags?status=OPEN&type=SELF_REFERRAL")["flags"]
    created = told(shop, "FRAUD_FLAG_CREATED")
    assert flag["id"] in {each["flagId"] for each in created}
    done = shop.post(f"/fraud/cases/{flag['caseId']}/decide", {"verdict": "APPROVE", "note": "Our tester."})
    assert done.status == 200
    dispatch()
    assert points(shop, "asha") == (101, 10, 0)
    assert standing(shop, "asha").conversions == 1
    paid = shop.post(f"/rewards/{made['rewardId']}/pay", {"payoutReference": "bank-1"})
    assert (paid.status, paid["reward"]["status"] if "reward" in paid.json else paid["status"]) == (200, "PAID")
    stats = shop.get(f"/stats?campaignId={made['campaignId']}")
    assert (stats["totalConversions"], stats["flaggedConversions"], stats["totalRewardValue"]) == (1, 0, 5)
    resolved = told(shop, "FRAUD_FLAG_RESOLVED")
    assert {(each["decision"], each["note"]) for each in resolved} == {("APPROVE", "Our tester.")}
    dispatch()
    assert points(shop, "asha") == (101, 10, 0)
    proves(shop, made["campaignId"])
    sound(shop)


def test_coins_are_credited_once_they_are_cleared(shop):
    made = flagged(shop, fulfillmentType="COINS", rewardModel="FIXED", rewardValue=25)
    maturing.complete_all()
    assert points(shop, "asha") == (0, 0, 0)
    case = shop.get("/fraud/cases?status=OPEN")["cases"][0]
    assert case["held"] == [{"currency": "COIN", "amount": 25}]
    shop.post(f"/fraud/cases/{case['id']}/decide", {"verdict": "APPROVE"})
    maturing.complete_all()
    assert points(shop, "asha") == (101, 35, 0)
    assert reward(shop, made["rewardId"])["status"] == "PAID"
    proves(shop, made["campaignId"])


def test_flagged_rejected_reversed(shop):
    made = flagged(shop)
    case = shop.get("/fraud/cases?status=OPEN")["cases"][0]["id"]
    done = shop.post(f"/fraud/cases/{case}/decide", {"verdict": "REJECT", "note": "One person."})
    assert done.status == 200
    dispatch()
    assert points(shop, "asha") == (0, 0, 0)
    conversion = shop.get(f"/conversions/{made['conversionId']}").json
    assert (conversion["status"], conversion["reversals"][0]["reason"]) == ("REVERSED", "One person.")
    cancelled = shop.get(f"/rewards/{made['rewardId']}")
    assert (cancelled["status"], cancelled["amount"]) == ("CANCELLED", 0)
    assert shop.post(f"/rewards/{made['rewardId']}/pay", {}).status == 409
    stats = shop.get(f"/stats?campaignId={made['campaignId']}")
    assert (stats["totalConversions"], stats["flaggedConversions"], stats["totalRewardValue"]) == (0, 0, 0)
    assert [each["reason"] for each in told(shop, "REFERRAL_REVERSED")] == ["One person."]
    assert {each["reason"] for each in told(shop, "REWARD_CANCELLED")} == {"One person."}
    assert {each["decision"] for each in told(shop, "FRAUD_FLAG_RESOLVED")} == {"REJECT"}
    proves(shop, made["campaignId"])
    sound(shop)


def test_what_an_action_gave_is_taken_back_when_the_second_pass_was_right(shop):
    campaign = shop.campaign()
    code = shop.code(campaign, "asha")
    made = shop.convert(code, "bikram", 50)
    dispatch()
    assert points(shop, "asha") == (101, 10, 0)
    shop.post(f"/referrals/{code}/flag", {"reason": "A ring."})
    assert points(shop, "asha") == (101, 10, 0)
    case = shop.get("/fraud/cases?status=OPEN")["cases"][0]["id"]
    rejected = shop.post(f"/fraud/cases/{case}/decide", {"verdict": "REJECT", "note": "A ring."})
    taken = [effect for effect in rejected["effects"] if effect["kind"] == "points_taken_back" and effect["asset"]]
    assert {(effect["asset"], effect["minor"]) for effect in taken} == {("XP", 100), ("COIN", 10)}
    assert points(shop, "asha") == (1, 0, 0)
    undone = shop.post(f"/fraud/decisions/{rejected['decisionId']}/undo")
    assert "points_not_restored" in {effect["kind"] for effect in undone["effects"]}
    approved = shop.post(f"/fraud/cases/{case}/decide", {"verdict": "APPROVE"})
    assert approved.status == 200
    assert shop.get(f"/conversions/{made['conversionId']}")["status"] == "CONVERTED"
    proves(shop, campaign)
    sound(shop)
