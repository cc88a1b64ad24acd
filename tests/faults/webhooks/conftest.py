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


@pytest.fixture
def site(standing) -> Iterator[Site]:
    standing.fresh()
    try:
        yield standing
    finally:
        standing.stop_programs()
