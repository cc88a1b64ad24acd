"""One installation for all tests of a process, made empty before each."""

import shutil
from collections.abc import Iterator

import pytest

from tests.needs import find_node

from .site import Site


@pytest.fixture(scope="session")
def standing(tmp_path_factory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("webhooks"), find_node())
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(made.folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter) -> None:
    """The figures that tests have measured."""
    measured = [
        (report.nodeid.split("::")[1], name, value)
        for report in terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
        if report.when == "call"
        for name, value in report.user_properties
    ]
    if measured:
        terminalreporter.section("Measured")
        for test, name, value in sorted(measured):
            terminalreporter.write_line(f"{test}: {name} {value}")


@pytest.fixture
def site(standing) -> Iterator[Site]:
    standing.fresh()
    try:
        yield standing
    finally:
        standing.stop_programs()
