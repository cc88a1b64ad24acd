"""All nodes on one machine: nginx, two web nodes, two workers and beat, RabbitMQ, pgbouncer, PostgreSQL and its replica."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from incenta.management.commands.up import CELERY, WORKER
from tests.faults.installation import PATIENCE, ROOT, until
from tests.faults.webhooks.brokers import RabbitMQ
from tests.faults.webhooks.site import MARK, Program, is_answered, stretched
from tests.ports import free_port

from . import postgres
from .gates import Nginx, Pgbouncer

GRANIAN = [sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"]
ONLY_OURS = ("DATABASE_", "CELERY_", "CACHE_URL", "INCENTA_", "MAKELEVEL", "ALLOWED_HOSTS", "SECRET_KEY", "EMAIL_URL")


class Stack:
    """``start``, then ``kill(name)`` and ``restart(name)`` of a part: web-1, web-2, worker-1, worker-2, beat, broker, replica."""

    def __init__(self, folder: Path, port: int, *, is_embedded: bool) -> None:
        self.folder = folder
        folder.chmod(0o711)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.secret_key = secrets.token_urlsafe(48)
        where, self.postgres = postgres.programs(is_embedded=is_embedded)
        self.primary = postgres.Postgres(self, "primary", where, secrets.token_hex(16))
        self.replica = postgres.Replica(self.primary)
        self.pgbouncer = Pgbouncer(self, self.primary, self.replica)
        (folder / "broker").mkdir()
        self.broker = RabbitMQ(folder / "broker")
        self.web = {f"web-{number}": free_port() for number in (1, 2)}
        self.nginx = Nginx(self, self.port, list(self.web.values()))
        self.programs: dict[str, Program] = {}

    # --- how its parts find each other --------------------------------------------------------------------------------
    def environment(self, node: str = "", **more: str) -> dict[str, str]:
        """Of one node. Each has a folder of its own, as on a machine of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ONLY_OURS)}
        return kept | {
            "DEBUG": "true",  # plain HTTP, webhooks to this machine, and the demo merchant
            "SECRET_KEY": self.secret_key,
            "DJANGO_SETTINGS_MODULE": "incenta.settings",
            "DATABASE_URL": self.pgbouncer.url("incenta") if node else "",
            "DATABASE_POOLED": "true",
            "DATABASE_REPLICA_URL": self.pgbouncer.url("incenta_replica") if node else "",
            "CELERY_BROKER_URL": self.broker.url,
            "INCENTA_QUORUM_QUEUES": "true",
            "CACHE_URL": "",
            "INCENTA_BASE_URL": self.url,
            "INCENTA_BEHIND_PROXY": "true",
            "INCENTA_ALLOW_PRIVATE_WEBHOOKS": "true",
            "INCENTA_DISPOSABLE_DATABASE": "false",
            "INCENTA_DATA_DIR": str(self.folder / (node or "nowhere")),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
            "LOG_LEVEL": "INFO",
            MARK: str(self.folder),
        } | more  # fmt: skip

    def start(self) -> None:
        self.broker.start()
        self.primary.start()
        self.primary.connect("postgres").execute(f"CREATE DATABASE {postgres.NAME}").connection.close()
        self.replica.start()
        self.pgbouncer.start()
        # what changes the schema goes past the pooler: migrations may want a session to themselves
        direct = f"postgresql://{postgres.NAME}:{self.primary.password}@127.0.0.1:{self.primary.port}/{postgres.NAME}"
        straight = {"DATABASE_URL": direct, "DATABASE_POOLED": "false", "DATABASE_REPLICA_URL": ""}
        self.manage("migrate", "--verbosity", "0", **straight)
        self.manage("createcachetable", **straight)
        for name in (*self.web, "worker-1", "worker-2", "beat"):
            self.launch(name)
        self.nginx.start()
        for name in (*self.web, "worker-1", "worker-2"):
            self.await_ready(name)
        until(lambda: is_answered(f"{self.url}/readyz"), "the installation is ready", stretched(PATIENCE))
        self.demo = json.loads(self.manage("demo", "--json").strip().splitlines()[-1])

    def manage(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment("manage", **environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr[-3000:]}"
        return done.stdout

    def stop(self) -> None:
        for program in self.programs.values():
            program.kill()
        for gate in (self.nginx, self.pgbouncer):
            if gate.program is not None:
                gate.program.kill()
        self.replica.stop()
        self.primary.stop()
        self.broker.stop()

    # --- its nodes ----------------------------------------------------------------------------------------------------
    def command(self, name: str) -> Sequence[str]:
        if name in self.web:
            one = ["--port", str(self.web[name]), "--workers", "1", "--blocking-threads", "4"]
            return [*GRANIAN, *one, "incenta.wsgi:application"]
        if name == "beat":
            return [*CELERY, "beat", "--pidfile", "", "--loglevel", "INFO"]
        # Both queues on each: of three processes, the two drains that there may be leave one for the rest.
        return [*WORKER, "--hostname", f"{name}@%h", "--queues", "incenta,webhooks", "--concurrency", "3"]

    def launch(self, name: str) -> None:
        (self.folder / name).mkdir(exist_ok=True)
        self.programs[name] = Program(self, name, self.command(name), self.environment(name))

    def await_ready(self, name: str) -> None:
        if name in self.web:
            self.until(name, lambda: is_answered(f"http://127.0.0.1:{self.web[name]}/healthz"), "answers")
        elif name.startswith("worker"):
            self.until(name, lambda: "ready" in self.programs[name].words(), "is ready")

    def until(self, name: str, holds: Callable[[], bool], what: str) -> None:
        """Waits for a program, longer on a machine that is busy."""
        program = self.programs[name]
        until(lambda: holds() or not program.is_alive, f"{name} {what}", stretched(PATIENCE))
        assert program.is_alive, f"{name} ended:\n{program.words()[-3000:]}"

    def kill(self, name: str) -> None:
        """SIGKILL for it and all that it has started."""
        if name == "broker":
            self.broker.refuse()
        elif name == "replica":
            self.replica.kill()
        else:
            self.programs[name].kill()

    def restart(self, name: str) -> None:
        if name == "broker":
            self.broker.start()
        elif name == "replica":
            self.replica.start()
        else:
            self.launch(name)
            self.await_ready(name)

    def words(self) -> str:
        """What the product's own nodes have said."""
        return "".join((self.folder / "log" / f"{name}.log").read_text(errors="replace") for name in self.programs)
