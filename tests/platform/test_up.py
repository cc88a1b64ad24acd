"""``manage.py up``, which ``make run`` calls: everything starts with one command and ends with it, however it ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from incenta.database.embedded import Cluster
from tests.docs import fresh_reader
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 90
"""Seconds until what must happen has happened, on a machine that is busy with other things."""
pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


class Installation:
    """An installation of its own: a data folder, a port, and at most one supervisor."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.cluster = Cluster(folder / "postgres-test", disposable=True)
        self.environment = {
            name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "MAKELEVEL"}
        } | {
            "DEBUG": "true",
            "DJANGO_SETTINGS_MODULE": "incenta.settings",
            "DATABASE_URL": "",
            "CELERY_BROKER_URL": "filesystem://",
            "CACHE_URL": "",
            "INCENTA_BASE_URL": self.url,
            "INCENTA_DATA_DIR": str(folder),
            "INCENTA_DISPOSABLE_DATABASE": "true",
            "INCENTA_ALLOW_PRIVATE_WEBHOOKS": "true",  # as the .env that make writes
            "INCENTA_WEB_WORKERS": "1",
            "PORT": str(self.port),
        }
        self.supervisor: subprocess.Popen | None = None
        self.said: list[str] = []

    def up(self, **environment: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start(self) -> None:
        self.supervisor = self.up()
        self.said.clear()
        output = self.supervisor.stdout
        threading.Thread(target=lambda: self.said.extend(output), daemon=True).start()
        self.until(lambda: self.ready() or self.supervisor.poll() is not None, "it is ready", seconds=2 * PATIENCE)
        assert self.supervisor.poll() is None, self.words()
        self.until(lambda: "Ctrl-C stops everything." in self.words(), "it has said where it is")

    def words(self) -> str:
        return "".join(self.said)

    def until(self, holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"Waited {seconds} s, and it is not so that {what}.\n{self.words()}"
            time.sleep(0.05)

    def ready(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/readyz", timeout=5).close()
        except OSError:
            return False
        return True

    def processes(self, *words: str) -> list[psutil.Process]:
        """The processes of this installation whose command has all of ``words``; the database's are told by their folder."""
        found = []
        for process in psutil.process_iter():
            try:
                command = " ".join(process.cmdline())
                ours = str(self.folder) in command or process.environ().get("INCENTA_DATA_DIR") == str(self.folder)
            except psutil.Error:
                continue
            if ours and process.status() != psutil.STATUS_ZOMBIE and all(word in command for word in words):
                found.append(process)
        return found


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("up"))
    yield installation
    if installation.supervisor and installation.supervisor.poll() is None:
        installation.supervisor.kill()
    installation.cluster.stop()


def test_one_command_starts_everything_and_ctrl_c_ends_everything(installation, tmp_path):
    installation.start()
    words = installation.words()
    for label in ("Incenta is running at", "Dashboard", "Sign in", "API key", "curl"):
        assert label in words
    for program in ("granian", "celery -A incenta worker", "celery -A incenta beat"):
        assert installation.processes(*program.split()), program

    # the first curl, as printed: its event reaches the workers
    key = words.split("x-api-key: ")[1].split("'")[0]
    body = json.dumps({"campaignId": words.split('"campaignId": "')[1].split('"')[0], "referrerId": "user-1"}).encode()
    headers = {"x-api-key": key, "Content-Type": "application/json"}
    made = urllib.request.urlopen(
        urllib.request.Request(f"{installation.url}/v1/referrals", body, headers), timeout=PATIENCE
    )
    assert made.status == 201
    installation.until(lambda: oldest_undispatched(installation) == 0, "the event is dispatched")

    # and whoever reads README and quickstart comes from there to a webhook that verifies
    fresh_reader.walk(words, installation.url, tmp_path)

    # a second one says what is wrong, and changes nothing
    second = installation.up()
    assert "Incenta is already running from this folder: " + installation.url in second.communicate(timeout=PATIENCE)[0]
    assert second.returncode == 1
    elsewhere = installation.up(INCENTA_DATA_DIR=str(installation.folder / "elsewhere"))
    assert (
        f"Port {installation.port} on 127.0.0.1 is taken by another program"
        in elsewhere.communicate(timeout=PATIENCE)[0]
    )
    assert elsewhere.returncode == 1
    assert installation.ready()

    installation.supervisor.send_signal(signal.SIGINT)
    assert installation.supervisor.wait(PATIENCE) == 0
    assert not installation.processes()
    assert not (installation.folder / "up.lock").exists()
    assert installation.cluster.pid() is None


def test_what_dies_is_started_again_and_a_killed_supervisor_leaves_no_orphan(installation):
    installation.start()

    for words in (["granian"], ["celery", "worker", "webhooks"]):
        kill_and_see_restarted(installation, words)
    os.kill(installation.cluster.pid(), signal.SIGKILL)
    installation.until(lambda: installation.ready(), "it is ready again")
    assert "web │ ended with code -9; starting it again in 1 s" in installation.words()

    installation.supervisor.kill()
    installation.supervisor.wait()
    installation.until(lambda: not installation.processes("granian"), "the web server is gone")
    installation.until(lambda: not installation.processes("celery"), "the workers are gone")

    # the database is still there, or not: the next start does not care
    installation.start()
    installation.supervisor.terminate()
    assert installation.supervisor.wait(PATIENCE) == 0
    assert not installation.processes()


def kill_and_see_restarted(installation: Installation, words: list[str]) -> None:
    """Kills the main process among those told by ``words``; its own children must go too, and another take its place."""

    def mains() -> list[psutil.Process]:
        return [process for process in installation.processes(*words) if process.ppid() == installation.supervisor.pid]

    (main,) = mains()
    family = [main, *main.children(recursive=True)]
    main.kill()
    installation.until(lambda: any(other.pid != main.pid for other in mains()), f"{words} is started again")
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)


def oldest_undispatched(installation: Installation) -> float:
    try:
        answer = urllib.request.urlopen(f"{installation.url}/readyz", timeout=5).read()
    except urllib.error.HTTPError as error:
        answer = error.read()
    return json.loads(answer)["checks"]["events"]["oldestUndispatchedSeconds"]
