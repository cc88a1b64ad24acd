"""The product's settings with an environment fit for tests: nothing here changes how the code behaves, but for speed.

Where ``DATABASE_URL`` is unset, the tests have a cluster of their own. Test runs that share it are told apart by a slot.
"""

import fcntl
import os
from pathlib import Path

os.environ |= {
    "DEBUG": "true",
    "SECRET_KEY": "for-tests-only-0123456789-abcdefghijklmnopqrstuvwxyz",
    "INCENTA_BASE_URL": "http://testserver",
    "INCENTA_DISPOSABLE_DATABASE": "true",
    "CELERY_BROKER_URL": os.environ.get("TEST_CELERY_BROKER_URL", "memory://"),
    "STATICFILES_BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
    "INCENTA_ALLOW_PRIVATE_WEBHOOKS": "false",
    "INCENTA_EVENT_CHECK": "raise",
}

from incenta.database.embedded import Cluster
from incenta.settings import *  # noqa: F403
from incenta.settings import DATA_DIR, DATABASES

EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# WhiteNoise warns in every test where there is none.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405

held = []
"""Locks that last as long as the test run; the kernel lets go of them, however it ends."""


def take_slot(folder: Path) -> str:
    """The lowest number that no other running test run has."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(100):
        file = (folder / str(number)).open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        held.append(file)
        return str(number)
    raise RuntimeError("There are a hundred test runs here already.")


if "EMBEDDED" in DATABASES["default"]:
    if "INCENTA_TEST_SLOT" not in os.environ:  # workers of pytest-xdist inherit it
        os.environ["INCENTA_TEST_SLOT"] = take_slot(DATA_DIR / "test-slots")
    DATABASES["default"]["TEST"] = {"NAME": f"test_incenta_{os.environ['INCENTA_TEST_SLOT']}"}
    users = (DATA_DIR / "test-slots" / "users").open("a")
    fcntl.flock(users, fcntl.LOCK_SH)
    held.append(users)


def stop_database_if_last() -> None:
    """Stops the tests' cluster at the end of a test run, unless another run uses it."""
    if "EMBEDDED" in DATABASES["default"]:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        Cluster(**DATABASES["default"]["EMBEDDED"]).stop()
