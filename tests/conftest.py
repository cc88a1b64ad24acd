"""What every test may use. The database is real PostgreSQL (see tests/settings.py); nothing of ours is mocked."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from django.conf import settings

from tests import needs

pytest_plugins = ["tests.needs", "tests.cast"]


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the run itself, not a worker of pytest-xdist
        sys.modules[settings.SETTINGS_MODULE].stop_database_if_last()


@pytest.fixture
def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium; the test is marked ``browser``."""
    return needs.chromium() or pytest.skip("Chromium is not installed.")


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node; the test is marked ``node``."""
    return needs.node() or pytest.skip("Node is not installed.")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory) -> Iterator[str]:
    """A Redis server of this worker's own; the test is marked ``redis``."""
    program = needs.redis_server() or pytest.skip("Redis is not installed.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(tmp_path_factory.mktemp("redis"))]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    server.kill()
    server.wait()
