"""``python -m bench fraud``: what a look adds to a request, on a table of ten million links.

The statements of one look are timed one by one on one connection: the savepoint and the read, judging in Python, the rows written.
Cold is the first time after the server was started anew, by keys that nobody has asked for; warm is the second time by the same keys.
An address of 200,000 accounts is asked as often as rare ones. The bars: median 5 ms and p95 15 ms; the crowded address no more.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bench import installation
from bench.million import _fingerprint, say

VERSION = 1
CROWD = 200_000
"""Accounts at the one address that everybody shares."""
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MEDIAN_MS, P95_MS = 5.0, 15.0


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    installation.HOME = installation.HOME / "links"
    installation.HOME.mkdir(parents=True, exist_ok=True)
    installation.enter()
    app, users = _ready(options.links)
    asked = [_Asked.of(random.Random(place), users, place) for place in range(options.times)]
    _start_anew()
    table = [("cold", _measured(app, asked)), ("warm", _measured(app, asked)), ("warmer", _measured(app, asked))]
    crowded = [each.crowded() for each in asked]
    _measured(app, crowded[:20])
    table.append((f"at the address of {CROWD:,} accounts", _measured(app, crowded)))
    _print(app, options, table)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench fraud", description=__doc__)
    parser.add_argument("--links", type=int, default=10_000_000, help="rows in the table of links (10,000,000)")
    parser.add_argument("--times", type=int, default=1_000, help="looks (1,000)")
    return parser.parse_args(arguments)


# --- the data ---------------------------------------------------------------------------------------------------------
# Each user has an address that about three share, a device of his own or (one in eight) of two, and a mailbox.
_LINKS = """
INSERT INTO fraud_link (app_id, kind, key, user_id, companion, first_seen, last_seen)
SELECT %(app)s, k.kind, k.key, 'user-' || i, CASE WHEN k.kind = 1 THEN hashint8extended(i, 7) END, at, at
FROM (SELECT i::bigint, timestamptz '2026-11-20' - (hashint8extended(i, 1) & 8388607) * interval '1 second' AS at
      FROM generate_series(%(first)s::int, %(last)s::int) i) u
CROSS JOIN LATERAL (VALUES
  (1, hashint8extended(i / 3, 11)),
  (2, hashint8extended(CASE WHEN i %% 8 = 0 THEN i + 1 ELSE i END, 12)),
  (3, hashint8extended(i, 13))) k(kind, key)
"""
_CROWD = """
INSERT INTO fraud_link (app_id, kind, key, user_id, companion, first_seen, last_seen)
SELECT %(app)s, 1, 1, 'user-' || i, hashint8extended(i %% 5, 7), at, at
FROM (SELECT i, timestamptz '2026-11-20' - i * interval '13 seconds' AS at FROM generate_series(1, %(crowd)s::int) i) u
"""
_SEEN_BEFORE = """SELECT hashint8extended(%(place)s / 3, 11), hashint8extended(%(place)s, 12)"""


def _ready(links: int):
    """The app with so many links, made where there is none, and how many users it has."""
    import json

    from django.core.management import call_command
    from django.db import connection

    from incenta.accounts.models import App
    from incenta.database.embedded import Cluster

    users = links // 3
    note = installation.HOME / "links.json"
    made_by = [VERSION, links, _fingerprint()]
    if note.exists():
        known = json.loads(note.read_text())
        if known["made_by"] == made_by:
            return App.objects.get(pk=known["app_id"]), users
    say(f"Making {links:,} links in {installation.HOME}: some minutes, once.")
    note.unlink(missing_ok=True)
    connection.close()
    settings = connection.settings_dict
    with connection._nodb_cursor() as cursor:
        Cluster(**settings["EMBEDDED"]).ensure_running()
        cursor.execute(f'DROP DATABASE IF EXISTS "{settings["NAME"]}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{settings["NAME"]}"')
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    app = _make(users)
    note.write_text(json.dumps({"app_id": app.pk, "made_by": made_by}))
    return app, users


def _make(users: int):
    from django.db import connection, transaction

    from fraud.models import Link
    from incenta.accounts import create_merchant
    from incenta.accounts.models import User

    with transaction.atomic():
        owner, _ = User.objects.get_or_create(email="links@example.com")
        app = create_merchant(owner, "Links").apps.get(sandbox_of=None)
    indexes = Link._meta.indexes
    with connection.schema_editor() as editor:  # a row that goes into no index costs a tenth
        for index in indexes:
            editor.remove_index(Link, index)
        editor.execute("ALTER TABLE fraud_link DROP CONSTRAINT fraud_link_pkey")
    started = time.monotonic()
    with connection.cursor() as cursor:
        step = 500_000
        for first in range(1, users + 1, step):
            cursor.execute(_LINKS, {"app": app.pk, "first": first, "last": min(first + step - 1, users)})
        cursor.execute(_CROWD, {"app": app.pk, "crowd": CROWD})
    say(f"    rows: {time.monotonic() - started:.0f} s")
    started = time.monotonic()
    with connection.schema_editor() as editor:
        editor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        editor.execute("ALTER TABLE fraud_link ADD CONSTRAINT fraud_link_pkey PRIMARY KEY (app_id, kind, key, user_id)")
        for index in indexes:
            editor.add_index(Link, index)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) fraud_link")
        cursor.execute("CHECKPOINT")
    say(f"    indexes: {time.monotonic() - started:.0f} s")
    return app


def _start_anew() -> None:
    """Empties the server's memory; what the operating system keeps of its files stays."""
    from django.db import connection, connections

    from incenta.database.embedded import Cluster

    settings = connection.settings_dict
    connections.close_all()
    cluster = Cluster(**settings["EMBEDDED"])
    cluster.stop()
    cluster.ensure_running()


# --- one look ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Asked:
    """A newcomer at the address and on the device of somebody known, referred by somebody else."""

    user: str
    neighbour: int
    referrer: str
    mailbox: int
    at_crowd: bool = False

    @classmethod
    def of(cls, chance: random.Random, users: int, place: int) -> "_Asked":
        neighbour = chance.randint(1, users)
        return cls(f"newcomer-{place}", neighbour, f"user-{chance.randint(1, users)}", chance.getrandbits(62))

    def crowded(self) -> "_Asked":
        return _Asked(self.user, self.neighbour, self.referrer, self.mailbox, True)


def _measured(app, asked: list[_Asked]) -> dict[str, list[float]]:
    """Milliseconds of each part and of all."""
    from django.db import transaction

    from fraud import context, evidence, looking
    from fraud.evidence import KeyKind
    from fraud.looking import WRITE, Asked
    from fraud.models import Subject
    from incenta.database import sql

    seen = context.of(
        {"ip": "81.2.3.4", "userAgent": "Mozilla/5.0 (X11) Chrome/131", "deviceId": "d", "email": "a@example.com"}
    )
    for _ in range(4):
        sql.row("SELECT 1")
    found: dict[str, list[float]] = {"read": [], "judge": [], "write": [], "all": []}
    for place, each in enumerate(asked):
        address, device = sql.row(_SEEN_BEFORE, {"place": each.neighbour})
        now_keys = {KeyKind.IP: 1 if each.at_crowd else address, KeyKind.DEVICE: device, KeyKind.EMAIL: each.mailbox}
        with transaction.atomic():
            sql.row("SELECT 1")
            read, took = _timed(
                lambda now_keys=now_keys, each=each: evidence.read(
                    app, now_keys, "a@example.com", user_id=each.user, other_id=each.referrer, at=NOW
                )
            )
            assert not read.is_degraded or took > 40, took
            told = Asked(
                Subject.CONVERSION.value, f"conv_{place}", NOW, each.referrer, each.user, each.user, seen, "camp_1", amount_minor=5000
            )  # fmt: skip
            look, judged = _timed(lambda told=told, read=read: looking.look(app, told, found=read, version=0))
            statement = f"WITH {WRITE} SELECT 1"
            _, wrote = _timed(lambda look=look: sql.row(statement, look.parameters() | {"app_id": app.pk}))  # noqa: B023
            transaction.set_rollback(True)
        for name, value in (("read", took), ("judge", judged), ("write", wrote), ("all", took + judged + wrote)):
            found[name].append(value)
    return found


def _timed(act: Callable[[], object]) -> tuple:
    started = time.perf_counter()
    answer = act()
    return answer, (time.perf_counter() - started) * 1000


def _print(app, options: argparse.Namespace, table: list[tuple[str, dict[str, list[float]]]]) -> None:
    print()
    print(f"{options.links:,} links, {options.times:,} looks each; milliseconds, median and p95.")
    print()
    print("| looks | savepoint and read | p95 | judging | p95 | writing | p95 | all | p95 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, figures in table:
        cells = [
            f"{statistics.median(figures[part]):.2f} | {_p95(figures[part]):.2f}"
            for part in ("read", "judge", "write", "all")
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print()
    figures = dict(table)
    missed = []
    for name in ("cold", "warm"):
        middle, high = statistics.median(figures[name]["all"]), _p95(figures[name]["all"])
        if middle > MEDIAN_MS or high > P95_MS:
            missed.append(f"{name}: median {middle:.2f} ms, p95 {high:.2f} ms")
    rare, crowded = statistics.median(figures["warmer"]["read"]), statistics.median(table[-1][1]["read"])
    print(f"The crowded address costs {crowded / rare:.2f} times a rare one.")
    if crowded > rare * 1.5:
        missed.append(f"the crowded address: {crowded:.2f} ms where a rare one takes {rare:.2f}")
    if missed:
        raise SystemExit("\n".join(missed))


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
