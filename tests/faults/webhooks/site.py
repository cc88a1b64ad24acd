"""An installation in parts: a database server that can be shot, a receiver, and each program of the product as a process.

Unlike ``manage.py up`` nothing starts anything again here: what is dead stays dead until the test says otherwise.
"""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from incenta import lifeline
from incenta.database.embedded import Cluster
from incenta.management.commands.up import CELERY, WORKER
from tests.faults.installation import PATIENCE, ROOT, until
from tests.ports import free_port

from . import invariants
from .brokers import Broker, Embedded
from .invariants import Heard

INSIDE = [sys.executable, "-c", "import django; django.setup(); from tests.faults.webhooks.inside import main; main()"]
MARK = "INCENTA_FAULTS_SITE"
PUMP = [sys.executable, "manage.py", "webhook_pump"]


def stretched(seconds: float) -> float:
    """A limit of the specification, which is for a machine with a core to spare: longer where more wants to run than can."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Program:
    """One process of the product, with all that it starts in a group of its own."""

    def __init__(self, site: "Site", name: str, command: Sequence[str], environment: dict[str, str], **pipes: object):
        self.name, self.environment = name, environment
        self.log = site.folder / "log" / f"{name}.log"
        self.log.parent.mkdir(exist_ok=True)
        self.began_at = self.log.stat().st_size if self.log.exists() else 0
        parent = os.getpid()
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                list(command), cwd=ROOT, env=environment, stderr=log, start_new_session=True,
                **({"stdout": log, "stdin": subprocess.DEVNULL} | pipes),
                preexec_fn=lambda: lifeline.end_with(parent, signal.SIGKILL),
            )  # fmt: skip

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def words(self) -> str:
        """Since it started: another of its name may have written before."""
        return self.log.read_bytes()[self.began_at :].decode(errors="replace")

    def says(self, text: str) -> "Program":
        until(lambda: text in self.words() or not self.is_alive, f"{self.name} says {text!r}")
        assert self.is_alive, f"{self.name} ended:\n{self.words()[-3000:]}"
        return self

    def children(self) -> list[psutil.Process]:
        try:
            found = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.Error:
            return []
        return [one for one in found if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

    def kill(self) -> None:
        """SIGKILL for it and all that it has started."""
        if self.is_alive:  # nobody else waits for it, so its number is still its own
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)
            return
        # Its number may be another's by now, such as a database session's: only what bears our mark is ours.
        for one in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if os.getpgid(one.pid) == self.process.pid and one.environ().get(MARK) == self.environment[MARK]:
                    one.kill()

    def ask_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def peak_mb(self) -> float:
        """The most memory that it has ever had."""
        [line] = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(line) / 1000

    def rss_mb(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 1e6


class Inside:
    """``inside.py`` as an object: ``inside.happen(app=…, count=3)``."""

    def __init__(self, site: "Site", environment: dict[str, str]) -> None:
        self.site, self.environment = site, environment
        self.program: Program | None = None

    def start(self) -> None:
        self.program = Program(
            self.site, "inside", INSIDE, self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, args=[self.program.process.stdout, self.answers], daemon=True).start()
        assert self._answer(PATIENCE) == "ready"

    @staticmethod
    def _listen(pipe, answers: queue.Queue) -> None:
        for line in pipe:
            answers.put(line)
        answers.put("")

    def _answer(self, seconds: float) -> object:
        try:
            line = self.answers.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"no answer from inside in {seconds} s") from None
        assert line, f"it ended inside:\n{self.program.words()[-3000:]}"
        return json.loads(line)

    def tell(self, verb: str, **arguments: object) -> None:
        if self.program is None or not self.program.is_alive:
            self.start()
        self.program.process.stdin.write(json.dumps([verb, arguments]).encode() + b"\n")
        self.program.process.stdin.flush()

    def hear(self, seconds: float = 3 * PATIENCE) -> object:
        found = self._answer(seconds)
        return found["answer"] if isinstance(found, dict) else found

    def dies(self) -> None:
        assert self.program.process.wait(PATIENCE) == -signal.SIGKILL, self.program.words()[-3000:]

    def __getattr__(self, verb: str):
        def call(**arguments: object) -> object:
            self.tell(verb, **arguments)
            return self.hear()

        return call


class Site:
    """``fresh`` begins a test: no endpoint, no event, an empty log of the receiver, no program but the standing ones."""

    def __init__(self, folder: Path, node: str | None) -> None:
        self.folder, self.node = folder, node
        self.cluster = Cluster(folder / "postgres")  # not a disposable one: what it has confirmed must be there
        self.programs: list[Program] = []
        self.brokers: dict[str, Broker] = {}
        self.known: dict[str, tuple[str, list[str]]] = {}
        """path -> (endpoint, every secret it ever had)"""
        self.inside = Inside(self, self.environment())
        self.others: list[Inside] = []

    # --- its parts ----------------------------------------------------------------------------------------------------
    def environment(self, broker: Broker | None = None, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("MAKELEVEL", "INCENTA_TEST_SLOT")}
        where = quote(str(self.cluster.socket_dir), safe="")
        return kept | {
            "DEBUG": "true",
            "SECRET_KEY": "for-tests-only-0123456789-abcdefghijklmnopqrstuvwxyz",
            "DJANGO_SETTINGS_MODULE": "incenta.settings",
            "DATABASE_URL": f"postgresql://postgres@/{self.cluster.database}?host={where}",
            "CACHE_URL": "",
            "CELERY_BROKER_URL": broker.url if broker else "filesystem://",
            "INCENTA_DATA_DIR": str(broker.folder if broker else self.folder),
            "INCENTA_BASE_URL": "http://127.0.0.1:8000",
            "INCENTA_ALLOW_PRIVATE_WEBHOOKS": "true",
            "INCENTA_DISPOSABLE_DATABASE": "false",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
            "LOG_LEVEL": "INFO",
            MARK: str(self.folder),
        } | more  # fmt: skip

    def start(self, name: str = "himal") -> None:
        self.cluster.ensure_running()
        self.receiver = Program(
            self, "receiver", [sys.executable, "-m", "tests.faults.webhooks.receiver", str(self.folder)],
            os.environ | {"PYTHONPATH": str(ROOT), MARK: str(self.folder)}, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.receiver_port = int(self.receiver.process.stdout.readline())
        self.inside.start()
        self.inside.prepare()
        self.app, self.key = self.inside.merchant(name=name)

    def stop(self) -> None:
        self.stop_programs()
        for broker in self.brokers.values():
            broker.stop()
        for program in (self.inside.program, self.receiver):
            program.kill()
        self.cluster.stop()

    def stop_programs(self) -> None:
        for program in self.programs:
            program.kill()
        for other in self.others:
            if other.program is not None:
                other.program.kill()
        self.programs, self.others = [], []

    def fresh(self) -> None:
        for file in (self.folder / "log").iterdir():
            os.truncate(file, 0)
        self.known = {}
        self.cluster.ensure_running()
        self.rows(
            "TRUNCATE webhooks_webhookendpoint, webhooks_webhookmessage, webhooks_webhookdelivery, webhooks_webhookattempt, "
            "events_event, events_stuckevent CASCADE; SELECT 1"
        )
        self.rules(None)
        os.truncate(self.folder / "truth.jsonl", 0)

    def broker(self, kind: type[Broker] = Embedded) -> Broker:
        """One of each kind, started when it is first asked for, and again where a test has killed it."""
        if kind.name not in self.brokers:
            folder = self.folder / kind.name
            folder.mkdir(exist_ok=True)
            self.brokers[kind.name] = kind(folder)
        broker = self.brokers[kind.name]
        broker.make_ready()
        return broker

    def run(self, name: str, command: Sequence[str], environment: dict[str, str]) -> Program:
        program = Program(self, name, command, environment)
        self.programs.append(program)
        return program

    def pump(self, *arguments: str, name: str = "pump", **environment: str) -> Program:
        return self.run(name, [*PUMP, *arguments], self.environment(**environment))

    def worker(self, broker: Broker, queues: str = "incenta,webhooks", concurrency: int = 2, name: str = "worker"):
        command = [*WORKER, "--hostname", f"{name}@%h", "--queues", queues, "--concurrency", str(concurrency)]
        return self.run(name, command, self.environment(broker)).says("ready")

    def beat(self, broker: Broker) -> Program:
        return self.run("beat", [*CELERY, "beat", "--pidfile", "", "--loglevel", "INFO"], self.environment(broker))

    def web(self, broker: Broker) -> int:
        """Answers its port."""
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "wsgi",
            "--http",
            "1",
            "--no-ws",
            "--port",
            str(port),
        ]
        self.run(
            "web", [*command, "--workers", "2", "--blocking-threads", "4", "incenta.wsgi:application"],
            self.environment(broker, PORT=str(port)),
        )  # fmt: skip
        until(lambda: is_answered(f"http://127.0.0.1:{port}/healthz"), "the web server answers")
        return port

    def another_inside(self, broker: Broker | None = None, **environment: str) -> Inside:
        made = Inside(self, self.environment(broker, **environment))
        self.others.append(made)
        made.start()
        return made

    # --- the merchant's side -------------------------------------------------------------------------------------------
    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.receiver_port}{path}"

    def endpoints(self, count: int = 1, prefix: str = "/hooks", host: str = "127.0.0.1", **fields: object) -> list[str]:
        """Endpoints at ``/hooks0``, ``/hooks1``, … Answers their ids."""
        paths = [f"{prefix}{place}" for place in range(count)]
        made = self.inside.endpoints(
            app=self.app, urls=[self.url(path, host) for path in paths], names=["*"], **({"timeout_s": 5} | fields)
        )
        for path, (endpoint, secret) in zip(paths, made, strict=True):
            self.known[path] = (endpoint, [secret])
        return [endpoint for endpoint, _ in made]

    def happen(self, count: int, *, is_dispatched: bool = True) -> set[str]:
        return set(self.inside.happen(app=self.app, count=count, is_dispatched=is_dispatched))

    def rules(self, rules: dict[str, dict] | None) -> None:
        """How the receiver answers; None: 200 to all."""
        request = urllib.request.Request(
            self.url("/_rules"),
            json.dumps(rules or {}).encode(),
            {"Content-Type": "application/json"},
            method="POST" if rules else "DELETE",
        )
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE).close()

    def heard(self) -> list[Heard]:
        return invariants.read(self.folder / "truth.jsonl")

    def heard_count(self) -> int:
        return (self.folder / "truth.jsonl").read_bytes().count(b"\n")

    def paths(self) -> dict[str, str]:
        return {path: endpoint for path, (endpoint, _) in self.known.items()}

    def secrets(self) -> dict[str, list[str]]:
        return {path: secrets for path, (_, secrets) in self.known.items()}

    def listening(self) -> list[str]:
        return [endpoint for endpoint, _ in self.known.values()]

    def words(self) -> str:
        return "".join(file.read_text(errors="replace") for file in (self.folder / "log").iterdir())

    # --- its rows -----------------------------------------------------------------------------------------------------
    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.cluster.socket_dir), port=5432, user="postgres", dbname=self.cluster.database, autocommit=True
        )

    def rows(self, statement: str, *params: object) -> list[tuple]:
        with self.connect() as connection:
            cursor = connection.execute(statement, params or None)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def deliveries(self, condition: str, *params: object) -> int:
        return self.rows(f"SELECT count(*) FROM webhooks_webhookdelivery WHERE {condition}", *params)[0][0]

    def states(self) -> dict[str, int]:
        return dict(self.rows("SELECT state, count(*) FROM webhooks_webhookdelivery GROUP BY state"))

    def until_done(self, kept: Sequence[Program] = ()) -> None:
        """Until nothing is pending or out, nor waits to be fanned out. Who of ``kept`` ends is started again meanwhile."""
        asked = (
            "SELECT EXISTS (SELECT 1 FROM webhooks_webhookdelivery WHERE state IN ('pending', 'leased')) "
            "OR EXISTS (SELECT 1 FROM events_event WHERE dispatched_at IS NULL)"
        )
        alive = list(kept)

        def is_done() -> bool:
            alive[:] = [one if one.is_alive else self.run(one.name, one.process.args, one.environment) for one in alive]
            return self.rows(asked) == [(False,)]

        until(is_done, "nothing is pending")

    def make_due(self) -> int:
        """Moves the schedule and the breakers' windows instead of waiting for them. Answers how many deliveries it moved."""
        self.rows("UPDATE webhooks_endpointhealth SET open_until = clock_timestamp() WHERE open_until IS NOT NULL")
        return len(
            self.rows(
                "UPDATE webhooks_webhookdelivery SET next_at = clock_timestamp() WHERE state = 'pending' "
                "AND next_at > clock_timestamp() RETURNING id"
            )
        )

    def shoot_database(self) -> None:
        """``pg_ctl restart -m immediate``: every session is cut, and the log of what was committed is read again."""
        before = self.cluster.pid()
        os.kill(before, signal.SIGQUIT)
        until(lambda: not psutil.pid_exists(before) or self.cluster.pid() != before, "the server is dead")
        self.cluster.ensure_running()

    def check(self, expected: set[str], **options: object):
        return invariants.check(self, expected=expected, **options)


def is_answered(url: str) -> bool:
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2).close()
        return True
    except OSError:
        return False
