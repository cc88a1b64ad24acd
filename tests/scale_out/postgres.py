"""PostgreSQL with a streaming replica: Debian's programs, or the embedded ones where those are too old or absent."""

import os
import pwd
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from incenta.database import embedded
from tests.faults.installation import until
from tests.faults.webhooks.site import Program
from tests.ports import free_port

NAME = "incenta"
"""Of the database and its owner."""
OLDEST = 15
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # long reads on the replica are not cut off by rows that the primary has cleaned away meanwhile
    "hot_standby_feedback": "on",
    "wal_keep_size": "256MB",
}


def programs(*, is_embedded: bool) -> tuple[Path, str]:
    """Where the programs are, and whose they are in a word. Raises ``embedded.DatabaseDidNotStart``."""
    found = [
        (int(folder.parent.name), folder)
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit() and (folder / "postgres").exists() and (folder / "pg_basebackup").exists()
    ]
    if not is_embedded and found and max(found)[0] >= OLDEST:
        return max(found)[1], f"Debian's PostgreSQL {max(found)[0]}"
    return embedded.programs(), "the embedded PostgreSQL 18"


def owner() -> pwd.struct_passwd | None:
    """As whom it runs where we are root, which it refuses to be."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name: user for user in pwd.getpwall()}
    return next(known[name] for name in ("postgres", *embedded.SYSTEM_USERS) if name in known)


class Postgres:
    """One server. ``start`` makes the cluster first where there is none."""

    def __init__(self, site: Any, name: str, where: Path, password: str) -> None:
        self.site, self.name, self.programs, self.password = site, name, where, password
        self.home = site.folder / name
        self.port = free_port()
        self.user = owner()
        self.program: Program | None = None

    def start(self) -> None:
        if not (self.home / "data").exists():
            self.home.mkdir(mode=0o700)
            if self.user:
                os.chown(self.home, self.user.pw_uid, self.user.pw_gid)
                if self.programs.is_relative_to(embedded.programs().parent):
                    embedded._open_the_way(self.programs / "postgres", self.user)
                    embedded._make_readable(self.programs.parent)
            self.make()
        options = SETTINGS | {"unix_socket_directories": str(self.home), "port": str(self.port)}
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [str(self.programs / "postgres"), "-D", str(self.home / "data"), *arguments]
        self.program = Program(self.site, self.name, command, self.site.environment(), **self.identity())
        until(lambda: self.is_up() or not self.program.is_alive, f"{self.name} takes connections")
        assert self.program.is_alive, self.program.words()[-3000:]

    def make(self) -> None:
        (self.home / "password").write_text(self.password)
        self.run(
            "initdb", "-D", str(self.home / "data"), "-U", NAME, "--auth-local=trust", "--auth-host=scram-sha-256",
            "--pwfile", str(self.home / "password"), "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip

    def run(self, program: str, *arguments: str) -> None:
        if self.user:
            os.chmod(self.home, 0o700)
            for file in self.home.iterdir():
                os.chown(file, self.user.pw_uid, self.user.pw_gid)
        done = subprocess.run(
            [str(self.programs / program), *arguments], capture_output=True, text=True, cwd="/", check=False, **self.identity()
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stderr[-2000:]}"

    def identity(self) -> dict[str, Any]:
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}

    def connect(self, database: str = NAME) -> psycopg.Connection:
        return psycopg.connect(host=str(self.home), port=self.port, user=NAME, dbname=database, autocommit=True)

    def rows(self, statement: str, params: Sequence[object] | None = None) -> list[tuple]:
        with self.connect() as connection:
            return connection.execute(statement, params).fetchall()

    def is_up(self) -> bool:
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        self.program.kill()

    def stop(self) -> None:
        if self.program is not None and self.program.is_alive:
            self.program.process.send_signal(signal.SIGINT)
            try:
                self.program.process.wait(10)
            except subprocess.TimeoutExpired:
                self.program.kill()


class Replica(Postgres):
    """Made by ``pg_basebackup``, it follows the primary through a slot of its own."""

    def __init__(self, primary: Postgres) -> None:
        super().__init__(primary.site, "replica", primary.programs, primary.password)
        self.primary = primary

    def make(self) -> None:
        self.run(
            "pg_basebackup", "-D", str(self.home / "data"), "-h", str(self.primary.home), "-p", str(self.primary.port),
            "-U", NAME, "-R", "-C", "-S", "replica", "-X", "stream", "-c", "fast", "--no-sync",
        )  # fmt: skip
