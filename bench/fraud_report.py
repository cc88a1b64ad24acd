"""``python -m bench fraud-report``: whom the product holds in a world of honest people and cheats, against what is to be reached.

The world comes from a seed (``bench/scenarios``) and is played through the product's own verbs in a database of the bench's own.
What is printed is Markdown. It ends with 1 where a bar is missed.
"""

import argparse
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bench import installation

FAMILIES = ("IDENTITY", "NETWORK", "TIMING", "VALUE", "GRAPH")
"""Which are switched off one after the other. COINS is of users, and is played by itself (``--without COINS``)."""


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    installation.HOME = installation.HOME / "fraud"
    installation.HOME.mkdir(parents=True, exist_ok=True)
    installation.enter()
    from bench.scenarios import measuring

    kept = installation.HOME / "played"
    kept.mkdir(exist_ok=True)
    if options.part:
        for name in options.part.split(","):
            options.only, options.scale = PARTS[name]
            _play(options, kept)
        return
    if options.kept or options.parts:
        if options.parts and not options.kept:
            _play_apart(arguments, options.parts, kept)
        played = _kept(kept, options)
    else:
        played = _play(options, kept)
    text = report(played, options)
    print(text)
    if options.explain:
        print(explained(played, options.explain))
    if options.write:
        document = Path(options.write)
        document.write_text(put_into(document.read_text() if document.exists() else "", text))
    told = [line for each in played if not each.switched_off for line in measuring.missed(each)]
    if told:
        print("\n".join(["", "Missed:", *told]), file=sys.stderr)
        raise SystemExit(1)


PARTS = {
    "cheats": ("F1,F2,F3,F4,F5,L0", 0.5),
    "partners": ("L6", 1.0),
    "stars": ("L4", 0.75),
    "carriers": ("L2", 0.5),
    "families": ("L3", 0.8),
    "offices": ("L1", 0.25),
    "firms": ("L9", 0.6),
    "shops": ("L7,L8", 0.45),
    "sales": ("L5", 0.4),
    "hidden": ("F9,F10,F11", 0.35),
    "leaks": ("F6,F7,F8", 0.3),
}
"""A world in parts: its scenarios, and how much of the whole world, so that each group has people enough for its bound. The longest come
first."""
BEGIN, END = "<!-- tables: written by the report command -->", "<!-- end of tables -->"


def put_into(document: str, text: str) -> str:
    """A document with these tables between its two marks: what people wrote around them stays."""
    if BEGIN not in document:
        return f"# Whom fraud scoring holds\n\n{BEGIN}\n\n{text}\n\n{END}\n"
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}"


def _play_apart(arguments: list[str], at_once: int, kept: Path) -> None:
    """Each part in a process and a database of its own, so many at once; what is done is kept, and a part that fails is told."""
    waiting, playing = list(PARTS), {}
    while waiting or playing:
        while waiting and len(playing) < at_once:
            name = waiting.pop(0)
            home = installation.HOME / name
            environment = os.environ | {"INCENTA_BENCH_DIR": str(home)}
            command = [sys.executable, "-m", "bench", "fraud-report", *arguments, "--part", name]
            playing[name] = subprocess.Popen(command, cwd=installation.ROOT, env=environment)
        time.sleep(1)
        for name, process in list(playing.items()):
            if process.poll() is None:
                continue
            del playing[name]
            say(f"{name}: {'played' if not process.returncode else f'ended with {process.returncode}'}")
            for file in (installation.HOME / name / "fraud" / "played").glob("*.pickle"):
                shutil.copy2(file, kept / file.name)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench fraud-report", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="dev", help="the family of seeds: dev, tune or held-out (dev)")
    parser.add_argument(
        "--seed", default="1", help="which world of it (1); with --kept several with commas, told together"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="how many groups of each kind (1: some 33,000 conversions)"
    )
    parser.add_argument("--fraud", type=float, default=1.0, help="the same for the cheats alone")
    parser.add_argument(
        "--coverage", default="C3", help="what merchants pass: C0, C1, C2, C3, or several with commas (C3)"
    )
    parser.add_argument("--only", default="", help="scenarios such as F2,L3")
    parser.add_argument(
        "--parts", type=int, nargs="?", const=1, help="the whole world in parts, so many at once (1), told together"
    )
    parser.add_argument("--part", default="", help=f"only these parts, to be told later by --kept: {', '.join(PARTS)}")
    parser.add_argument("--levels", default="L0,L1,L2,L3", help="how careful the cheats are")
    parser.add_argument("--without", default="", help="play with this family of signals switched off, such as GRAPH")
    parser.add_argument("--ablation", action="store_true", help="judge again with each family switched off")
    parser.add_argument(
        "--minutes",
        type=float,
        default=float("inf"),
        help="stop each play after this long and judge by what was played",
    )
    parser.add_argument("--add", action="store_true", help="leave in the database what earlier plays wrote")
    parser.add_argument("--kept", action="store_true", help="no play: what earlier plays left")
    parser.add_argument(
        "--again", action="store_true", help="with --kept: judge the kept facts by the rules as they are now"
    )
    parser.add_argument("--explain", default="", help="which signals spoke, by cohort, of scenarios such as L3,F1")
    parser.add_argument(
        "--http", action="store_true", help="calls go through the whole stack of the API: slow, for a small scale"
    )
    parser.add_argument(
        "--write", metavar="FILE", help="puts the tables between the marks of a file, such as docs/fraud-report.md"
    )
    return parser.parse_args(arguments)


# --- playing ----------------------------------------------------------------------------------------------------------
def _play(options: argparse.Namespace, kept: Path) -> list:
    from bench.scenarios.playing import Stage
    from bench.scenarios.world import Config, generate

    _prepare_database(empty=not options.add)
    only = frozenset(filter(None, options.only.split(",")))
    config = Config(
        family=options.seeds,
        seed=int(options.seed),
        scale=options.scale,
        fraud=options.fraud,
        only=only,
        levels=tuple(options.levels.split(",")),
    )
    sealed = generate(config)
    off = _signals_of(options.without) if options.without else ()
    baselines = _baselines(sealed, options.coverage.split(","))
    played = []
    for coverage in options.coverage.split(","):
        say(f"{options.seeds} {options.seed}, {coverage}: {len(sealed.calls):,} calls.")
        stage = Stage(sealed, coverage, off=off, say=say, over_http=options.http, seconds=options.minutes * 60)
        # told to end, a play tells what it has seen so far
        signal.signal(signal.SIGTERM, lambda *_, stage=stage: stage.stop())
        stage.prepare()
        done = stage.play()
        done.part = ",".join(sorted(only))
        done.stopped = [f"{done.part or 'all'} of world {done.seed} at {each}" for each in done.stopped]
        say(f"  played in {done.seconds:.0f} s, {done.looks:,} second looks; refused: {dict(done.refusals)}")
        for each in done.conversions:
            for name, numbers in () if off else baselines.items():
                if each.number in numbers[coverage]:
                    each.others += (name,)
        tail = [done.part] * bool(only) + [f"without-{options.without}"] * bool(off)
        file = "-".join([options.seeds, str(options.seed), coverage, *tail]) + ".pickle"
        (kept / file).write_bytes(pickle.dumps(done))
        played.append(done)
    return played


def _kept(kept: Path, options: argparse.Namespace) -> list:
    """What was played of this world, by coverage: plays of some scenarios each are put together."""
    wanted = ",".join(sorted(filter(None, options.only.split(","))))
    found: dict[str, list] = defaultdict(list)
    for seed in options.seed.split(","):
        of_seed: dict[str, list] = defaultdict(list)
        files = kept.glob(f"{options.seeds}-{seed}-*.pickle")
        for file in sorted(files, key=lambda file: file.stat().st_mtime):
            each = pickle.loads(file.read_bytes())
            if bool(each.switched_off) == bool(options.without) and (not wanted or each.part == wanted):
                of_seed[each.coverage].append(each)
        for coverage, parts in of_seed.items():
            found[coverage].append(_together(parts))
    chosen = [_worlds(found[coverage]) for coverage in options.coverage.split(",") if found[coverage]]
    if not chosen:
        raise SystemExit("No such play was kept.")
    if options.again:
        from bench.scenarios import judging

        for each in chosen:
            judging.judge_again(each)
    return chosen


def _together(parts: list):
    """One play of several; of a scenario that was played twice, the newer."""
    whole, *others = parts
    for other in others:
        newer = set(filter(None, other.part.split(",")))
        whole.conversions = [each for each in whole.conversions if newer and each.label.scenario not in newer]
        whole.users = [each for each in whole.users if newer and each.label.scenario not in newer]
        _add(whole, other)
    return whole


def _add(whole, other) -> None:
    for name in ("app_ids", "conversions", "users", "looked", "scales", "stopped"):
        setattr(whole, name, getattr(whole, name) + getattr(other, name))
    # calls are numbered in each play by itself
    moved = max(whole.codes, default=0) + 1
    whole.codes |= {number + moved: at for number, at in other.codes.items()}
    whole.leaked |= {number + moved: at for number, at in other.leaked.items()}
    whole.guesses |= other.guesses
    whole.refusals += other.refusals
    for name in ("seconds", "calls", "looks"):
        setattr(whole, name, getattr(whole, name) + getattr(other, name))


def _worlds(worlds: list):
    """Several worlds as one. A gang, a code or an attack of one is none of another's, though they are named alike."""
    for world in worlds:
        for each in (*world.conversions, *world.users):
            each.label = replace(each.label, ring=f"{world.seed} {each.label.ring}")
        world.guesses = {f"{world.seed} {attack}": told for attack, told in world.guesses.items()}
    whole, *others = worlds
    for other in others:
        _add(whole, other)
    return whole


def _signals_of(family: str) -> tuple[str, ...]:
    from fraud import weights

    found = tuple(code for code, signal in weights.signals().items() if signal.family == family)
    if not found:
        raise SystemExit(f"No signal is of the family {family}.")
    return found


def _prepare_database(*, empty: bool = True) -> None:
    """The bench's own, migrated, and empty unless something is to be added."""
    from django.apps import apps
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from bench.million import _fingerprint
    from incenta.database.embedded import Cluster

    note = installation.HOME / "migrated"
    settings = connection.settings_dict
    if not note.exists() or note.read_text() != _fingerprint():
        say("Making a database.")
        note.unlink(missing_ok=True)
        with connection._nodb_cursor() as cursor:
            Cluster(**settings["EMBEDDED"]).ensure_running()
            cursor.execute(f'DROP DATABASE IF EXISTS "{settings["NAME"]}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{settings["NAME"]}"')
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        note.write_text(_fingerprint())
        return
    if not empty:
        return
    tables = [
        model._meta.db_table
        for model in apps.get_models()
        if model._meta.app_label
        in ("accounts", "api", "events", "fraud", "incentives", "referrals", "webhooks", "marketplace")
        and model._meta.managed
        and not model._meta.proxy
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")


def _baselines(sealed, coverages: list[str]) -> dict[str, dict[str, set[int]]]:
    """Judge → coverage → the numbers of the conversions that he would have held."""
    from bench.scenarios import baselines

    judges = {"IP only": baselines.by_address, "Earlier rules": baselines.before}
    return {name: {coverage: judge(sealed, coverage) for coverage in coverages} for name, judge in judges.items()}


# --- telling ----------------------------------------------------------------------------------------------------------
def report(played: list, options: argparse.Namespace) -> str:
    from bench.scenarios import measuring
    from bench.scenarios.world import START, Config

    first = played[0]
    scales = sorted({scale for each in played for scale in each.scales})
    size = " to ".join(f"{scale:g}" for scale in dict.fromkeys((scales[0], scales[-1])))
    lines = [
        f"Seeds: {first.family} {options.seed.replace(',', ', ')}, at scale {size} (1 is the whole world). Played through the "
        "product's own verbs with the built-in rules, campaigns in mode `hold` from score 50. Conversions: "
        + ", ".join(f"{each.coverage} {len(each.conversions):,}" for each in played)
        + ". Shares with Wilson's 95 % bounds. Looks in a request may take as long as they need, where the product cuts them short "
        "after 50 ms: a busy machine is no busy installation.",
        "",
        "C0 passes ids only, C1 also address and browser, C2 also the device, C3 also e-mail, phone and payment. L0 cheats are careless, "
        "L1 wait and vary their amounts, L2 change addresses too, L3 devices too.",
        "",
    ]
    if stopped := [told for each in played for told in each.stopped]:
        end = START + timedelta(days=Config().days)
        lines += [f"Stopped before the world ends at {end:%Y-%m-%d}, for want of time: {'; '.join(stopped)}.", ""]
    for each in played:
        lines += [
            f"## {each.coverage}" + (f", without {', '.join(each.switched_off)}" if each.switched_off else ""),
            "",
        ]
        lines += _honest_table(each, measuring) + _fraud_table(each, measuring) + _rest(each, measuring)
    if options.ablation:
        lines += _ablation(played)
    return "\n".join(lines).rstrip()


def _percent(share) -> str:
    return f"{share.value:.2%} ({share.low:.2%} to {share.high:.2%})"


def _honest_table(played, measuring) -> list[str]:
    most = {}
    for bar in measuring.LEGIT_BARS:
        most[bar.scenario, bar.cohort] = bar.most
    lines = [
        "Honest people who were held, at any time. A cohort passes on its upper bound.",
        "",
        "| cohort | subjects | held | share (95 %) | at most | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in measuring.honest(played):
        bar = most.get((row.scenario, row.cohort), most.get((row.scenario, "")))
        verdict = "" if bar is None else "reached" if row.held.high <= bar else "**missed**"
        if verdict == "**missed**" and row.held.value <= bar and row.held.hits <= 1:
            verdict = "too few to say"
        lines.append(
            f"| {row.scenario} {row.cohort} | {row.held.of:,} | {row.held.hits} | {_percent(row.held)} "
            f"| {'' if bar is None else f'{bar:.1%}'} | {verdict} |"
        )
    return [*lines, ""]


def _fraud_table(played, measuring) -> list[str]:
    bars = {(bar.scenario, bar.level): bar.least for bar in measuring.FRAUD_BARS} if played.coverage == "C3" else {}
    lines = [
        "Cheats: held within 24 simulated hours (F5 within 14 days; F7, users, within 10 days of their first event; F9 from the second "
        "attempt on), and ever.",
        "",
        "| scenario | level | subjects | recall (95 %) | at least | hoped for | ever held | median time to hold "
        "| gang's first hold after | cases a gang | could be claimed before | |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in measuring.frauds(played):
        bar = bars.get((row.scenario, row.level))
        aim = measuring.AIMS.get(row.scenario)
        verdict = "" if bar is None else "reached" if row.held.value >= bar else "**missed**"
        lines.append(
            f"| {row.scenario} {row.cohort} | {row.level} | {row.held.of} | {_percent(row.held)} | {'' if bar is None else f'{bar:.2f}'} "
            f"| {f'{aim[int(row.level[1])]:.2f}' if aim else ''} | {row.ever.value:.1%} | {_time(row.minutes)} "
            f"| {_time(None if row.first_hours is None else row.first_hours * 60)} "
            f"| {'' if row.flags_of_ring is None else f'{row.flags_of_ring:.1f}'} "
            f"| {row.minor_before / max(row.minor, 1):.0%} | {verdict} |"
        )
    return [*lines, ""]


def _time(minutes: float | None) -> str:
    if minutes is None:
        return ""
    if minutes < 1:
        return "at once"
    return (
        f"{minutes:.0f} min"
        if minutes < 120
        else f"{minutes / 60:.1f} h"
        if minutes < 2880
        else f"{minutes / 1440:.1f} d"
    )


def _rest(played, measuring) -> list[str]:
    held = measuring.precision(played)
    lines = [
        f"Of {held.of:,} conversions that were held {held.hits:,} are fraud: precision {_percent(held)} at "
        f"{_share_of_fraud(played):.1%} fraud. Average precision by score "
        f"{measuring.average_precision(played.conversions):.3f}; recall where 1 % of the honest would be held "
        f"{measuring.recall_at(played.conversions):.3f}.",
        "",
    ]
    for number, at in sorted(played.leaked.items()):
        flagged = played.codes.get(number)
        when = "not flagged" if flagged is None else f"flagged after {(flagged - at).total_seconds() / 3600:.1f} h"
        lines.append(f"- F6: a leaked code was {when} (aim: 6 h).")
    if played.guesses:
        most = max(each[0] for each in played.guesses.values())
        stopped = sum(each[2] for each in played.guesses.values())
        lines.append(
            f"- F8: {stopped} of {len(played.guesses)} attacks on codes met a refusal; at most {most} guesses were answered in one minute, "
            "over all keys and addresses of an attack."
        )
    judges = sorted({name for each in played.conversions for name in each.others})
    if judges:
        lines += [
            "",
            "Others on the same calls:",
            "",
            "| judge | recall F1 to F4, L0 | recall F1 to F4, L1 | honest held | precision |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        for name in ("This product", *judges):
            held = [
                each
                for each in played.conversions
                if (measuring.is_caught(each) if name == "This product" else name in each.others)
            ]
            cells = [_recall_of_four(held, played, level) for level in ("L0", "L1")]
            good = sum(not each.label.is_fraud for each in played.conversions)
            wrong = sum(not each.label.is_fraud for each in held)
            lines.append(
                f"| {name} | {cells[0]} | {cells[1]} | {wrong / max(good, 1):.2%} | {1 - wrong / max(len(held), 1):.2f} |"
            )
    return [*lines, ""]


def _recall_of_four(held: list, played, level: str) -> str:
    def count(outcomes) -> int:
        return sum(each.label.level == level and each.label.scenario in ("F1", "F2", "F3", "F4") for each in outcomes)

    return f"{count(held) / max(count(played.conversions), 1):.2f}"


def _share_of_fraud(played) -> float:
    return sum(each.label.is_fraud for each in played.conversions) / max(len(played.conversions), 1)


def _ablation(played: list) -> list[str]:
    """The kept facts of each look, judged again by the built-in points without one family."""
    from bench.scenarios import judging

    lines = [
        "## Without a family",
        "",
        "Every look's facts judged again with one family of signals switched off: the recall that is left.",
        "",
    ]
    for each in played:
        table = judging.without_each(each, FAMILIES)
        scenarios = sorted(table[""], key=lambda key: (int(key[0][1:]), key[1]))
        lines += [
            f"| {each.coverage} | all families | " + " | ".join(f"without {family}" for family in FAMILIES) + " |",
            "| --- | ---: |" + " ---: |" * len(FAMILIES),
        ]
        for key in scenarios:
            cells = []
            for family in FAMILIES:
                now, was = table[family][key].value, table[""][key].value
                cells.append(f"**{now:.2f}**" if was - now >= 0.01 else f"{now:.2f}")
            lines.append(f"| {key[0]} {key[1]} | {table[''][key].value:.2f} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines


def explained(played: list, scenarios: str) -> str:
    """Which signals spoke how often, of those that were held and those that were not."""
    lines = []
    for each in played:
        for scenario in scenarios.split(","):
            groups: dict[tuple, list] = defaultdict(list)
            for outcome in [*each.conversions, *each.users]:
                if outcome.label.scenario == scenario:
                    groups[outcome.label.level, outcome.label.cohort, outcome.held_at is not None].append(outcome)
            for (level, cohort, held), outcomes in sorted(groups.items()):
                lines.append(
                    f"{each.coverage} {scenario} {level} {cohort}: {'held' if held else 'not held'}: {len(outcomes)}"
                )
                spoke = Counter(", ".join(sorted(outcome.codes)) or "nothing" for outcome in outcomes)
                lines += [f"    {count:5} {codes}" for codes, count in spoke.most_common(8)]
    return "\n".join(lines)


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)
