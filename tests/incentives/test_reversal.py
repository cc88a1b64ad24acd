"""Taking a conversion back takes back what it gave in the game: in proportion, to the lots and days it came from, and exactly."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incenta.accounts.models import App
from incenta.events.dispatch import dispatch
from incentives.models import Activity, Grant
from referrals import maturing
from tests.cast import at_once
from tests.incentives.game import action, badge, books, did, level, milestone, points, sound, standing
from tests.referrals.moments import at

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(himal):
    action(himal, "friend", type="REFERRAL_REFEREE_ACTION", xp=100, coins=40, tokens=3)
    return himal


def converted(shop, referee: str = "bikram", amount: float = 50, user: str = "asha", **more) -> str:
    """A conversion of asha's whose actions have fired."""
    campaign = next(iter(shop.get("/campaigns")["campaigns"]), None)
    campaign = campaign["id"] if campaign else shop.campaign(firstTimeUserOnly=False)
    made = shop.convert(shop.code(campaign, user), referee, amount, **more)
    assert made.status == 201, made
    dispatch()
    return made["conversionId"]


def reverse(shop, conversion_id: str, amount: float | None = None, **more):
    body = {"reason": "Returned"} | ({} if amount is None else {"amount": amount}) | more
    answer = shop.post(f"/conversions/{conversion_id}/reverse", body)
    assert answer.status == 200, answer
    return answer


def effects(answer, type: str) -> list[dict]:
    return [effect for effect in answer["effects"] if effect["type"] == type]


def test_a_part_takes_points_in_proportion(shop):
    conversion = converted(shop)
    answer = reverse(shop, conversion, 20)
    assert points(shop) == (60, 24, 2)
    assert [(each["asset"], each["before"], each["after"], each["takenBack"]) for each in effects(answer, "points")] == [
        ("xp", 100, 60, 40), ("coins", 40, 24, 16), ("tokens", 3, 2, 1),
    ]  # fmt: skip
    assert standing(shop).conversions == 1 and not effects(answer, "referralCount")
    entry = shop.get("/incentives/balances/asha/entries?asset=xp")["entries"][0]
    assert (entry["amount"], entry["cause"]["type"], entry["cause"]["id"]) == (-40, "reversal", conversion)
    assert entry["reverses"] == shop.get("/incentives/balances/asha/entries?asset=xp")["entries"][1]["id"]
    sound(shop)


def test_parts_and_then_all_end_exactly_where_it_began(shop):
    before = points(shop), standing_of(shop)
    conversion = converted(shop)
    for amount in (0.01, 13.37, 7, 29.61):
        reverse(shop, conversion, amount)
    answer = reverse(shop, conversion)
    assert points(shop) == before[0] and shop.get(f"/conversions/{conversion}")["status"] == "REVERSED"
    assert standing(shop).conversions == 0 and effects(answer, "referralCount") == [
        {"type": "referralCount", "userId": "asha", "before": 1, "after": 0}
    ]
    assert shop.get("/incentives/leaderboard?metric=referrals").json == []
    unchanged = books(shop)
    assert reverse(shop, conversion)["effects"] == [] and books(shop) == unchanged
    sound(shop)


def standing_of(shop):
    return shop.app.standings.filter(user_id="asha").values("level", "badges", "milestones", "coins_earned").first()


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(1, 2000), min_size=1, max_size=6), st.integers(1, 500), st.integers(0, 500))
def test_any_parts_are_worth_the_totals(shop, parts, xp, coins):
    shop.patch("/incentives/actions/friend", {"xp": xp, "coins": coins})
    number = Activity.objects.filter(app=shop.app).count()
    user = f"asha {number}"
    conversion = converted(shop, f"bikram {number}", 100, user)
    total = 0
    for part in parts:
        if total + part > 10_000:
            break
        total += part
        reverse(shop, conversion, part / 100)
        left = 10_000 - total
        if left:
            expected = tuple((2 * given * left + 10_000) // 20_000 for given in (xp, coins, 3))
            assert points(shop, user) == expected


def test_a_preview_tells_the_same_and_changes_nothing(shop):
    level(shop, 1, 100, coins=5)
    conversion = converted(shop)
    before = books(shop)
    preview = reverse(shop, conversion, preview=True)
    assert books(shop) == before
    assert reverse(shop, conversion)["effects"] == preview["effects"]


def test_the_whole_takes_levels_badges_and_milestones_that_are_no_longer_met(shop):
    level(shop, 1, 50, coins=1)
    level(shop, 2, 100, coins=10, badgeKey=badge(shop, "second", xp=20)["key"])
    badge(shop, "friend", {"actionKey": "friend", "count": 1}, coins=100)
    badge(shop, "referrer", {"referrals": 1}, xp=5)
    milestone(shop, "first", "conversions", 1, tokens=7)
    milestone(shop, "busy", "events", 1, tokens=1)
    milestone(shop, "rich", "coinsEarned", 100, tokens=1)
    conversion = converted(shop)
    assert points(shop) == (125, 151, 12) and standing(shop).level == 2
    assert sorted(standing(shop).badges) == ["friend", "referrer", "second"]
    answer = reverse(shop, conversion)
    assert points(shop) == (0, 0, 0)
    found = standing(shop)
    assert (found.level, found.paid_levels, found.badges, found.milestones) == (0, [], [], [])
    assert (found.events, found.conversions, found.coins_earned) == (0, 0, 0)
    assert {each["key"] for each in effects(answer, "badge")} == {"friend", "referrer", "second"}
    assert {each["key"] for each in effects(answer, "milestone")} == {"first", "busy", "rich"}
    assert [each.get("key", (each.get("before"), each.get("after"))) for each in effects(answer, "level")] == [
        2,
        1,
        (2, 0),
    ]
    assert not Grant.objects.filter(app=shop.app, revoked_at=None).exists()
    assert (
        shop.get("/incentives/badges/user/asha")["badges"]
        == []
        == shop.get("/incentives/milestones?userId=asha")["milestones"]
    )
    sound(shop)
    # and all of it can be earned again
    converted(shop, "chandra")
    assert points(shop) == (125, 151, 12)
    sound(shop)


def test_what_is_still_met_stays(shop):
    action(shop, "visit", xp=60, coins=0)
    level(shop, 1, 100, coins=10)
    badge(shop, "referrer", {"referrals": 1}, coins=1)
    conversion = converted(shop)
    converted(shop, "chandra")
    did(shop, key="visit")
    reverse(shop, conversion)
    assert points(shop) == (160, 51, 3)
    assert (standing(shop).paid_levels, standing(shop).badges) == ([1], ["referrer"])
    sound(shop)


def test_what_was_reached_since_by_its_help_goes_too_and_what_was_reached_before_stays(shop):
    action(shop, "visit", xp=60, coins=0)
    level(shop, 1, 50, coins=1)
    level(shop, 2, 150, coins=10)
    did(shop, key="visit")  # 60: level 1
    shop.post(
        "/incentives/adjustments", {"userId": "asha", "xp": -30, "reason": "Mistake"}
    )  # 30, and level 1 stays paid
    conversion = converted(shop)  # 130
    did(shop, key="visit")  # 190: level 2 by another's hand
    answer = reverse(shop, conversion)  # 90
    assert points(shop) == (90, 1, 0)
    assert standing(shop).paid_levels == [1]
    assert [each["key"] for each in effects(answer, "level") if "key" in each] == [2]
    did(shop, key="visit")  # 150: reached again, given again
    assert points(shop) == (150, 11, 0)
    sound(shop)


def test_a_badge_given_by_hand_stays(shop):
    badge(shop, "kind", {"xp": 1000})
    conversion = converted(shop)
    shop.post("/incentives/badges/kind/award", {"userId": "asha"})
    reverse(shop, conversion)
    assert standing(shop).badges == ["kind"]


def test_limits_are_free_again(shop):
    shop.patch("/incentives/actions/friend", {"maxRepeats": 1, "cooldown": 86_400})
    conversion = converted(shop)
    converted(shop, "chandra")
    assert points(shop) == (100, 40, 3)
    reverse(shop, conversion)
    assert points(shop) == (0, 0, 0)
    converted(shop, "dipa")
    assert points(shop) == (100, 40, 3)


# --- what is spent --------------------------------------------------------------------------------------------------
def spend(shop, coins: int) -> None:
    mug = shop.post("/incentives/catalog", {"name": "Mug", "coinCost": coins})["id"]
    assert shop.post("/incentives/redeem", {"userId": "asha", "itemId": mug}).status == 201


def test_coins_that_are_spent_cannot_be_fetched_and_the_answer_says_so(shop):
    conversion = converted(shop)
    spend(shop, 30)
    answer = reverse(shop, conversion)
    (coins,) = [each for each in effects(answer, "points") if each["asset"] == "coins"]
    assert (coins["takenBack"], coins["uncollected"], coins["owed"]) == (10, 30, 0)
    assert points(shop) == (0, 0, 0) and standing(shop).coins_earned == 30
    sound(shop)


def test_a_later_part_fetches_what_an_earlier_one_could_not(shop):
    conversion = converted(shop)
    spend(shop, 40)
    reverse(shop, conversion, 25)
    shop.post("/incentives/adjustments", {"userId": "asha", "coins": 100, "reason": "Gift"})
    reverse(shop, conversion)
    assert points(shop) == (0, 60, 0)


def test_where_the_app_allows_debts_they_are_owed(himal):
    App.objects.filter(pk=himal.app.pk).update(allows_negative_points=True)
    himal.app.refresh_from_db()
    shop = himal
    action(shop, "friend", type="REFERRAL_REFEREE_ACTION", xp=100, coins=40)
    conversion = converted(shop)
    spend(shop, 30)
    answer = reverse(shop, conversion)
    (coins,) = [each for each in effects(answer, "points") if each["asset"] == "coins"]
    assert (coins["takenBack"], coins["uncollected"], coins["owed"]) == (40, 0, 30)
    assert points(shop) == (0, -30, 0)
    sound(shop)


def test_points_leave_the_lot_and_the_day_they_came_from(sandbox):
    sandbox.patch("/incentives/settings", {"coinsExpireAfter": 30})
    action(sandbox, "friend", type="REFERRAL_REFEREE_ACTION", xp=100, coins=40)
    action(sandbox, "visit", xp=7, coins=5)
    did(sandbox, key="visit")
    at(sandbox, "2026-03-05T12:00:00Z")
    conversion = converted(sandbox)
    at(sandbox, "2026-03-08T12:00:00Z")
    did(sandbox, key="visit")
    reverse(sandbox, conversion, 25)
    assert [(each["amount"], each["at"][:10]) for each in sandbox.get("/incentives/balances/asha")["expiring"]] == [
        (5, "2026-03-31"), (20, "2026-04-04"), (5, "2026-04-07"),
    ]  # fmt: skip
    days = {day: sandbox.get(f"/incentives/leaderboard?period=daily&at=2026-03-0{day}").json for day in (1, 5, 8)}
    assert {day: [(line["xp"], line["coins"]) for line in lines] for day, lines in days.items()} == {
        1: [(7, 5)],
        5: [(50, 20)],
        8: [(7, 5)],
    }
    sound(sandbox)


# --- rewards in coins -----------------------------------------------------------------------------------------------
def test_coins_that_a_referral_pays_are_coins_earned_and_go_the_way_they_came(sandbox):
    sandbox.patch("/incentives/settings", {"coinsExpireAfter": 30})
    milestone(sandbox, "rich", "coinsEarned", 50, tokens=2)
    campaign = sandbox.campaign(fulfillmentType="COINS", rewardModel="FIXED", rewardValue=50)
    conversion = sandbox.convert(sandbox.code(campaign), amount=100)["conversionId"]
    dispatch()
    assert points(sandbox) == (0, 0, 0)
    at(sandbox, "2026-03-03T12:00:00Z")
    assert maturing.complete_all() == 1
    assert points(sandbox) == (0, 50, 2) and standing(sandbox).coins_earned == 50
    assert sandbox.get("/incentives/leaderboard?metric=coins").json[0]["coins"] == 50
    assert sandbox.get("/incentives/balances/asha")["expiring"] == [
        {"amount": 50, "asset": "coins", "at": "2026-04-02T12:00:00.000Z"}
    ]
    at(sandbox, "2026-03-09T12:00:00Z")
    reverse(sandbox, conversion, 20)
    assert points(sandbox) == (0, 40, 2)
    assert sandbox.get("/incentives/leaderboard?metric=coins&period=daily&at=2026-03-03").json[0]["coins"] == 40
    assert sandbox.get("/incentives/leaderboard?metric=coins&period=daily").json == []
    sound(sandbox)
    reverse(sandbox, conversion)
    assert points(sandbox) == (0, 0, 0) and standing(sandbox).milestones == []
    sound(sandbox)


# --- at once --------------------------------------------------------------------------------------------------------
def test_what_is_reversed_before_its_actions_fire_gives_nothing(shop):
    code = shop.code(shop.campaign())
    conversion = shop.convert(code)["conversionId"]
    answer = reverse(shop, conversion)
    assert effects(answer, "points") == []
    dispatch()
    assert points(shop) == (0, 0, 0) and not Activity.objects.filter(app=shop.app).exists()


def test_what_is_reversed_in_part_before_its_actions_fire_gives_the_rest(shop):
    code = shop.code(shop.campaign())
    conversion = shop.convert(code)["conversionId"]
    reverse(shop, conversion, 20)
    dispatch()
    assert points(shop) == (60, 24, 2)
    reverse(shop, conversion)
    assert points(shop) == (0, 0, 0)
    sound(shop)


@pytest.mark.django_db(transaction=True)
def test_reversing_while_it_fires(shop):
    campaign = shop.campaign(firstTimeUserOnly=False)
    code = shop.code(campaign)
    conversions = [shop.convert(code, f"friend {place}")["conversionId"] for place in range(12)]

    def act(place: int):
        if place < 2:
            return dispatch()
        return [reverse(shop, each)["status"] for each in conversions[place - 2 :: 4]]

    results = at_once(6, act)
    assert not [each for each in results if isinstance(each, BaseException)], results
    dispatch()
    assert points(shop) == (0, 0, 0) and standing_or_none(shop) in (None, 0)
    sound(shop)


def standing_or_none(shop):
    return shop.app.standings.filter(user_id="asha").values_list("conversions", flat=True).first()
