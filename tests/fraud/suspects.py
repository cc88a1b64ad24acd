"""Suspects: what a merchant's calls bring into review, and the proofs that what was decided left the books and figures right."""

from fraud.models import Case
from incentives import ledger
from referrals import stats
from tests.cast import Caller


def self_referred(who: Caller, user: str = "mallory", amount: float = 50, **campaign) -> dict:
    """Somebody converts on his own code: the code and the conversion are held, in one case. Answers the conversion."""
    campaign_id = who.campaign(**campaign)
    code = who.code(campaign_id, user, refereeId=user)
    made = who.convert(code, user, amount)
    assert (made.status, made["status"]) == (201, "FLAGGED"), made
    return made.json | {"campaignId": campaign_id}


def open_case(who: Caller) -> Case:
    """The one open case."""
    return Case.objects.exclude(status="CLOSED").get(app=who.app)


def reward(who: Caller, reward_id: str) -> dict:
    return who.get(f"/rewards/{reward_id}").json


def proves(who: Caller, *campaign_ids: str) -> None:
    """The ledger balances, and the figures are what a recount counts."""
    assert ledger.verify(who.app)["ok"]
    for campaign_id in campaign_ids:
        counted = stats.recount(who.app, campaign_id)
        told = stats.of_campaigns(who.app, [campaign_id])[campaign_id]
        assert {name: told[name] for name in counted} == counted
