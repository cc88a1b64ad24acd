"""The embedded server is asked for while it is on its way out: the next one is started, whatever the first one still says."""

import os
import signal
import time

import psycopg
import pytest

from incenta.database.embedded import Cluster

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


def test_a_server_that_is_leaving_is_not_waited_for(tmp_path):
    cluster = Cluster(tmp_path / "postgres", disposable=True)
    try:
        cluster.ensure_running()
        for place, how in enumerate([signal.SIGQUIT, signal.SIGINT, signal.SIGKILL, signal.SIGTERM] * 3):
            before = cluster.pid()
            os.kill(before, how)
            time.sleep(0.002 * place)
            where = {"host": str(cluster.socket_dir), "port": 5432, "user": "postgres", "dbname": cluster.database}
            for _ in range(100):
                cluster.ensure_running()  # raises where it waits for a server that is leaving
                try:
                    psycopg.connect(**where).close()
                except psycopg.OperationalError:
                    continue  # the signal had not reached the server yet when it was looked at
                if cluster.pid() not in (None, before):
                    break
                time.sleep(0.05)
            assert cluster.pid() not in (None, before)
    finally:
        cluster.stop()
