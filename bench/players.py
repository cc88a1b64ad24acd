"""The app whose users earn points: made once by SQL, in the shape in which the API would have made it.

Every rule is on: cooldown and repeats of each action, levels, badges and milestones within reach, a streak that grows with the
first event of the day.
"""

import json
import time
from dataclasses import asdict, dataclass

from bench import installation
from bench.million import _fingerprint, say

ACTIONS = 10
VERSION = 4
"""Raise it when what is made here changes: the data is then made anew."""


@dataclass
class Players:
    """What the load needs to know of the app."""

    app_id: str
    secret: str
    users: int

    campaigns: tuple = ()
    """None; the runner of pgbench asks."""

    @staticmethod
    def user(place: int) -> str:
        """The user of that number, from 1."""
        return f"player-{place:07d}"


def ready(users: int) -> Players:
    """The app, made where there is none of this size; its users' last day is always yesterday."""
    from django.db import connection

    from incenta.database import sql

    note = installation.HOME / "players.json"
    made_by = [VERSION, users, _fingerprint()]
    known = json.loads(note.read_text()) if note.exists() else {}
    if known.pop("made_by", None) == made_by:
        players = Players(**known)
    else:
        say(f"Making an app with {users:,} users in {installation.HOME}: a minute, once.")
        note.unlink(missing_ok=True)
        fresh_database()
        players = _make(users)
        note.write_text(json.dumps(asdict(players) | {"made_by": made_by}))
    sql.execute(
        "UPDATE incentives_standing SET streak = 3, streak_day = (now() AT TIME ZONE 'UTC')::date - 1 WHERE app_id = %(app)s",
        {"app": players.app_id},
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE incentives_standing")
    return players


def fresh_database() -> None:
    """Empties the installation's database, which is the bench's own, and brings its tables up to date."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from incenta.database.embedded import Cluster

    settings = connection.settings_dict
    with connection._nodb_cursor() as cursor:
        Cluster(**settings["EMBEDDED"]).ensure_running()
        cursor.execute(f'DROP DATABASE IF EXISTS "{settings["NAME"]}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{settings["NAME"]}"')
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)


def _make(users: int) -> Players:
    from django.db import connection, transaction

    from incenta import clock
    from incenta.accounts import create_merchant
    from incenta.accounts.models import ApiKey, Plan, User
    from incentives import boards, ledger
    from incentives.models import Action, Badge, Level, Milestone, Rulebook

    with transaction.atomic():
        Plan.objects.create(name="Bench", monthly_calls=10**12, calls_per_minute=10**9, is_default=True)
        owner = User.objects.create_user("bench@example.com", "no password that matters")
        app = create_merchant(owner, "Bench").apps.get(sandbox_of=None)
        _, secret = ApiKey.objects.issue(app, "bench")
        when = {"created_at": clock.now(app), "updated_at": clock.now(app)}
        Rulebook.objects.create(app=app, version=7)
        for place in range(1, ACTIONS + 1):
            gives = {"type": "STANDARD", "xp": 10, "coins": 5, "tokens": 0, "max_repeats": 1_000_000_000}
            Action.objects.create(app=app, key=f"a{place}", name=f"Action {place}", cooldown_s=1, **gives, **when)
            # for the one user whom everybody asks for: a cooldown would refuse nearly all
            Action.objects.create(app=app, key=f"h{place}", name=f"Hot {place}", cooldown_s=0, **gives, **when)
            Badge.objects.create(
                app=app, key=f"b{place}", name=f"Badge {place}", criteria={"actionKey": f"a{place}", "count": 100}, xp=50, **when
            )  # fmt: skip
        for level in range(1, 31):
            Level.objects.create(
                app=app, level=level, name=f"Level {level}", xp_threshold=1_000 * (level - 1) ** 2, coins=20, **when
            )
        Badge.objects.create(app=app, key="week", name="A week", criteria={"streakDays": 7}, **when)
        for metric, threshold in (("xp", 50_000), ("coinsEarned", 10_000), ("events", 1_000), ("conversions", 10)):
            Milestone.objects.create(app=app, key=metric.lower(), metric=metric, threshold=threshold, coins=10, **when)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # the proofs follow at the end, once
        cursor.execute("SET LOCAL synchronous_commit = off")
        for name, statement in STATEMENTS.items():
            started = time.monotonic()
            cursor.execute(statement, {"app": app.pk, "users": users, "actions": ACTIONS})
            say(f"    {name:<12} {cursor.rowcount:>9,} rows, {time.monotonic() - started:.0f} s")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE, FREEZE)")
    assert ledger.verify(app)["ok"], ledger.verify(app)
    started = time.monotonic()
    boards.refresh(app)
    say(f"    the recount made the boards in {time.monotonic() - started:.0f} s")
    assert boards.refresh(app) == {"drift": 0, "users": users}
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE, FREEZE)")
        cursor.execute("CHECKPOINT")
    return Players(app.pk, secret, users)


# Number i from 1: user player-0000001, XP by a log-normal distribution, and the moment at which all of it was earned at once.
# The first, for whom the hot events are, is above every threshold: pgbench, which only knows the usual, could not pass one.
_NUMBERED = """
SELECT i, 'player-' || lpad(i::text, 7, '0') AS user_id, lpad(i::text, 26, '0') AS place,
  now() - interval '2 days' - i % 100000 * interval '10 seconds' AS at,
  CASE i WHEN 1 THEN 10000000
    ELSE 10 * (1 + floor(exp(6 + 1.5 * sqrt(-2 * ln(1 - random_at(i))) * cos(6.2831853 * random_at(-i)))))::bigint END AS xp
FROM generate_series(1, %(users)s::int) i
"""
# a number from 0 to 1 that is always the same for the same i
_NUMBERED = (
    _NUMBERED.replace("random_at(i)", "(hashint4(i) & 1048575) / 1048576.0::float8")
    .replace("random_at(-i)", "(hashint4(-i) & 1048575) / 1048576.0::float8")
    .replace("i % 100000", "i %% 100000")
)

STATEMENTS = {
    "wallets": f"""
INSERT INTO incentives_wallet (id, app_id, user_id, seq, xp, coins, tokens, xp_held, coins_held, tokens_held,
  xp_dated, coins_dated, tokens_dated, money, may_owe, created_at)
SELECT 'wal_' || place, %(app)s, user_id, 2, xp, xp / 2, 0, 0, 0, 0, 0, 0, 0, '{{}}', false, at FROM ({_NUMBERED}) n""",
    "transfers": f"""
INSERT INTO incentives_transfer (id, app_id, wallet_id, seq, asset, kind, source, target, amount, available_after, held_after,
  cause, cause_type, rule_version, occurred_at, recorded_at)
SELECT 'trf_' || lpad((2 * i + seq)::text, 26, '0'), %(app)s, 'wal_' || place, seq, asset, 'EARN', 'ISSUER', 'AVAILABLE', amount, amount, 0,
  'evt_' || place, 'event', 1, at, at FROM ({_NUMBERED}) n
CROSS JOIN LATERAL (VALUES (1, 'XP', xp), (2, 'COIN', xp / 2)) t(seq, asset, amount)""",
    "standings": f"""
INSERT INTO incentives_standing (app_id, user_id, level, paid_levels, badges, milestones, events, conversions, coins_earned, streak,
  longest_streak, streak_day, freezes, timezone, visible)
SELECT %(app)s, user_id, level, ARRAY(SELECT generate_series(1, level)), '{{}}', '{{}}', CASE i WHEN 1 THEN 100000 ELSE 10 END, 0, xp / 2,
  3, 3, at::date, 0, '', true
FROM ({_NUMBERED}) n CROSS JOIN LATERAL (SELECT least(30, 1 + floor(sqrt(xp / 1000.0))::int) AS level) l""",
    "tallies": f"""
INSERT INTO incentives_actiontally (app_id, user_id, action_key, rewarded, last_at)
SELECT %(app)s, user_id, kind || a, 1 + i %% 20, at FROM ({_NUMBERED}) n
CROSS JOIN generate_series(1, %(actions)s) a CROSS JOIN (VALUES ('a'), ('h')) k(kind) WHERE kind = 'a' OR i = 1""",
}
