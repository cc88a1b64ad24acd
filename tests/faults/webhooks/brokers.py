"""Brokers of a test's own: Redis, RabbitMQ and the embedded one, each in a folder and on a port of its own.

Each can be refused (killed), hung (stopped by the kernel) and emptied (started again without its data).
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.faults.installation import PATIENCE, until
from tests.ports import free_port

RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""The wrapper on the path changes to another user, who may not enter a test's folder."""


class Broker:
    """``url`` is for Celery; an empty one means the product's default in its own folder."""

    name = ""
    url = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen | None = None

    def start(self) -> None: ...

    def is_up(self) -> bool:
        return True

    def make_ready(self) -> None:
        self.wake()
        if self.process is None or self.process.poll() is not None:
            self.start()

    def refuse(self) -> None:
        """Dies at once; who connects is refused."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def hang(self) -> None:
        """Takes connections, for the kernel does, and says nothing."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def empty(self) -> None:
        """Dies and comes back knowing nothing."""
        if self.process.poll() is None:
            self.refuse()
        self.forget()
        self.start()

    def forget(self) -> None: ...

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.refuse()

    def _signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def _await(self) -> None:
        until(lambda: self.is_up() or self.process.poll() is not None, f"{self.name} is up")
        assert self.process.poll() is None, f"{self.name} ended:\n{self.words()}"

    def words(self) -> str:
        log = self.folder / f"{self.name}.log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""


class Redis(Broker):
    name = "redis"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (self.folder / "redis.log").open("a") as log:
            self.process = subprocess.Popen(
                ["redis-server", *options, "--dir", str(self.folder)], stdout=log, stderr=log, start_new_session=True
            )
        self._await()

    def is_up(self) -> bool:
        return answers(self.port, b"PING\r\n", b"+PONG")


class RabbitMQ(Broker):
    """A node with its own name, cookie and port mapper, so that it meets no other on this machine."""

    name = "rabbitmq"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port, self.mapper_port, distribution_port = free_port(), free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.mapper: subprocess.Popen | None = None
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndisk_free_limit.absolute = 1MB\nlog.console = true\nlog.file = false\n"
        )
        (folder / "enabled_plugins").write_text("[].\n")
        self.environment = os.environ | {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self.mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RABBITMQ_NODENAME": f"incenta{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            # one scheduler that does not spin: it shares two cores with what is tested
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def start(self) -> None:
        if self.mapper is None:
            command = ["epmd", "-address", "127.0.0.1", "-port", str(self.mapper_port)]
            self.mapper = subprocess.Popen(
                command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        with (self.folder / "rabbitmq.log").open("a") as log:
            self.process = subprocess.Popen(
                [RABBITMQ], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self._await()

    def is_up(self) -> bool:
        return answers(self.port, b"AMQP\x00\x00\x09\x01", b"\x01")

    def forget(self) -> None:
        shutil.rmtree(self.folder / "mnesia", ignore_errors=True)

    def stop(self) -> None:
        super().stop()
        if self.mapper is not None:
            self.mapper.kill()
            self.mapper.wait()


class Embedded(Broker):
    """The folder that stands in for a broker where none is named. It cannot hang; it can be unusable, and be emptied."""

    name = "filesystem"
    url = "filesystem://"

    def refuse(self) -> None:
        shutil.rmtree(self.folder / "broker")
        (self.folder / "broker").write_text("in the way")

    def empty(self) -> None:
        if (self.folder / "broker").is_file():
            (self.folder / "broker").unlink()
        else:
            shutil.rmtree(self.folder / "broker", ignore_errors=True)
        self.start()

    def start(self) -> None:
        (self.folder / "broker" / "messages").mkdir(parents=True, exist_ok=True)

    def make_ready(self) -> None:
        self.empty()

    def stop(self) -> None: ...


BROKERS: dict[str, type[Broker]] = {one.name: one for one in (Redis, RabbitMQ, Embedded)}


def answers(port: int, greeting: bytes, beginning: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as line:
            line.sendall(greeting)
            return line.recv(64).startswith(beginning)
    except OSError:
        time.sleep(0.05)
        return False
