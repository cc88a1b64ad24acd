"""The embedded PostgreSQL starts for whoever asks, however the last one ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from incenta.database.embedded import LONGEST_SOCKET_PATH, Cluster

ROOT = Path(__file__).parents[2]
START = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from incenta.database.embedded import Cluster
cluster = Cluster(sys.argv[1], disposable=True)
cluster.ensure_running()
print(cluster.pid())
"""


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path / "it's a cluster", disposable=True)
    yield cluster
    cluster.stop()


def ask(cluster: Cluster, sql: str):
    where = f"host='{cluster.socket_dir!s}'".replace("it's", r"it\'s")
    for patience in range(5, -1, -1):
        try:
            connection = psycopg.connect(f"{where} port=5432 user=postgres dbname=incenta", autocommit=True)
            break
        except psycopg.OperationalError:
            # a server that went between the look and the connection is looked for again, as incenta.database does
            if not patience:
                raise
            time.sleep(0.2)
            cluster.ensure_running()
    with connection:
        cursor = connection.execute(sql)
        return cursor.fetchone()[0] if cursor.description else None


def starter(cluster: Cluster) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", START, str(cluster.home)], stdout=subprocess.PIPE, text=True)


def test_it_starts_is_found_again_and_keeps_its_rows(cluster):
    cluster.ensure_running()
    assert ask(cluster, "SELECT current_setting('server_version_num')::int / 10000") == 18
    assert ask(cluster, "SELECT current_setting('max_connections')::int") == 200
    assert ask(cluster, "SELECT current_setting('listen_addresses')") == ""
    ask(cluster, "CREATE TABLE kept AS SELECT 7 AS n")

    pid, began = cluster.pid(), time.perf_counter()
    Cluster(cluster.home, disposable=True).ensure_running()
    assert time.perf_counter() - began < 0.05
    assert cluster.pid() == pid

    cluster.stop()
    assert cluster.pid() is None
    cluster.ensure_running()
    assert ask(cluster, "SELECT n FROM kept") == 7


def test_starters_who_race_share_one_server(cluster):
    starters = [starter(cluster) for _ in range(4)]
    pids = {process.communicate(timeout=60)[0] for process in starters}
    assert len(pids) == 1
    assert all(process.returncode == 0 for process in starters)


def test_a_starter_killed_at_any_moment_leaves_nothing_in_the_way(cluster):
    for moment in (0.15, 0.3, 0.45, 0.6):
        process = starter(cluster)
        time.sleep(moment)
        process.kill()
        process.wait()
    cluster.ensure_running()
    assert ask(cluster, "SELECT 1") == 1


@pytest.mark.faults
def test_a_killed_server_is_started_again_with_all_it_confirmed(cluster):
    cluster.ensure_running()
    ask(cluster, "CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(cluster.pid(), signal.SIGKILL)
    while cluster.pid() is not None:
        time.sleep(0.01)
    cluster.ensure_running()
    assert ask(cluster, "SELECT n FROM kept") == 7


@pytest.mark.faults
def test_a_stale_pid_file_that_names_another_program_is_cleared(cluster):
    cluster.ensure_running()
    lines = (cluster.data / "postmaster.pid").read_text().splitlines()
    cluster.stop()
    # a process of the server's own user: PostgreSQL itself would refuse to start
    owner = cluster.data.stat().st_uid
    other = subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None)
    try:
        (cluster.data / "postmaster.pid").write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        os.chown(cluster.data / "postmaster.pid", owner, -1)
        assert not cluster.is_ready()
        cluster.ensure_running()
        assert ask(cluster, "SELECT 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("folder", ["short", "long" * 30])
def test_a_broken_disposable_cluster_is_made_anew(tmp_path, folder):
    cluster = Cluster(tmp_path / folder, disposable=True)
    try:
        cluster.ensure_running()
        cluster.stop()
        (cluster.data / "global" / "pg_control").write_bytes(b"broken")
        cluster.ensure_running()
        assert ask(cluster, "SELECT 1") == 1
    finally:
        cluster.stop()


def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path):
    cluster = Cluster(tmp_path / ("long" * 30), disposable=True)
    try:
        cluster.ensure_running()
        assert len(str(cluster.socket_dir)) < LONGEST_SOCKET_PATH
        assert cluster.socket_dir.stat().st_mode & 0o077 == 0
        assert ask(cluster, "SELECT 1") == 1
    finally:
        cluster.stop()
    assert not cluster.socket_dir.exists()


def test_nobody_but_the_owner_and_root_can_reach_it(cluster):
    cluster.ensure_running()
    assert cluster.home.stat().st_mode & 0o077 == 0
