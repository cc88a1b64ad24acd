"""Codes of whoever is in the issuer's fraud review: not good at the till until somebody has decided."""

import pytest

from fraud import deciding, lists
from fraud.models import Case
from marketplace import expiring
from marketplace.models import Redemption
from tests.marketplace.stalls import at, books_are_right, cancels, earns, fulfils, redeems, sells

pytestmark = pytest.mark.django_db


@pytest.fixture
def suspected(himal, cafe):
    """Mallory of himal, who is denied, has a code for a coffee."""
    coffee = sells(cafe, validDays=2, inventory=5)
    earns(himal, "mallory")
    lists.add(himal.app, "DENY", "USER", "mallory", actor="asha")
    return redeems(himal, coffee, "mallory")


def test_it_is_not_good_at_the_till_until_it_is_released(himal, cafe, suspected):
    assert (suspected["riskScore"], suspected["holdReasons"]) == (100, ["FRAUD_REVIEW"])
    refused = fulfils(cafe, suspected["discountCode"])
    assert (refused.status, refused["code"]) == (409, "redemption_on_hold")
    seen = cafe.get(f"/incentives/marketplace/verify/{suspected['discountCode']}")
    assert (seen["valid"], seen["status"], seen["holdReasons"]) == (False, "PENDING", ["FRAUD_REVIEW"])
    (hers,) = himal.get("/incentives/marketplace/redemptions")["redemptions"]
    (theirs,) = cafe.get("/incentives/marketplace/redemptions?role=business")["redemptions"]
    assert hers["riskScore"] == 100 and "riskScore" not in theirs and theirs["holdReasons"] == ["FRAUD_REVIEW"]
    case = Case.objects.get(app=himal.app)
    assert case.held == {"COIN": 100} and not Case.objects.filter(app=cafe.app).exists()
    decided = deciding.decide(himal.app, case.pk, "APPROVE", actor="asha")
    assert [effect.kind for effect in decided.effects] == ["redemption_released"]
    assert fulfils(cafe, suspected["discountCode"]).status == 200
    books_are_right(himal.app, cafe.app)


def test_rejected_its_coins_go_back_and_nothing_is_owed(himal, cafe, suspected):
    deciding.decide(himal.app, Case.objects.get(app=himal.app).pk, "REJECT", actor="asha", note="Known to us")
    (theirs,) = cafe.get("/incentives/marketplace/redemptions?role=business")["redemptions"]
    assert (theirs["status"], theirs["reason"]) == ("CANCELLED", "Rejected in a review.")
    assert himal.app.wallets.get(user_id="mallory").coins == 1_000
    books_are_right(himal.app, cafe.app)


def test_it_does_not_expire_meanwhile_and_has_its_time_again(sandbox):
    coffee = sells(sandbox, validDays=2)
    earns(sandbox, "mallory")
    lists.add(sandbox.app, "DENY", "USER", "mallory", actor="asha")
    made = redeems(sandbox, coffee, "mallory")
    at(sandbox.app, "2026-03-05T12:00")
    assert expiring.expire(sandbox.app) == 0
    deciding.decide(sandbox.app, Case.objects.get(app=sandbox.app).pk, "APPROVE", actor="asha")
    row = Redemption.objects.get(pk=made["redemptionId"])
    assert (row.expires_at - row.redeemed_at).days == 6 and not row.is_held


def test_either_side_may_cancel_what_is_held(himal, cafe, suspected):
    assert cancels(cafe, suspected["redemptionId"], reason="Closed").status == 200
    assert Case.objects.get(app=himal.app).outcome == "MOOT"
    assert himal.app.wallets.get(user_id="mallory").coins == 1_000
