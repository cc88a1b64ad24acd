"""What every test may use. The database is real PostgreSQL (see tests/settings.py); nothing of ours is mocked."""

import socket
import sys

import pytest
from django.conf import settings

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
