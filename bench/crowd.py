"""An app with millions on its boards: scores made by SQL, histograms by the recount; and how long its answers take."""

import json
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from bench import installation
from bench.million import _fingerprint, say

VERSION = 1
PENDING = 2_000
"""Deltas that two seconds of a thousand events leave between two folds."""
DAY = date(2026, 11, 20)
PARTS = {"A": 1.0, "M": 0.6, "W": 0.3, "D": 0.1}
"""What part of the users has a score in each window."""


def user(place: int) -> str:
    return f"crowd-{place:08d}"


def ready(users: int):
    """The app, and name → (window, users on it)."""
    from django.db import connection

    from incenta.accounts.models import App
    from incentives import boards
    from incentives.models import BoardScore

    note = installation.HOME / "crowd.json"
    known = json.loads(note.read_text()) if note.exists() else {}
    app = App.objects.filter(pk=known.get("app_id"), sandbox_of=None).first()
    if app is None or known["made_by"] != [VERSION, users, _fingerprint()]:
        note.unlink(missing_ok=True)
        say(f"Making {users:,} users' scores: some minutes, once.")
        app = _make(users)
        note.write_text(json.dumps({"app_id": app.pk, "made_by": [VERSION, users, _fingerprint()]}))
    with connection.cursor() as cursor:  # into the cache, as far as it fits
        cursor.execute("SELECT count(*) FROM incentives_boardblock")
    assert BoardScore.objects.filter(app=app).exists()
    names = {"A": "all time", "M": "month", "W": "week", "D": "day"}
    return app, {names[period]: (boards.Window.of(period, DAY), int(users * part)) for period, part in PARTS.items()}


def _make(users: int):
    from django.db import connection, transaction

    from incenta.accounts import create_merchant
    from incenta.accounts.models import User
    from incentives import boards
    from incentives.models import BoardBlock, BoardBucket, BoardScore

    with transaction.atomic():
        owner, _ = User.objects.get_or_create(email="crowd@example.com")
        app = create_merchant(owner, "Crowd").apps.get(sandbox_of=None)
    for model in (BoardScore, BoardBucket, BoardBlock):  # an earlier one's
        model.objects.exclude(app__in=boards_of_players()).delete()
    indexes, constraints = BoardScore._meta.indexes, BoardScore._meta.constraints
    with connection.schema_editor() as editor:  # a row that goes into no index costs a tenth
        for index in indexes:
            editor.remove_index(BoardScore, index)
        for constraint in constraints:
            editor.remove_constraint(BoardScore, constraint)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        for period, part in PARTS.items():
            started = time.monotonic()
            window = boards.Window.of(period, DAY)
            cursor.execute(
                _SCORES,
                {"app": app.pk, "period": period, "start": window.start, "users": int(users * part), "part": part},
            )
            say(f"    {period}: {cursor.rowcount:>9,} scores, {time.monotonic() - started:.0f} s")
    started = time.monotonic()
    with connection.schema_editor() as editor:
        editor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        for constraint in constraints:
            editor.add_constraint(BoardScore, constraint)
        for index in indexes:
            editor.add_index(BoardScore, index)
    say(f"    indexes: {time.monotonic() - started:.0f} s")
    started = time.monotonic()
    from incenta.database import sql
    from incentives.boards import recount

    sql.row(recount.RECOUNT_BUCKETS, {"app_id": app.pk})
    sql.row(recount.RECOUNT_BLOCKS, {"app_id": app.pk})
    say(f"    histograms from scratch: {time.monotonic() - started:.0f} s")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE, FREEZE) incentives_boardscore, incentives_boardbucket, incentives_boardblock")
        cursor.execute("CHECKPOINT")
    return app


def boards_of_players():
    from incenta.accounts.models import App

    return App.objects.filter(merchant__name="Bench")


# Log-normal scores that are the same in every run; a tenth has referred somebody.
_SCORES = """
INSERT INTO incentives_boardscore (app_id, period, start, user_id, xp, xp_at, coins, coins_at, referrals, referrals_at, visible)
SELECT %(app)s, %(period)s, %(start)s, 'crowd-' || lpad(i::text, 8, '0'), xp, at, xp / 2, at,
  CASE WHEN i %% 10 = 0 THEN 1 + i %% 7 ELSE 0 END, at, true
FROM (
  SELECT i, timestamptz '2026-11-20' + i %% 86400 * interval '1 second' AS at,
    floor(exp(7 + 1.4 * sqrt(-2 * ln(1 - (hashint4(i) & 1048575) / 1048576.0::float8))
      * cos(6.2831853 * ((hashint4(-i) & 1048575) / 1048576.0::float8))) * %(part)s::float8 + 1)::bigint AS xp
  FROM generate_series(1, %(users)s::int) i
) n
"""


def leave_pending(app, count: int, users: int) -> None:
    """So many deltas of random users that nobody has folded yet."""
    from django.db import connection

    from incentives.models import BoardDelta

    BoardDelta.objects.filter(app=app).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO incentives_boarddelta (app_id, user_id, day, at, xp, coins, referrals)
            SELECT %(app)s, 'crowd-' || lpad((1 + floor(random() * %(users)s))::int::text, 8, '0'), %(day)s, now(), 10, 5, 0
            FROM generate_series(1, %(count)s)""",
            {"app": app.pk, "users": users, "day": DAY, "count": count},
        )
        cursor.execute("VACUUM ANALYZE incentives_boarddelta")


def measured(ask: Callable[[], object], times: int = 300) -> dict[str, float]:
    """Milliseconds: median and p90 of the round trip, and what the server's process computed for one answer."""
    from django.db import connection

    for _ in range(20):
        ask()
    process = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    cpu = _cpu(process)
    waits = []
    for _ in range(times):
        started = time.perf_counter()
        ask()
        waits.append((time.perf_counter() - started) * 1e3)
    cpu = (_cpu(process) - cpu) / times
    return {"median": statistics.median(waits), "p90": statistics.quantiles(waits, n=10)[8], "cpu": cpu}


def _cpu(process: Path) -> float:
    return int(process.read_text().split()[0]) / 1e6 if process.exists() else float("nan")


def check(app, windows: dict) -> list[str]:
    """Whether ranks are those that counting gives, for a few users of each window."""
    from incenta.database import sql
    from incentives import boards

    wrong = []
    for name, (window, users) in windows.items():
        for place in (1, users // 7, users // 3, users - 1):
            told = boards.place(app, window, user(place))
            (counted,) = sql.row(
                """WITH d AS (SELECT user_id, sum(xp) AS xp FROM incentives_boarddelta WHERE app_id = %(app_id)s AND day >= %(from)s
                  AND day < %(to)s GROUP BY user_id)
                SELECT 1 + count(*) FROM incentives_boardscore b LEFT JOIN d USING (user_id)
                WHERE b.app_id = %(app_id)s AND b.period = %(period)s AND b.start = %(start)s AND b.xp + coalesce(d.xp, 0) > %(xp)s""",
                window.parameters(app) | {"xp": told["xp"]},
            )
            new = sql.row(
                """SELECT count(DISTINCT user_id) FROM incentives_boarddelta d
                WHERE app_id = %(app_id)s AND day >= %(from)s AND day < %(to)s
                AND NOT EXISTS (SELECT FROM incentives_boardscore b WHERE b.app_id = d.app_id AND b.period = %(period)s
                  AND b.start = %(start)s AND b.user_id = d.user_id)""",
                window.parameters(app),
            )[0]
            if not counted <= told["rank"] <= counted + new:
                wrong.append(f"{name}: {user(place)} is told rank {told['rank']}, counted {counted}")
    return wrong
