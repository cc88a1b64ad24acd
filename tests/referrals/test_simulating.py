"""Simulating: what other rules would have cost, over what was stored, to the penny, and without writing anything."""

import random
import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from referrals import simulating
from tests.cast import Answer, Caller, at_once
from tests.referrals.moments import at
from tests.referrals.promises import nothing_moves
from tests.test_isolation import checksums, moved

pytestmark = pytest.mark.django_db

FIXED = {"rewardModel": "FIXED", "rewardValue": 10, "fraudMode": "monitor"}
WINDOW = {"from": "2026-03-02T00:00:00Z", "to": "2026-04-01T00:00:00Z"}
"""The tests' month: what happens on the first of March was before."""


def day(number: int, hour: int = 12) -> str:
    return f"2026-03-{number:02}T{hour:02}:00:00Z"


class Month:
    """A campaign in the sandbox, whose clock goes from one conversion to the next."""

    def __init__(self, sandbox: Caller, **fields):
        self.sandbox = sandbox
        at(sandbox, day(1, 0))
        self.campaign = sandbox.campaign(**FIXED | fields)
        self.conversions: list[str] = []

    def convert(self, number: int, referrer: str, referee: str, amount: float | None = 50, **more) -> Answer:
        at(self.sandbox, day(number))
        answer = self.sandbox.convert(self.sandbox.code(self.campaign, referrer), referee, amount, **more)
        assert answer.status == 201, answer
        self.conversions.append(answer["conversionId"])
        return answer

    def reverse(self, number: int, conversion: str, **more) -> None:
        at(self.sandbox, day(number, 18))
        answer = self.sandbox.post(f"/conversions/{conversion}/reverse", {"reason": "returned"} | more)
        assert answer.status == 200, answer

    def simulate(self, rules: dict | None = None, **more) -> Answer:
        at(self.sandbox, "2026-04-01T00:00:00Z")
        sent = {"rules": rules or {}} | WINDOW | more
        answer = self.sandbox.post(f"/campaigns/{self.campaign}/simulate", sent)
        assert answer.status == 200, answer
        return answer


@pytest.fixture
def month(sandbox):
    return lambda **fields: Month(sandbox, **fields)


def cost(side: dict, currency: str = "USD") -> float:
    return next((each["amount"] for each in side["costs"] if each["currency"] == currency), 0)


def changed(side: dict) -> dict[str, float]:
    return {person["userId"]: person["difference"] for person in side["top"]}


# --- the sums -------------------------------------------------------------------------------------------------------
def test_cost_winners_and_losers(month):
    march = month(rewardModel="PERCENTAGE", rewardValue=10)
    march.convert(2, "asha", "u1", 50)  # 5.00
    march.convert(3, "asha", "u2", 33.35)  # 3.335, so 3.34
    march.convert(4, "bikram", "u3", 200)  # 20.00
    march.convert(5, "chandra", "u4", 100)  # 10.00
    answer = march.simulate({"rewardModel": "FIXED", "rewardValue": 10})
    assert (answer["conversions"], answer["limited"], answer["ruleVersion"]) == (4, False, 1)
    assert answer["draft"] == {
        "conversions": 4,
        "refused": [],
        "rewards": 4,
        "costs": [{"currency": "USD", "amount": 40, "held": 0, "rewards": 4}],
        "stopped": [],
    }
    assert answer["actual"] == {
        "rewards": 4,
        "costs": [{"currency": "USD", "amount": 38.34, "held": 0, "rewards": 4}],
    }
    assert answer["today"]["costs"] == answer["actual"]["costs"]
    assert answer["differences"] == [{"currency": "USD", "amount": 1.66}]
    winner = {"userId": "asha", "currency": "USD", "before": 8.34, "after": 20, "difference": 11.66}
    loser = {"userId": "bikram", "currency": "USD", "before": 20, "after": 10, "difference": -10}
    assert answer["winners"] == {"users": 1, "amounts": [{"currency": "USD", "amount": 11.66}], "top": [winner]}
    assert answer["losers"] == {"users": 1, "amounts": [{"currency": "USD", "amount": -10}], "top": [loser]}
    assert answer["unchanged"] == 1  # chandra


def test_only_the_window_and_the_campaign(month, sandbox):
    march = month()
    march.convert(1, "asha", "u1")
    march.convert(2, "asha", "u2")
    march.convert(20, "asha", "u3")
    sandbox.convert(sandbox.code(sandbox.campaign(**FIXED), "asha"), "u4")
    whole = march.simulate({"rewardValue": 1})
    assert (whole["conversions"], cost(whole["draft"]), cost(whole["actual"])) == (2, 2, 20)
    part = march.simulate({"rewardValue": 1}, to=day(20))  # up to, and without
    assert (part["conversions"], part["from"], part["to"]) == (
        1,
        "2026-03-02T00:00:00.000Z",
        "2026-03-20T12:00:00.000Z",
    )
    usual = sandbox.post(f"/campaigns/{march.campaign}/simulate", {"rules": {}})
    assert (usual["conversions"], usual["from"]) == (3, "2026-01-01T00:00:00.000Z")


def test_caps_and_both_sides(month):
    march = month(rewardModel="PERCENTAGE", rewardValue=10)
    march.convert(2, "asha", "u1", 30)
    march.convert(3, "asha", "u2", 90)
    sides = {"referralType": "TWO_SIDED", "refereeRewardValue": 5, "rewardCap": 4}
    draft = march.simulate(sides)["draft"]
    # asha 3.00 and 4.00 of 9.00; the friends 1.50 and 4.00 of 4.50
    assert (cost(draft), draft["rewards"]) == (12.5, 4)
    assert draft["stopped"] == [{"rule": "rewardCap", "rewards": 2}]


def test_tiers_go_on_from_before_the_window(month):
    march = month()
    march.convert(1, "asha", "u1")
    march.convert(1, "asha", "u2")
    march.convert(2, "asha", "u3")  # with 2 before
    march.convert(3, "asha", "u4")  # with 3
    march.convert(4, "bikram", "u5")  # with none
    tiers = [{"minConversions": 1, "rewardValue": 2}, {"minConversions": 3, "rewardValue": 7}]
    answer = march.simulate({"rewardModel": "TIERED", "tiers": tiers})
    assert (cost(answer["draft"]), answer["draft"]["rewards"]) == (9, 2)
    assert answer["draft"]["stopped"] == [{"rule": "tiers", "rewards": 1}]
    assert changed(answer["losers"]) == {"asha": -11, "bikram": -10}


def test_the_most_rewards_of_a_referrer(month):
    march = month()
    march.convert(1, "asha", "u1")
    for number in (2, 3, 4):
        march.convert(number, "asha", f"v{number}")
    march.convert(5, "bikram", "w")
    answer = march.simulate({"maxRewardsPerReferrer": 2})
    assert cost(answer["draft"]) == 20  # one more of asha's, and bikram's
    assert answer["draft"]["stopped"] == [{"rule": "maxRewardsPerReferrer", "rewards": 2}]


def test_a_budget_counts_what_was_promised_before(month):
    march = month()
    march.convert(1, "asha", "u1")
    for number in (2, 3, 4):
        march.convert(number, "asha", f"v{number}")
    stops = march.simulate({"budget": 25})
    assert (cost(stops["draft"]), stops["draft"]["stopped"]) == (10, [{"rule": "budget", "rewards": 2}])
    holds = march.simulate({"budget": 25, "budgetPolicy": "HOLD"})
    assert holds["draft"]["costs"] == [{"currency": "USD", "amount": 30, "held": 20, "rewards": 3}]


def test_what_is_taken_back_makes_room_at_its_moment(month):
    march = month()
    march.convert(2, "asha", "u1")
    march.convert(3, "bikram", "u2")
    march.convert(4, "chandra", "u3")  # over the budget
    march.reverse(5, march.conversions[0])
    march.convert(6, "deepa", "u4")  # fits again
    answer = march.simulate({"budget": 20})
    assert cost(answer["draft"]) == 20 and cost(answer["actual"]) == 30
    assert changed(answer["losers"]) == {"chandra": -10}


def test_a_part_that_was_taken_back_is_a_part_of_the_draft_too(month):
    march = month(rewardModel="PERCENTAGE", rewardValue=10)
    march.convert(2, "asha", "u1", 30)
    march.reverse(3, march.conversions[0], amount=10)
    answer = march.simulate({"rewardValue": 25})
    assert (cost(answer["actual"]), cost(answer["draft"])) == (2, 5)  # 7.50 × 2/3


def test_levels(month):
    march = month()
    march.convert(1, "asha", "bikram")
    march.convert(2, "bikram", "chandra")
    march.convert(3, "chandra", "deepa")
    answer = march.simulate({"referralType": "MULTI_LEVEL", "level2RewardValue": 3, "maxRewardsPerReferrer": 2})
    # asha had a reward before the window, and gets her second; bikram gets his own and chandra's
    assert changed(answer["winners"]) == {"asha": 3, "bikram": 3}
    assert cost(answer["draft"]) == 26


def test_once_a_friend(month):
    march = month(firstTimeUserOnly=False)
    march.convert(1, "asha", "u1")
    march.convert(2, "bikram", "u1")
    march.convert(3, "asha", "u2")
    march.convert(4, "bikram", "u2")
    answer = march.simulate({"firstTimeUserOnly": True})
    assert answer["draft"]["refused"] == [{"code": "already_converted", "conversions": 2}]
    assert (answer["draft"]["conversions"], cost(answer["draft"]), cost(answer["actual"])) == (1, 10, 30)


def test_dates_and_the_window_after_a_click(month, sandbox):
    march = month()
    march.convert(2, "asha", "u1")
    march.convert(10, "asha", "u2")
    at(sandbox, day(12))
    sandbox.post("/clicks", {"referralCode": sandbox.code(march.campaign, "asha"), "refereeId": "u3"})
    march.convert(14, "asha", "u3")
    march.convert(20, "asha", "u4")
    answer = march.simulate({"conversionWindowDays": 5, "endDate": day(20), "startDate": day(2, 13)})
    assert {each["code"]: each["conversions"] for each in answer["draft"]["refused"]} == {
        "campaign_ended": 1,
        "campaign_not_started": 1,
        "conversion_window_expired": 1,
    }
    assert answer["draft"]["conversions"] == 1  # u3's, two days after the click


def test_coins_instead_of_money(month):
    march = month()
    march.convert(2, "asha", "u1")
    answer = march.simulate({"fulfillmentType": "COINS", "rewardValue": 100})
    assert (cost(answer["draft"]), cost(answer["draft"], "COIN"), cost(answer["actual"])) == (0, 100, 10)
    assert answer["differences"] == [{"currency": "COIN", "amount": 100}, {"currency": "USD", "amount": -10}]
    assert changed(answer["winners"]) == {"asha": 100} and changed(answer["losers"]) == {"asha": -10}


def test_what_waits_for_review_is_held_and_counts_for_no_tier(month):
    march = month(fraudMode="hold")
    march.convert(2, "mallory", "mallory")
    march.convert(3, "mallory", "u1")
    tiers = [{"minConversions": 0, "rewardValue": 1}, {"minConversions": 1, "rewardValue": 9}]
    answer = march.simulate({"rewardModel": "TIERED", "tiers": tiers})
    assert answer["draft"]["costs"] == [{"currency": "USD", "amount": 2, "held": 1, "rewards": 2}]
    assert answer["actual"]["costs"] == [{"currency": "USD", "amount": 20, "held": 10, "rewards": 2}]


def test_against_today(month, sandbox):
    march = month()
    rewards = [march.convert(number, "asha", f"u{number}")["rewardId"] for number in (2, 3)]
    sandbox.post(f"/rewards/{rewards[0]}/cancel", {"reason": "by hand"})
    sandbox.patch(f"/campaigns/{march.campaign}", {"rewardValue": 12})
    against_actual = march.simulate({"rewardValue": 11})
    assert (cost(against_actual["actual"]), cost(against_actual["today"]), cost(against_actual["draft"])) == (
        10,
        24,
        22,
    )
    assert changed(against_actual["winners"]) == {"asha": 12}
    against_today = march.simulate({"rewardValue": 11}, against="TODAY")
    assert changed(against_today["losers"]) == {"asha": -2} and not against_today["winners"]["top"]


def test_the_largest_come_first_and_no_more_than_asked(month):
    march = month(rewardModel="PERCENTAGE", rewardValue=1)
    for place, amount in enumerate((100, 300, 200, 300)):
        march.convert(2 + place, f"person {place}", f"u{place}", amount)
    answer = march.simulate({"rewardValue": 2}, top=3)
    assert list(changed(answer["winners"]).items()) == [("person 1", 3), ("person 3", 3), ("person 2", 2)]
    assert answer["winners"]["users"] == 4
    assert march.simulate({"rewardValue": 2}, top=0)["winners"]["top"] == []


def test_fields_that_change_nothing_here_are_named(month):
    march = month()
    answer = march.simulate({"rewardValue": 10, "holdDays": 30, "name": "Others", "status": "PAUSED", "budget": 1})
    assert sorted(answer["notReplayed"]) == ["holdDays", "name", "status"]


# --- as it was ------------------------------------------------------------------------------------------------------
RULES = {
    "budget": {"budget": 90},
    "levels and limits": {"referralType": "MULTI_LEVEL", "level2RewardValue": 3, "maxRewardsPerReferrer": 4},
    "tiers, both sides, capped": {
        "rewardModel": "TIERED",
        "tierRewardModel": "PERCENTAGE",
        "referralType": "TWO_SIDED",
        "refereeRewardValue": 3,
        "rewardCap": 8,
        "tiers": [{"minConversions": 0, "rewardValue": 7.5}, {"minConversions": 2, "rewardValue": 12.5}],
        "budget": 60,
    },
}


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_rules_give_what_was_given(month, kind, seed):
    """A month at random, some of it taken back: replayed under the rules that it had, nobody gets a cent more or less."""
    chance = random.Random(seed)
    march = month(**RULES[kind], firstTimeUserOnly=chance.random() < 0.5)
    people = ["asha", "bikram", "chandra", "deepa"]
    friends = iter([*people[1:], *(f"u{place}" for place in range(30))])
    for number in range(1, 20):
        march.convert(number, chance.choice(people), next(friends), chance.randint(1, 20_000) / 100)
        if chance.random() < 0.3:
            amount = {} if chance.random() < 0.6 else {"amount": 0.01}
            march.reverse(number, chance.choice(march.conversions), **amount) if march.conversions else None
            march.conversions.clear()  # nothing is taken back twice
    everything = march.simulate(**{"from": "2026-02-01T00:00:00Z"})
    assert everything["conversions"] == 19 and everything["actual"]["rewards"]
    assert not everything["winners"]["top"] and not everything["losers"]["top"]
    assert everything["today"]["costs"] == everything["actual"]["costs"] == everything["draft"]["costs"]


# --- bounds ---------------------------------------------------------------------------------------------------------
def test_nothing_is_written(month, sandbox):
    march = month()
    march.convert(2, "asha", "u1")
    at(sandbox, "2026-04-01T00:00:00Z")
    before = checksums()
    march.simulate({"rewardValue": 500, "budget": 1000, "status": "PAUSED"})
    assert not moved(before, checksums())


def test_page_by_page_it_is_the_same(month, monkeypatch):
    march = month(referralType="MULTI_LEVEL", level2RewardValue=1)
    for number in range(1, 12):
        march.convert(number, f"u{number - 1}", f"u{number}")
    rules = {"maxRewardsPerReferrer": 1, "budget": 60, "level2RewardValue": 2, "firstTimeUserOnly": False}
    at_once = march.simulate(rules)
    monkeypatch.setattr(simulating, "PAGE", 2)
    assert march.simulate(rules).json == at_once.json


def test_it_says_where_it_stopped(month, monkeypatch):
    march = month()
    for number in range(2, 8):
        march.convert(number, "asha", f"u{number}")
    monkeypatch.setattr(simulating, "PAGE", 2)
    monkeypatch.setattr(simulating, "MOST", 3)
    answer = march.simulate({"rewardValue": 1})
    assert (answer["limited"], answer["conversions"], answer["replayedUntil"]) == (True, 3, "2026-03-04T12:00:00.000Z")
    assert (cost(answer["draft"]), cost(answer["actual"])) == (3, 30)  # of the same conversions
    monkeypatch.setattr(simulating, "MOST", 6)
    assert march.simulate()["limited"] is False
    monkeypatch.setattr(simulating, "SECONDS", -1)
    assert (march.simulate()["limited"], march.simulate()["conversions"]) == (True, 2)


def test_what_takes_too_long_is_refused(month, sandbox, monkeypatch):
    march = month()
    at(sandbox, "2026-04-01T00:00:00Z")
    monkeypatch.setattr(simulating, "PATIENCE", "50ms")
    monkeypatch.setattr(simulating, "_PROMISED", "SELECT 'USD', 0 FROM pg_sleep(5)")
    answer = sandbox.post(f"/campaigns/{march.campaign}/simulate", {"rules": {"budget": 5}} | WINDOW)
    assert (answer.status, answer["code"]) == (400, "simulation_too_large")


@pytest.mark.django_db(transaction=True)
def test_one_at_a_time_in_an_app(himal, rival, monkeypatch):
    """It is seconds of work: many at once would take all processes from everybody."""
    campaign, theirs = himal.campaign(**FIXED), rival.campaign(**FIXED)
    begun, others_are_done = threading.Event(), threading.Event()
    go = simulating._Run.go

    def waits(run) -> None:
        if run.campaign.pk == campaign:
            begun.set()
            assert others_are_done.wait(20)
        go(run)

    monkeypatch.setattr(simulating._Run, "go", waits)
    ask = {"rules": {"rewardValue": 5}}

    def act(place: int) -> list[Answer]:
        if place == 0:
            return [himal.post(f"/campaigns/{campaign}/simulate", ask)]
        assert begun.wait(20)
        told = [caller.post(f"/campaigns/{of}/simulate", ask) for caller, of in ((himal, campaign), (rival, theirs))]
        others_are_done.set()
        return told

    (first,), (second, other) = at_once(2, act)
    assert (first.status, second.status, other.status) == (200, 429, 200)
    assert second["code"] == "simulation_running" and second.headers["Retry-After"] == "5"
    assert himal.post(f"/campaigns/{campaign}/simulate", ask).status == 200


def test_the_statements_do_not_grow_with_the_history(month):
    march = month(referralType="MULTI_LEVEL", level2RewardValue=1, budget=1000, maxRewardsPerReferrer=50)

    def statements() -> int:
        march.simulate()
        with CaptureQueriesContext(connection) as captured:
            march.simulate()
        return len([query for query in captured if "accounts_app" not in query["sql"]])

    march.convert(2, "asha", "u1")
    few = statements()
    for number in range(3, 15):
        march.convert(number, f"u{number - 2}", f"u{number - 1}")
    assert statements() == few <= 10


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "rules"),
        ({"rules": None}, "rules"),
        ({"rules": []}, "rules"),
        ({"rules": {"rewardValues": 5}}, "rules.rewardValues"),
        ({"rules": {"rewardValue": -1}}, "rules.rewardValue"),
        ({"rules": {"rewardValue": 101}}, "rules.rewardValue"),
        ({"rules": {"tiers": [{"minConversions": 0}]}}, "rules.tiers.0.rewardValue"),
        ({"rules": {"referralType": "TWO_SIDED"}}, "rules.refereeRewardValue"),
        ({"rules": {"currency": "EUR"}}, "rules.currency"),
        ({"rules": {}, "from": "2026-03-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
        ({"rules": {}, "from": "2024-03-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
        ({"rules": {}, "to": "2099-03-01T00:00:00Z"}, "to"),
        ({"rules": {}, "from": "yesterday"}, "from"),
        ({"rules": {}, "from": "0001-01-01T00:00:00Z", "to": "0001-01-02T00:00:00Z"}, "from"),
        ({"rules": {}, "to": "0001-01-02T00:00:00Z"}, "to"),
        ({"rules": {}, "against": "EVERYBODY"}, "against"),
        ({"rules": {}, "top": 101}, "top"),
        ({"rules": {}, "since": "2026-03-01T00:00:00Z"}, "since"),
    ],
)
def test_bad_input_is_named(himal, sent, field):
    campaign = himal.campaign()
    with nothing_moves(himal.app):
        answer = himal.post(f"/campaigns/{campaign}/simulate", sent)
    assert answer.status == 400 and list(answer["details"]) == [field], answer


def test_a_campaign_of_nobody(himal, rival):
    theirs = rival.campaign()
    for campaign in (theirs, "camp_none"):
        answer = himal.post(f"/campaigns/{campaign}/simulate", {"rules": {}})
        assert (answer.status, answer["code"]) == (404, "campaign_not_found")
