"""The great replay: generated events in random order, with duplicates, through sixteen clients of the API at once, while boards
are folded, end with exactly the balances, levels, badges and ranks that a recomputation from the list gives.

``INCENTA_REPLAY_EVENTS=100000 pytest tests/incentives/test_replay.py`` for the whole of it.
"""

import os
import random
import threading
import time
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest

from incenta import clock
from incentives import boards
from incentives.boards import Window
from incentives.engine import Doing
from incentives.models import Activity, BoardScore, Standing, Transfer, Wallet
from incentives.models.board import Period
from tests.cast import at_once
from tests.incentives.game import sound
from tests.incentives.test_events_at_once import ACTIONS, expected, rules

EVENTS = int(os.environ.get("INCENTA_REPLAY_EVENTS", 3_000))
USERS = max(EVENTS // 75, 5)
CLIENTS = 16
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def generated(source: random.Random) -> list[Doing]:
    """Events whose end does not depend on their order: a cooldown's cluster is twenty minutes wide, and forty from the next."""
    events = []
    for place in range(EVENTS):
        user, key = f"user {source.randrange(USERS)}", source.choice(list(ACTIONS))
        at = BEGIN + timedelta(days=source.choice([*range(9), *range(12, 20)]), seconds=source.randrange(86_400))
        if key == "slow":
            at = at.replace(minute=source.randrange(20), second=0)
        events.append(Doing(user, key, f"key {place}", at, {"place": place}))
    return events


def sent(doing: Doing) -> dict:
    return {
        "userId": doing.user_id,
        "actionKey": doing.action_key,
        "idempotencyKey": doing.idempotency_key,
        "occurredAt": clock.iso(doing.occurred_at),
        "metadata": doing.metadata,
    }


@pytest.mark.timeout(3_600)
@pytest.mark.django_db(transaction=True)
def test_events_in_any_order_with_duplicates_through_sixteen_clients_end_as_the_list_says(himal):
    rules(himal)
    source = random.Random(EVENTS)
    events = generated(source)
    told = events + source.sample(events, EVENTS // 4)
    source.shuffle(told)
    done = threading.Semaphore(0)

    def fold() -> int:
        left, folds = CLIENTS, 0
        while left:
            left -= done.acquire(timeout=0.2)
            folds += boards.fold(most=random.choice([10, 1_000])) > 0
        return folds

    def send(place: int) -> Counter:
        mine, chance, counts = told[place::CLIENTS], random.Random(place), Counter()
        while mine:
            size = chance.choice([1, 1, 1, 1, 1, 1, 1, 5, 40])
            batch, mine = mine[:size], mine[size:]
            if size == 1:
                answer = himal.post("/incentives/events", sent(batch[0]))
                assert answer.status in (200, 201), answer
                counts[answer.status] += 1
            else:
                answer = himal.post("/incentives/events/bulk", {"events": [sent(each) for each in batch]})
                assert answer.status == 200 and not answer["failed"], answer
                counts[201] += answer["recorded"]
                counts[200] += answer["replayed"]
        return counts

    def act(place: int) -> Counter | int:
        if place == CLIENTS:
            return fold()
        try:
            return send(place)
        finally:
            done.release()

    started = time.monotonic()
    *counts, folds = at_once(CLIENTS + 1, act)
    assert all(isinstance(each, Counter) for each in counts) and isinstance(folds, int), [*counts, folds]
    took = time.monotonic() - started
    print(
        f"{len(told):,} events of {USERS:,} users in {took:.0f} s, {len(told) / took:,.0f} a second; folded {folds:,} times"
    )
    assert sum(counts, Counter()) == {201: EVENTS, 200: EVENTS // 4}
    assert Activity.objects.filter(app=himal.app).count() == EVENTS

    truth = expected(events)
    assert ends(himal) == truth
    ranks_are_those_of(himal, {user: end["points"][0] for user, end in truth.items()})
    windows_are_those_of_the_transfers(himal)
    sound(himal)
    while boards.fold():
        pass
    ranks_are_those_of(himal, {user: end["points"][0] for user, end in truth.items()})
    windows_are_those_of_the_transfers(himal)
    assert BoardScore.objects.filter(app=himal.app, period=Period.ALL).count() == len(truth)


def ends(himal) -> dict[str, dict]:
    """Where every user is, as the rows say."""
    standings = {each.user_id: each for each in Standing.objects.filter(app=himal.app)}
    return {
        wallet.user_id: {
            "points": (wallet.xp, wallet.coins, wallet.tokens),
            "level": standings[wallet.user_id].level,
            "badges": set(standings[wallet.user_id].badges),
            "milestones": set(standings[wallet.user_id].milestones),
            "longest": standings[wallet.user_id].longest_streak,
            "events": standings[wallet.user_id].events,
        }
        for wallet in Wallet.objects.filter(app=himal.app)
    }


def ranks_are_those_of(himal, scores: dict[str, int]) -> None:
    """Everybody's place on the board of all time, by counting."""
    window = Window.present(himal.app, Period.ALL)
    ordered = sorted(scores.values(), reverse=True)
    rank_of = {score: place for place, score in reversed(list(enumerate(ordered, start=1)))}
    for user, score in scores.items():
        told = boards.place(himal.app, window, user)
        assert (told["rank"], told["xp"], told["of"]) == (rank_of[score], score, len(scores)), user
    lines = [
        line
        for offset in range(0, len(scores), 100)
        for line in boards.top(himal.app, window, limit=100, offset=offset)
    ]
    assert [(line["rank"], line["xp"]) for line in lines] == [(rank_of[score], score) for score in ordered]
    assert {line["userId"]: line["xp"] for line in lines} == scores


def windows_are_those_of_the_transfers(himal) -> None:
    """Days, weeks and months: in which of them a repeat was rewarded depends on the order, so the ledger is asked."""
    found: dict[tuple[str, date, str], dict] = defaultdict(lambda: defaultdict(int))
    users = dict(Wallet.objects.filter(app=himal.app).values_list("id", "user_id"))
    earned = Transfer.objects.filter(app=himal.app, asset__in=("XP", "COIN")).values_list(
        "wallet_id", "asset", "amount", "occurred_at"
    )
    for wallet, asset, amount, at in earned:
        for period in ("D", "W", "M"):
            for metric, of in (("xp", "XP"), ("coins", "COIN")):  # who has one score is on the board of the other
                found[period, Window.of(period, at.date()).start, metric][users[wallet]] += amount * (asset == of)
    for (period, start, metric), scores in found.items():
        window = Window.of(period, start)
        expected_top = sorted(scores.values(), reverse=True)[:100]
        assert [line[metric] for line in boards.top(himal.app, window, metric, limit=100)] == expected_top, (
            window,
            metric,
        )
