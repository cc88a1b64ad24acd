"""``python -m bench marketplace``: redemptions a second on one hot listing with a stock, and spread over a thousand.

Each as a share of what ``pgbench`` does with the very same statements, and of the combined floor (``python -m bench``). The hot
listing's stock is one row that every redemption waits for, in pgbench as in the product.
"""

import argparse
import contextlib
import json
import re
import statistics
import time
from collections.abc import Callable

from bench import installation
from bench.million import say

LISTINGS = 1_000


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    installation.HOME = installation.HOME / "marketplace"
    installation.HOME.mkdir(parents=True, exist_ok=True)
    installation.enter()
    from bench import floor, market

    if floor.pgbench() is None:
        raise SystemExit(
            "pgbench is neither in the embedded PostgreSQL nor on the path (on Debian: postgresql-contrib)."
        )
    known = market.ready(options.users, LISTINGS)
    scripts = {"hot": _script(known, hot=True), "spread": _script(known, hot=False)}
    with contextlib.ExitStack() as stack:
        app = stack.enter_context(installation.serving("incenta.wsgi:application"))
        http = stack.enter_context(installation.serving("bench.constant:application"))
        steps: dict[str, Callable[[float], float]] = {
            "redemption, spread": lambda seconds: _drive(app, known, seconds, hot=False),
            "SQL, spread": lambda seconds: _floor(scripts["spread"], known, seconds),
            "redemption, hot": lambda seconds: _drive(app, known, seconds, hot=True),
            "SQL, hot": lambda seconds: _floor(scripts["hot"], known, seconds),
            "constant view": lambda seconds: _drive(http, known, seconds, hot=True),
        }
        measured = _in_turn(steps, options.rounds, options.seconds)
    _print(measured, scripts, known, options)
    _check(known)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench marketplace", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--seconds", type=float, default=5, help="how long each time (5)")
    parser.add_argument("--users", type=int, default=100_000, help="who spends (100,000)")
    return parser.parse_args(arguments)


def _drive(port: int, known, seconds: float, *, hot: bool) -> float:
    """Redemptions a second. Stops the bench where one was refused: then something else was measured."""
    from bench import load

    told = load._wrk(port, _lua(known, hot), seconds)
    if told["refused"] or told["broken"] or not told["requests"]:
        raise SystemExit(f"{told}: look into {installation.HOME / 'web.log'}.")
    return told["requests"] / told["seconds"]


def _lua(known, hot: bool) -> str:
    """A script for wrk: redemptions by random users, of one listing or of any."""
    listing = "1" if hot else f"math.random({known.listings})"
    return f"""
local headers = {{["x-api-key"] = "{known.secret}", ["Content-Type"] = "application/json"}}
math.randomseed({time.time_ns() % 2**31})
request = function()
  local user, listing = string.format("buyer-%07d", math.random({known.users})), string.format("lst_%026d", {listing})
  local body = string.format('{{"listingId":"%s","userId":"%s"}}', listing, user)
  return wrk.format("POST", "/v1/incentives/marketplace/redeem", headers, body)
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('\\nRESULT {{"requests": %d, "seconds": %f, "refused": %d, "broken": %d, "p50": %f, "p99": %f}}\\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


def _script(known, *, hot: bool):
    """The statements of one redemption, as the product sends them, for pgbench: the database's part of it and nothing else."""
    from django.db import connection, transaction

    from bench import floor
    from bench.load import CONNECTIONS
    from bench.market import COST
    from incenta.accounts.models import App
    from marketplace import redeeming

    app = App.objects.get(pk=known.app_id)
    sent: list[tuple[str, dict]] = []

    def note(execute, statement, params, many, context):
        sent.append((statement, params or {}))
        return execute(statement, params, many, context)

    user, listing = known.user(7), known.listing(1)
    for _ in range(3):  # the first one may be another case
        sent.clear()
        with connection.execute_wrapper(note), transaction.atomic():
            made = redeeming.redeem(app, user_id=user, listing_id=listing, actor="key_1")
    assert all(isinstance(params, dict) for _, params in sent), "a statement of Django's own is not hot"
    locks = next(place for place, (statement, _) in enumerate(sent) if "FOR UPDATE" in statement)
    write = sent[-1][1]
    (wallet,), (transfer,) = (json.loads(write[name]) for name in ("ledger_wallets", "ledger_transfers"))
    left = f"((:s{locks}_coins)::bigint - {COST})::text"
    varying = {
        user: "'buyer-' || lpad(:i::text, 7, '0')",
        wallet["id"]: f":s{locks}_id",
        f'"seq":{wallet["seq"]}': f"'\"seq\":' || ((:s{locks}_seq)::bigint + 1)::text",
        f'"available_after":{transfer["available_after"]}': f"'\"available_after\":' || {left}",
        f'"coins":{wallet["coins"]}': f"'\"coins\":' || {left}",
        made["discountCode"]: "'C' || :n::text",
        made["discountCode"].lower(): "'c' || :n::text",
    }
    if not hot:
        varying[listing] = "'lst_' || lpad(:l::text, 26, '0')"
    everything = json.dumps([params for _, params in sent], default=str)
    for place, new in enumerate(sorted(set(re.findall(r"(?:rdm|trf|msg|stl)_01\w{24}", everything)))):
        varying[new] = f"'{new[:3]}_02' || :n::text || '{place:05d}'"
    script = floor.Script("", statements=len(sent) + 2)
    lines = ["\\set k :k + 1", f"\\set n :base + {CONNECTIONS} * :k + :client_id"]
    lines += [f"\\set i random(1, {known.users})", f"\\set l random(1, {known.listings})", "BEGIN;"]
    for place, (statement, params) in enumerate(sent):
        # in pgbench's eyes a word behind a colon is a variable, also in JSON
        text = re.sub(r'":(?=[a-z])', '": ', statement.strip().rstrip(";"))
        for name in sorted(set(re.findall(r"%\((\w+)\)s", text)), key=len, reverse=True):
            said = floor._expression(params[name], f"p{place}_{name}", varying, script)
            # pgbench sends every mention as a parameter of its own, whose type is then to be told
            kind = "::timestamptz" if hasattr(params[name], "isoformat") else "::text"
            text = text.replace(f"%({name})s", f"({said}{kind})" if said == f":p{place}_{name}" else said)
        lines.append(floor._one_line(text) + (f" \\gset s{place}_" if place == locks else ";"))
    script.text = "\n".join([*lines, "COMMIT;"]) + "\n"
    return script


def _floor(script, known, seconds: float) -> float:
    """Redemptions a second by pgbench alone. Stops the bench where it did not write them."""
    from django.db import connection

    from bench import floor
    from incenta.database import sql

    def written() -> int:
        (count,) = sql.row("SELECT count(*) FROM marketplace_redemption WHERE id >= 'rdm_02'")
        connection.close()
        return count

    before = written()
    rate = floor.drive(script, known, seconds)
    if written() - before < 0.95 * rate * int(seconds):
        raise SystemExit(
            f"pgbench did {rate * seconds:,.0f} transactions and wrote {written() - before:,} redemptions."
        )
    return rate


def _tidy() -> None:
    """What beat would have done meanwhile, and what autovacuum would do in time."""
    from django.db import connection

    from incenta.database import sql

    sql.execute("UPDATE events_event SET dispatched_at = now() WHERE dispatched_at IS NULL")
    with connection.cursor() as cursor:
        cursor.execute(
            "VACUUM ANALYZE incentives_wallet, marketplace_listingstock, marketplace_redemption, events_event"
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


def _print(measured: dict[str, list[float]], scripts: dict, known, options) -> None:
    def ratio(of: Callable[..., float], *names: str) -> float:
        return statistics.median(of(*rates) for rates in zip(*(measured[name] for name in names), strict=True))

    print()
    print(f"{known.users:,} users. Redemptions a second, medians of {options.rounds} rounds of {options.seconds:g} s.")
    print()
    print("| `POST …/redeem` | statements | redemptions/s | same SQL/s | of the SQL | of the combined floor |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, where in (("spread", f"spread over {known.listings:,} listings"), ("hot", "of one hot listing")):
        app, sql = f"redemption, {name}", f"SQL, {name}"
        of_sql = ratio(lambda app, sql: app / sql, app, sql)
        share = ratio(lambda app, http, sql: app * (1 / http + 1 / sql), app, "constant view", sql)
        print(
            f"| {where} | {scripts[name].statements} | {statistics.median(measured[app]):,.0f} "
            f"| {statistics.median(measured[sql]):,.0f} | {of_sql:.2f} | {share:.2f} |"
        )
    hot = ratio(lambda hot, spread: hot / spread, "redemption, hot", "redemption, spread")
    constant = statistics.median(measured["constant view"])
    print(f"\nOne hot listing: {hot:.2f} of the rate of a thousand. Constant view: {constant:,.0f} a second.")
    file = installation.HOME / f"redemptions-{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.write_text(json.dumps(measured, indent=1))


def _check(known) -> None:
    """What was measured was right: stock, coins and what is owed agree with the redemptions that were made."""
    from bench.market import COINS, COST, STOCK
    from incenta.database import sql

    made, coins, stock, owed = sql.row(
        """SELECT (SELECT count(*) FROM marketplace_redemption), (SELECT sum(%(coins)s - coins) FROM incentives_wallet),
          (SELECT sum(%(stock)s - "left") FROM marketplace_listingstock), (SELECT sum(amount_minor) FROM marketplace_settlemententry)""",
        {"coins": COINS, "stock": STOCK},
    )
    assert (coins, stock, owed) == (made * COST, made, made * COST), (made, coins, stock, owed)
    say(f"  {made:,} redemptions: stock, coins and what is owed agree.")
