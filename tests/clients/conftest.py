"""Clients generated from the description, against a product that runs: minutes of others' programs, so they are asked for by name
(``make test-clients``)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.installation import Installation

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = [(config.invocation_params.dir / str(argument).split("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(HERE) for path in asked) else True


@pytest.fixture(scope="session")
def product(tmp_path_factory) -> Iterator[Installation]:
    """An installation of its own with all its processes, and a key to it."""
    installation = Installation(tmp_path_factory.mktemp("product"))
    try:
        installation.start(patience=300)
        yield installation
    finally:
        installation.stop()


@pytest.fixture(scope="session")
def url(product) -> str:
    return f"http://127.0.0.1:{product.port}"
