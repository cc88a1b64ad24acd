"""What every test may use. The database is real PostgreSQL (see tests/settings.py); nothing of ours is mocked."""

import gc
import sys

import pytest
from django.conf import settings
from django.db import connection

from tests import ports, template_database

pytest_plugins = ["tests.needs", "tests.cast", "tests.emptying"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts an installation comes first: it waits more than it works, and one worker of two takes all of it, so that none is
    started twice and no worker waits at the end for the other's last."""
    items.sort(key=lambda item: "installation" not in getattr(item, "fixturenames", ()))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded by now stays to the end: the collector need not walk it again and again (a sixth of the time)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def frame_is_kept():
    """What the frame of every page keeps for a minute is kept to the end of the test: else a page costs more at a minute's end."""
    from incenta.dashboard import minute

    minute.SECONDS = 86_400.0


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the run itself, not a worker of pytest-xdist
        sys.modules[settings.SETTINGS_MODULE].stop_database_if_last()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix, django_db_use_migrations, django_db_blocker
) -> None:
    """Each worker copies a database in which the migrations have run, where the cluster is ours."""
    if "EMBEDDED" in connection.settings_dict and django_db_use_migrations:
        with django_db_blocker.unblock():
            connection.settings_dict["TEST"]["TEMPLATE"] = template_database.ensure()


@pytest.fixture
def free_port() -> int:
    return ports.free_port()
