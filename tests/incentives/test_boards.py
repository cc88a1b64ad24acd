"""Boards answer what counting everybody would answer, whatever is folded and whatever is pending."""

import random
import threading
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incentives import boards
from incentives.boards import Window, folding, recount
from incentives.models import BoardBlock, BoardBucket, BoardDelta, BoardScore, Standing
from incentives.models.board import METRICS, Period
from tests.cast import at_once, caller

pytestmark = pytest.mark.django_db
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Naive:
    """Every change of a score in a list, and the board by sorting everybody."""

    def __init__(self):
        self.changes: list[tuple[str, date, datetime, dict]] = []
        self.hidden: set[str] = set()

    def board(self, window: Window, metric: str) -> list[dict]:
        sums: dict[str, dict] = defaultdict(lambda: dict.fromkeys(METRICS, 0) | {"at": NEVER})
        for user, day, at, gains in self.changes:
            if window.start <= day < window.end:
                scores = sums[user]
                for name in METRICS:
                    scores[name] += gains[name]
                if gains[metric]:
                    scores["at"] = max(scores["at"], at)
        shown = [
            (user, scores)
            for user, scores in sums.items()
            if user not in self.hidden and (metric != "referrals" or scores["referrals"] > 0)
        ]
        shown.sort(key=lambda each: (-each[1][metric], each[1]["at"], each[0].encode()))
        lines = []
        for user, scores in shown:
            rank = 1 + sum(other[metric] > scores[metric] for _, other in shown)
            lines.append({"rank": rank, "userId": user, "xp": scores["xp"], "coins": scores["coins"]})
            if metric == "referrals":
                lines[-1]["referrals"] = scores["referrals"]
        return lines

    def place(self, window: Window, user: str, metric: str, neighbours: int) -> dict | None:
        lines = self.board(window, metric)
        here = next((index for index, line in enumerate(lines) if line["userId"] == user), None)
        if here is None:
            return None
        return lines[here] | {
            "of": len(lines),
            "above": lines[max(0, here - neighbours) : here],
            "below": lines[here + 1 : here + 1 + neighbours],
        }


@pytest.fixture
def app(himal) -> App:
    return himal.app


def compare(app: App, naive: Naive, days: list[date], users: list[str], chance: random.Random) -> None:
    for period in Period.values:
        window = Window.of(period, chance.choice(days))
        for metric in METRICS:
            expected = naive.board(window, metric)
            assert boards.top(app, window, metric, limit=100) == expected, (window, metric)
            offset, limit = chance.randrange(len(users)), chance.randint(1, 7)
            assert boards.top(app, window, metric, limit=limit, offset=offset) == expected[offset : offset + limit]
            for user in [*chance.sample(users, 4), "nobody"]:
                around = chance.randint(0, 4)
                assert boards.place(app, window, user, metric, neighbours=around) == naive.place(
                    window, user, metric, around
                ), (window, metric, user)


AMOUNTS = {
    "small": lambda chance: chance.choice([0, 1, 1, 2, 5, 10, 10]),
    "either way": lambda chance: chance.choice([-20, -5, 0, 5, 5, 20, 4096, -4096, 5000, -5000, -5001]),
    "large": lambda chance: chance.choice(
        [0, 1000, 4095, 4096, 4097, 4100, 10**6, 10**6 + 1, 2**40, 2**40 + 1, 2**55, 2**55 + 1, 2**57 - 1]
    ),
    "anything": lambda chance: int(chance.lognormvariate(8, 3)),
}


@pytest.mark.parametrize("amounts", AMOUNTS)
@pytest.mark.parametrize("seed", range(3))
def test_boards_equal_a_naive_count_pending_half_folded_and_folded(app, seed, amounts):
    chance, amount = random.Random(f"{amounts} {seed}"), AMOUNTS[amounts]
    users = [f"{name}{number}" for name in ("asha", "Bikram", "çelik", "ashá") for number in range(8)]
    days = [date(2026, 2, 26) + timedelta(days=step) for step in range(8)] + [date(2025, 12, 31), date(2026, 1, 1)]
    naive = Naive()
    for _ in range(6):
        for user in chance.sample(users, 12):
            day = chance.choice(days)
            at = datetime(day.year, day.month, day.day, chance.randrange(24), tzinfo=UTC)
            gains = {"xp": amount(chance), "coins": amount(chance), "referrals": chance.choice([0, 0, 0, 1, 1, -1])}
            BoardDelta.objects.create(app=app, user_id=user, day=day, at=at, **gains)
            naive.changes.append((user, day, at, gains))
        if chance.random() < 0.4:
            user, hidden = chance.choice(users), chance.random() < 0.7
            Standing.objects.update_or_create(app=app, user_id=user, defaults={"visible": not hidden})
            boards.show(app, user, not hidden)
            (naive.hidden.add if hidden else naive.hidden.discard)(user)
        compare(app, naive, days, users, chance)
        boards.fold(most=chance.choice([1, 5, 7, 1000]))  # some of what is pending, or all of it
        compare(app, naive, days, users, chance)
    while boards.fold():
        pass
    compare(app, naive, days, users, chance)
    histogram_equals_scores()


def histogram_equals_scores() -> None:
    for metric in METRICS:
        counted = defaultdict(int)
        for app_id, period, start, bucket in sql.rows(
            f"SELECT app_id, period, start, incenta_board_bucket({metric}) FROM incentives_boardscore WHERE visible"
        ):
            counted[app_id, period, start, bucket] += 1
        kept = {
            (row.app_id, row.period, row.start, row.bucket): row.users
            for row in BoardBucket.objects.filter(metric=metric).exclude(users=0)
        }
        assert kept == counted
        blocks = defaultdict(int)
        for (app_id, period, start, bucket), users in kept.items():
            blocks[app_id, period, start, bucket >> 6] += users
        assert blocks == {
            (row.app_id, row.period, row.start, row.block): row.users
            for row in BoardBlock.objects.filter(metric=metric).exclude(users=0)
        }


def test_the_buckets_rise_with_the_score_and_end_where_they_say(db):
    chance = random.Random(1)
    scores = {chance.choice([-1, 1]) * int(2 ** chance.uniform(0, 62.99)) for _ in range(3000)} | set(
        range(-4200, 4200, 7)
    )
    scores |= {sign * (2**power + near) for power in range(12, 63) for near in (-1, 0, 1) for sign in (-1, 1)}
    ordered = sorted(scores)
    found = dict(
        sql.rows(
            "SELECT score, incenta_board_bucket(score) FROM unnest(%(scores)s::bigint[]) AS score",
            {"scores": ordered},
        )
    )
    buckets = [found[score] for score in ordered]
    assert buckets == sorted(buckets)
    assert all(found[score] == score for score in ordered if -4096 < score < 4096)
    ends = dict(
        sql.rows(
            "SELECT b, incenta_board_bucket_end(b) FROM unnest(%(buckets)s::int[]) AS b",
            {"buckets": sorted(set(buckets))},
        )
    )
    assert all(score <= ends[found[score]] for score in ordered)


# --- as the API tells it ---------------------------------------------------------------------------------------------
@pytest.fixture
def reads(himal):
    """An action that gives ten XP and one coin."""
    made = himal.post("/incentives/actions", {"key": "read", "name": "Read", "type": "STANDARD", "xp": 10, "coins": 1})
    assert made.status == 201, made
    return himal


def read(himal, user: str, times: int = 1, **more) -> None:
    for _ in range(times):
        told = himal.post("/incentives/events", {"userId": user, "actionKey": "read"} | more)
        assert told.status == 201, told


def test_equals_share_a_rank_and_the_earliest_is_named_first(reads):
    for user, times in (("asha", 3), ("bikram", 2), ("chandra", 2), ("mallory", 1)):
        read(reads, user, times)
    told = reads.get("/incentives/leaderboard")
    assert told.status == 200
    assert told.json == [
        {"rank": 1, "userId": "asha", "xp": 30, "coins": 3},
        {"rank": 2, "userId": "bikram", "xp": 20, "coins": 2},
        {"rank": 2, "userId": "chandra", "xp": 20, "coins": 2},
        {"rank": 4, "userId": "mallory", "xp": 10, "coins": 1},
    ]
    read(reads, "bikram", occurredAt=clock.iso(clock.now(reads.app)))
    read(reads, "chandra")
    assert [line["userId"] for line in reads.get("/incentives/leaderboard").json] == [
        "asha",
        "bikram",
        "chandra",
        "mallory",
    ]
    assert [line["rank"] for line in reads.get("/incentives/leaderboard").json] == [1, 1, 1, 4]


def test_an_event_that_is_told_late_does_not_make_its_user_the_earliest(reads):
    read(reads, "asha", 2)
    read(reads, "bikram", 1)
    yesterday = clock.iso(clock.now(reads.app) - timedelta(days=1))
    read(reads, "bikram", occurredAt=yesterday)
    order = ["asha", "bikram"]  # asha's second came before bikram's latest
    assert [line["userId"] for line in reads.get("/incentives/leaderboard").json] == order
    boards.fold()
    assert [line["userId"] for line in reads.get("/incentives/leaderboard").json] == order


def test_a_users_place_with_neighbours(reads):
    for place, user in enumerate(("asha", "bikram", "chandra", "deepa", "mallory"), start=1):
        read(reads, user, 6 - place)
    told = reads.get("/incentives/leaderboard/chandra").json
    assert told == {
        "rank": 3,
        "userId": "chandra",
        "xp": 30,
        "coins": 3,
        "of": 5,
        "above": [
            {"rank": 1, "userId": "asha", "xp": 50, "coins": 5},
            {"rank": 2, "userId": "bikram", "xp": 40, "coins": 4},
        ],
        "below": [
            {"rank": 4, "userId": "deepa", "xp": 20, "coins": 2},
            {"rank": 5, "userId": "mallory", "xp": 10, "coins": 1},
        ],
    }
    missing = reads.get("/incentives/leaderboard/nobody")
    assert (missing.status, missing["code"]) == (404, "not_ranked")


def test_a_board_of_referrals_lists_those_who_have_any(reads):
    read(reads, "asha")
    today = clock.now(reads.app)
    for user in ("bikram", "bikram", "chandra"):
        BoardDelta.objects.create(app=reads.app, user_id=user, day=today.date(), at=today, referrals=1)
    for _ in range(2):
        assert [
            (line["rank"], line["userId"], line["referrals"])
            for line in reads.get("/incentives/leaderboard?metric=referrals").json
        ] == [
            (1, "bikram", 2),
            (2, "chandra", 1),
        ]
        assert reads.get("/incentives/leaderboard/chandra?metric=referrals")["of"] == 2
        assert reads.get("/incentives/leaderboard/asha?metric=referrals").status == 404
        boards.fold()


def test_pages_of_the_board(reads):
    for place in range(12):
        read(reads, f"user{place:02d}", 12 - place)
    assert len(reads.get("/incentives/leaderboard").json) == 10
    assert [line["rank"] for line in reads.get("/incentives/leaderboard?limit=3&offset=5").json] == [6, 7, 8]
    assert reads.get("/incentives/leaderboard?offset=12").json == []


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=ten", "limit=1.5", "limit=", "offset=-1", "offset=10001", "offset=x"),
        *(
            "period=hourly",
            "period=",
            "metric=tokens",
            "at=yesterday",
            "at=2026-13-01",
            "at=20261123",
            "at=9999-12-31&period=weekly",
        ),
        *("colour=red", "limit=1&limit=2"),
    ],
)
def test_a_query_that_cannot_be_right_is_refused(reads, query):
    told = reads.get(f"/incentives/leaderboard?{query}")
    assert told.status == 400, told
    if not query.startswith(("limit", "offset")):
        assert reads.get(f"/incentives/leaderboard/asha?{query}").status == 400


def test_a_place_has_no_pages(reads):
    assert reads.get("/incentives/leaderboard/asha?limit=5").status == 400


def test_a_score_is_set_by_an_entry_of_the_ledger(reads):
    read(reads, "asha", 3)
    told = reads.post("/incentives/leaderboard", {"userId": "bikram", "xp": 45, "coins": 7})
    assert told.status == 200
    assert (told["rank"], told["xp"], told["coins"], told["of"]) == (1, 45, 7, 2)
    lowered = reads.post("/incentives/leaderboard", {"userId": "asha", "xp": 5})
    assert (lowered["rank"], lowered["xp"], lowered["coins"]) == (2, 5, 3)
    assert reads.get("/incentives/ledger/verify")["ok"] is True
    assert reads.post("/incentives/leaderboard/refresh")["drift"] == 0


@pytest.mark.parametrize(
    "body",
    [
        *(
            {},
            {"userId": "asha"},
            {"userId": "asha", "xp": -1},
            {"userId": "asha", "xp": 1.5},
            {"userId": "asha", "xp": "5"},
        ),
        *({"userId": "", "xp": 1}, {"userId": "asha", "xp": 10**18}, {"userId": "asha", "xp": 1, "rank": 1}),
    ],
)
def test_a_score_that_cannot_be_is_refused(reads, body):
    assert reads.post("/incentives/leaderboard", body).status == 400
    assert reads.get("/incentives/leaderboard").json == []


def test_boards_of_two_apps_do_not_meet(reads, rival):
    read(reads, "asha")
    assert rival.get("/incentives/leaderboard").json == []
    assert rival.get("/incentives/leaderboard/asha").status == 404
    boards.fold()
    assert rival.get("/incentives/leaderboard").json == []
    assert rival.get("/incentives/leaderboard/asha").status == 404


def test_a_hidden_user_is_on_no_board_and_counts_in_no_rank(reads):
    app = reads.app
    for user, times in (("mallory", 3), ("asha", 2), ("bikram", 1)):
        read(reads, user, times)
    for fold in (False, True):
        if fold:
            boards.fold()
        with transaction.atomic():
            Standing.objects.filter(app=app, user_id="mallory").update(visible=False)
            boards.show(app, "mallory", False)
        read(reads, "mallory")
        for period in ("all", "daily", "weekly", "monthly"):
            assert [line["userId"] for line in reads.get(f"/incentives/leaderboard?period={period}").json] == [
                "asha",
                "bikram",
            ]
        assert reads.get("/incentives/leaderboard/mallory").status == 404
        assert (
            reads.get("/incentives/leaderboard/asha")["rank"],
            reads.get("/incentives/leaderboard/bikram")["of"],
        ) == (1, 2)
        with transaction.atomic():
            Standing.objects.filter(app=app, user_id="mallory").update(visible=True)
            boards.show(app, "mallory", True)
        assert reads.get("/incentives/leaderboard/asha")["rank"] == 2
    boards.fold()
    histogram_equals_scores()
    assert boards.refresh(app) == {"drift": 0, "users": 3}


# --- windows ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("zone", "last_of_day", "first_of_next"),
    [
        # a quarter of an hour off every full hour
        ("Asia/Kathmandu", "2026-11-30T18:14:59Z", "2026-11-30T18:15:00Z"),
        # the day has 25 hours: clocks go back at 06:00 UTC on Sunday, 1 November
        ("America/New_York", "2026-11-02T04:59:59Z", "2026-11-02T05:00:00Z"),
        # the day has 23 hours: clocks go forward at 01:00 UTC on Sunday, 29 March
        ("Europe/London", "2026-03-29T22:59:59Z", "2026-03-29T23:00:00Z"),
        # a day that begins at one o'clock: there is no midnight on 8 March
        ("America/Havana", "2026-03-08T04:59:59Z", "2026-03-08T05:00:00Z"),
        ("Pacific/Kiritimati", "2026-11-30T09:59:59Z", "2026-11-30T10:00:00Z"),
    ],
)
def test_days_weeks_and_months_are_those_of_the_apps_zone(himal, zone, last_of_day, first_of_next):
    app = himal.app.sandbox
    early, late = datetime.fromisoformat(last_of_day), datetime.fromisoformat(first_of_next)
    App.objects.filter(pk=app.pk).update(timezone=zone, clock_frozen_at=early)
    himal = caller(app)
    himal.post("/incentives/actions", {"key": "read", "name": "Read", "type": "STANDARD", "xp": 10})
    read(himal, "asha")
    App.objects.filter(pk=app.pk).update(clock_frozen_at=late)
    read(himal, "bikram")

    before, after = (at.astimezone(ZoneInfo(zone)).date() for at in (early, late))
    assert after == before + timedelta(days=1)
    same = {
        "daily": False,
        "weekly": before.isocalendar()[:2] == after.isocalendar()[:2],
        "monthly": (before.year, before.month) == (after.year, after.month),
        "all": True,
    }
    for _ in range(2):
        for period, is_same in same.items():
            then, now = (["asha", "bikram"], ["asha", "bikram"]) if is_same else (["asha"], ["bikram"])
            board = f"/incentives/leaderboard?period={period}"
            assert [line["userId"] for line in himal.get(board).json] == now
            assert [line["userId"] for line in himal.get(f"{board}&at={before}").json] == then
            assert himal.get(f"/incentives/leaderboard/asha?period={period}&at={before}")["of"] == len(then)
            if period != "all":
                assert himal.get(f"{board}&at={before - timedelta(days=40)}").json == []
        assert boards.refresh(App.objects.get(pk=app.pk)) == {"drift": 0, "users": 2}
        boards.fold()


# --- the recount -----------------------------------------------------------------------------------------------------
def test_what_no_longer_agrees_is_mended(reads):
    for user, times in (("asha", 3), ("bikram", 2), ("mallory", 1)):
        read(reads, user, times)
    boards.fold()
    read(reads, "asha")
    expected = [
        reads.get(f"/incentives/leaderboard?period={period}").json for period in ("all", "daily", "weekly", "monthly")
    ]
    assert boards.refresh(reads.app) == {"drift": 0, "users": 3}
    scores = BoardScore.objects.filter(app=reads.app)

    scores.filter(user_id="mallory").update(xp=1_000)
    scores.filter(user_id="asha", period="W").delete()
    scores.create(
        app=reads.app,
        user_id="ghost",
        period="A",
        start=boards.BEGINNING,
        xp=5,
        xp_at=NEVER,
        coins_at=NEVER,
        referrals_at=NEVER,
    )
    BoardBucket.objects.filter(app=reads.app, metric="coins").update(users=17)
    told = reads.post("/incentives/leaderboard/refresh")
    assert (told["success"], told["drift"]) == (True, 4 + 1 + 1)
    ghost = scores.get(user_id="ghost")
    assert ghost.xp == 0
    ghost.delete()
    assert boards.refresh(reads.app)["drift"] > 0  # its buckets
    assert boards.refresh(reads.app) == {"drift": 0, "users": 3}
    assert [
        reads.get(f"/incentives/leaderboard?period={period}").json for period in ("all", "daily", "weekly", "monthly")
    ] == expected
    histogram_equals_scores()

    BoardBlock.objects.filter(app=reads.app).delete()
    assert boards.refresh(reads.app)["drift"] > 0
    histogram_equals_scores()

    scores.filter(user_id="asha").update(
        xp_at=clock.now(reads.app) + timedelta(days=1)
    )  # no score, but the order of equals
    assert boards.refresh(reads.app)["drift"] == 0
    assert scores.filter(user_id="asha", xp_at__lte=clock.now(reads.app)).count() == 4


def test_a_hidden_user_who_is_shown_is_a_drift(reads):
    read(reads, "mallory")
    boards.fold()
    Standing.objects.filter(app=reads.app).update(visible=False)  # and nobody told the boards
    assert boards.refresh(reads.app)["drift"] == 4
    assert reads.get("/incentives/leaderboard").json == []
    histogram_equals_scores()


def test_the_recount_goes_by_blocks(reads, monkeypatch):
    monkeypatch.setattr(recount, "USERS_A_BLOCK", 2)
    for place in range(5):
        read(reads, f"user{place}", place + 1)
    for _ in range(3):
        assert boards.refresh(reads.app) == {"drift": 0, "users": 5}
        boards.fold(most=9)
    BoardScore.objects.filter(app=reads.app).delete()
    assert boards.refresh(reads.app)["drift"] > 0
    assert [line["userId"] for line in reads.get("/incentives/leaderboard").json] == [
        f"user{place}" for place in (4, 3, 2, 1, 0)
    ]


# --- all at once -----------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_every_answer_is_of_one_moment_while_others_write_and_fold(himal):
    """Writers move points between users, so the sum stays; and each place says a rank that the lines around it bear out."""
    app = himal.app
    users = [f"user{place:02d}" for place in range(20)]
    day = clock.now(app).date()
    for user in users:
        BoardDelta.objects.create(app=app, user_id=user, day=day, at=NEVER, xp=5_000)
    done = threading.Event()
    window = Window.of(Period.DAILY, day)

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(150):
            with transaction.atomic():
                amount = chance.choice([1, 10, 700])
                for user, gain in zip(chance.sample(users, 2), (amount, -amount), strict=True):
                    BoardDelta.objects.create(app=app, user_id=user, day=day, at=clock.now(app), xp=gain)

    def fold(_: int) -> int:
        folds = 0
        while not done.is_set():
            folds += boards.fold(most=13) > 0
        return folds

    def look(seed: int) -> int:
        chance, looks = random.Random(seed), 0
        while not done.is_set() or looks < 5:
            lines = boards.top(app, window, limit=100)
            assert sum(line["xp"] for line in lines) == 5_000 * len(users)
            told = boards.place(app, window, chance.choice(users), neighbours=100)
            around = [*told["above"], told, *told["below"]]
            assert told["of"] == len(around) == len(users)
            assert sum(line["xp"] for line in around) == 5_000 * len(users)
            assert [line["rank"] for line in around] == [
                1 + sum(other["xp"] > line["xp"] for other in around) for line in around
            ]
            looks += 1
        return looks

    writers = 2
    finished = threading.Semaphore(0)

    def act(place: int):
        if place < writers:
            try:
                return write(place)
            finally:
                finished.release()
        if place == writers:
            for _ in range(writers):
                finished.acquire()
            done.set()
            return None
        return fold(place) if place <= writers + 2 else look(place)

    results = at_once(writers + 1 + 2 + 2, act)
    assert not [result for result in results if isinstance(result, BaseException)], results
    assert sum(results[writers + 1 : writers + 3]) > 5
    while boards.fold():
        pass
    assert not BoardDelta.objects.exists()
    assert sum(line["xp"] for line in boards.top(app, window, limit=100)) == 5_000 * len(users)
    histogram_equals_scores()


@pytest.mark.django_db(transaction=True)
def test_two_folders_fold_nothing_twice(himal):
    app = himal.app
    day = date(2026, 11, 23)
    for place in range(300):
        BoardDelta.objects.create(app=app, user_id=f"user{place % 7}", day=day, at=NEVER, xp=1, coins=2)

    def act(_: int) -> int:
        folded = 0
        while BoardDelta.objects.exists():
            folded += boards.fold(most=11)
        return folded

    results = at_once(4, act)
    assert sum(results) == 300, results
    for period in Period.values:
        lines = boards.top(app, Window.of(period, day))
        assert (sum(line["xp"] for line in lines), sum(line["coins"] for line in lines)) == (300, 600)
    histogram_equals_scores()


def test_a_bulk_reaches_its_scores_when_the_same_events_alone_would(reads):
    """Asha's last XP is of ten o'clock; the coins that she gets at noon do not make her later than Bikram of eleven."""
    assert (
        reads.post("/incentives/actions", {"key": "gift", "name": "Gift", "type": "STANDARD", "coins": 4}).status == 201
    )
    day = (clock.now(reads.app) - timedelta(days=2)).date().isoformat()
    events = [
        {"userId": "asha", "actionKey": "read", "occurredAt": f"{day}T10:00:00Z"},
        {"userId": "bikram", "actionKey": "read", "occurredAt": f"{day}T11:00:00Z"},
        {"userId": "asha", "actionKey": "gift", "occurredAt": f"{day}T12:00:00Z"},
        {"userId": "bikram", "actionKey": "gift", "occurredAt": f"{day}T09:00:00Z"},
    ]
    assert reads.post("/incentives/events/bulk", {"events": events})["recorded"] == 4
    for _ in range(2):
        assert [line["userId"] for line in reads.get("/incentives/leaderboard").json] == ["asha", "bikram"]
        assert [line["userId"] for line in reads.get("/incentives/leaderboard?metric=coins").json] == ["bikram", "asha"]
        boards.fold()
    before = list(BoardScore.objects.order_by("id").values())
    assert boards.refresh(reads.app)["drift"] == 0
    assert list(BoardScore.objects.order_by("id").values()) == before


@pytest.mark.django_db(transaction=True)
def test_a_fold_is_asked_for_after_every_few_deltas(reads, monkeypatch):
    """The bell is one of Celery's broker; that it is rung is all that happens here."""
    rung = []
    monkeypatch.setattr(folding._bell, "ring", lambda: rung.append(BoardDelta.objects.count()))
    monkeypatch.setattr(folding, "_left", 0)
    monkeypatch.setattr(folding, "DELTAS_A_RING", 4)
    read(reads, "asha", 3)
    assert rung == []
    read(reads, "asha")
    assert rung == [4]  # what it is rung for is committed
    events = [{"userId": f"user {place}", "actionKey": "read"} for place in range(9)]
    assert reads.post("/incentives/events/bulk", {"events": events}).status == 200
    assert rung == [4, 13]
