"""Many at once: one award, one event, one end, whatever the order and whoever is first."""

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from incenta.errors import Overtaken
from incentives import boards, engine
from incentives.book import current
from incentives.models import Activity, Standing, Wallet
from incentives.models.board import Period
from tests.cast import at_once
from tests.incentives.game import action, badge, did, level, milestone, points, sound

pytestmark = pytest.mark.django_db(transaction=True)


def test_thirty_events_on_one_repeat_are_one_award(himal):
    action(himal, maxRepeats=1)
    answers = at_once(30, lambda _: did(himal))
    assert [answer.status for answer in answers] == [201] * 30
    assert Counter((answer["notAwarded"] or {"code": None})["code"] for answer in answers) == {
        None: 1,
        "max_repeats": 29,
    }
    assert points(himal) == (10, 5, 0)
    sound(himal)


def test_thirty_of_one_key_are_one_event(himal):
    action(himal)
    answers = at_once(30, lambda _: did(himal, idempotencyKey="once"))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: 29}
    assert len({answer["eventId"] for answer in answers}) == 1
    assert points(himal) == (10, 5, 0) and Activity.objects.count() == 1


def test_one_key_for_twenty_users_is_the_first_ones(himal):
    action(himal)
    answers = at_once(20, lambda place: did(himal, f"user {place}", idempotencyKey="mine"))
    assert Counter(answer.status for answer in answers) == {201: 1, 422: 19}
    first = next(answer for answer in answers if answer.status == 201)
    assert {answer["details"]["eventId"] for answer in answers if answer.status == 422} == {first["eventId"]}
    assert Activity.objects.count() == 1
    sound(himal)


def test_bulks_that_share_users_and_keys_in_any_order(himal):
    action(himal, maxRepeats=3)
    events = [
        {"userId": f"user {place % 20}", "actionKey": "visit", "idempotencyKey": f"key {place}"} for place in range(100)
    ]

    def act(place: int):
        return himal.post("/incentives/events/bulk", {"events": random.Random(place).sample(events, 100)})

    answers = at_once(6, act)
    assert [answer.status for answer in answers] == [200] * 6
    assert sum(answer["recorded"] for answer in answers) == 100 and sum(answer["replayed"] for answer in answers) == 500
    assert [points(himal, f"user {place}") for place in range(20)] == [(30, 15, 0)] * 20
    sound(himal)


# --- the replay -----------------------------------------------------------------------------------------------------
USERS, EVENTS, THREADS = 40, 5_000, 8
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ACTIONS = {
    # key: (xp, coins, tokens, limits)
    "free": (3, 1, 0, {}),
    "once": (50, 20, 5, {"maxRepeats": 1}),
    "few": (11, 7, 1, {"maxRepeats": 4}),
    "daily": (5, 2, 0, {"maxPerDay": 2}),
    "slow": (8, 3, 0, {"cooldown": 1800}),
}
LEVELS = {1: (0, 1), 2: (100, 10), 3: (300, 30), 4: (700, 70)}
STREAK, VISITS, MANY, RICH = 4, 9, 60, 200


def rules(himal) -> None:
    for key, (xp, coins, tokens, limits) in ACTIONS.items():
        action(himal, key, xp=xp, coins=coins, tokens=tokens, **limits)
    badge(himal, "gold", xp=25, coins=5)
    for number, (threshold, coins) in LEVELS.items():
        level(himal, number, threshold, coins=coins, **({"badgeKey": "gold"} if number == 3 else {}))
    badge(himal, "days", {"streakDays": STREAK}, xp=40)
    badge(himal, "visitor", {"actionKey": "free", "count": VISITS}, coins=9)
    milestone(himal, "many", "events", MANY, coins=15)
    milestone(himal, "rich", "coinsEarned", RICH, tokens=3)


def generated(seed: int) -> list[engine.Doing]:
    """Events whose end is the same in any order: what is within a cooldown of another is within one of all of its cluster."""
    source = random.Random(seed)
    events = []
    for place in range(EVENTS):
        user, key = f"user {source.randrange(USERS)}", source.choice(list(ACTIONS))
        at = BEGIN + timedelta(days=source.choice([*range(9), *range(12, 20)]), seconds=source.randrange(86_400))
        if key == "slow":
            at = at.replace(
                minute=source.randrange(20), second=0
            )  # an hour's cluster is 20 minutes wide, 40 from the next
        events.append(engine.Doing(user, key, f"key {place}", at, {"place": place}))
    return events


def expected(events: list[engine.Doing]) -> dict[str, dict]:
    """Every user's end, from the list alone."""
    by_user = defaultdict(list)
    for event in events:
        by_user[event.user_id].append(event)
    found = {}
    for user, doings in by_user.items():
        xp = coins = tokens = 0
        days = {doing.occurred_at.date() for doing in doings}
        for key, (each_xp, each_coins, each_tokens, limits) in ACTIONS.items():
            moments = [doing.occurred_at for doing in doings if doing.action_key == key]
            count = len(moments)
            if "maxRepeats" in limits:
                count = min(count, limits["maxRepeats"])
            elif "maxPerDay" in limits:
                count = sum(min(n, limits["maxPerDay"]) for n in Counter(moment.date() for moment in moments).values())
            elif "cooldown" in limits:
                count = len({moment.replace(minute=0) for moment in moments})
            if key == "free":
                visits = count
            xp, coins, tokens = xp + count * each_xp, coins + count * each_coins, tokens + count * each_tokens
        badges, longest, run = set(), 0, 0
        for day in sorted(days):
            run = run + 1 if day - timedelta(days=1) in days else 1
            longest = max(longest, run)
        if longest >= STREAK:
            badges, xp = badges | {"days"}, xp + 40
        if visits >= VISITS:
            badges, coins = badges | {"visitor"}, coins + 9
        levels = {number for number, (threshold, _) in LEVELS.items() if xp >= threshold}
        if 3 in levels:
            badges, xp, coins = badges | {"gold"}, xp + 25, coins + 5
            levels = {number for number, (threshold, _) in LEVELS.items() if xp >= threshold}
        coins += sum(LEVELS[number][1] for number in levels)
        milestones = set()
        if len(doings) >= MANY:
            milestones, coins = milestones | {"many"}, coins + 15
        if coins >= RICH:
            milestones, tokens = milestones | {"rich"}, tokens + 3
        found[user] = {
            "points": (xp, coins, tokens),
            "level": max(levels),
            "badges": badges,
            "milestones": milestones,
            "longest": longest,
            "events": len(doings),
        }
    return found


def test_thousands_of_events_in_any_order_with_duplicates_end_as_the_list_says(himal):
    rules(himal)
    events = generated(7)
    source = random.Random(11)
    told = events + source.sample(events, EVENTS // 4)
    source.shuffle(told)

    def act(place: int) -> int:
        mine, recorded = told[place::THREADS], 0
        while mine:
            size = source.choice([1, 1, 10, 60, 150])
            batch, mine = mine[:size], mine[size:]
            for _ in range(20):
                try:
                    answers = engine.record(himal.app, batch)
                    break
                except Overtaken:
                    continue
            assert not [answer for answer in answers if isinstance(answer, Exception)]
            recorded += sum(not answer["idempotentReplay"] for answer in answers)
        return recorded

    recorded = at_once(THREADS, act)
    assert all(isinstance(each, int) for each in recorded), recorded
    assert sum(recorded) == EVENTS == Activity.objects.filter(app=himal.app).count()
    truth = expected(events)
    book = current(himal.app)
    wallets = {wallet.user_id: wallet for wallet in Wallet.objects.filter(app=himal.app)}
    standings = {each.user_id: each for each in Standing.objects.filter(app=himal.app)}
    found = {
        user: {
            "points": (wallet.xp, wallet.coins, wallet.tokens),
            "level": book.level_of(wallet.xp),
            "badges": set(standings[user].badges),
            "milestones": set(standings[user].milestones),
            "longest": standings[user].longest_streak,
            "events": standings[user].events,
        }
        for user, wallet in wallets.items()
    }
    assert found == truth
    scores = sorted((each["points"][0] for each in truth.values()), reverse=True)
    board = boards.top(himal.app, boards.Window.present(himal.app, Period.ALL), limit=100)
    assert [line["xp"] for line in board] == scores
    assert all(
        line["rank"] == scores.index(line["xp"]) + 1 and truth[line["userId"]]["points"][0] == line["xp"]
        for line in board
    )
    sound(himal)
