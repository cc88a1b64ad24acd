"""Production as the documents have it: the processes run from systemd's units, and the database comes back to a moment.

One installation for both, for making it takes the most.
"""

import json
import os
import shutil
import signal
import subprocess

import pytest

from incenta.database import programs
from incenta.database.embedded import Cluster
from tests.faults.installation import ROOT, until
from tests.faults.operations.units import commands
from tests.operations import shown

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.faults,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("production"),
]
UNITS = ("incenta-web", "incenta-worker", "incenta-webhooks", "incenta-pump", "incenta-beat")


def test_the_units_run_an_installation_that_is_ready(production):
    assert "System check identified no issues" in production.said_by_migrate
    production.start(*UNITS)
    until(lambda: production.ask("/readyz")[0] == 200, "it is ready")
    code = production.call("/referrals", {"campaignId": production.campaign(), "referrerId": "asha"})["referralCode"]
    production.convert(code, range(3))

    def figure(name: str) -> float | None:
        status, text = production.ask("/metrics", Authorization=f"Bearer {production.token}")
        lines = [line for line in text.decode().splitlines() if line.startswith(name)] if status == 200 else []
        return float(lines[0].rpartition(" ")[2]) if lines else None

    until(lambda: figure("incenta_events_undispatched") == 0, "the worker has dispatched the events")
    until(
        lambda: figure('incenta_task_last_success_age_seconds{task="webhooks.drain"}') is not None,
        "the worker of webhooks is heard, and beat rings",
    )
    assert production.ask("/metrics")[0] == 404, "without its token nobody reads the figures"
    assert production.ask("/v1/stats", **{"X-Forwarded-Proto": "http"})[0] == 403, "a key does not travel in the clear"
    assert json.loads(production.ask("/readyz")[1])["checks"]["ledgers"]["ok"]

    ended = production.stop()
    assert set(ended.values()) == {0}, ended
    for unit in UNITS:
        lines = production.log(unit)
        bad = [line for line in lines if line["level"] in ("error", "critical")]
        assert not bad, (unit, bad)
        assert production.key not in json.dumps(lines)


@pytest.mark.parametrize(
    ("document", "command"),
    [
        ("operate.md", "check --deploy"),
        ("operate-backups.md", "restore_drill"),
        ("operate-keys.md", "reencrypt"),
        ("operate-keys.md", "reencrypt --check"),
    ],
)
def test_a_command_says_what_the_documents_show(production, document, command):
    assert shown.plain(production.manage(*command.split())) == shown.plain(shown.output_of(document, command))


def test_the_units_of_the_timers_dump_and_drill(production, tmp_path):
    for unit, last in (("incenta-backup", ""), ("incenta-drill", "ok: this backup can be relied on.")):
        [command] = commands(unit)
        here = [word.replace("/var/backups/incenta", str(tmp_path)) for word in command]
        done = subprocess.run(here, cwd=ROOT, env=production.environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0 and last in done.stdout, done.stdout + done.stderr
    assert len(list(tmp_path.glob("*.dump"))) == 1


def test_the_database_comes_back_as_it_was_at_a_moment(production, tmp_path, capsys):
    """Somebody deletes what must not be deleted, and the machine dies too."""
    site, archive = production, production.folder / "archive"
    archive.mkdir()
    archive.chmod(0o777)  # the embedded server runs as a user of its own

    # 1. every finished segment of the log is kept elsewhere
    site.rows("ALTER SYSTEM SET archive_mode = on")
    keep = f"test ! -f {archive}/%f && cp %p {archive}/%f"
    site.rows(f"ALTER SYSTEM SET archive_command = '{keep}'")
    site.cluster.stop()
    site.cluster.ensure_running()
    site.start("incenta-web", "incenta-worker", "incenta-beat")
    code = site.call("/referrals", {"campaignId": site.campaign(), "referrerId": "asha"})["referralCode"]
    site.convert(code, range(100, 110))

    # 2. a base backup, while all goes on
    base = tmp_path / "base"
    where = {"HOST": str(site.cluster.socket_dir), "PORT": "5432", "USER": "postgres", "NAME": "postgres"}
    programs.run(
        programs.find("pg_basebackup", 18), "--pgdata", str(base), "--checkpoint=fast", "--no-sync", database=where
    )
    site.convert(code, range(110, 120))
    seen = site.all_events()
    [(moment,)] = site.rows("SELECT clock_timestamp()::text")

    # 3. the mistake, and what was done after it
    site.convert(code, range(120, 130))
    site.rows("DELETE FROM referrals_reward")
    # the segment that this ends: the product, which still runs, has written into the next one by the time it could be asked for
    [(last,)] = site.rows("SELECT pg_walfile_name(pg_switch_wal())")
    until(
        lambda: site.rows("SELECT last_archived_wal >= $$" + last + "$$ FROM pg_stat_archiver")[0][0], "it is archived"
    )

    # 4. the machine dies
    site.kill()
    os.kill(site.cluster.pid(), signal.SIGQUIT)
    until(lambda: site.cluster.pid() is None, "the server is gone")
    shutil.rmtree(site.cluster.data)

    # 5. the base backup, and the log up to the moment
    home = tmp_path / "again"
    home.mkdir()
    shutil.copytree(base, home / "data")
    with (home / "data" / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"restore_command = 'cp {archive}/%f %p'\n")
        settings.write(f"recovery_target_time = '{moment}'\n")
        settings.write("recovery_target_action = 'promote'\narchive_mode = off\n")
    (home / "data" / "recovery.signal").touch()
    site.cluster = Cluster(home)
    site.cluster.ensure_running()
    site.environment["DATABASE_URL"] = site.url(site.cluster)

    # 6. what every restored database needs, and then the product
    told = site.manage("after_restore")
    assert shown.plain(told) == shown.plain(shown.output_of("operate-backups.md", "after_restore"))
    assert site.rows("SELECT count(*) FROM referrals_conversion WHERE referee_id LIKE 'friend-1__'") == [(20,)]
    site.start("incenta-web", "incenta-worker", "incenta-beat")
    until(lambda: site.ask("/readyz")[0] == 200, "it is ready")
    assert site.call("/incentives/ledger/verify")["ok"]
    assert site.all_events()[: len(seen)] == seen, "the feed tells what it told"
    site.convert(code, range(130, 135))
    site.all_events()
    new = site.events(after=seen[-1])
    assert new and not set(new) & set(seen), "and goes on after it"
    with capsys.disabled():
        print(f"\n\nRestored to {moment}:\n{told}")
    site.stop()
