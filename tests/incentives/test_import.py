"""Events from a file: each line once, whatever happens on the way; what cannot be is told and passed over."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from incentives import importing, ledger
from incentives.models import Activity, BoardDelta, EventImport
from tests.cast import at_once
from tests.incentives.game import action, books, points, sound

pytestmark = pytest.mark.django_db


def imported(himal, file: Path, **more) -> EventImport:
    return importing.run(himal.app, file, rejects=file.with_suffix(".rejects"), **more)


def refused(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.with_suffix(".rejects").read_text().splitlines()]


def test_a_csv_is_read(himal, tmp_path):
    action(himal)
    file = tmp_path / "events.csv"
    file.write_text(
        "\ufeffactionKey,userId,idempotencyKey,occurredAt,metadata\r\n"
        'visit,asha,k1,2026-01-05T10:00:00Z,"{""plan"": ""pro, too""}"\r\n'
        "visit,asha,,2026-01-06T10:00:00+05:45,\r\n"
        "\r\n"
        'visit,"Bikram, Jr. ☃",k3,,'
    )
    done = imported(himal, file)
    assert (done.recorded, done.replayed, done.failed, done.position) == (3, 0, 0, file.stat().st_size)
    assert points(himal) == (20, 10, 0) and points(himal, "Bikram,%20Jr.%20☃") == (10, 5, 0)
    first = Activity.objects.get(idempotency_key="k1")
    assert (first.metadata, first.occurred_at.isoformat()) == ({"plan": "pro, too"}, "2026-01-05T10:00:00+00:00")
    assert list(Activity.objects.order_by("occurred_at").values_list("idempotency_key", flat=True)) == [
        "k1",
        None,
        "k3",
    ]
    assert not BoardDelta.objects.exists()  # folded on the way
    sound(himal)


def test_json_lines_are_read(himal, tmp_path):
    action(himal)
    file = tmp_path / "events.jsonl"
    events = [{"userId": f"user {place % 7}", "actionKey": "visit", "metadata": {"näme": place}} for place in range(50)]
    file.write_text("\n\n".join(json.dumps(event, ensure_ascii=place % 2 == 0) for place, event in enumerate(events)))
    done = imported(himal, file, lines_at_once=8)
    assert (done.recorded, done.failed, done.line) == (50, 0, 99)
    assert sum(points(himal, f"user {place}")[0] for place in range(7)) == 500
    sound(himal)


BAD = {
    "not json": "invalid_json",
    '{"userId": "asha", "actionKey": "visit"': "invalid_json",
    '{"userId": "asha", "actionKey": "visit", "userId": "bikram"}': "invalid_json",
    '["userId", "asha"]': "invalid_input",
    '{"userId": "asha"}': "invalid_input",
    '{"userId": "asha", "actionKey": "visit", "colour": "red"}': "unknown_field",
    '{"userId": 5, "actionKey": "visit"}': "invalid_input",
    '{"userId": "asha", "actionKey": "visit", "occurredAt": "yesterday"}': "invalid_input",
    '{"userId": "asha", "actionKey": "visit", "occurredAt": "2126-01-01T00:00:00Z"}': "invalid_input",
    '{"userId": "asha", "actionKey": "visit", "metadata": [1]}': "invalid_input",
    '{"userId": "asha", "actionKey": "fly"}': "action_not_found",
    '{"userId": "bikram", "actionKey": "visit", "idempotencyKey": "k1"}': "idempotency_key_reused",
    '{"userId": "a\\u0000", "actionKey": "visit"}': "invalid_json",
}


def test_bad_lines_are_told_with_reasons_and_passed_over(himal, tmp_path):
    action(himal)
    file = tmp_path / "events.jsonl"
    good = '{"userId": "asha", "actionKey": "visit", "idempotencyKey": "k1"}'
    lines = [good, *BAD, '{"userId": "' + "a" * 70_000 + '", "actionKey": "visit"}', good.replace("k1", "k2"), good]
    file.write_bytes("\n".join(lines).encode() + b'\n{"userId": "\xff", "actionKey": "visit"}\n')
    done = imported(himal, file, lines_at_once=4)
    assert (done.recorded, done.replayed, done.failed) == (2, 1, len(BAD) + 2)
    told = refused(file)
    assert [line["line"] for line in told] == [*range(2, len(BAD) + 3), len(BAD) + 5]
    assert dict(zip(BAD, [line["code"] for line in told], strict=False)) == BAD
    assert [line["text"] for line in told[: len(BAD)]] == list(BAD)
    assert all(line["reason"] for line in told)
    assert points(himal) == (20, 10, 0)
    sound(himal)


@pytest.mark.parametrize(
    "line",
    [
        'visit,"asha,k9,,',
        "visit,asha",
        "visit,asha,,,,,",
        "visit,asha,,not a time,",
        "visit,asha,,,{bad}",
        'visit,"as"ha",,,',
        ",asha,,,",
    ],
)
def test_a_bad_line_of_csv_spoils_no_other(himal, tmp_path, line):
    action(himal)
    file = tmp_path / "events.csv"
    file.write_text(f"actionKey,userId,idempotencyKey,occurredAt,metadata\nvisit,asha,k1,,\n{line}\nvisit,asha,k2,,\n")
    done = imported(himal, file)
    assert (done.recorded, done.failed) == (2, 1)
    assert [(told["line"], told["text"]) for told in refused(file)] == [(3, line)]


@pytest.mark.parametrize(
    "head",
    [
        "",
        "userId\nasha",
        "userId,actionKey,colour\n",
        "userId,actionKey,userId\n",
        "asha,visit\n",
        "[]\n",
        "PK\x03\x04\xff\n",
    ],
)
def test_a_file_that_is_neither_is_refused_as_a_whole(himal, tmp_path, head):
    action(himal)
    before = books(himal)
    file = tmp_path / "events.csv"
    file.write_text(head, encoding="latin-1")
    with pytest.raises(importing.Unreadable):
        imported(himal, file)
    assert books(himal) == before
    assert not EventImport.objects.exists() and not file.with_suffix(".rejects").exists()


def test_a_file_is_imported_once_under_any_name(himal, rival, tmp_path, capsys):
    action(himal), action(rival)
    file, copy = tmp_path / "events.csv", tmp_path / "copy.csv"
    file.write_text("userId,actionKey\nasha,visit\nasha,fly\n")
    copy.write_text(file.read_text())
    call_command("import_events", str(file), app=himal.app.pk)
    assert "recorded            1" in (told := capsys.readouterr().out) and "events.csv.rejects.jsonl" in told
    call_command("import_events", str(copy), app=himal.app.pk)
    assert "nothing to do" in capsys.readouterr().out
    assert points(himal) == (10, 5, 0)
    call_command("import_events", str(copy), app=rival.app.pk)
    assert points(rival) == (10, 5, 0)


def test_what_is_not_there_is_told(himal, tmp_path):
    with pytest.raises(CommandError, match="There is no app"):
        call_command("import_events", str(tmp_path / "x.csv"), app="app_nobody")
    with pytest.raises(CommandError, match="There is no file"):
        call_command("import_events", str(tmp_path / "x.csv"), app=himal.app.pk)


def test_a_run_that_breaks_off_is_gone_on_with(himal, tmp_path):
    """Without any keys: only the row says what is done."""
    action(himal)
    file = tmp_path / "events.csv"
    rows = [f"user {place % 9},{'visit' if place % 10 else 'fly'}" for place in range(100)]
    file.write_text("userId,actionKey\n" + "\n".join(rows))

    class Stopped(Exception):
        pass

    for stop in (7, 3, 2):
        heard = []

        def told(known, heard=heard, stop=stop):
            heard.append(known)
            if len(heard) == stop:
                # what a batch that is cut off before its commit may leave
                with file.with_suffix(".rejects").open("a") as rejects:
                    rejects.write(json.dumps({"line": known.line + 1, "reason": "?"}) + '\n{"line": 1')
                raise Stopped

        with pytest.raises(Stopped):
            imported(himal, file, lines_at_once=4, told=told)
    before = EventImport.objects.get()
    assert before.line == 1 + 12 * 4 and before.finished_at is None
    done = imported(himal, file, lines_at_once=4)
    assert (done.recorded, done.replayed, done.failed) == (90, 0, 10)
    assert Activity.objects.count() == 90
    assert [line["line"] for line in refused(file)] == [2 + place for place in range(0, 100, 10)]
    sound(himal)


def test_a_balance_that_is_full_refuses_its_own_event(himal, tmp_path):
    action(himal, xp=10**9)
    ledger.earn(himal.app, "asha", "XP", 2**63 - 10**9 - 1, cause="much", cause_type="test")
    file = tmp_path / "events.csv"
    file.write_text("userId,actionKey\n" + "".join(f"{user},visit\n" for user in ("bikram", "asha", "asha", "chandra")))
    done = imported(himal, file)
    assert (done.recorded, done.failed) == (3, 1)
    assert [(told["line"], told["code"]) for told in refused(file)] == [(4, "balance_too_large")]


@pytest.mark.django_db(transaction=True)
def test_two_who_import_one_file_at_once_record_it_once(himal, tmp_path):
    action(himal)
    file = tmp_path / "events.csv"
    file.write_text("userId,actionKey\n" + "".join(f"user {place % 5},visit\n" for place in range(400)))
    results = at_once(
        3, lambda place: importing.run(himal.app, file, rejects=tmp_path / f"rejects {place}", lines_at_once=20)
    )
    assert all(isinstance(result, EventImport | importing.UnderWay) for result in results), results
    assert imported(himal, file).recorded == 400 == Activity.objects.count()
    sound(himal)


# --- in a process of its own ------------------------------------------------------------------------------------------
def importer(himal, file: Path, **more) -> subprocess.Popen:
    database = connection.connection.info
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "incenta.settings",
        "DATABASE_URL": f"postgresql://{database.user}:{database.password}@/{database.dbname}?host={database.host}&port={database.port}",
        "DEBUG": "true",
    }
    command = [sys.executable, "-c", PROGRAM, str(file), himal.app.pk, str(file.with_suffix(".rejects"))]
    return subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, text=True, **more)


PROGRAM = """
import re, sys
from django.core.management import execute_from_command_line
file, app, rejects = sys.argv[1:]
execute_from_command_line(["manage.py", "import_events", file, "--app", app, "--rejects", rejects])
# Not getrusage: its maximum is handed on from the process that started this one.
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_killed_is_gone_on_with_and_awards_nothing_twice(himal, tmp_path):
    action(himal)
    lines = 6_000
    file = tmp_path / "events.csv"
    file.write_text(
        "userId,actionKey,metadata\n"
        + "".join(
            f'user {place % 97},{"visit" if place % 50 else "fly"},"{{""n"": {place}}}"\n' for place in range(lines)
        )
    )
    for after in (1, 4, 7, 9):
        process = importer(himal, file)
        try:
            while (known := EventImport.objects.first()) is None or known.line < after * importing.LINES_AT_ONCE:
                assert process.poll() is None, "It ended before it could be killed."
                time.sleep(0.002)
            time.sleep(0.01 * after)  # somewhere within a batch
        finally:
            process.kill()
            process.wait()
        known = EventImport.objects.get()
        assert known.recorded == Activity.objects.count()
    process = importer(himal, file)
    told, _ = process.communicate(timeout=100)
    assert process.returncode == 0, told
    done = EventImport.objects.get()
    assert (done.recorded, done.replayed, done.failed) == (lines * 49 // 50, 0, lines // 50), told
    counted = Counter(Activity.objects.values_list("metadata__n", flat=True))
    assert set(counted.values()) == {1} and len(counted) == done.recorded
    assert sorted(line["line"] for line in refused(file)) == list(range(2, lines + 2, 50))
    assert sum(points(himal, f"user {place}")[0] for place in range(97)) == 10 * done.recorded
    sound(himal)


@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
def test_memory_does_not_grow_with_the_file(himal, tmp_path):
    """A tenth of the file and all of it take the same memory; DEBUG, which keeps statements, is on."""
    action(himal)
    peaks = []
    lines = int(os.environ.get("INCENTA_IMPORT_EVENTS", 20_000))
    for count in (lines // 10, lines):
        file = tmp_path / f"{count}.jsonl"
        with file.open("w") as rows:
            for place in range(count):
                event = {
                    "userId": f"user {place % 5_000}",
                    "actionKey": "visit",
                    "idempotencyKey": f"{count} {place}",
                    "metadata": {"n": "x" * 100},
                }
                rows.write(json.dumps(event) + "\n")
        process = importer(himal, file)
        told, _ = process.communicate()
        assert process.returncode == 0, told
        peaks.append(int(told.split()[-1]) // 1024)
    print(f"{lines // 10:,} lines: {peaks[0]} MB, {lines:,} lines: {peaks[1]} MB")
    assert Activity.objects.count() == lines + lines // 10
    assert peaks[1] < 300, peaks
    assert peaks[1] < peaks[0] * 1.25 + 10, peaks
