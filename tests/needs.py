"""What some tests need of the machine. Where it is missing they are skipped, and in CI (``CI=true``) they fail."""

import os
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.ports import free_port


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome. The one without a window's parts, where it is there, does the same for less."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def find_redis_server() -> str | None:
    return shutil.which("redis-server")


def find_rabbitmq() -> str | None:
    """The server's own program: the one on the path wants to be another user, and is for the system's only node."""
    program = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    return program if os.path.exists(program) else None


def find_node() -> str | None:
    return shutil.which("node")


def find_npm() -> str | None:
    return shutil.which("npm")


NEEDS: dict[str, tuple[str, Callable[[], str | None]]] = {
    "browser": ("Chromium", cache(find_chromium)),
    "redis": ("Redis", cache(find_redis_server)),
    "rabbitmq": ("RabbitMQ", cache(find_rabbitmq)),
    "node": ("Node", cache(find_node)),
    "npm": ("npm", cache(find_npm)),
}
"""Marker -> what it needs, and how to find it."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (program, find) in NEEDS.items():
        if item.get_closest_marker(marker) and not find():
            if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
                pytest.fail(f"{program} is not installed, and CI must skip nothing.", pytrace=False)
            pytest.skip(f"{program} is not installed.")


def pytest_terminal_summary(terminalreporter) -> None:
    skipped: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        skipped[reason.removeprefix("Skipped: "), report.nodeid.split("::")[0]] += 1
    if skipped:
        terminalreporter.section("Skipped, and why")
        for reason in sorted({reason for reason, _ in skipped}):
            files = {file: count for (why, file), count in sorted(skipped.items()) if why == reason}
            terminalreporter.write_line(f"{reason} {sum(files.values())} tests:")
            for file, count in files.items():
                terminalreporter.write_line(f"    {file} ({count})")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium; the test is marked ``browser``."""
    return find_chromium() or pytest.skip("Chromium is not installed.")


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node; the test is marked ``node``."""
    return find_node() or pytest.skip("Node is not installed.")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address and the process of a Redis server of this worker's own; the test is marked ``redis``."""
    program = find_redis_server() or pytest.skip("Redis is not installed.")
    port = free_port()
    folder = str(tmp_path_factory.mktemp("redis"))
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0", server
    server.kill()
    server.wait()


@pytest.fixture(scope="session")
def redis_url(redis_server) -> str:
    """The address of a Redis server of this worker's own; the test is marked ``redis``."""
    return redis_server[0]
