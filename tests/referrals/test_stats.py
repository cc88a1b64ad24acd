"""The figures: exact at commit, equal to a recount after any history, and folded while the world goes on."""

import random
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connections
from django.db.models import Sum

from incenta import clock
from incenta.money import to_number
from referrals import stats
from referrals.models import CampaignTotal, Conversion, Referral, ReferralTotal, Reward, StatDay, StatDelta
from referrals.models.stat import COUNTED
from tests.cast import Caller, at_once
from tests.referrals.promises import books_are_right, nothing_moves

pytestmark = pytest.mark.django_db

NOTHING = {
    "totalReferrals": 0,
    "totalClicks": 0,
    "totalConversions": 0,
    "conversionRate": 0,
    "totalRewardValue": 0,
    "currency": "USD",
    "rewardValues": [],
    "flaggedConversions": 0,
    "campaignId": None,
}


@pytest.mark.parametrize(
    ("conversions", "clicks", "percent"),
    [
        (34, 89, 38.2),
        (0, 0, 0),
        (5, 0, 0),
        (1, 1, 100),
        (1, 3, 33.3),
        (2, 3, 66.7),
        (1, 16, 6.3),
        (1, 2000, 0.1),
        (3, 2, 150),
    ],
)
def test_the_rate_is_of_a_hundred_clicks_with_one_decimal(conversions, clicks, percent):
    assert stats.rate(conversions, clicks) == percent


def test_34_of_89(himal):
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=2)
    code = himal.code(campaign)
    StatDelta.objects.create(
        app=himal.app, campaign_id=campaign, referral_id="ref_x", asset="USD", day="2026-01-01", clicks=88
    )
    himal.post("/clicks", {"referralCode": code})
    for place in range(34):
        himal.convert(code, f"friend {place}")
    answer = himal.get(f"/stats?campaignId={campaign}")
    assert answer.json == NOTHING | {
        "totalReferrals": 1,
        "totalClicks": 89,
        "totalConversions": 34,
        "conversionRate": 38.2,
        "totalRewardValue": 68,
        "rewardValues": [{"currency": "USD", "amount": 68}],
        "campaignId": campaign,
    }


def test_nothing_yet(himal, rival):
    campaign = himal.campaign()
    assert himal.get("/stats").json == NOTHING
    assert himal.get(f"/stats?campaignId={campaign}").json == NOTHING | {"campaignId": campaign}
    refusals = [rival.get(f"/stats?campaignId={each}") for each in (campaign, "camp_nothing")]
    assert [(answer.status, answer["code"]) for answer in refusals] == [(404, "campaign_not_found")] * 2
    for query in ("campaign=x", f"campaignId={campaign}&campaignId={campaign}", "campaignId=", "from=2026-01-01"):
        assert himal.get(f"/stats?{query}").status == 400


def test_reading_the_figures_writes_nothing(himal):
    himal.convert(himal.code(himal.campaign()))
    with nothing_moves(himal.app):
        deltas = StatDelta.objects.count()
        himal.get("/stats")
        himal.get("/users/asha/stats")
        assert StatDelta.objects.count() == deltas


def test_a_whole_app_with_several_currencies(himal, rival):
    rival.convert(rival.code(rival.campaign()))
    for place, fields in enumerate(({"currency": "EUR"}, {}, {"currency": "JPY"}, {"fulfillmentType": "COINS"})):
        for turn in range(place + 1):
            himal.convert(himal.code(himal.campaign(**fields), f"asha {place}"), f"bikram {turn}", 50)
    answer = himal.get("/stats")
    assert (answer["currency"], answer["totalRewardValue"], answer["totalConversions"]) == ("USD", 10, 10)
    assert {each["currency"]: each["amount"] for each in answer["rewardValues"]} == {
        "USD": 10,
        "EUR": 5,
        "JPY": 15,
        "COIN": 20,
    }
    assert answer["rewardValues"][0]["currency"] == "USD"


# --- random histories -----------------------------------------------------------------------------------------------
class History:
    """What merchants and friends do at random, refusals and all."""

    def __init__(self, himal: Caller, seed: int):
        self.himal, self.chance = himal, random.Random(seed)
        self.campaigns = [
            himal.campaign(budget=60, referralType="TWO_SIDED", refereeRewardValue=4),
            himal.campaign(referralType="MULTI_LEVEL", level2RewardValue=3, currency="JPY", firstTimeUserOnly=False),
            himal.campaign(fulfillmentType="COINS", rewardModel="FIXED", rewardValue=7, maxRewardsPerReferrer=3),
        ]
        self.people = [f"user {place}" for place in range(8)]

    def refer(self):
        campaign, person = self.chance.choice(self.campaigns), self.chance.choice(self.people)
        friend = self.chance.choice([None, None, *self.people])
        self.himal.post("/referrals", {"campaignId": campaign, "referrerId": person, "refereeId": friend})

    def _code(self) -> str:
        return self.chance.choice(list(Referral.objects.values_list("code", flat=True)) or ["NONE"])

    def click(self):
        self.himal.post("/clicks", {"referralCode": self._code(), "refereeId": self.chance.choice(self.people)})

    def convert(self):
        amount = self.chance.choice([None, 0, 1, 50, 77, 1234])
        self.himal.convert(
            self._code(),
            self.chance.choice(self.people),
            amount,
            occurredAt=f"2026-01-{self.chance.randint(1, 28):02}T18:30:00Z",
        )

    def reverse(self):
        conversion = self.chance.choice(list(Conversion.objects.all()) or [None])
        if conversion is not None:
            amount = self.chance.choice([None, 1, 10, 33])
            self.himal.post(f"/conversions/{conversion.pk}/reverse", {"reason": "returned", "amount": amount})

    def settle(self):
        reward = self.chance.choice(list(Reward.objects.all()) or [None])
        if reward is not None:
            verb, body = self.chance.choice(
                [("claim", {}), ("approve", {}), ("pay", {"payoutReference": "p"}), ("cancel", {"reason": "r"})]
            )
            self.himal.post(f"/rewards/{reward.pk}/{verb}", body)

    def fold(self):
        stats.fold(self.chance.choice([1, 3, 10_000]))

    def live(self, steps: int):
        acts = [self.refer, self.click, self.convert, self.convert, self.reverse, self.settle, self.fold]
        for _ in range(4):
            self.refer()
        for _ in range(steps):
            self.chance.choice(acts)()


def everything_agrees(himal: Caller):
    """The figures of campaigns, codes, days and people, each counted from the rows by another road."""
    app = himal.app
    books_are_right(app)
    counted = Conversion.objects.filter(app=app, status="CONVERTED")
    for campaign in app.campaigns.all():
        truth, told = stats.recount(app, campaign.pk), himal.get(f"/stats?campaignId={campaign.pk}")
        assert (told["totalReferrals"], told["totalClicks"], told["totalConversions"], told["flaggedConversions"]) == (
            truth["referrals"],
            truth["clicks"],
            truth["conversions"],
            truth["flagged"],
        )
        assert {each["currency"]: each["amount"] for each in told["rewardValues"]} == {
            asset: to_number(minor, asset) for asset, minor in truth["rewards"].items()
        }
        assert told["totalConversions"] == counted.filter(campaign=campaign).count()
    live = Reward.objects.filter(app=app, conversion__in=counted).exclude(status="CANCELLED")
    figures = stats.of_referrals(app, list(app.referrals.values_list("pk", flat=True)))
    for referral in app.referrals.all():
        worth: Counter = Counter()
        for reward in live.filter(referral=referral):
            worth[reward.asset] += reward.worth_minor
        assert figures[referral.pk] == {
            "clicks": referral.click_set.count(),
            "conversions": counted.filter(referral=referral).count(),
            "flagged": Conversion.objects.filter(referral=referral, status="FLAGGED").count(),
            "rewards": {asset: minor for asset, minor in worth.items() if minor},
        }
        shown = himal.get(f"/referrals/{referral.code}")["referral"]
        if not referral.is_flagged:
            expected = "CONVERTED" if shown["conversions"] else "CLICKED" if shown["clicks"] else "PENDING"
            assert shown["status"] == expected


@pytest.mark.parametrize("seed", range(5))
def test_after_any_history_the_figures_equal_a_recount(himal, seed):
    history = History(himal, seed)
    for _ in range(3):
        history.live(25)
        everything_agrees(himal)
    while stats.fold():
        pass
    assert not StatDelta.objects.exists()
    everything_agrees(himal)
    sums = {name: Sum(name) for name in COUNTED}
    by_day = {
        row["campaign_id"]: row
        for row in StatDay.objects.values("campaign_id").annotate(**{f"{n}_sum": s for n, s in sums.items()})
    }
    for total in CampaignTotal.objects.values("campaign_id").annotate(
        **{f"{name}_sum": each for name, each in sums.items()}
    ):
        assert by_day[total["campaign_id"]] == total
    assert StatDay.objects.aggregate(**sums) == ReferralTotal.objects.aggregate(**sums)


def test_a_conversion_counts_on_its_own_day_in_the_apps_zone(himal):
    himal.app.timezone = "Asia/Kathmandu"
    himal.app.save()
    code = himal.code(himal.campaign())
    made = himal.convert(code, occurredAt="2026-01-31T18:15:00Z")  # midnight in Kathmandu
    himal.convert(code, "chandra", occurredAt="2026-01-31T18:14:59Z")
    himal.post(f"/conversions/{made['conversionId']}/reverse", {"reason": "returned", "amount": 10})
    stats.fold()
    days = StatDay.objects.filter(conversions__gt=0).order_by("day").values_list("day", "conversions", "reward_minor")
    assert [(day.isoformat(), *counts) for day, *counts in days] == [("2026-01-31", 1, 500), ("2026-02-01", 1, 400)]


# --- folding --------------------------------------------------------------------------------------------------------
def test_folding_changes_nothing_that_is_told(himal):
    campaign = himal.campaign(referralType="TWO_SIDED", refereeRewardValue=3)
    code = himal.code(campaign)
    himal.post("/clicks", {"referralCode": code})
    himal.convert(code)
    paths = ("/stats", f"/stats?campaignId={campaign}", f"/referrals/{code}", "/users/asha/stats")
    before = [himal.get(path).json for path in paths]
    assert [stats.fold(2), stats.fold(2), stats.fold(2)] == [2, 1, 0]
    assert [himal.get(path).json for path in paths] == before


@pytest.mark.django_db(transaction=True)
def test_the_figures_are_exact_while_they_are_folded(himal, no_deadlocks):
    """Folders, writers and readers at once: nobody sees a conversion twice, or one less than before."""
    campaigns = [himal.campaign() for _ in range(2)]
    codes = [himal.code(campaign, f"referrer {place}") for campaign in campaigns for place in range(2)]
    done = threading.Event()
    seen: list[int] = []

    def folds(_: int):
        while not done.is_set():
            stats.fold(7)

    def reads(_: int):
        while not done.is_set():
            seen.append(himal.get("/stats")["totalConversions"])

    def aside(act):
        def run():
            try:
                act(0)
            finally:
                connections.close_all()

        return threading.Thread(target=run)

    others = [aside(folds), aside(folds), aside(reads)]
    for thread in others:
        thread.start()
    try:
        answers = at_once(
            8,
            lambda place: [
                (
                    himal.post("/clicks", {"referralCode": codes[place % 4]}),
                    himal.convert(codes[place % 4], f"{place} {turn}"),
                )[1].status
                for turn in range(12)
            ],
        )
    finally:
        done.set()
        for thread in others:
            thread.join()
    assert all(set(statuses) == {201} for statuses in answers)
    assert seen == sorted(seen) and seen[-1] <= 96
    assert himal.get("/stats")["totalConversions"] == himal.get("/stats")["totalClicks"] == 96
    while stats.fold():
        pass
    everything_agrees(himal)


# --- one person's figures -------------------------------------------------------------------------------------------
def test_one_persons_figures(himal):
    """An earlier implementation counted one code with three conversions as four referrals."""
    campaign = himal.campaign(referralType="TWO_SIDED", refereeRewardValue=4)
    code = himal.code(campaign, "asha")
    himal.post("/clicks", {"referralCode": code})
    made = [himal.convert(code, friend) for friend in ("bikram", "chandra", "deepa")]
    idle = himal.code(campaign, "asha", refereeId="esha")
    clicked = himal.code(campaign, "asha", refereeId="farid")
    himal.post("/clicks", {"referralCode": clicked})
    himal.post(f"/rewards/{made[0]['rewardId']}/pay", {"payoutReference": "bank"})
    himal.post(f"/conversions/{made[1]['conversionId']}/reverse", {"reason": "returned", "amount": 20})
    asha = himal.get("/users/asha/stats")
    assert asha.status == 200
    earned = {"total": 13, "pending": 8, "paid": 5, "currency": "USD"}
    assert asha.json == {
        "userId": "asha",
        "referralsMade": {"total": 3, "clicked": 2, "converted": 1},
        "referralsReceived": None,
        "rewardsEarned": earned,
        "rewardsByCurrency": [earned],
        "referralCodesGenerated": [clicked, idle, code],
        "referralCodesUsed": [],
    }
    bikram = himal.get("/users/bikram/stats")
    converted_at = himal.get(f"/conversions/{made[0]['conversionId']}")["convertedAt"]
    assert bikram["referralsReceived"] == {"total": 1, "converted": 1, "firstConvertedAt": converted_at}
    assert bikram["referralCodesUsed"] == [code] and bikram["referralsMade"]["total"] == 0
    assert bikram["rewardsEarned"] == {"total": 2, "pending": 2, "paid": 0, "currency": "USD"}
    esha = himal.get("/users/esha/stats")
    assert esha["referralsReceived"] == {"total": 1, "converted": 0, "firstConvertedAt": None}
    assert esha["referralCodesUsed"] == []


def test_a_code_made_for_a_friend_who_used_it_is_one_referral(himal):
    code = himal.code(himal.campaign(), "asha", refereeId="bikram")
    himal.convert(code, "bikram")
    assert himal.get("/users/bikram/stats")["referralsReceived"]["total"] == 1


@pytest.mark.parametrize("user", ["nobody", "a%2Fb", "stats", "a%20b", "%E0%A4%86%E0%A4%B6%E0%A4%BE", ".."])
def test_somebody_unknown_has_made_nothing(himal, rival, user):
    rival.convert(rival.code(rival.campaign(), "nobody"), "a/b")
    answer = himal.get(f"/users/{user}/stats")
    assert answer.status == 200
    assert answer.json | {"userId": 0} == {
        "userId": 0,
        "referralsMade": {"total": 0, "clicked": 0, "converted": 0},
        "referralsReceived": None,
        "rewardsEarned": {"total": 0, "pending": 0, "paid": 0, "currency": "USD"},
        "rewardsByCurrency": [],
        "referralCodesGenerated": [],
        "referralCodesUsed": [],
    }


def test_ids_with_slashes_have_figures(himal):
    code = himal.code(himal.campaign(), "shop/asha?x")
    assert himal.get("/users/shop%2Fasha%3Fx/stats")["referralCodesGenerated"] == [code]


def test_the_totals_count_all_where_the_lists_name_the_newest_hundred(himal):
    campaign = himal.campaign()
    start = clock.now(himal.app)
    Referral.objects.bulk_create(
        Referral(
            app=himal.app, campaign_id=campaign, code=f"C{place}", code_key=f"C{place}", slug=f"C{place}", referrer_id="asha",
            referee_id=f"friend {place}", rule_version=1, created_at=start + timedelta(seconds=place),
        )
        for place in range(120)
    )  # fmt: skip
    Conversion.objects.bulk_create(
        Conversion(
            app=himal.app, campaign_id=campaign, referral=referral, referrer_id="asha", referee_id="bikram", status="CONVERTED",
            currency="USD", reward_asset="USD", request_hash="", first_time=False, rule_version=1,
            converted_at=start + timedelta(seconds=place),
        )
        for place, referral in enumerate(Referral.objects.order_by("created_at"))
    )  # fmt: skip
    asha, bikram = himal.get("/users/asha/stats"), himal.get("/users/bikram/stats")
    newest = [f"C{place}" for place in range(119, 19, -1)]
    assert (asha["referralsMade"]["total"], asha["referralCodesGenerated"]) == (120, newest)
    assert bikram["referralsReceived"]["total"] == bikram["referralsReceived"]["converted"] == 120
    assert bikram["referralCodesUsed"] == newest[::-1]


def test_a_person_who_earned_in_another_currency(himal):
    himal.convert(himal.code(himal.campaign(currency="EUR")))
    himal.convert(himal.code(himal.campaign(fulfillmentType="COINS", rewardModel="FIXED", rewardValue=30)), "chandra")
    asha = himal.get("/users/asha/stats")
    assert asha["rewardsEarned"] == {"total": 5, "pending": 5, "paid": 0, "currency": "EUR"}
    assert [each["currency"] for each in asha["rewardsByCurrency"]] == ["COIN", "EUR"]
