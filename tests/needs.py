"""What some tests need of the machine. Where it is missing they are skipped, and in CI (``CI=true``) they fail."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest


def chromium() -> str | None:
    """The path of a Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def redis_server() -> str | None:
    return shutil.which("redis-server")


def node() -> str | None:
    return shutil.which("node")


NEEDS: dict[str, tuple[str, Callable[[], str | None]]] = {
    "browser": ("Chromium", cache(chromium)),
    "redis": ("Redis", cache(redis_server)),
    "node": ("Node", cache(node)),
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
