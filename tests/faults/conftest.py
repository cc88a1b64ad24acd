"""The suites that take minutes and need more than Python run where they are asked for by name (``make test-faults``)."""

from pathlib import Path

import pytest

SUITES = [Path(__file__).with_name(name) for name in ("webhooks", "operations")]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = [(config.invocation_params.dir / str(argument).split("::")[0]).resolve() for argument in config.args]
    is_asked = any(path.is_relative_to(suite.parent) for suite in SUITES for path in asked)
    return True if collection_path in SUITES and not is_asked else None
