"""``manage.py up``, which ``make run`` calls: prepares the installation, then runs web, workers and beat until it is told to stop."""

import fcntl
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from incenta import broker, lifeline
from incenta.accounts import mailbox
from incenta.database.embedded import Cluster, DatabaseDidNotStart

CELERY = [sys.executable, "-m", "celery", "--quiet", "-A", "incenta"]
WORKER = [*CELERY, "worker", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
PATIENCE = {"web": 10, "beat": 5, "worker": 15, "webhooks": 35}
"""Seconds a child has between being asked to stop and being killed. A webhook that is out may take 30."""
CALM = re.compile(
    r"^\s*$|^\[INFO\]|^\[[^\]]*: (INFO|DEBUG)/|^\S+ \S+ (INFO|DEBUG) |^worker: (Warm|Cold|Soft) shutdown"
    r'|^{"at": "[^"]*", "level": "(info|debug)"'
)
"""Lines that go to the child's log only; the console shows the rest."""


class Stopped(BaseException):
    """A signal asked us to stop; raised wherever we happen to be."""


class Command(BaseCommand):
    help = "Runs Incenta here: database, web, workers, beat. Ctrl-C stops them all."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        follow_make()
        signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        for number in signals:
            signal.signal(number, _stop)
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        try:
            with alone_in(settings.DATA_DIR / "up.lock") as after_a_crash:
                try:
                    self.prepare(after_a_crash)
                    family = Family(self.stderr)
                    try:
                        family.start()
                        self.welcome(family)
                        family.keep()
                    finally:
                        for number in signals:
                            signal.signal(number, family.hurry)
                        family.stop()
                finally:
                    for number in signals:
                        signal.signal(number, signal.SIG_IGN)
                    self.stop_database()
        except Stopped:
            pass
        except DatabaseDidNotStart as error:
            raise CommandError(f"The embedded database did not start. {error}") from None
        self.stdout.write("Stopped.")

    def prepare(self, after_a_crash: bool) -> None:
        wait_for_port(settings.BIND_ADDRESS, settings.PORT, patience=15 if after_a_crash else 0)
        if settings.CELERY_BROKER_URL.startswith("filesystem:"):
            broker.prepare(settings.DATA_DIR / "broker", empty=True)
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("Setting up the database …")
            call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        if not settings.DEBUG and static_files_are_stale():
            self.stdout.write("Collecting and compressing static files: a minute, once …")
            call_command("collectstatic", verbosity=0, interactive=False)
        self.demo = self.make_demo()
        connections.close_all()

    def make_demo(self) -> dict[str, Any]:
        """The demo merchant's addresses and keys; nothing where DEBUG is off, which is somebody's real installation."""
        if not settings.DEBUG or "demo" not in get_commands():
            return {}
        printed = io.StringIO()
        call_command("demo", json=True, stdout=printed)
        return json.loads(printed.getvalue().strip().splitlines()[-1])

    def welcome(self, family: "Family") -> None:
        url = f"http://{settings.BIND_ADDRESS}:{settings.PORT}"
        complaint = family.wait_until_ready(f"{url}/readyz")
        lines = [
            f"Incenta is running at {url}" if not complaint else f"Incenta is running at {url}, but: {complaint}",
            "",
        ]
        if self.demo:
            lines += [
                f"Dashboard   {url}/dashboard/",
                f"Sign in     {self.demo['login']['email']}  /  {self.demo['login']['password']}",
                f"API key     {self.demo['apiKey']}   (live)",
                f"            {self.demo['testApiKey']}   (sandbox)",
                f"API         {url}/v1/   described by {url}/v1/openapi.json",
                *([f"Mails       {url}/dashboard/mailbox/"] if settings.EMAIL_BACKEND == mailbox.BACKEND else []),
                "",
                "Give a user of yours a referral link:",
                "",
                f"  curl {url}/v1/referrals \\",
                f"    -H 'x-api-key: {self.demo['apiKey']}' -H 'Content-Type: application/json' \\",
                f"""    -d '{{"campaignId": "{self.demo["campaignId"]}", "referrerId": "user-1"}}'""",
                "",
            ]
        lines += [f"Logs        {settings.DATA_DIR / 'log'}", "Ctrl-C stops everything."]
        rule = "─" * 100
        self.stdout.write("\n".join(["", rule, *(f"  {line}".rstrip() for line in lines), rule, ""]))
        self.stdout.flush()

    def stop_database(self) -> None:
        connections.close_all()
        if embedded := settings.DATABASES["default"].get("EMBEDDED"):
            Cluster(**embedded).stop()


class Child:
    """One program of the family: started, watched, started again when it ends by itself."""

    def __init__(self, name: str, command: list[str], console: TextIO) -> None:
        self.name, self.command, self.console = name, command, console
        self.process: subprocess.Popen[str] | None = None
        self.failures = 0
        self.started_at = self.next_start = 0.0

    def start(self) -> None:
        supervisor = os.getpid()
        self.started_at = time.monotonic()
        # A session of its own: Ctrl-C reaches us alone, and we stop the children in order.
        self.process = subprocess.Popen(
            self.command,
            cwd=settings.BASE_DIR,
            env=os.environ | {"INCENTA_SUPERVISED": "1", "PYTHONUNBUFFERED": "1", "PORT": str(settings.PORT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=lambda: lifeline.end_with(supervisor),
        )
        threading.Thread(target=self._copy_output, args=[self.process.stdout], daemon=True).start()

    def check(self) -> None:
        """Sees to a child that has ended: what it left behind goes too, and it is started again after a while."""
        if self.process is not None and self.process.poll() is not None:
            self._kill_group()
            calm = time.monotonic() - self.started_at > 60
            self.failures = 1 if calm else self.failures + 1
            wait = min(2 ** (self.failures - 1), 30)
            self.next_start = time.monotonic() + wait
            self.say(f"ended with code {self.process.returncode}; starting it again in {wait} s")
            self.process = None
        if self.process is None and time.monotonic() >= self.next_start:
            self.start()

    def ask_to_stop(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.terminate()

    def await_end(self, deadline: float) -> None:
        """Waits for the end until ``deadline`` (on the monotonic clock), then brings it about."""
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(max(deadline - time.monotonic(), 0))
            self._kill_group()
            self.process.wait()
            self.process = None

    def say(self, line: str) -> None:
        self.console.write(f"{self.name:>8} │ {line}")
        self.console.flush()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _copy_output(self, output: TextIO) -> None:
        file = settings.DATA_DIR / "log" / f"{self.name}.log"
        file.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            if file.stat().st_size > 20_000_000:
                file.replace(file.with_suffix(".log.1"))
        with file.open("a", buffering=1) as log:
            for line in output:
                log.write(line)
                if not CALM.match(line):
                    self.say(line.rstrip("\n"))


class Family:
    """Web, workers and beat."""

    def __init__(self, console: TextIO) -> None:
        commands = {
            "web": [
                *[sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"],
                *["--host", settings.BIND_ADDRESS, "--port", str(settings.PORT)],
                *["--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(settings.WEB_THREADS)],
                *["--respawn-failed-workers", "--respawn-interval", "0.2", "--workers-kill-timeout", "8"],
                "incenta.wsgi:application",
            ],
            "worker": [*WORKER, "--hostname", "worker@%h", "--queues", "incenta", "--concurrency", "2"],
            "webhooks": [*WORKER, "--hostname", "webhooks@%h", "--queues", "webhooks", "--concurrency", "1"],
            "beat": [*CELERY, "beat", "--pidfile", "", "--loglevel", "INFO"],
        }
        self.children = {name: Child(name, command, console) for name, command in commands.items()}
        self.database = settings.DATABASES["default"].get("EMBEDDED")
        self.impatient = False

    def start(self) -> None:
        for child in self.children.values():
            child.start()

    def wait_until_ready(self, url: str, seconds: float = 60) -> str:
        """Answers nothing once ``url`` says 200, else what it complained of to the end."""
        complaint, deadline = "it does not answer yet", time.monotonic() + seconds
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < deadline:
            self._look_after()
            try:
                opener.open(url, timeout=5).close()
                return ""
            except urllib.error.HTTPError as error:
                complaint = f"{url} answers {error.code} {error.read(2000).decode(errors='replace')}"
            except OSError:
                pass
            time.sleep(0.1)
        return complaint

    def keep(self) -> None:
        while True:
            self._look_after()
            time.sleep(0.25)

    def stop(self) -> None:
        """First whoever gives out work, then whoever does it."""
        now = time.monotonic()
        for names in (("web", "beat"), ("worker", "webhooks")):
            for name in names:
                self.children[name].ask_to_stop()
            for name in names:
                self.children[name].await_end(0 if self.impatient else now + PATIENCE[name])

    def hurry(self, signum: int, frame: FrameType | None) -> None:
        """A second Ctrl-C: kill what is left."""
        self.impatient = True
        for child in self.children.values():
            if child.process is not None:
                child._kill_group()

    def _look_after(self) -> None:
        if self.database:
            Cluster(**self.database).ensure_running()
        for child in self.children.values():
            child.check()


@contextmanager
def alone_in(file: Path) -> Iterator[bool]:
    """Holds ``file`` as proof that one supervisor works in this folder; yields whether the last one left without a word.

    Raises ``CommandError`` where another one runs. The kernel lets go of the lock when its holder is killed.
    """
    while True:
        lock = file.open("a+")
        lock.seek(0)
        holder = lock.read().strip()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                f"Incenta is already running from this folder: {holder or 'it is just starting'}. Stop it first, or give "
                "this one a folder of its own with INCENTA_DATA_DIR, and another PORT."
            ) from None
        with suppress(FileNotFoundError):
            if file.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                break
        lock.close()  # its holder has just removed it
    with lock:
        lock.truncate(0)
        lock.write(f"http://{settings.BIND_ADDRESS}:{settings.PORT} (process {os.getpid()})")
        lock.flush()
        try:
            yield bool(holder)
        finally:
            file.unlink(missing_ok=True)


def wait_for_port(host: str, port: int, patience: float) -> None:
    """Raises ``CommandError`` where the port is taken, after waiting for ``patience`` seconds for it to become free."""
    deadline = time.monotonic() + patience
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return
            except PermissionError:
                raise CommandError(
                    f"Port {port} may not be opened by this user. Take another: make run PORT=8001"
                ) from None
            except OSError as error:
                if time.monotonic() > deadline:
                    raise CommandError(
                        f"Port {port} on {host} is taken by another program ({error.strerror}). Take another: make run PORT={port + 1}"
                    ) from None
        time.sleep(0.2)


def static_files_are_stale() -> bool:
    """Whether anything of ours, or the set of installed packages, is newer than what was collected last."""
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    sources = [
        settings.BASE_DIR / "requirements.txt",
        *(file for root in settings.STATICFILES_DIRS for file in root.rglob("*")),
    ]
    return not manifest.exists() or max(file.stat().st_mtime for file in sources) > manifest.stat().st_mtime


def follow_make() -> None:
    """Ends with the ``make`` that started us, also where that one is killed."""
    if os.environ.get("MAKELEVEL"):
        lifeline.end_with(os.getppid())


def _stop(signum: int, frame: FrameType | None) -> None:
    raise Stopped
