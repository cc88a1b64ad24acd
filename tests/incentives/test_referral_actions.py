"""What a code, a click and a friend's purchase set off for the referrer, by themselves and once."""

import pytest

from incenta.events.dispatch import dispatch
from incenta.events.models import Event
from incentives.models import Activity, ReferralCount
from referrals import firing
from tests.cast import at_once
from tests.incentives.game import action, badge, books, did, level, milestone, points, sound, standing

pytestmark = pytest.mark.django_db

TYPES = ("REFERRAL_CODE_GENERATE", "REFERRAL_CLICK", "REFERRAL_REFEREE_ACTION")


@pytest.fixture
def shop(himal):
    """Each of the three fires an action: 1, 10 and 100 XP."""
    for place, type in enumerate(TYPES):
        action(himal, type.lower(), type=type, xp=10**place, coins=0)
    return himal


def test_each_fires_for_the_referrer(shop):
    campaign = shop.campaign()
    code = shop.code(campaign)
    dispatch()
    assert points(shop) == (1, 0, 0)
    click = shop.post("/clicks", {"referralCode": code, "refereeId": "bikram"})
    dispatch()
    assert points(shop) == (11, 0, 0)
    conversion = shop.convert(code)
    dispatch()
    assert points(shop) == (111, 0, 0) and points(shop, "bikram") == (0, 0, 0)
    fired = {each.action_key: each for each in Activity.objects.filter(app=shop.app)}
    assert fired["referral_click"].cause == click["clickId"]
    assert fired["referral_referee_action"].cause == conversion["conversionId"]
    assert fired["referral_referee_action"].metadata["refereeId"] == "bikram"
    assert Event.objects.filter(app=shop.app, type="INCENTIVE_EVENT_RECORDED").count() == 3
    entry = shop.get("/incentives/balances/asha/entries")["entries"][0]
    assert entry["cause"]["firedBy"] == conversion["conversionId"]
    sound(shop)


@pytest.mark.parametrize("key", [type.lower() for type in TYPES])
def test_nobody_sends_what_fires_by_itself(shop, key):
    before = books(shop)
    refused = did(shop, "asha", key, idempotencyKey="mine")
    assert (refused.status, refused["code"]) == (400, "action_not_sendable")
    (bulk,) = shop.post("/incentives/events/bulk", {"events": [{"userId": "asha", "actionKey": key}]})["results"]
    assert (bulk["status"], bulk["code"]) == (400, "action_not_sendable")
    assert books(shop) == before


def test_told_twice_it_fires_once(shop):
    code = shop.code(shop.campaign())
    shop.post("/clicks", {"referralCode": code})
    shop.convert(code)
    told = list(Event.objects.filter(app=shop.app).order_by("id"))
    for _ in range(3):
        firing.fire_actions(told)
    dispatch()
    assert points(shop) == (111, 0, 0) and standing(shop).conversions == 1
    assert ReferralCount.objects.filter(app=shop.app).count() == 1
    sound(shop)


def test_every_active_action_of_the_type_fires_and_no_other(shop):
    action(shop, "second", type="REFERRAL_CLICK", xp=0, coins=3)
    action(shop, "off", type="REFERRAL_CLICK", xp=1000, active=False)
    shop.post("/clicks", {"referralCode": shop.code(shop.campaign())})
    dispatch()
    assert points(shop) == (11, 3, 0)


def test_an_action_made_later_fires_for_what_happens_later(shop):
    code = shop.code(shop.campaign())
    shop.convert(code, "bikram")
    dispatch()
    action(shop, "later", type="REFERRAL_REFEREE_ACTION", xp=0, coins=7)
    dispatch()
    assert points(shop) == (101, 0, 0)
    shop.convert(code, "chandra")
    dispatch()
    assert points(shop) == (201, 7, 0)


def test_limits_hold_for_them_too(shop):
    shop.patch("/incentives/actions/referral_click", {"maxPerDay": 2})
    code = shop.code(shop.campaign())
    for _ in range(5):
        shop.post("/clicks", {"referralCode": code})
    dispatch()
    assert points(shop) == (21, 0, 0)
    codes = (
        Activity.objects.filter(app=shop.app, action_key="referral_click")
        .order_by("id")
        .values_list("not_awarded", flat=True)
    )
    assert list(codes) == [None, None, "max_per_day", "max_per_day", "max_per_day"]


def test_what_is_flagged_fires_nothing(shop):
    campaign = shop.campaign()
    assert (
        shop.post("/referrals", {"campaignId": campaign, "referrerId": "mallory", "refereeId": "mallory"})["status"]
        == "FLAGGED"
    )
    code = shop.code(campaign, "asha")
    assert shop.convert(code, "asha")["status"] == "FLAGGED"
    dispatch()
    assert points(shop, "mallory") == (0, 0, 0) and points(shop, "asha") == (1, 0, 0)
    assert not ReferralCount.objects.exists()


def test_a_conversion_counts_for_its_referrer_also_without_an_action(himal):
    badge(himal, "friend", {"referrals": 1}, xp=50)
    milestone(himal, "two", "conversions", 2, coins=20)
    level(himal, 1, 50, tokens=1)
    code = himal.code(himal.campaign())
    himal.convert(code, "bikram")
    dispatch()
    assert points(himal) == (50, 0, 1) and standing(himal).badges == ["friend"]
    himal.convert(code, "chandra")
    dispatch()
    assert points(himal) == (50, 20, 1) and standing(himal).conversions == 2
    assert himal.get("/incentives/leaderboard?metric=referrals").json == [
        {"rank": 1, "userId": "asha", "xp": 50, "coins": 20, "referrals": 2}
    ]
    told = Event.objects.filter(app=himal.app, type="INCENTIVE_MILESTONE_REACHED").values_list("data", flat=True)
    assert [data["milestoneKey"] for data in told] == ["two"] and told[0]["conversionId"].startswith("conv_")
    sound(himal)


def test_boards_go_by_the_day_of_the_conversion(shop):
    code = shop.code(shop.campaign(firstTimeUserOnly=False, startDate="2020-01-01T00:00:00Z"))
    shop.convert(code, "bikram", occurredAt="2026-01-05T12:00:00Z")
    dispatch()
    board = shop.get("/incentives/leaderboard?period=daily&at=2026-01-05&metric=referrals").json
    assert [(line["userId"], line["xp"], line["referrals"]) for line in board] == [("asha", 100, 1)]


def test_a_friends_clicks_are_not_the_referrers_days(shop):
    action(shop, "visit", xp=0, coins=0)
    code = shop.code(shop.campaign())
    dispatch()
    assert standing(shop).streak == 1, "making a code is one's own doing"
    did(shop, "bikram", occurredAt="2026-01-01T12:00:00Z")
    code = shop.code(shop.campaign(), "bikram")
    Event.objects.filter(app=shop.app, type="REFERRAL_CREATED").update(dispatched_at="2026-01-01T00:00:00Z")
    shop.post("/clicks", {"referralCode": code})
    shop.convert(code, "chandra")
    dispatch()
    assert str(standing(shop, "bikram").streak_day) == "2026-01-01"


@pytest.mark.django_db(transaction=True)
def test_four_dispatchers_at_once_fire_once_each(shop):
    campaign = shop.campaign(firstTimeUserOnly=False)
    codes = [shop.code(campaign, user) for user in ("asha", "bikram", "chandra")]
    for place in range(30):
        shop.post("/clicks", {"referralCode": codes[place % 3]})
        assert shop.convert(codes[place % 3], f"friend {place}").status == 201

    def act(place: int):
        told = list(Event.objects.filter(app=shop.app, type__startswith="REFERRAL").order_by("id"))
        return (
            dispatch()
            if place % 2
            else [firing.fire_actions(told[start : start + 7]) for start in range(0, len(told), 7)]
        )

    results = at_once(4, act)
    dispatch()
    # a batch that met another one's rows in the middle was rolled back, and is told again
    assert not [each for each in results if isinstance(each, BaseException) and type(each).__name__ != "Overtaken"], (
        results
    )
    assert [points(shop, user)[0] for user in ("asha", "bikram", "chandra")] == [1111 - 10] * 3
    assert ReferralCount.objects.filter(app=shop.app).count() == 30
    sound(shop)
