"""The suite of webhooks' faults takes minutes and needs brokers: it runs where it is asked for by name (``make test-faults``)."""

from pathlib import Path

import pytest

SUITE = Path(__file__).with_name("webhooks")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = [(config.invocation_params.dir / str(argument).split("::")[0]).resolve() for argument in config.args]
    is_asked = any(path.is_relative_to(SUITE.parent) for path in asked)
    return True if collection_path == SUITE and not is_asked else None
