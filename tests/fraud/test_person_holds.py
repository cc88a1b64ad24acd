"""A person in review: what is done counts and gives nothing, and what the review says follows once and in full."""

import pytest

from fraud import person_holds
from fraud.models import Case, Flag, PersonHold, Subject
from fraud.subjects import handler_of
from incenta import clock
from incenta.database import sql
from incenta.ids import new_id
from incentives.models import Activity, Standing
from tests.cast import at_once
from tests.incentives.game import action, badge, books, did, level, milestone, points, sound, standing
from tests.referrals.moments import at

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(himal):
    """Where mallory's visits give 10 XP and 5 coins, and a mug costs 20."""
    action(himal)
    himal.mug = himal.post("/incentives/catalog", {"name": "Mug", "coinCost": 20})["id"]
    return himal


def suspect(shop, user: str = "mallory", since: str = "2020-01-01T00:00:00+00:00", actions=("visit",)) -> str:
    """A case that suspects the user's visits, and holds him; answers its id."""
    now = clock.now(shop.app)
    case = Case.objects.create(id=new_id("case"), app=shop.app, key=f"user:{user}", score=45, opened_at=now)
    evidence = {"actions": list(actions), "since": since}
    Flag.objects.create(
        id=new_id("flag"), app=shop.app, case=case, subject_type="USER", subject_id=user, user_id=user, type="SUSPICIOUS_PATTERN",
        signal="COIN_JUST_UNDER", points=45, score=45, message="Bot.", evidence=evidence, first_at=now, last_at=now,
    )  # fmt: skip
    with sql.transaction_joined():
        person_holds.place(shop.app, {user: case.pk})
    return case.pk


def decided(shop, user: str, status: str) -> None:
    """As a decision does before it carries itself out."""
    Flag.objects.filter(app=shop.app, subject_id=user).update(status=status, resolved_at=clock.now(shop.app))


def release(shop, user: str = "mallory", **more):
    decided(shop, user, "APPROVED")
    with sql.transaction_joined():
        return handler_of(Subject.USER).release(shop.app, [user], actor="asha", **more)


def reject(shop, user: str = "mallory", **more):
    decided(shop, user, "REJECTED")
    with sql.transaction_joined():
        return handler_of(Subject.USER).reject(shop.app, [user], reason="A bot", actor="asha", **more)


def restore(shop, was: str, effects=(), user: str = "mallory"):
    decided(shop, user, "OPEN")
    with sql.transaction_joined():
        faces = [effect.face() for effect in effects]
        return handler_of(Subject.USER).restore(shop.app, [user], was=was, effects=faces, actor="asha")


def told(effects) -> dict:
    return {(effect.kind, effect.asset): effect.minor for effect in effects}


def test_what_a_held_person_does_is_recorded_and_gives_nothing(shop):
    did(shop, "mallory")
    suspect(shop)
    answer = did(shop, "mallory", idempotencyKey="k1")
    assert answer.status == 201 and answer["awarded"] == {"xp": 0, "coins": 0, "tokens": 0}
    assert answer["notAwarded"] == {"code": "fraud_hold", "retryAt": None}
    assert answer["withheld"] == {"xp": 10, "coins": 5, "tokens": 0}
    assert (
        answer["balances"]
        == {"xp": 10, "coins": 5, "tokens": 0}
        == dict(zip(answer["balances"], points(shop, "mallory"), strict=True))
    )
    bulk = shop.post(
        "/incentives/events/bulk", {"events": [{"userId": user, "actionKey": "visit"} for user in ("mallory", "asha")]}
    )
    assert [each["notAwarded"] and each["notAwarded"]["code"] for each in bulk["results"]] == ["fraud_hold", None]
    assert shop.get("/incentives/balances/mallory")["onHold"] is True
    listed = shop.get("/incentives/events?userId=mallory&notAwarded=fraud_hold")["events"]
    assert len(listed) == 2
    sound(shop)


def test_a_held_person_spends_nothing(shop):
    for _ in range(8):
        did(shop, "mallory")
    case = suspect(shop)
    before = books(shop)
    refused = shop.post("/incentives/redeem", {"userId": "mallory", "itemId": shop.mug})
    assert (refused.status, refused["code"]) == (409, "on_hold")
    assert books(shop) == before
    decided(shop, "mallory", "APPROVED")
    with sql.transaction_joined():
        person_holds.release(shop.app, "mallory", case)
    assert shop.post("/incentives/redeem", {"userId": "mallory", "itemId": shop.mug}).status == 201
    sound(shop)


def test_honest_after_all_gets_everything_once(shop):
    level(shop, 1, 25, coins=100)
    badge(shop, "regular", {"actionKey": "visit", "count": 3}, coins=7)
    milestone(shop, "four", "events", 4, coins=9)
    did(shop, "mallory")
    suspect(shop)
    first = did(shop, "mallory", idempotencyKey="k1")
    for _ in range(3):
        assert did(shop, "mallory")["milestonesReached"] == []
    assert points(shop, "mallory") == (10, 5, 0)
    before = books(shop)
    assert told(release(shop, preview=True))["awarded", "COIN"] == 20 and books(shop) == before
    effects = release(shop)
    assert told(effects) == {("person_released", ""): 0, ("awarded", "XP"): 40, ("awarded", "COIN"): 20}
    assert points(shop, "mallory") == (50, 25 + 100 + 7 + 9, 0)
    stands = standing(shop, "mallory")
    assert (stands.level, stands.badges, stands.milestones, stands.on_hold) == (1, ["regular"], ["four"], False)
    assert release(shop) == [] and points(shop, "mallory") == (50, 141, 0)
    assert not PersonHold.objects.filter(app=shop.app, released_at=None).exists()
    # the key still answers what it answered, and the list tells what became of it
    again = did(shop, "mallory", idempotencyKey="k1")
    assert again["idempotentReplay"] and again.json == first.json | {"idempotentReplay": True}
    listed = shop.get("/incentives/events?userId=mallory")["events"]
    assert {each["awarded"]["coins"] for each in listed} == {5}
    told_of = shop.app.events.filter(type="INCENTIVE_EVENT_RECORDED", subject_id=first["eventId"])
    assert [event.data["awarded"]["coins"] for event in told_of.order_by("id")] == [0, 5]
    assert shop.app.events.filter(type="INCENTIVE_LEVEL_UP").count() == 1
    assert shop.get("/incentives/leaderboard?metric=coins").json[0]["coins"] == 141
    entry = shop.get("/incentives/balances/mallory/entries?asset=coins")["entries"][-2]
    assert (entry["cause"]["type"], entry["cause"]["id"]) == ("event", listed[-2]["eventId"])
    sound(shop)


def test_limits_are_those_of_the_moment_also_while_withheld(shop):
    action(shop, "once", maxRepeats=1)
    action(shop, "slow", cooldown=3600)
    suspect(shop)
    codes = [did(shop, "mallory", key)["notAwarded"]["code"] for key in ("once", "once", "slow", "slow")]
    assert codes == ["fraud_hold", "max_repeats", "fraud_hold", "cooldown"]
    shop.patch("/incentives/actions/once", {"coins": 500})
    release(shop)
    assert points(shop, "mallory") == (20, 10, 0)
    assert did(shop, "mallory", "once")["notAwarded"]["code"] == "max_repeats"
    entries = shop.get("/incentives/balances/mallory/entries?asset=coins")["entries"]
    assert {entry["rule"]["said"]["coins"] for entry in entries} == {5}
    sound(shop)


def test_fraud_loses_what_was_withheld_and_what_the_evidence_speaks_of(shop):
    action(shop, "buy", coins=11)
    badge(shop, "regular", {"actionKey": "visit", "count": 2}, coins=7)
    did(shop, "mallory", "buy")
    for _ in range(3):
        did(shop, "mallory")
    suspect(shop)
    did(shop, "mallory")
    did(shop, "mallory", "buy")
    before = books(shop)
    planned = reject(shop, preview=True)
    assert books(shop) == before
    effects = reject(shop)
    assert told(effects) == told(planned) == {
        ("withheld_forfeited", "XP"): 20, ("withheld_forfeited", "COIN"): 16,
        ("points_taken_back", "XP"): 30, ("points_taken_back", "COIN"): 15 + 7, ("person_released", ""): 0,
    }  # fmt: skip
    assert points(shop, "mallory") == (10, 11, 0) and standing(shop, "mallory").badges == []
    assert reject(shop)[-1].kind == "person_released" and points(shop, "mallory") == (10, 11, 0)
    assert release(shop) == [] and points(shop, "mallory") == (10, 11, 0)
    assert did(shop, "mallory")["awarded"]["coins"] == 5
    sound(shop)


def test_what_is_spent_cannot_be_fetched_and_is_said(shop):
    for _ in range(5):
        did(shop, "mallory")
    shop.post("/incentives/redeem", {"userId": "mallory", "itemId": shop.mug})
    suspect(shop)
    effects = told(reject(shop))
    assert effects["points_taken_back", "COIN"] == 5 and effects["points_spent", "COIN"] == 20
    assert points(shop, "mallory") == (0, 0, 0)
    sound(shop)


def test_what_was_done_before_the_evidence_began_stays(shop, request):
    did(shop, "mallory", occurredAt="2026-03-01T00:00:00Z")
    did(shop, "mallory", occurredAt="2026-03-03T00:00:00Z")
    suspect(shop, since="2026-03-02T00:00:00+00:00")
    reject(shop)
    assert points(shop, "mallory") == (10, 5, 0)
    sound(shop)


def test_a_rejection_that_is_undone_holds_all_of_it_and_can_go_either_way(shop):
    level(shop, 1, 25, coins=100)
    for _ in range(3):
        did(shop, "mallory")
    suspect(shop)
    did(shop, "mallory")
    assert points(shop, "mallory") == (30, 115, 0)
    effects = reject(shop)
    assert points(shop, "mallory") == (0, 0, 0) and standing(shop, "mallory").level == 0
    restore(shop, "REJECT", effects)
    assert points(shop, "mallory") == (0, 0, 0) and standing(shop, "mallory").on_hold
    assert PersonHold.objects.get(app=shop.app).released_at is None
    assert did(shop, "mallory")["notAwarded"]["code"] == "fraud_hold"
    reject(shop)
    assert points(shop, "mallory") == (0, 0, 0)
    restore(shop, "REJECT")
    release(shop)
    assert points(shop, "mallory") == (50, 125, 0) and standing(shop, "mallory").level == 1
    assert standing(shop, "mallory").events == Activity.objects.filter(app=shop.app, reversed_at=None).count() == 5
    sound(shop)


def test_what_an_event_says_it_awarded_is_what_the_ledger_gave_for_it(shop):
    shop.patch("/incentives/catalog/" + shop.mug, {"coinCost": 2})
    did(shop, "mallory")
    shop.post("/incentives/redeem", {"userId": "mallory", "itemId": shop.mug})
    suspect(shop)
    effects = reject(shop)
    restore(shop, "REJECT", effects)
    assert points(shop, "mallory")[1] == 0
    event = Activity.objects.get(app=shop.app)
    assert (event.waiting["coins"], event.kept["coins"]) == (3, 2)
    release(shop)
    (shown,) = shop.get("/incentives/events")["events"]
    assert (shown["awarded"], points(shop, "mallory")) == ({"xp": 10, "coins": 5, "tokens": 0}, (10, 3, 0))
    sound(shop)


def test_a_release_that_is_undone_holds_the_person_again(shop):
    suspect(shop)
    did(shop, "mallory")
    effects = release(shop)
    undone = restore(shop, "APPROVE", effects)
    assert {effect.kind for effect in undone} == {"person_held", "awarded_stays"}
    assert points(shop, "mallory") == (10, 5, 0) and standing(shop, "mallory").on_hold
    reject(shop)
    assert points(shop, "mallory") == (0, 0, 0)
    sound(shop)


def test_somebody_held_by_two_cases_is_free_when_both_are_gone(shop):
    one = suspect(shop)
    Case.objects.filter(pk=one).update(key="user:mallory:coins")
    Flag.objects.filter(case_id=one).update(signal="COIN_FUNNEL")
    two = suspect(shop)
    did(shop, "mallory")
    users = handler_of(Subject.USER)
    Flag.objects.filter(case_id=one).update(status="APPROVED", resolved_at=clock.now(shop.app))
    with sql.transaction_joined():
        effects = users.release(shop.app, ["mallory"], actor="asha")
    assert [effect.kind for effect in effects] == ["still_held"]
    assert standing(shop, "mallory").on_hold and points(shop, "mallory") == (0, 0, 0)
    assert PersonHold.objects.get(app=shop.app, released_at=None).case_id == two
    Flag.objects.filter(case_id=two).update(status="APPROVED", resolved_at=clock.now(shop.app))
    with sql.transaction_joined():
        person_holds.release(shop.app, "mallory", two)
    assert not standing(shop, "mallory").on_hold and points(shop, "mallory") == (10, 5, 0)
    assert not PersonHold.objects.filter(app=shop.app, released_at=None).exists()


def test_what_a_conversion_fired_while_its_referrer_is_held_follows_the_conversion(shop):
    from incenta.events.dispatch import dispatch

    action(shop, "friend", type="REFERRAL_REFEREE_ACTION", xp=100, coins=40)
    badge(shop, "friendly", {"referrals": 1}, coins=3)
    did(shop, "mallory")
    suspect(shop)
    campaign = shop.campaign(firstTimeUserOnly=False)
    code = shop.code(campaign, "mallory")
    one, two = (shop.convert(code, friend)["conversionId"] for friend in ("bikram", "chandra"))
    dispatch()
    assert points(shop, "mallory") == (10, 5, 0)
    shop.post(f"/conversions/{one}/reverse", {"reason": "Returned"})
    shop.post(f"/conversions/{two}/reverse", {"reason": "Returned", "amount": 25})
    release(shop)
    assert points(shop, "mallory") == (60, 28, 0)
    assert standing(shop, "mallory").badges == ["friendly"] and standing(shop, "mallory").conversions == 1
    shop.post(f"/conversions/{two}/reverse", {"reason": "Returned"})
    assert points(shop, "mallory") == (10, 5, 0) and standing(shop, "mallory").badges == []
    sound(shop)


def test_points_that_expire_have_their_time_from_the_release_on(sandbox):
    sandbox.patch("/incentives/settings", {"coinsExpireAfter": 30})
    action(sandbox)
    suspect(sandbox)
    did(sandbox, "mallory")
    at(sandbox, "2026-05-01T12:00:00Z")
    release(sandbox)
    assert [(each["amount"], each["at"][:10]) for each in sandbox.get("/incentives/balances/mallory")["expiring"]] == [
        (5, "2026-05-31")
    ]
    sound(sandbox)


def test_an_event_as_a_subject_speaks_of_its_user(shop):
    answer = did(shop, "mallory")
    events = handler_of(Subject.EVENT)
    assert events.describe(shop.app, [answer["eventId"], "evt_none"])[answer["eventId"]].user_id == "mallory"
    with sql.transaction_joined():
        events.hold(shop.app, [answer["eventId"]], actor="asha")
    assert standing(shop, "mallory").on_hold
    did(shop, "mallory")
    described = handler_of(Subject.USER).describe(shop.app, ["mallory", "nobody"])
    assert list(described) == ["mallory"] and described["mallory"].held == {"XP": 10, "COIN": 5}


@pytest.mark.django_db(transaction=True)
def test_events_holds_and_releases_at_once_lose_and_double_nothing(shop):
    did(shop, "mallory")
    suspect(shop)

    def act(place: int):
        if place % 4 == 0:
            return release(shop)
        if place % 4 == 1:
            with sql.transaction_joined():
                return handler_of(Subject.USER).hold(shop.app, ["mallory"], actor="x")
        return did(shop, "mallory")

    results = at_once(24, act)
    assert not [result for result in results if isinstance(result, BaseException)], results
    release(shop)
    assert points(shop, "mallory") == (130, 65, 0)
    assert Standing.objects.get(app=shop.app, user_id="mallory").events == 13
    assert not Activity.objects.filter(app=shop.app, withheld="PENDING").exists()
    sound(shop)


@pytest.mark.django_db(transaction=True)
def test_a_hold_and_a_redemption_at_once_never_both_pass(shop):
    for _ in range(4):
        did(shop, "mallory")

    def act(place: int):
        if place:
            return shop.post("/incentives/redeem", {"userId": "mallory", "itemId": shop.mug}).status
        return suspect(shop)

    results = at_once(6, act)
    assert set(results[1:]) <= {201, 409}, results
    assert shop.post("/incentives/redeem", {"userId": "mallory", "itemId": shop.mug})["code"] in (
        "on_hold",
        "insufficient_balance",
    )
    sound(shop)
