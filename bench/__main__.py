"""``python -m bench``: each hot call's rate as a share of what this machine could do at most.

The most is the combined floor, ``1 / (1/http + 1/sql)``: a view that does nothing, and the same statements without Python, one
after the other. Ratios compare between machines and hours; the rates themselves do not.
"""

import argparse
import json
import statistics
import sys
import time

from bench import installation


def main() -> None:
    if sys.argv[1:2] == ["incentives"]:
        from bench import incentives

        return incentives.main(sys.argv[2:])
    if sys.argv[1:2] == ["marketplace"]:
        from bench import marketplace

        return marketplace.main(sys.argv[2:])
    if sys.argv[1:2] == ["fraud"]:
        from bench import fraud

        return fraud.main(sys.argv[2:])
    if sys.argv[1:2] == ["webhooks"]:
        from bench import webhooks

        return webhooks.main(sys.argv[2:])
    if sys.argv[1:2] == ["fraud-report"]:
        from bench import fraud_report

        return fraud_report.main(sys.argv[2:])
    if sys.argv[1:2] == ["pages"]:
        from bench import pages

        return pages.main(sys.argv[2:])
    options = _options()
    installation.enter()
    from bench import floor, load, million
    from bench.calls import CALLS

    calls = [call for call in CALLS if options.only in call.name]
    if not calls:
        raise SystemExit(f"No call is named {options.only}: {', '.join(call.name for call in CALLS)}.")
    known = million.ready(options.referrals)
    if options.profile:
        from bench import profile

        profile.show(calls, known, options.profile)
        return
    if floor.pgbench() is None:
        raise SystemExit(
            "pgbench is neither in the embedded PostgreSQL nor on the path (on Debian: postgresql-contrib)."
        )
    scripts = {call.name: floor.script_of(call, known) for call in calls}
    say(
        f"{options.rounds} rounds of {options.seconds:g} s each, {load.CONNECTIONS} connections, load by {load.generator()}."
    )
    measured: dict[str, dict[str, list[float]]] = {
        call.name: {"app": [], "http": [], "sql": [], "p50": [], "p99": []} for call in calls
    }
    with (
        installation.serving("incenta.wsgi:application") as app,
        installation.serving("bench.constant:application") as http,
    ):
        for round_ in range(-1, options.rounds):  # the first one only warms up
            seconds = 1 if round_ < 0 else options.seconds
            for call in calls:
                figures = measured[call.name]
                steps = {
                    "app": lambda: load.drive(app, call, known, seconds),  # noqa: B023 - called at once
                    "http": lambda: load.drive(http, call, known, seconds),  # noqa: B023
                    "sql": lambda: floor.drive(scripts[call.name], known, seconds),  # noqa: B023
                }
                # in another order each time, so that whatever drifts drifts for all
                names = list(steps)
                for name in names[round_ % 3 :] + names[: round_ % 3]:
                    told = steps[name]()
                    if round_ >= 0:
                        figures[name].append(told if name == "sql" else told.per_second)
                        if name == "app":
                            figures["p50"].append(told.p50)
                            figures["p99"].append(told.p99)
                _tidy()
            if round_ >= 0:
                say(
                    f"  round {round_ + 1}: "
                    + ", ".join(f"{name} {_shares(figures)[-1]:.2f}" for name, figures in measured.items())
                )
    _print(calls, measured, scripts, known)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--seconds", type=float, default=5, help="how long each time (5)")
    parser.add_argument("--only", default="", help="part of a call's name, such as conversions")
    parser.add_argument("--referrals", type=int, default=1_000_000, help="rows in the table (a million)")
    parser.add_argument(
        "--profile", type=int, metavar="REQUESTS", help="instead: where the Python time of so many goes"
    )
    return parser.parse_args()


def _tidy() -> None:
    """What beat would have done meanwhile: fold the figures, and take the new events as told."""
    from django.db import connection

    from incenta.database import sql
    from referrals import stats

    while stats.fold():
        pass
    sql.execute("UPDATE events_event SET dispatched_at = now() WHERE dispatched_at IS NULL")
    connection.close()


def _shares(figures: dict[str, list[float]]) -> list[float]:
    triples = zip(figures["app"], figures["http"], figures["sql"], strict=True)
    return [app / (1 / (1 / http + 1 / sql)) for app, http, sql in triples]


def _print(calls, measured, scripts, known) -> None:
    from bench import load

    print()
    print(f"{known.referrals:,} referrals. Medians; combined = 1 / (1/constant + 1/sql), share = of it.")
    print()
    print(
        "| call | statements | requests/s | p50 ms | p99 ms | constant view/s | same SQL/s | combined/s | share | at least |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    kept, missed = {}, []
    for call in calls:
        figures = measured[call.name]
        app, http, sql, p50, p99 = (statistics.median(figures[name]) for name in ("app", "http", "sql", "p50", "p99"))
        share = statistics.median(_shares(figures))
        wanted = f"{call.target:.2f}" if call.target else ""
        print(
            f"| {call.name} | {scripts[call.name].statements} | {app:,.0f} | {p50:.1f} | {p99:.1f} | {http:,.0f} | {sql:,.0f} "
            f"| {1 / (1 / http + 1 / sql):,.0f} | {share:.3f} | {wanted} |"
        )
        kept[call.name] = {"share": share, **figures}
        if call.target and share < call.target:
            missed.append(f"{call.name}: {share:.3f} is under {call.target:.2f}")
    print()
    file = installation.HOME / f"result-{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.write_text(json.dumps({"generator": load.generator(), "referrals": known.referrals, "calls": kept}, indent=1))
    if missed:
        raise SystemExit("\n".join(missed))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
