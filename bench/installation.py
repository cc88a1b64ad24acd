"""An installation of the bench's own under ``.data/bench``: its embedded database and web servers, set as in production."""

import atexit
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("INCENTA_BENCH_DIR", ROOT / ".data" / "bench"))


def enter() -> None:
    """Makes this process, and what it starts, part of that installation. Call before anything of Django is imported."""
    for name in ("DATABASE_URL", "CACHE_URL", "INCENTA_ENCRYPTION_KEYS"):
        os.environ[name] = ""  # stronger than a line of .env
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "incenta.settings",
        "INCENTA_DATA_DIR": str(HOME),
        # with DEBUG on, Django keeps the text and time of every statement
        "DEBUG": "false",
        "SECRET_KEY": "for-the-bench-only-0123456789-abcdefghijklmnopqrstuvwxyz",
        "ALLOWED_HOSTS": "127.0.0.1",
        "INCENTA_BASE_URL": "http://127.0.0.1",
        "INCENTA_ALLOW_PRIVATE_WEBHOOKS": "false",
        "CELERY_BROKER_URL": "filesystem://",
        "SECURE_SSL_REDIRECT": "false",  # loopback: a proxy would speak TLS
        "LOG_LEVEL": "WARNING",
    }
    HOME.mkdir(parents=True, exist_ok=True)
    import django

    django.setup()
    atexit.register(_stop_database)


def _stop_database() -> None:
    """The embedded server outlives whoever started it; the bench's has nobody left to serve."""
    from django.db import connections

    from incenta.database.embedded import Cluster

    settings = connections["default"].settings_dict
    connections.close_all()
    Cluster(**settings["EMBEDDED"]).stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(application: str) -> Iterator[int]:
    """granian with the flags of ``make run``, serving ``module:object``; yields the port."""
    from incenta.management.commands.up import Family

    port = free_port()
    command = list(Family(sys.stderr).children["web"].command)
    command[command.index("--port") + 1] = str(port)
    command[-1] = application
    log = (HOME / "web.log").open("ab")
    server = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | {"PORT": str(port)}
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/healthz", server)
        yield port
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def _wait_for(url: str, server: subprocess.Popen, seconds: float = 60) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SystemExit(f"The server ended by itself; its log is {HOME / 'web.log'}.")
        try:
            opener.open(url, timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer; the log is {HOME / 'web.log'}.")
