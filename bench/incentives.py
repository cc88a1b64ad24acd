"""``python -m bench incentives``: events with every rule on, one and many at once; what ranks cost; boards of millions.

Every figure that is a bound is a ratio of two rates taken in turn in the same run, but for the boards, whose bound is a time.
"""

import argparse
import contextlib
import json
import random
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bench import installation
from bench.million import say

SHARE, SHARE_HOT, BULK, RANKS, BOARD_MS = 0.35, 0.175, 2.0, 0.18, 1.0
"""The bounds: of the combined floor, spread and on one user; bulk over the single floor; what ranks take; a board's answer."""
AT_ONCE = 100


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    installation.HOME = installation.HOME / "incentives"
    installation.HOME.mkdir(parents=True, exist_ok=True)
    installation.enter()
    from bench import floor, players

    if floor.pgbench() is None:
        raise SystemExit(
            "pgbench is neither in the embedded PostgreSQL nor on the path (on Debian: postgresql-contrib)."
        )
    known = players.ready(options.users)
    missed: list[str] = []
    if "events" in options.parts:
        missed += _events(known, options)
    if "ranks" in options.parts:
        missed += _ranks(known, options)
    if "boards" in options.parts:
        missed += _boards(options)
    if missed:
        raise SystemExit("\n".join(missed))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench incentives", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["events", "ranks", "boards", []], help="which (all)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--seconds", type=float, default=5, help="how long each time (5)")
    parser.add_argument("--users", type=int, default=100_000, help="whose events are recorded (100,000)")
    parser.add_argument("--board-users", type=int, default=5_000_000, help="on the boards (five million)")
    options = parser.parse_args(arguments)
    options.parts = options.parts or ["events", "ranks", "boards"]
    return options


# --- events ---------------------------------------------------------------------------------------------------------
def _lua(known, hot: bool, many: bool) -> str:
    """A script for wrk: events of random users, or of one, each with a key of its own."""
    start = time.time_ns() // 1000
    event = '{"userId":"%s","actionKey":"%s","idempotencyKey":"k%d","metadata":{"source":"web"}}'
    place, kind = ("1", "h") if hot else (f"random({known.users})", "a")
    return f"""
local number, random = {start}, math.random
local headers = {{["x-api-key"] = "{known.secret}", ["Content-Type"] = "application/json"}}
math.randomseed({start % 2**31})
local function event()
  number = number + 1
  local user, action = string.format("player-%07d", {place}), string.format("{kind}%d", random({players_actions()}))
  return string.format('{event}', user, action, number)
end
request = function()
  local body
  if {str(many).lower()} then
    local events = {{}}
    for place = 1, {AT_ONCE} do events[place] = event() end
    body = '{{"events":[' .. table.concat(events, ",") .. ']}}'
  else
    body = event()
  end
  return wrk.format("POST", "/v1/incentives/events{"/bulk" if many else ""}", headers, body)
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('\\nRESULT {{"requests": %d, "seconds": %f, "refused": %d, "broken": %d, "p50": %f, "p99": %f}}\\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


def players_actions() -> int:
    from bench.players import ACTIONS

    return ACTIONS


def _drive(port: int, known, seconds: float, *, hot: bool = False, many: bool = False) -> float:
    """Requests a second. Stops the bench where one was refused: then something else was measured."""
    from bench import load

    told = load._wrk(port, _lua(known, hot, many), seconds)
    if told["refused"] or told["broken"] or not told["requests"]:
        raise SystemExit(f"{told}: look into {installation.HOME / 'web.log'}.")
    return told["requests"] / told["seconds"]


def _script(known, *, hot: bool = False, change: Callable[[str], str] = str):
    """The statement of one event, as the product sends it, for pgbench: the database's part of it and nothing else."""
    from django.db import connection

    from bench import floor
    from incenta.accounts.models import App
    from incentives import fastpath
    from incentives.engine import Doing

    app, sent = App.objects.get(pk=known.app_id), []
    number = time.time_ns() // 1000
    user, action = known.user(1), "h1" if hot else "a1"

    def note(execute, statement, params, many, context):
        sent.append((statement, params))
        return execute(statement, params, many, context)

    while True:
        fastpath.record(app, Doing(user, action), actor="key_1")  # the first of the day is another case
        sent.clear()
        time.sleep(0 if hot else 1.1)
        with connection.execute_wrapper(note):
            fastpath.record(app, Doing(user, action, f"k{number}", metadata={"source": "web"}), actor="key_1")
        if len(sent) <= 3:
            break
    ((statement, params),) = [each for each in sent if each[1]]
    varying = {
        f"k{number}": "'k' || :n::text",
        action: f"'{action[0]}' || :a::text",
        user: "'player-' || lpad(:i::text, 7, '0')",
    }
    made = sorted(set(re.findall(r"(?:evt|trf|msg)_01\w{24}", json.dumps(params, default=str))))
    for place, new in enumerate(made):
        varying[new] = f"'{new[:3]}_02' || :n::text || '{place:05d}'"
    script = floor.Script("", statements=3)
    lines = ["\\set k :k + 1", f"\\set n :base + {load_connections()} * :k + :client_id"]
    lines += [
        f"\\set i {1 if hot else f'random(1, {known.users})'}",
        f"\\set a random(1, {players_actions()})",
        "BEGIN;",
    ]
    # in pgbench's eyes a word behind a colon is a variable, also in JSON
    text = re.sub(r'":(?=[a-z])', '": ', change(statement.strip()))
    for name in sorted(set(re.findall(r"%\((\w+)\)s", text)), key=len, reverse=True):
        value = params[name]
        if name in ("at", "now"):
            said = "now()"  # or the cooldown would refuse whoever comes twice
        elif hasattr(value, "total_seconds"):
            said = floor._expression(f"{value.total_seconds()} seconds", name, {}, script) + "::interval"
        elif name == "day":
            said = f"date '{value}'"
        else:
            said = floor._expression(value, name, {} if name in ("count_marks",) else varying, script)
        # pgbench sends every mention as a parameter of its own, whose type is then to be told
        text = text.replace(f"%({name})s", f"{said}::text" if said == f":{name}" else said)
    script.text = "\n".join([*lines, floor._one_line(text) + ";", "COMMIT;"]) + "\n"
    return script


def _floor(script, known, seconds: float) -> float:
    """Events a second by pgbench alone. Stops the bench where it did not write them."""
    from django.db import connection

    from bench import floor
    from incenta.database import sql

    def written() -> int:
        (count,) = sql.row("SELECT count(*) FROM incentives_activity WHERE id >= 'evt_02'")
        connection.close()
        return count

    before = written()
    rate = floor.drive(script, known, seconds)
    if written() - before < 0.95 * rate * int(seconds):
        raise SystemExit(f"pgbench did {rate * seconds:,.0f} transactions and wrote {written() - before:,} events.")
    return rate


def load_connections() -> int:
    from bench.load import CONNECTIONS

    return CONNECTIONS


def _tidy() -> None:
    """What beat would have done meanwhile, and what autovacuum would do in time."""
    from django.db import connection

    from incenta.database import sql
    from incentives import boards

    while boards.fold():
        pass
    sql.execute("UPDATE events_event SET dispatched_at = now() WHERE dispatched_at IS NULL")
    with connection.cursor() as cursor:
        cursor.execute(
            "VACUUM ANALYZE incentives_boarddelta, incentives_wallet, incentives_standing, incentives_actiontally, events_event"
        )
    connection.close()


def _in_turn(steps: dict[str, Callable[[float], float]], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Each step's rates, one a round; in another order each round, so that whatever drifts drifts for all."""
    measured: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(-1, rounds):  # the first one only warms up
        names = list(steps)
        names = names[round_ % len(names) :] + names[: round_ % len(names)]
        for name in names:
            rate = steps[name](1 if round_ < 0 else seconds)
            if round_ >= 0:
                measured[name].append(rate)
        _tidy()
        if round_ >= 0:
            say(f"  round {round_ + 1}: " + ", ".join(f"{name} {rates[-1]:,.0f}" for name, rates in measured.items()))
    return measured


def _ratio(measured: dict, of: Callable[..., float], *names: str) -> float:
    """The median over the rounds of what is computed from the rates of one round."""
    return statistics.median(of(*rates) for rates in zip(*(measured[name] for name in names), strict=True))


def _combined(app: float, http: float, sql: float) -> float:
    return app * (1 / http + 1 / sql)


def _events(known, options) -> list[str]:
    import os

    usual, hot = _script(known), _script(known, hot=True)
    with contextlib.ExitStack() as stack:
        app = stack.enter_context(installation.serving("incenta.wsgi:application"))
        os.environ["BENCH_VARIANT"] = "engine"
        engine = stack.enter_context(installation.serving("bench.variants:application"))
        os.environ["BENCH_VARIANT"] = ""
        http = stack.enter_context(installation.serving("bench.constant:application"))
        steps = {
            "event": lambda seconds: _drive(app, known, seconds),
            "event by the engine": lambda seconds: _drive(engine, known, seconds),
            "constant view": lambda seconds: _drive(http, known, seconds),
            "event's SQL": lambda seconds: _floor(usual, known, seconds),
            "hot event": lambda seconds: _drive(app, known, seconds, hot=True),
            "hot event by the engine": lambda seconds: _drive(engine, known, seconds, hot=True),
            "hot event's SQL": lambda seconds: _floor(hot, known, seconds),
            "bulk of 100": lambda seconds: AT_ONCE * _drive(app, known, seconds, many=True),
        }
        measured = _in_turn(steps, options.rounds, options.seconds)
    print()
    print(
        f"{known.users:,} users. Events a second, medians of {options.rounds} rounds; share of the combined floor 1 / (1/constant + 1/SQL)."
    )
    print()
    print("| | events/s | of the floor | at least |")
    print("| --- | ---: | ---: | ---: |")
    shares = {
        "event": (_ratio(measured, _combined, "event", "constant view", "event's SQL"), SHARE),
        "event by the engine": (
            _ratio(measured, _combined, "event by the engine", "constant view", "event's SQL"),
            None,
        ),
        "hot event": (_ratio(measured, _combined, "hot event", "constant view", "hot event's SQL"), SHARE_HOT),
        "hot event by the engine": (
            _ratio(measured, _combined, "hot event by the engine", "constant view", "hot event's SQL"),
            None,
        ),
        "bulk of 100": (_ratio(measured, lambda bulk, sql: bulk / sql, "bulk of 100", "event's SQL"), BULK),
    }
    for name, rates in measured.items():
        share, least = shares.get(name, (None, None))
        told = "" if share is None else f"{share:.2f} x the SQL of one" if name == "bulk of 100" else f"{share:.3f}"
        print(f"| {name} | {statistics.median(rates):,.0f} | {told} | {'' if least is None else least} |")
    gain = _ratio(measured, lambda fast, slow: fast / slow, "event", "event by the engine")
    hot_of_usual = _ratio(measured, lambda one, all_: one / all_, "hot event", "event")
    print(f"\nThe one statement: {gain:.2f} times the engine. One hot user: {hot_of_usual:.2f} of the rate of many.")
    _keep("events", measured)
    return [
        f"{name}: {share:.3f} is under {least}" for name, (share, least) in shares.items() if least and share < least
    ]


def _ranks(known, options) -> list[str]:
    """What it costs an event that ranks are kept: the row it leaves, and the folding behind it."""
    import os
    import threading

    from django.db import connection

    from bench import variants
    from incentives import boards

    usual = _script(known)
    without = _script(known, change=variants.without_boards)

    def folding(seconds: float) -> float:
        done = threading.Event()

        def fold() -> None:
            while not done.wait(1):
                boards.fold()
            connection.close()

        folder = threading.Thread(target=fold)
        folder.start()
        try:
            return _floor(usual, known, seconds)
        finally:
            done.set()
            folder.join()

    with contextlib.ExitStack() as stack:
        os.environ["BENCH_VARIANT"] = "no boards"
        bare = stack.enter_context(installation.serving("bench.variants:application"))
        os.environ["BENCH_VARIANT"] = ""
        app = stack.enter_context(installation.serving("incenta.wsgi:application"))
        steps = {
            "SQL without ranks": lambda seconds: _floor(without, known, seconds),
            "SQL": lambda seconds: _floor(usual, known, seconds),
            "SQL while folding": folding,
            "event without ranks": lambda seconds: _drive(bare, known, seconds),
            "event": lambda seconds: _drive(app, known, seconds),
        }
        measured = _in_turn(steps, options.rounds, options.seconds)
    print()
    print("| what ranks cost | events/s | less | at most |")
    print("| --- | ---: | ---: | ---: |")
    missed = []
    for name, base in (
        ("SQL", "SQL without ranks"),
        ("SQL while folding", "SQL without ranks"),
        ("event", "event without ranks"),
    ):
        less = 1 - _ratio(measured, lambda kept, bare: kept / bare, name, base)
        print(
            f"| {name} | {statistics.median(measured[name]):,.0f} of {statistics.median(measured[base]):,.0f} | {less:.1%} | {RANKS:.0%} |"
        )
        if less > RANKS and name != "SQL while folding":
            missed.append(f"{name}: ranks take {less:.1%}, over {RANKS:.0%}")
    _keep("ranks", measured)
    return missed


# --- boards ---------------------------------------------------------------------------------------------------------
def _boards(options) -> list[str]:
    from bench import crowd
    from incentives import boards
    from incentives.models.board import METRICS

    app, windows = crowd.ready(options.board_users)
    chance = random.Random(1)
    print()
    print(
        f"{options.board_users:,} users on the board of all time. Milliseconds of the round trip to the database, prepared and warm."
    )
    print()
    print("| window | users | pending | answer | median | p90 | CPU |")
    print("| --- | ---: | ---: | --- | ---: | ---: | ---: |")
    missed, kept = [], {}
    for pending in (0, crowd.PENDING):
        crowd.leave_pending(app, pending, options.board_users)
        for name, (window, users) in windows.items():
            asks = {
                "top 10": lambda: boards.top(app, window, chance.choice(METRICS[:2])),  # noqa: B023 - called at once
                "place of a random user": lambda: boards.place(app, window, crowd.user(chance.randint(1, users))),  # noqa: B023
                "top 10 from 1,000": lambda: boards.top(app, window, offset=1_000),  # noqa: B023
            }
            for what, ask in asks.items():
                told = crowd.measured(ask)
                print(
                    f"| {name} | {users:,} | {pending:,} | {what} | {told['median']:.2f} | {told['p90']:.2f} | {told['cpu']:.2f} |",
                    flush=True,
                )
                kept[f"{name}, {pending} pending, {what}"] = told
                if told["median"] > BOARD_MS and what != "top 10 from 1,000" and not pending:
                    missed.append(f"{what}, {name}: {told['median']:.2f} ms is over {BOARD_MS} ms")
    wrong = crowd.check(app, windows)
    assert not wrong, wrong
    _keep("boards", kept)
    return missed


def _keep(part: str, figures: dict) -> None:
    file: Path = installation.HOME / f"{part}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.write_text(json.dumps(figures, indent=1))
