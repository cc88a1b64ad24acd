"""The one-statement path of the single event writes what the engine would write, and answers what it would answer."""

import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import DomainError, Overtaken
from incenta.money import COIN
from incentives import adjusting, boards, engine, fastpath, ledger, withholding
from incentives.engine import Doing
from incentives.models import Action, ActionTally, Activity, Badge, BoardDelta, Level, Milestone, Rulebook, Standing
from tests.cast import at_once

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
USERS = ("asha", "bikram", "chandra", "mallory")

TABLES = {
    "wallet": """SELECT user_id, seq, xp, coins, tokens, xp_held, coins_held, tokens_held, coins_dated, tokens_dated, money, may_owe
        FROM incentives_wallet WHERE app_id = %(app)s ORDER BY user_id""",
    "transfer": """SELECT w.user_id, t.seq, asset, kind, source, target, amount, available_after, held_after, cause, cause_type,
        rule_version, idem, expires_at, occurred_at, recorded_at
        FROM incentives_transfer t JOIN incentives_wallet w ON w.id = t.wallet_id WHERE t.app_id = %(app)s ORDER BY w.user_id, t.seq""",
    "activity": """SELECT id, user_id, action_key, idempotency_key, request_hash, cause, xp, coins, tokens, not_awarded, withheld, retry_at,
        outcome::text, metadata::text, rule_version, wallet_seq, occurred_at, day FROM incentives_activity WHERE app_id = %(app)s""",
    "tally": "SELECT user_id, action_key, rewarded, last_at FROM incentives_actiontally WHERE app_id = %(app)s ORDER BY 1, 2",
    "standing": """SELECT user_id, level, paid_levels, badges, milestones, events, conversions, coins_earned, streak, longest_streak,
        streak_day, freezes, timezone, visible, on_hold, at_hold::text FROM incentives_standing WHERE app_id = %(app)s ORDER BY 1""",
    "grant": """SELECT user_id, kind, key, xp, coins, tokens, cause, cause_type, reason, rule_version, wallet_seq, granted_at
        FROM incentives_grant WHERE app_id = %(app)s ORDER BY id""",
    "board": "SELECT user_id, day, at, xp, coins, referrals FROM incentives_boarddelta WHERE app_id = %(app)s ORDER BY id",
    "event": """SELECT type, subject_type, subject_id, actor, data::text, occurred_at FROM events_event
        WHERE app_id = %(app)s AND type LIKE 'INCENTIVE%%'""",
}
"""Everything that an event may write, in an order of its own; ids of events are replaced by when they were made."""


def books(app: App, ids: dict[str, str]) -> dict[str, list]:
    found = {}
    for name, statement in TABLES.items():
        rows = [tuple(_named(value, ids) for value in row) for row in sql.rows(statement, {"app": app.pk})]
        found[name] = sorted(rows, key=repr) if "ORDER BY" not in statement else rows
    return found


def _named(value: object, ids: dict[str, str]) -> object:
    if isinstance(value, str):
        for id, name in ids.items():
            value = value.replace(id, name)
    return value


def write_rules(app: App, chance: random.Random) -> None:
    """Rules of every kind, some of them within reach of everybody."""
    when = {"created_at": NOON, "updated_at": NOON}
    for place in range(6):
        gives = {"xp": [0, 5, 10, 100], "coins": [0, 0, 3, 20], "tokens": [0, 0, 1]}
        limits = {
            "cooldown_s": [0, 0, 600, 90_000],
            "max_repeats": [None, None, 1, 12],
            "max_per_day": [None] * 5 + [2],
        }
        chosen = {name: chance.choice(values) for name, values in (gives | limits).items()}
        kind, active = chance.choice(["STANDARD"] * 4 + ["REFERRAL_CLICK"]), chance.random() < 0.95
        Action.objects.create(app=app, key=f"a{place}", name="…", type=kind, active=active, **chosen, **when)
    Action.objects.create(app=app, key="a6", name="…", type="STANDARD", xp=5, **when)
    for level in range(1, chance.choice([2, 6])):
        Level.objects.create(
            app=app,
            level=level * chance.choice([1, 1, 3]) + level * 10,
            name="…",
            xp_threshold=level * level * 90,
            coins=7,
            **when,
        )
    criteria = [
        {"actionKey": "a0", "count": 1},
        {"actionKey": "a1", "count": 4},
        {"xp": 500},
        {"streakDays": 3},
        {"level": 22},
        None,
    ]
    for place, each in enumerate(criteria):
        Badge.objects.create(
            app=app, key=f"b{place}", name="…", criteria=each, xp=chance.choice([0, 30]), coins=2, **when
        )
    for metric, threshold in (("xp", 300), ("coinsEarned", 50), ("events", 9), ("conversions", 1)):
        Milestone.objects.create(
            app=app, key=metric.lower(), metric=metric, threshold=threshold, coins=4, tokens=1, **when
        )
    Rulebook.objects.create(
        app=app, version=1, streak_freezes=chance.choice([0, 0, 2]), streak_freeze_every=chance.choice([None, 3]),
        coins_expire_after=chance.choice([None, None, None, 30]),
    )  # fmt: skip


def change_rules(app: App, seed: int) -> None:
    chance = random.Random(seed)
    app.actions.filter(key=f"a{chance.randrange(6)}").update(
        xp=chance.choice([1, 50]), cooldown_s=chance.choice([0, 60])
    )
    if chance.random() < 0.5:
        Level.objects.filter(app=app, level__gt=11).delete()
    Rulebook.objects.filter(app=app).update(version=Rulebook.objects.get(app=app).version + 1)


@pytest.mark.parametrize("seed", range(8))
def test_the_same_history_through_both_paths_leaves_the_same_rows(himal, rival, seed):
    paths = {
        himal.app.sandbox: lambda app, doing: engine.record(app, [doing], actor="key_1", alone=True)[0],
        rival.app.sandbox: lambda app, doing: fastpath.record(app, doing, actor="key_1"),
    }
    for app in paths:
        app.timezone = "America/New_York"
        write_rules(app, random.Random(seed))
    chance = random.Random(seed)
    now, ids, told, statements = NOON, {}, [], Counter()
    for step in range(160):
        now += timedelta(seconds=chance.choice([0, 1, 30, 700, 20_000, 60_000]))
        occurred_at = chance.choice(
            [None] * 6
            + [now - timedelta(minutes=9), now - timedelta(days=chance.randrange(4)), now + timedelta(hours=1)]
        )
        key = chance.choice([None, f"k{step}", f"k{chance.randrange(160)}"])
        action = f"a{chance.choice([*range(7), 0, 1, 6, 9])}"
        doing = Doing(
            chance.choice(USERS), action, key, occurred_at, chance.choice([{}, {"plan": "pro", "näme": 'ü"\\ ☃'}])
        )
        aside, salt = chance.random(), chance.randrange(10**6)
        answers = []
        for app, record in paths.items():
            app.clock_frozen_at = now
            if aside < 0.03:
                change_rules(app, salt)
            elif aside < 0.06 and app.wallets.filter(user_id="asha", coins__gte=5).exists():
                ledger.spend(app, "asha", COIN, 5, cause="cup", cause_type="test")
            elif aside < 0.08:
                ids[adjusting.adjust(app, "bikram", reason="so", xp=40, coins=1)["adjustmentId"]] = f"adj{step}"
            elif aside < 0.1:
                Standing.objects.filter(app=app, user_id="chandra").update(
                    timezone="Asia/Kathmandu" if salt % 2 else ""
                )
            elif aside < 0.115:
                withholding.hold(app, ["mallory"])
            elif aside < 0.16:
                withholding.release(app, ["mallory"], cause="case_1")
            try:
                with transaction.atomic(), CaptureQueriesContext(connection) as sent:
                    answers.append(record(app, doing))
            except DomainError as refusal:
                answers.append({"code": refusal.code, "details": refusal.details})
            statements[app.pk, len(sent)] += 1
        mine, other = answers
        for answer in answers:
            if answer.get("eventId"):
                ids.setdefault(answer["eventId"], f"evt{step}")
        told.append(mine)
        assert _named(str(mine), ids) == _named(str(other), ids), (step, doing)
    here, there = (books(app, ids) for app in paths)
    for name in TABLES:
        assert there[name] == here[name], name
    mine, other = paths
    assert statements[other.pk, 1] >= 10, statements  # or nothing was compared
    assert not statements[mine.pk, 1]
    for app in paths:
        assert ledger.verify(app)["ok"]
        assert boards.refresh(app)["drift"] == 0


# --- what is special -------------------------------------------------------------------------------------------------
@pytest.fixture
def reads(himal):
    """``read`` gives ten XP and a coin; ``once`` is rewarded once, ``slow`` once an hour."""
    when = {"created_at": NOON, "updated_at": NOON}
    for key, more in (("read", {}), ("once", {"max_repeats": 1}), ("slow", {"cooldown_s": 3600})):
        Action.objects.create(app=himal.app, key=key, name=key, type="STANDARD", xp=10, coins=1, **more, **when)
    Rulebook.objects.create(app=himal.app, version=1)
    return himal


def statements_of(app: App, doing: Doing) -> tuple[int, dict]:
    with CaptureQueriesContext(connection) as sent:
        answer = fastpath.record(app, doing)
    return len(sent), answer


def test_the_usual_event_is_one_statement(reads):
    fastpath.record(reads.app, Doing("asha", "read"))
    for key in ("read", "once", "slow"):
        count, answer = statements_of(reads.app, Doing("asha", key, f"asha_{key}", metadata={"a": 1}))
        assert (count, answer["awarded"]["xp"], answer["notAwarded"]) == (1, 10, None)
    assert answer["balances"] == {"xp": 40, "coins": 4, "tokens": 0}
    assert reads.post("/incentives/events", {"userId": "asha", "actionKey": "read"})["balances"]["xp"] == 50
    for key, code in (("once", "max_repeats"), ("slow", "cooldown")):
        count, answer = statements_of(reads.app, Doing("asha", key))
        assert (count > 1, answer["awarded"]["xp"], answer["notAwarded"]["code"]) == (True, 0, code)
    withholding.hold(reads.app, ["asha"])
    count, answer = statements_of(reads.app, Doing("asha", "read"))
    assert (count > 1, answer["awarded"]["xp"], answer["notAwarded"]["code"]) == (True, 0, "fraud_hold")
    withholding.release(reads.app, ["asha"], cause="case_1")
    assert statements_of(reads.app, Doing("asha", "read"))[0] == 1
    again = fastpath.record(reads.app, Doing("asha", "read", "asha_read", metadata={"a": 1}))
    assert again["idempotentReplay"] is True
    with pytest.raises(engine.KeyReused):
        fastpath.record(reads.app, Doing("asha", "read", "asha_read", metadata={"a": 2}))


WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%WITH wallet AS%'"""


# --- the traps of waiting --------------------------------------------------------------------------------------------
def while_waiting(app: App, before: Doing, after: Doing, change=lambda: None) -> dict | BaseException:
    """``after`` through the one statement, which begins while ``before`` holds the wallet and is not yet committed."""
    holds, answers = threading.Event(), []

    def hold(_: int) -> None:
        with transaction.atomic():
            engine.record(app, [before], alone=True)
            change()
            holds.set()
            deadline = timezone.now() + timedelta(seconds=20)
            while not sql.row(WAITING)[0]:
                sql.row("SELECT pg_stat_clear_snapshot()")
                assert timezone.now() < deadline, "nobody waits"

    def wait(_: int):
        holds.wait(20)
        try:
            answers.append(fastpath.record(app, after))
        except (DomainError, Overtaken) as refusal:
            answers.append(refusal)

    results = at_once(2, lambda place: (hold, wait)[place](place))
    assert not [result for result in results if isinstance(result, BaseException)], results
    return answers[0]


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_while_the_statement_waits_is_seen(reads):
    app = reads.app
    for key in ("read", "read"):
        engine.record(app, [Doing("asha", key)], alone=True)
    answer = while_waiting(app, Doing("asha", "read"), Doing("asha", "read"))
    assert (answer["balances"]["xp"], answer["streak"]) == (40, 1)
    # a tally that there was not when the statement began
    assert while_waiting(app, Doing("asha", "once"), Doing("asha", "once"))["notAwarded"] == {
        "code": "max_repeats",
        "retryAt": None,
    }
    assert while_waiting(app, Doing("asha", "slow"), Doing("asha", "slow"))["notAwarded"]["code"] == "cooldown"
    # a key that was free when the statement began: the caller's transaction is undone and tried again
    assert isinstance(while_waiting(app, Doing("asha", "read", "k1"), Doing("asha", "read", "k1")), Overtaken)
    assert fastpath.record(app, Doing("asha", "read", "k1"))["idempotentReplay"] is True
    # a level that is reached only with what was given meanwhile
    xp = app.wallets.get(user_id="asha").xp
    Level.objects.create(
        app=app, level=5, name="Five", xp_threshold=xp + 20, coins=100, created_at=NOON, updated_at=NOON
    )
    Rulebook.objects.filter(app=app).update(version=2)
    answer = while_waiting(app, Doing("asha", "read"), Doing("asha", "read"))
    assert (answer["balances"]["xp"], answer["levelsReached"]) == (xp + 20, [5])
    # a hold that is placed meanwhile
    answer = while_waiting(app, Doing("asha", "read"), Doing("asha", "read"), lambda: withholding.hold(app, ["asha"]))
    assert answer["notAwarded"] == {"code": "fraud_hold", "retryAt": None}
    assert ledger.verify(app)["ok"]
    assert boards.refresh(app)["drift"] == 0
    assert recounted(app, "asha")


def recounted(app: App, user: str) -> bool:
    """Whether tallies and standing are what the recorded events say."""
    activities = Activity.objects.filter(app=app, user_id=user)
    counted = activities.filter(Q(not_awarded=None) | Q(withheld="PENDING"))
    rewarded = Counter(counted.values_list("action_key", flat=True))
    tallies = dict(ActionTally.objects.filter(app=app, user_id=user).values_list("action_key", "rewarded"))
    standing = Standing.objects.get(app=app, user_id=user)
    return tallies == rewarded and standing.events == activities.count()


@pytest.mark.django_db(transaction=True)
def test_thirty_at_once_on_an_action_that_is_rewarded_once(reads):
    app = reads.app
    engine.record(app, [Doing("asha", "read")], alone=True)
    answers = at_once(30, lambda _: reads.post("/incentives/events", {"userId": "asha", "actionKey": "once"}))
    assert {answer.status for answer in answers} == {201}
    assert sum(answer["awarded"]["xp"] for answer in answers) == 10
    assert sorted(Counter(str(answer["notAwarded"]) for answer in answers).values()) == [1, 29]
    assert app.wallets.get(user_id="asha").xp == 20
    assert recounted(app, "asha")


@pytest.mark.django_db(transaction=True)
def test_one_key_sent_by_many_at_once_lands_once(reads):
    app = reads.app
    for user in ("asha", "bikram"):
        engine.record(app, [Doing(user, "read")], alone=True)
    same = at_once(
        12, lambda _: reads.post("/incentives/events", {"userId": "asha", "actionKey": "read", "idempotencyKey": "k"})
    )
    assert sorted(answer.status for answer in same) == [200] * 11 + [201]
    assert len({answer["eventId"] for answer in same}) == 1
    # the key on two users: they do not wait for each other's wallets
    users = ("asha", "bikram")
    other = at_once(
        12,
        lambda place: reads.post(
            "/incentives/events", {"userId": users[place % 2], "actionKey": "read", "idempotencyKey": "j"}
        ),
    )
    statuses = Counter(answer.status for answer in other)
    assert statuses == {201: 1, 200: 5, 422: 6}
    assert sum(wallet.xp for wallet in app.wallets.all()) == 40
    assert ledger.verify(app)["ok"]


@pytest.mark.django_db(transaction=True)
def test_both_paths_at_once_on_few_users_lose_nothing(reads):
    app, rounds = reads.app, 25
    Level.objects.create(app=app, level=1, name="One", xp_threshold=500, coins=50, created_at=NOON, updated_at=NOON)
    for user in USERS[:2]:
        engine.record(app, [Doing(user, "read")], alone=True)

    def act(place: int) -> None:
        chance = random.Random(place)
        for _ in range(rounds):
            user = chance.choice(USERS[:2])
            if chance.random() < 0.7:
                fastpath.record(app, Doing(user, chance.choice(["read", "read", "slow", "once"])))
            elif chance.random() < 0.5:
                engine.record(app, [Doing(name, "read") for name in USERS[:2]])
            else:
                adjusting.adjust(app, user, reason="so", coins=1)

    results = at_once(6, act)
    assert results == [None] * 6, results
    assert ledger.verify(app)["ok"]
    assert boards.refresh(app)["drift"] == 0
    for user in USERS[:2]:
        assert recounted(app, user)
        rewarded = Activity.objects.filter(app=app, user_id=user, not_awarded=None).count()
        assert app.wallets.get(user_id=user).xp == 10 * rewarded
        assert Standing.objects.get(app=app, user_id=user).coins_earned == app.wallets.get(user_id=user).coins
    assert Activity.objects.filter(app=app, action_key="once", not_awarded=None).count() == 2
    assert sum(BoardDelta.objects.filter(app=app).values_list("xp", flat=True)) == sum(
        app.wallets.values_list("xp", flat=True)
    )
    connections.close_all()
