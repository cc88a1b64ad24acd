"""Balances: what there is, why, and what there was at any moment."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incenta.clock import iso
from incenta.errors import InvalidInput
from incenta.events.dispatch import dispatch
from incentives import expiring, user_settings
from incentives.models import Wallet
from referrals import maturing
from tests.incentives.game import action, badge, books, did, level, points, sound
from tests.referrals.moments import START, at, moment

pytestmark = pytest.mark.django_db


def test_a_user_who_is_not_known_has_nothing(himal):
    level(himal, 1, 50)
    assert himal.get("/incentives/balances/nobody").json == {
        "userId": "nobody",
        "xp": 0,
        "coins": 0,
        "tokens": 0,
        "held": {"xp": 0, "coins": 0, "tokens": 0},
        "money": {},
        "level": 0,
        "nextLevel": {"level": 1, "name": "Level 1", "xpThreshold": 50, "xpToGo": 50},
        "expiring": [],
        "streak": 0,
        "longestStreak": 0,
        "freezes": 0,
        "badges": [],
        "milestones": [],
        "timezone": "UTC",
        "visible": True,
        "onHold": False,
    }
    assert himal.get("/incentives/balances/nobody/entries").json["check"]["ok"]
    assert not Wallet.objects.exists()


def test_why_do_i_have_155_coins(himal):
    action(himal, "profile", xp=100, coins=50)
    action(himal, "project", xp=200, coins=100)
    badge(himal, "doer", {"xp": 300}, coins=25)
    himal.patch("/incentives/settings", {"coinsExpireAfter": 365})
    did(himal, key="profile", idempotencyKey="asha_profile")
    himal.patch("/incentives/actions/project", {"coins": 90})
    did(himal, key="project")
    himal.post("/incentives/adjustments", {"userId": "asha", "coins": -10, "reason": "Given twice by mistake"})
    found = himal.get("/incentives/balances/asha/entries?asset=coins")
    entries = found["entries"]
    assert [(entry["amount"], entry["balance"]) for entry in entries] == [(-10, 155), (25, 165), (90, 140), (50, 50)]
    taken, medal, project, profile = entries
    assert profile["cause"] == {
        "type": "event", "id": profile["cause"]["id"], "text": "profile", "actionKey": "profile", "idempotencyKey": "asha_profile",
    }  # fmt: skip
    assert (profile["rule"]["said"]["coins"], project["rule"]["said"]["coins"]) == (50, 90)
    assert (project["rule"]["noun"], project["rule"]["key"]) == ("action", "project")
    assert (medal["cause"]["badgeKey"], medal["cause"]["actionKey"], medal["rule"]["said"]["coins"]) == (
        "doer",
        "project",
        25,
    )
    assert (taken["cause"]["text"], taken["kind"]) == ("Adjustment: Given twice by mistake", "REVERSE")
    assert profile["lot"]["remaining"] == 40 and taken["lots"] == [{"id": profile["lot"]["id"], "amount": 10}]
    assert found["check"] == {
        "sum": {"xp": 300, "coins": 155, "tokens": 0}, "balance": {"xp": 300, "coins": 155, "tokens": 0}, "ok": True,
    }  # fmt: skip
    sound(himal)


def test_entries_of_what_a_referral_earned_are_told_with_their_money(himal):
    himal.convert(himal.code(himal.campaign()), amount=55)
    (entry,) = himal.get("/incentives/balances/asha/entries?asset=USD")["entries"]
    assert (entry["asset"], entry["amount"], entry["heldAmount"], entry["heldBalance"]) == ("USD", 0, 5.5, 5.5)
    found = himal.get("/incentives/balances/asha")
    assert found["money"] == {"USD": {"available": 0, "held": 5.5}}


def test_entries_go_by_page_and_by_cursor_newest_first(himal):
    action(himal, coins=0)
    for _ in range(7):
        did(himal)
    first = himal.get("/incentives/balances/asha/entries?limit=3")
    assert [entry["balance"] for entry in first["entries"]] == [70, 60, 50] and first["pagination"]["totalItems"] == 7
    deeper = himal.get(f"/incentives/balances/asha/entries?limit=3&cursor={first['pagination']['nextCursor']}")
    assert [entry["balance"] for entry in deeper["entries"]] == [40, 30, 20] and "check" not in deeper.json


@pytest.mark.parametrize(
    "query", ["asset=gold", "asset=", "asOf=yesterday", "asOf=2026-01-01", "userId=asha", "asset=xp&asset=coins"]
)
def test_what_cannot_be_asked_of_entries(himal, query):
    assert himal.get(f"/incentives/balances/asha/entries?{query}").status == 400


def test_the_list_of_balances(himal):
    action(himal)
    himal.patch("/incentives/settings", {"coinsExpireAfter": 3})
    for user in ("bikram", "asha", "chandra"):
        did(himal, user)
    found = himal.get("/incentives/balances?limit=2")
    assert [each["userId"] for each in found["balances"]] == ["asha", "bikram"]
    assert found["balances"][0] == himal.get("/incentives/balances/asha").json
    assert [each["userId"] for each in himal.get("/incentives/balances?userId=chandra")["balances"]] == ["chandra"]


def test_explaining_a_page_costs_the_same_at_ten_entries_and_at_fifty(himal):
    action(himal)
    himal.patch("/incentives/settings", {"coinsExpireAfter": 3})

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            himal.get("/incentives/balances/asha/entries?limit=100")
        return len(captured)

    for _ in range(5):
        did(himal)
    badge(himal, "first", {"xp": 60}, coins=1)
    did(himal)
    few = cost()
    for _ in range(20):
        did(himal)
    assert cost() <= few <= 6


# --- as of ----------------------------------------------------------------------------------------------------------
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["earn", "earn", "spend", "take", "cancel", "expire"]),
        st.integers(1, 40),
        st.integers(0, 60),
    ),
    min_size=1,
    max_size=14,
)


@pytest.mark.django_db(transaction=True)
def test_as_of_any_moment_is_what_was_shown_then(himal, sandbox):
    """Whatever happened since: what the balance said at each moment is what it says of that moment for ever."""
    sandbox.patch("/incentives/settings", {"coinsExpireAfter": 40})
    gifts = {amount: action(sandbox, f"gift{amount}", xp=amount, coins=amount) for amount in (1, 7, 20, 40)}
    mug = sandbox.post("/incentives/catalog", {"name": "Mug", "coinCost": 9})["id"]
    users = iter(range(1000))

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def play(steps):
        user, now, shown, redeemed = f"user {next(users)}", moment(START), [], []
        at(sandbox, START)
        for kind, amount, days in steps:
            now += timedelta(days=days)
            at(sandbox, now.isoformat())
            if kind == "earn":
                assert did(sandbox, user, gifts[min(gifts, key=lambda gift: abs(gift - amount))]).status == 201
            elif kind == "spend":
                answer = sandbox.post("/incentives/redeem", {"userId": user, "itemId": mug})
                redeemed += [answer["redemptionId"]] if answer.status == 201 else []
            elif kind == "take":
                sandbox.post("/incentives/adjustments", {"userId": user, "coins": -amount, "xp": -1, "reason": "Test"})
            elif kind == "cancel" and redeemed:
                sandbox.patch(f"/incentives/redemptions/{redeemed.pop()}", {"status": "CANCELLED"})
            else:
                expiring.expire(sandbox.app)
            found = sandbox.get(f"/incentives/balances/{user}").json
            entries = sandbox.get(f"/incentives/balances/{user}/entries?limit=100")
            shown = [
                each for each in shown if each[0] != now
            ]  # a later step at the same moment is what the moment ended with
            shown.append((now, found, [entry["id"] for entry in entries["entries"]], entries["check"]))
            assert entries["check"]["ok"]
        for when, found, ids, check in shown:
            as_of = iso(when)
            then = sandbox.get(f"/incentives/balances/{user}?asOf={as_of}").json
            assert then["asOf"] == as_of
            assert {name: found[name] for name in then if name != "asOf"} == {
                name: then[name] for name in then if name != "asOf"
            }
            entries = sandbox.get(f"/incentives/balances/{user}/entries?limit=100&asOf={as_of}")
            assert ([entry["id"] for entry in entries["entries"]], entries["check"]) == (ids, check)

    play()
    assert sandbox.get("/incentives/ledger/verify")["ok"]
    assert sandbox.post("/incentives/leaderboard/refresh")["drift"] == 0


def test_as_of_the_moment_that_an_entry_tells_the_entry_counts(himal):
    action(himal)
    told = [
        did(himal) and himal.get("/incentives/balances/asha/entries?asset=xp&limit=1")["entries"][0] for _ in range(5)
    ]
    for entry in told:
        assert himal.get(f"/incentives/balances/asha?asOf={entry['recordedAt']}")["xp"] >= entry["balance"]


def test_before_anything_there_was_nothing(himal):
    action(himal)
    did(himal)
    then = himal.get("/incentives/balances/asha?asOf=2001-01-01T00:00:00Z")
    assert (then["xp"], then["coins"], then["expiring"]) == (0, 0, [])
    assert himal.get("/incentives/balances/asha?asOf=nonsense").status == 400


def test_the_check_says_so_when_the_books_are_wrong(himal):
    """No way of ours leads there, so the wallet is bent by force."""
    action(himal)
    did(himal)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE incentives_wallet SET coins = coins + 1")
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    check = himal.get("/incentives/balances/asha/entries")["check"]
    assert check == {
        "sum": {"xp": 10, "coins": 5, "tokens": 0},
        "balance": {"xp": 10, "coins": 6, "tokens": 0},
        "ok": False,
    }


# --- a user's own settings ------------------------------------------------------------------------------------------
def test_a_user_who_does_not_want_to_be_seen_is_on_no_board(himal):
    action(himal)
    did(himal)
    did(himal, "bikram")
    did(himal, "bikram")
    assert himal.patch("/incentives/users/asha", {"visible": False})["visible"] is False
    assert [each["userId"] for each in himal.get("/incentives/leaderboard").json] == ["bikram"]
    assert himal.get("/incentives/leaderboard/asha").status == 404
    did(himal)
    assert himal.patch("/incentives/users/asha", {"visible": True})["visible"] is True
    assert himal.get("/incentives/leaderboard/asha")["xp"] == 20
    sound(himal)


@pytest.mark.parametrize(
    "wrong", [{"timezone": "Mars/Base"}, {"timezone": 5}, {"timezone": ""}, {"visible": "no"}, {"streak": 9}]
)
def test_what_no_user_can_set(himal, wrong):
    before = books(himal)
    assert himal.patch("/incentives/users/asha", wrong).status == 400
    assert books(himal) == before


def test_a_zone_that_only_python_knows_is_refused(himal):
    with pytest.raises(InvalidInput):
        user_settings.revise(himal.app, "asha", timezone="Mars/Base")
    assert not himal.app.standings.exists()


def test_a_zone_can_be_given_up_again(himal):
    assert himal.patch("/incentives/users/asha", {"timezone": "Asia/Kathmandu"})["timezone"] == "Asia/Kathmandu"
    assert himal.patch("/incentives/users/asha", {"visible": False})["timezone"] == "Asia/Kathmandu"
    assert himal.patch("/incentives/users/asha", {"timezone": None})["timezone"] == "UTC"
    assert points(himal) == (0, 0, 0)


def test_what_a_referral_is_behind_is_told_by_its_room(himal):
    action(himal, "friend", type="REFERRAL_REFEREE_ACTION", coins=40)
    campaign = himal.campaign(name="Friends", fulfillmentType="COINS", rewardModel="FIXED", rewardValue=50)
    code = himal.code(campaign)
    conversion = himal.convert(code)["conversionId"]
    dispatch()
    maturing.complete_all()
    himal.post(f"/conversions/{conversion}/reverse", {"reason": "Returned"})
    entries = himal.get("/incentives/balances/asha/entries?asset=coins")["entries"][::-1]
    assert [(entry["kind"], entry["cause"]["text"]) for entry in entries] == [
        ("GRANT", f"Reward of Friends, code {code}"),
        ("EARN", "friend"),
        ("POST", f"Reward of Friends, code {code}"),
        ("REVERSE", f"Taken back: Reward of Friends, code {code}"),
        ("REVERSE", f"Taken back: Purchase of bikram, code {code}"),
    ]
    assert entries[0]["rule"] == {"version": 1, "noun": "campaign", "key": campaign}
    assert entries[3]["reverses"] == entries[2]["id"] and entries[4]["reverses"] == entries[1]["id"]
