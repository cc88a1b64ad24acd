"""A whole installation of real processes: ``manage.py up`` with its own folder, port and database, and a merchant's side of it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import psycopg

from incenta.database.embedded import Cluster
from tests.patient_client import PATIENCE, PatientClient
from tests.ports import free_port

ROOT = Path(__file__).parents[2]


def until(holds: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"Waited {seconds} s, and it is not so that {what}."
        time.sleep(0.1)


def take_migrated(place: Path, environment: dict[str, str]) -> None:
    """Puts the files of a database at ``place`` in which every migration has run. They run once for all installations of a session,
    beside whose folders the result is kept: most of a first start is spent on them. ``tests/platform/test_up.py`` starts from nothing.
    """
    kept = place.parent.parent / "migrated" / "postgres"
    if not kept.exists():
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=ROOT,
            env=environment | {"INCENTA_DATA_DIR": str(kept.parent), "INCENTA_DISPOSABLE_DATABASE": "false"},
            check=True,
        )
        Cluster(kept).stop()
    # as the user whose the files are, which is not root
    subprocess.run(["cp", "-a", str(kept), str(place)], check=True)


class Receiver:
    """The merchant's webhook server: keeps every body by its message id, and answers 200 to most."""

    def __init__(self) -> None:
        self.bodies: dict[str, set[bytes]] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.setdefault(self.headers["webhook-id"], set()).add(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Installation(PatientClient):
    """Started by ``start``. ``call`` speaks to its API as a client that does not give up."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.port = folder, free_port()
        # not a disposable one: what it has confirmed must be there after it was cut off
        self.cluster = Cluster(folder / "postgres")
        self.key = ""
        self.supervisor: subprocess.Popen | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "MAKELEVEL")} | {
            "DEBUG": "true",
            "DJANGO_SETTINGS_MODULE": "incenta.settings",
            "DATABASE_URL": "",
            "CACHE_URL": "",
            "CELERY_BROKER_URL": "filesystem://",
            "INCENTA_BASE_URL": f"http://127.0.0.1:{self.port}",
            "INCENTA_DATA_DIR": str(self.folder),
            "INCENTA_DISPOSABLE_DATABASE": "false",
            "INCENTA_ALLOW_PRIVATE_WEBHOOKS": "true",
            "PORT": str(self.port),
        }

    def start(self, patience: float = PATIENCE) -> None:
        if not (self.folder / "postgres").exists():
            take_migrated(self.folder / "postgres", self.environment)
        self.log = (self.folder / "up.log").open("w")
        self.supervisor = subprocess.Popen(
            [sys.executable, "manage.py", "up"], cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log
        )
        until(lambda: self.key_printed() or self.supervisor.poll() is not None, "the installation is up", patience)
        assert self.supervisor.poll() is None, self.words()
        self.key = self.key_printed()

    def words(self) -> str:
        return (self.folder / "up.log").read_text()

    def key_printed(self) -> str:
        found = [line.split()[2] for line in self.words().splitlines() if line.strip().startswith("API key")]
        return found[0] if found else ""

    def stop(self) -> None:
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.send_signal(signal.SIGTERM)
            try:
                self.supervisor.wait(60)
            except subprocess.TimeoutExpired:
                self.supervisor.kill()
                self.supervisor.wait()
        self.cluster.stop()
        self.log.close()

    # --- its processes ----------------------------------------------------------------------------------------------
    def programs(self, *words: str) -> list[psutil.Process]:
        """The supervisor's descendants whose command has all of ``words``."""
        found = []
        for process in psutil.Process(self.supervisor.pid).children(recursive=True):
            try:
                command = " ".join(process.cmdline())
                if all(word in command for word in words) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def kill(self, *words: str, workers_only: bool = False) -> int:
        """SIGKILLs them; answers how many. ``workers_only``: only those that another one of them has started."""
        found = self.programs(*words)
        pids = {process.pid for process in found}
        killed = 0
        for process in found:
            try:
                if not workers_only or process.ppid() in pids:
                    process.kill()
                    killed += 1
            except psutil.Error:
                continue
        return killed

    # --- its rows ---------------------------------------------------------------------------------------------------
    def rows(self, statement: str, *params: object) -> list[tuple]:
        """Read past all of the product, on a connection of the test's own."""
        until(self.cluster.is_ready, "the database is there")
        where = {
            "host": str(self.cluster.socket_dir),
            "port": 5432,
            "user": "postgres",
            "dbname": self.cluster.database,
        }
        with psycopg.connect(**where, autocommit=True) as connection:
            return connection.execute(statement, params).fetchall()
